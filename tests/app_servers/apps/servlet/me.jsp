<%@ page contentType="text/plain; charset=utf-8" trimDirectiveWhitespaces="true" %>
<%
    String node = System.getProperty("jboss.node.name", System.getProperty("jvmRoute", "servlet"));
    out.println(session.getAttribute("user") + " at " + node);
    out.println(response.encodeURL(request.getContextPath() + "/me.jsp"));
%>
