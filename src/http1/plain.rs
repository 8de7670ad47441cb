//! Which requests are so plain that the answer may be ready; pure.
//!
//! Nothing is lost by being too strict here: any other request goes the usual way.

use super::head::is_odd;

/// A request for a file in the plainest form: GET, HTTP/1.1, one host, and no field that has a say in the
/// answer. What a browser and a load balancer send for an image is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlainGet<'h> {
    /// In lower case, without the port.
    pub(crate) host: &'h str,
    /// Without the query.
    pub(crate) path: &'h str,
    /// As it was sent.
    pub(crate) target: &'h str,
    /// What the client calls the request.
    pub(crate) id: Option<&'h [u8]>,
    /// The codings that are named, as they stand there.
    pub(crate) codings: Option<&'h [u8]>,
    /// What the client holds already; with it, no time counts (RFC 9110 §13.2.2).
    pub(crate) if_none_match: Option<&'h [u8]>,
    /// Whether the client sends nothing after it (RFC 9112 §9.6).
    pub(crate) closes: bool,
}

impl<'h> PlainGet<'h> {
    pub(super) fn of(request: &httparse::Request<'_, 'h>) -> Option<Self> {
        if request.method != Some("GET") || request.version != Some(1) {
            return None;
        }
        let target = request.path?;
        let path = plain_path(target)?;
        let (mut host, mut codings, mut id) = (None, None, None);
        let (mut if_none_match, mut names_time) = (None, false);
        let (mut persistence, mut closes) = (false, false);
        for field in &*request.headers {
            match Weight::of(field.name) {
                Weight::None => {}
                Weight::Host if host.is_none() => host = Some(plain_host(field.value)?),
                Weight::Codings if codings.is_none() => codings = Some(field.value),
                Weight::Held if if_none_match.is_none() => if_none_match = Some(field.value),
                Weight::Time => names_time = true,
                Weight::Id if id.is_none() => id = Some(field.value),
                Weight::Connection if !persistence => {
                    persistence = true;
                    closes = field.value.eq_ignore_ascii_case(b"close");
                    if !closes && !field.value.eq_ignore_ascii_case(b"keep-alive") {
                        return None;
                    }
                }
                _ => return None,
            }
        }
        (if_none_match.is_some() || !names_time).then_some(Self {
            host: host?,
            path,
            target,
            id,
            codings,
            if_none_match,
            closes,
        })
    }
}

/// What a field has to say to the answer of a GET for a file, or to the connection.
#[derive(Debug, PartialEq, Eq)]
enum Weight {
    None,
    Host,
    Codings,
    Held,
    Time,
    /// It has no say, but is told with the request.
    Id,
    Connection,
    /// It changes the answer, or would have to be looked at more closely.
    Some,
}

impl Weight {
    /// Told by the length first: hardly any field gets further.
    fn of(name: &str) -> Self {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let (is_known, weight) = match name.len() {
            2 => (is("te"), Self::Some),
            4 => (is("host"), Self::Host),
            5 => (is("range"), Self::Some),
            6 => (is("expect") || is("origin"), Self::Some),
            7 => (is("upgrade") || is("trailer"), Self::Some),
            8 => (is("if-match") || is("if-range"), Self::Some),
            10 => (is("connection"), Self::Connection),
            12 => (is("x-request-id"), Self::Id),
            13 => (is("if-none-match"), Self::Held),
            14 => (is("content-length"), Self::Some),
            15 => (is("accept-encoding"), Self::Codings),
            16 => (is("want-repr-digest"), Self::Some),
            17 if is("if-modified-since") => (true, Self::Time),
            17 => (is("transfer-encoding"), Self::Some),
            19 => (is("if-unmodified-since"), Self::Some),
            20 => (is("available-dictionary"), Self::Some),
            _ => (false, Self::None),
        };
        match is_known {
            true => weight,
            // The connection is not worth a guess at what is meant.
            false if is_odd(name) => Self::Some,
            false => Self::None,
        }
    }
}

/// The path of a target that is spelt in one way only: names of unreserved characters (RFC 3986 §2.3).
fn plain_path(target: &str) -> Option<&str> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(byte);
    let in_query = |byte: &u8| is_plain(byte) || b"=&+,:;@!$'()*".contains(byte);
    let is_plain = path.starts_with('/') && path.as_bytes().iter().all(is_plain);
    (is_plain && query.as_bytes().iter().all(in_query)).then_some(path)
}

/// The name of a host as everybody writes it.
fn plain_host(value: &[u8]) -> Option<&str> {
    let (name, port) = match memchr::memchr(b':', value) {
        Some(colon) => (&value[..colon], Some(&value[colon + 1..])),
        None => (value, None),
    };
    let is_name =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(byte);
    let is_plain = name.first().is_some_and(u8::is_ascii_alphanumeric)
        && name.last().is_some_and(u8::is_ascii_alphanumeric)
        && name.iter().all(is_name);
    let is_port = |port: &[u8]| {
        let digits = port.iter().try_fold(0_u16, |number, digit| {
            let digit = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
            number.checked_mul(10)?.checked_add(digit)
        });
        digits.is_some_and(|number| number > 0)
    };
    (is_plain && port.is_none_or(is_port))
        .then(|| str::from_utf8(name).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::super::head::{self, HeadLimits, Taken};
    use crate::config::OddNames;
    use crate::observe::plain::HeadUse;

    const LIMITS: HeadLimits = HeadLimits {
        size: 1024,
        count: 8,
        odd_names: OddNames::Drop,
    };

    /// Host, path and whether codings are named.
    fn plain(head: &str) -> Option<(String, String, bool)> {
        let head = format!("{head}\r\n\r\n");
        let taken = head::take(
            &mut BytesMut::from(head.as_bytes()),
            LIMITS,
            HeadUse::Nothing,
            Some(|plain: super::PlainGet<'_>| {
                Some((
                    plain.host.to_owned(),
                    plain.path.to_owned(),
                    plain.codings.is_some(),
                ))
            }),
        );
        match taken.unwrap().unwrap() {
            Taken::Ready(plain, _) => Some(plain),
            Taken::Head(_) => None,
        }
    }

    #[test]
    fn what_has_no_say_in_the_answer_leaves_a_request_plain() {
        for (fields, names_codings) in [
            ("", false),
            (
                "\r\nUser-Agent: x\r\nAccept: */*\r\nCookie: a=b\r\nSec-Fetch-Mode: no-cors",
                false,
            ),
            (
                "\r\nConnection: Keep-Alive\r\nAccept-Encoding: gzip, br",
                true,
            ),
            (
                "\r\nReferer: http://x/\r\nCache-Control: no-cache\r\nPragma: no-cache",
                false,
            ),
        ] {
            assert_eq!(
                plain(&format!(
                    "GET /a/b-c_d.~e?x=1&y HTTP/1.1\r\nHost: a.b-c:65535{fields}"
                )),
                Some(("a.b-c".into(), "/a/b-c_d.~e".into(), names_codings)),
                "{fields:?}"
            );
        }
    }

    #[test]
    fn whatever_has_a_say_makes_it_another() {
        for head in [
            "HEAD / HTTP/1.1\r\nHost: x",
            "GET / HTTP/1.0\r\nHost: x",
            "GET / HTTP/1.1",
            "GET / HTTP/1.1\r\nHost: x\r\nHost: x",
            "GET / HTTP/1.1\r\nHost: X",
            "GET / HTTP/1.1\r\nHost: x.",
            "GET / HTTP/1.1\r\nHost: [::1]",
            "GET / HTTP/1.1\r\nHost: x:0",
            "GET / HTTP/1.1\r\nHost: x:65536",
            "GET / HTTP/1.1\r\nHost: x:",
            "GET / HTTP/1.1\r\nHost: ",
            "GET http://x/ HTTP/1.1\r\nHost: x",
            "GET * HTTP/1.1\r\nHost: x",
            "GET /%61 HTTP/1.1\r\nHost: x",
            "GET /a?%61 HTTP/1.1\r\nHost: x",
            "GET /a?b?c HTTP/1.1\r\nHost: x",
            "GET /a;b HTTP/1.1\r\nHost: x",
        ] {
            assert_eq!(plain(head), None, "{head:?}");
        }
        for field in [
            "Range",
            "If-Range",
            "If-Match",
            "If-Modified-Since",
            "If-Unmodified-Since",
            "Expect",
            "Upgrade",
            "Origin",
            "Available-Dictionary",
            "Want-Repr-Digest",
            "TE",
            "Trailer",
            "X_Y",
            "x.y",
        ] {
            let head = format!("GET / HTTP/1.1\r\nHost: x\r\n{field}: y");
            assert_eq!(plain(&head), None, "{field}");
        }
        let head = |fields: &str| format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}");
        assert_eq!(plain(&head("Content-Length: 0")), None);
        assert_eq!(plain(&head("Transfer-Encoding: chunked")), None);
        assert_eq!(plain(&head("Connection: close, x")), None);
        assert_eq!(
            plain(&head("Connection: keep-alive\r\nConnection: close")),
            None
        );
        assert!(plain(&head("Connection: close")).is_some());
        assert_eq!(
            plain(&head("Accept-Encoding: br\r\nAccept-Encoding: gzip")),
            None
        );
        assert_eq!(
            plain(&head("If-None-Match: \"a\"\r\nIf-None-Match: \"b\"")),
            None
        );
        assert!(plain(&head("If-None-Match: \"a\"")).is_some());
        assert!(plain(&head("If-Modified-Since: x\r\nIf-None-Match: \"a\"")).is_some());
        assert_eq!(plain(&head("Connection: keep-alive, upgrade")), None);
    }
}
