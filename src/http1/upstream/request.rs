//! The head of a request, as bytes.

use std::io::Write as _;

use http_body::Body as _;

use crate::proxy::transport::Outgoing;

/// How the end of the body is told (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none, and none is announced.
    Nothing,
    Length(u64),
    Chunked,
}

impl Framing {
    pub(super) fn of(request: &Outgoing<'_>) -> Self {
        match request.body.size_hint().exact() {
            Some(0) if !request.has_body => Self::Nothing,
            Some(length) => Self::Length(length),
            None => Self::Chunked,
        }
    }

    /// Whether there is nothing to be sent after the head.
    pub(super) fn is_empty(self) -> bool {
        matches!(self, Self::Nothing | Self::Length(0))
    }
}

/// Writes request line, fields and empty line; false: the request would not be read as the one that it is.
pub(super) fn write_head(
    out: &mut Vec<u8>,
    request: &Outgoing<'_>,
    framing: Framing,
    keeps_alive: bool,
) -> bool {
    let path = request.path.as_bytes();
    let upgrade = request.upgrade.unwrap_or_default();
    // All of it was judged when it was received. But here is where it would become another request.
    let is_sound = !path.is_empty()
        && path
            .iter()
            .all(|byte| byte.is_ascii_graphic() || *byte >= 0x80)
        && request.authority.iter().all(u8::is_ascii_graphic)
        && !upgrade.iter().any(u8::is_ascii_control);
    if !is_sound {
        return false;
    }
    out.reserve(512);
    out.extend_from_slice(request.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(path);
    out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    out.extend_from_slice(request.authority);
    out.extend_from_slice(b"\r\n");
    request.fields.write(out);
    match framing {
        Framing::Nothing => {}
        Framing::Length(length) => {
            // Writing to memory does not fail.
            let _ = write!(out, "Content-Length: {length}\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    if request.expects_continue && !framing.is_empty() {
        out.extend_from_slice(b"Expect: 100-continue\r\n");
    }
    if request.takes_trailers {
        out.extend_from_slice(b"TE: trailers\r\n");
    }
    if request.upgrade.is_some() {
        out.extend_from_slice(b"Upgrade: ");
        out.extend_from_slice(upgrade);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(connection(request, keeps_alive));
    out.extend_from_slice(b"\r\n");
    true
}

/// RFC 9110 §7.6.1: what concerns this hop only is named.
fn connection(request: &Outgoing<'_>, keeps_alive: bool) -> &'static [u8] {
    match (
        request.upgrade.is_some(),
        request.takes_trailers,
        keeps_alive,
    ) {
        (true, true, _) => b"Connection: upgrade, TE\r\n",
        (true, false, _) => b"Connection: upgrade\r\n",
        (false, true, true) => b"Connection: TE\r\n",
        (false, true, false) => b"Connection: close, TE\r\n",
        (false, false, true) => b"",
        (false, false, false) => b"Connection: close\r\n",
    }
}
