<%@ page session="false" contentType="text/plain; charset=utf-8" trimDirectiveWhitespaces="true" %>
<%
    String node = System.getProperty("jboss.node.name", System.getProperty("jvmRoute", "servlet"));
    out.println(node + " " + request.getScheme() + " " + request.getServerName() + " " + request.getRemoteAddr());
%>
