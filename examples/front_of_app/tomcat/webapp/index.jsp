<%@ page contentType="text/html; charset=utf-8" trimDirectiveWhitespaces="true" %>
<%
    Integer before = (Integer) session.getAttribute("visits");
    int visits = before == null ? 1 : before + 1;
    session.setAttribute("visits", visits);
%>
<!doctype html><title>Tomcat</title>
<p>Visit <%= visits %> to <%= System.getProperty("jvmRoute") %>, from <%= request.getRemoteAddr() %>
<p><a href="<%= response.encodeURL("index.jsp") %>">Once more</a>
