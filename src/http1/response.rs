//! The head of an answer, as bytes.

use std::cell::RefCell;
use std::time::SystemTime;

use http::header::{CONNECTION, CONTENT_LENGTH, DATE};
use http::{HeaderMap, StatusCode, Version};

/// What an answer says of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// Nothing: it stays open, as HTTP/1.1 has it.
    Open,
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

/// Writes status line, fields and empty line. `ready_lines` are fields that were written before; `length` is that of the body, for an answer that does not say it itself.
pub(super) fn write_head(
    out: &mut Vec<u8>,
    status: StatusCode,
    ready_lines: Option<&[u8]>,
    fields: &HeaderMap,
    length: u64,
    connection: Connection,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    // Ready lines tell the length of what they describe, if it has one.
    let mut has_length = ready_lines.is_some();
    out.extend_from_slice(ready_lines.unwrap_or_default());
    let mut has_date = false;
    for (name, value) in fields {
        // The connection is this module's to speak of (RFC 9110 §7.6.1).
        if *name == CONNECTION {
            continue;
        }
        has_length |= *name == CONTENT_LENGTH;
        has_date |= *name == DATE;
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    // RFC 9110 §8.6: neither of these may have one unless it is that of the 200 answer.
    if !has_length && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
        out.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
    }
    if !has_date {
        write_date(out);
    }
    out.extend_from_slice(match connection {
        Connection::Open => b"\r\n",
        Connection::KeepAlive => b"connection: keep-alive\r\n\r\n",
        Connection::Close => b"connection: close\r\n\r\n",
    });
}

/// Formats once a second and thread.
fn write_date(out: &mut Vec<u8>) {
    thread_local! {
        static DATE: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let now = SystemTime::now();
    let second = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    DATE.with_borrow_mut(|(written, date)| {
        if *written != second {
            *written = second;
            *date = httpdate::fmt_http_date(now);
        }
        out.extend_from_slice(b"date: ");
        out.extend_from_slice(date.as_bytes());
        out.extend_from_slice(b"\r\n");
    });
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
        write_head(&mut out, StatusCode::OK, None, &fields, 3, Connection::Open);
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
            write_head(
                &mut out,
                status,
                None,
                &HeaderMap::new(),
                0,
                Connection::Close,
            );
            let head = String::from_utf8(out).unwrap();
            assert!(head.contains("\r\ndate: "), "{head}");
            assert_eq!(head.contains("\r\ncontent-length: 0\r\n"), length, "{head}");
            assert!(head.ends_with("\r\nconnection: close\r\n\r\n"), "{head}");
        }
    }
}
