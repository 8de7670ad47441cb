<%@ page contentType="text/plain; charset=utf-8" trimDirectiveWhitespaces="true" %>
<% String node = System.getProperty("jboss.node.name", System.getProperty("jvmRoute", "servlet")); %>
<%= session.getAttribute("user") + " at " + node + "\n" %>
<%= response.encodeURL(request.getContextPath() + "/me.jsp") %>
