//! The head of an answer, as bytes.

use std::time::Instant;

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode, Version};

use super::clock;
use crate::header::digits::put_number;
use crate::static_files::body::Lines;

/// What an answer says of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// Nothing: it stays open, as HTTP/1.1 has it.
    Open,
    /// It goes on as the protocol that `Upgrade` names.
    Upgrade,
    /// It stays open, which a client of HTTP/1.0 has to be told.
    KeepAlive,
    Close,
}

impl Connection {
    pub(super) fn new(version: Version, keeps_alive: bool) -> Self {
        match (keeps_alive, version) {
            (false, _) => Self::Close,
            (true, Version::HTTP_10) => Self::KeepAlive,
            (true, _) => Self::Open,
        }
    }
}

/// How the end of a body is told (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// By its length; the answer says it itself, or not.
    Length(u64),
    Chunked,
    /// By the end of the connection: a client of HTTP/1.0 knows no other way when the length is not known.
    UntilClose,
    /// There is none, whatever the fields say: to HEAD, 204, 304.
    Nothing,
}

/// Writes status line, fields and empty line. `ready_lines` are fields that were written before, the length among them.
pub(super) fn write_head(
    out: &mut Vec<u8>,
    status: StatusCode,
    ready_lines: Option<&Lines>,
    fields: &HeaderMap,
    framing: Framing,
    connection: Connection,
) {
    write_status_line(out, status);
    out.extend_from_slice(ready_lines.map_or(b"", |lines| &lines.bytes));
    let mut has_length = ready_lines.is_some_and(|lines| lines.has_length);
    let mut has_date = ready_lines.is_some_and(|lines| lines.has_date);
    for (name, value) in fields {
        // Connection and framing are this module's to speak of (RFC 9110 §7.6.1).
        if *name == CONNECTION || *name == TRANSFER_ENCODING {
            continue;
        }
        if *name == CONTENT_LENGTH {
            if matches!(framing, Framing::Chunked | Framing::UntilClose) {
                continue;
            }
            has_length = true;
        }
        has_date |= *name == DATE;
        write_field(out, name.as_str(), value.as_bytes());
    }
    match framing {
        Framing::Length(length) if !has_length => {
            out.extend_from_slice(b"content-length: ");
            put_number(out, length);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        _ => {}
    }
    if !has_date {
        clock::write_date(out);
    }
    out.extend_from_slice(match connection {
        Connection::Open => b"\r\n",
        Connection::Upgrade => b"connection: upgrade\r\n\r\n",
        Connection::KeepAlive => b"connection: keep-alive\r\n\r\n",
        Connection::Close => b"connection: close\r\n\r\n",
    });
}

/// Writes the head of an answer whose fields are all written already, but for the date, which is `now`.
pub(super) fn write_ready(
    out: &mut Vec<u8>,
    (status, lines): (StatusCode, &[u8]),
    closes: bool,
    now: Instant,
) {
    write_status_line(out, status);
    out.extend_from_slice(lines);
    clock::write_date_at(out, now);
    out.extend_from_slice(if closes {
        b"connection: close\r\n\r\n"
    } else {
        b"\r\n"
    });
}

/// The head of an answer of the class 1xx: only what the handler says (RFC 9110 §15.2).
pub(super) fn write_interim(out: &mut Vec<u8>, status: StatusCode, fields: &HeaderMap) {
    write_status_line(out, status);
    for (name, value) in fields {
        let frames = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];
        if !frames.contains(name) {
            write_field(out, name.as_str(), value.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn write_status_line(out: &mut Vec<u8>, status: StatusCode) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

pub(super) fn write_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_head_has_a_status_line_fields_and_an_empty_line() {
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_LENGTH, HeaderValue::from_static("3"));
        fields.insert(DATE, HeaderValue::from_static("now"));
        fields.insert(CONNECTION, HeaderValue::from_static("close"));
        let mut out = Vec::new();
        write_head(
            &mut out,
            StatusCode::OK,
            None,
            &fields,
            Framing::Length(3),
            Connection::Open,
        );
        assert_eq!(
            out,
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ndate: now\r\n\r\n"
        );
    }

    #[test]
    fn every_answer_has_a_date_and_a_length_where_one_belongs() {
        for (status, length) in [(200, true), (404, true), (204, false), (304, false)] {
            let mut out = Vec::new();
            let status = StatusCode::from_u16(status).unwrap();
            let framing = if length {
                Framing::Length(0)
            } else {
                Framing::Nothing
            };
            write_head(
                &mut out,
                status,
                None,
                &HeaderMap::new(),
                framing,
                Connection::Close,
            );
            let head = String::from_utf8(out).unwrap();
            assert!(head.contains("\r\ndate: "), "{head}");
            assert_eq!(head.contains("\r\ncontent-length: 0\r\n"), length, "{head}");
            assert!(head.ends_with("\r\nconnection: close\r\n\r\n"), "{head}");
        }
    }

    #[test]
    fn framing_is_not_the_handlers_to_tell() {
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_LENGTH, HeaderValue::from_static("3"));
        fields.insert(TRANSFER_ENCODING, HeaderValue::from_static("gzip"));
        fields.insert(DATE, HeaderValue::from_static("now"));
        let head = |framing| {
            let mut out = Vec::new();
            write_head(
                &mut out,
                StatusCode::OK,
                None,
                &fields,
                framing,
                Connection::Open,
            );
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            head(Framing::Chunked),
            "HTTP/1.1 200 OK\r\ndate: now\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        assert_eq!(
            head(Framing::UntilClose),
            "HTTP/1.1 200 OK\r\ndate: now\r\n\r\n"
        );
        assert_eq!(
            head(Framing::Nothing),
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ndate: now\r\n\r\n"
        );
        let mut out = Vec::new();
        write_interim(&mut out, StatusCode::EARLY_HINTS, &fields);
        assert_eq!(out, b"HTTP/1.1 103 Early Hints\r\ndate: now\r\n\r\n");
    }
}
