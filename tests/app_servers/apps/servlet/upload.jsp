<%@ page session="false" contentType="text/plain; charset=utf-8" trimDirectiveWhitespaces="true" import="java.security.MessageDigest, java.util.HexFormat" %>
<%
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    byte[] chunk = new byte[1 << 16];
    long length = 0;
    for (int read; (read = request.getInputStream().read(chunk)) > 0; length += read) {
        digest.update(chunk, 0, read);
    }
    out.println(length + " " + HexFormat.of().formatHex(digest.digest()));
%>
