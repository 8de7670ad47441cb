<%@ page contentType="text/plain; charset=utf-8" trimDirectiveWhitespaces="true" %>
<%
    session.setAttribute("user", request.getParameter("user"));
    response.sendRedirect(response.encodeRedirectURL(request.getContextPath() + "/me.jsp"));
%>
