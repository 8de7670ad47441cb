//! The head of a request: as strict as RFC 9112 allows, since what one recipient forgives the next one reads in another way.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, EXPECT, HeaderName, HeaderValue, UPGRADE};
use http::request::Parts;
use http::{Method, Request, Uri, Version};
use httparse::{Error, Status};

use super::plain::PlainGet;
use crate::config::OddNames;
use crate::header::framing::{self, FramingError, RequestBody};
use crate::observe::plain::{HeadUse, Note};
use crate::rejection::Rejection;

/// A request without its body.
pub(crate) struct Head {
    pub(crate) parts: Parts,
    pub(crate) body: RequestBody,
    /// Whether the client leaves the connection open for another request (RFC 9112 §9.3).
    pub(crate) keeps_alive: bool,
    /// Whether the client waits for a 100 before it sends the body (RFC 9110 §10.1.1).
    pub(crate) expects_continue: bool,
    /// The head as it came, when it asks for another protocol (RFC 9110 §7.8).
    pub(crate) upgrade: Option<Bytes>,
}

/// A head, or what was made of one that needs no [`Head`].
pub(crate) enum Taken<T> {
    Head(Box<Head>),
    /// With what was wanted of the head all the same.
    Ready(T, Kept),
}

/// What is left of the head of a plain request.
pub(crate) enum Kept {
    Nothing,
    Note(Note),
    Head(Box<Head>),
}

/// How large a head may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    /// Bytes, the request line included.
    pub(crate) size: usize,
    /// Field lines.
    pub(crate) count: usize,
    /// What becomes of names that an application could take for others.
    pub(crate) odd_names: OddNames,
}

/// Fields that need no allocation to be parsed; a head with more takes one.
const USUAL_COUNT: usize = 100;

/// Takes one head from the front of `received`; `None` when it is not there whole. A plain request is shown to `ready` first, where there is one, which may
/// have all that is needed; what `head_use` asks of it is there even then.
///
/// # Errors
/// What the client is to be answered; nothing that follows can be trusted to be a request.
pub(crate) fn take<T>(
    received: &mut BytesMut,
    limits: HeadLimits,
    head_use: HeadUse,
    ready: Option<impl FnOnce(PlainGet<'_>) -> Option<T>>,
) -> Result<Option<Taken<T>>, Rejection> {
    // RFC 9112 §2.2: some clients end a body with an empty line too many.
    while received.starts_with(b"\r\n") {
        let _ = received.split_to(2);
    }
    // Nothing beyond the limit is looked at, so the verdict is the same however the bytes come.
    let looked_at = &received[..received.len().min(limits.size)];
    let Some(end) = find_end(looked_at)? else {
        return if looked_at.len() < limits.size {
            Ok(None)
        } else {
            Err(too_large(looked_at))
        };
    };
    let head = received.split_to(end).freeze();
    let taken = if limits.count <= USUAL_COUNT {
        let mut fields = [const { MaybeUninit::uninit() }; USUAL_COUNT];
        parse(&head, &mut fields, limits, (head_use, ready))
    } else {
        let mut fields = vec![MaybeUninit::uninit(); limits.count];
        parse(&head, &mut fields, limits, (head_use, ready))
    };
    taken.map(Some)
}

/// Where the empty line after the fields ends. On the way there every line must end in CR LF: RFC 9112 §2.2 would allow a bare LF, and
/// whoever reads it as part of a value sees another request.
pub(super) fn find_end(received: &[u8]) -> Result<Option<usize>, Rejection> {
    let mut line = 0;
    for at in memchr::memchr_iter(b'\n', received) {
        if at == 0 || received[at - 1] != b'\r' {
            return Err(Rejection::LINE_END);
        }
        if at == line + 1 {
            return Ok(Some(at + 1));
        }
        line = at + 1;
    }
    Ok(None)
}

/// The target, when the request line alone is too long (RFC 9110 §15.5.15); else the fields (RFC 6585 §5).
fn too_large(received: &[u8]) -> Rejection {
    match memchr::memchr(b'\n', received) {
        None => Rejection::TARGET_TOO_LONG,
        Some(_) => Rejection::FIELDS_TOO_LARGE,
    }
}

fn parse<'b, T>(
    head: &'b Bytes,
    fields: &mut [MaybeUninit<httparse::Header<'b>>],
    limits: HeadLimits,
    (head_use, ready): (HeadUse, Option<impl FnOnce(PlainGet<'_>) -> Option<T>>),
) -> Result<Taken<T>, Rejection> {
    let most = limits.count.min(fields.len());
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, &mut fields[..most]) {
        Ok(Status::Complete(_)) => {}
        Err(Error::TooManyHeaders) => return Err(Rejection::FIELDS_TOO_LARGE),
        Err(Error::Version) if names_version(head) => return Err(Rejection::VERSION),
        Err(_) if !is_meant_as_http(head) => return Err(Rejection::NOT_HTTP),
        // The empty line is there, so a partial head lacks nothing but sense.
        Ok(Status::Partial) | Err(_) => return Err(Rejection::HEAD),
    }
    let ready = ready.and_then(|ready| {
        let plain = PlainGet::of(&request)?;
        Some((ready(plain)?, plain))
    });
    let Some((ready, plain)) = ready else {
        return build(head, &request, limits).map(Taken::Head);
    };
    let kept = match head_use {
        HeadUse::Nothing => Kept::Nothing,
        HeadUse::Note => Kept::Note(Note::new(
            head,
            plain.host.as_bytes(),
            plain.target.as_bytes(),
            plain.id,
        )),
        HeadUse::Head => Kept::Head(build(head, &request, limits)?),
    };
    Ok(Taken::Ready(ready, kept))
}

fn build(
    head: &Bytes,
    request: &httparse::Request<'_, '_>,
    limits: HeadLimits,
) -> Result<Box<Head>, Rejection> {
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Err(Rejection::HEAD);
    };
    let mut parts = Request::new(()).into_parts().0;
    parts.method = Method::from_bytes(method.as_bytes()).map_err(|_| Rejection::HEAD)?;
    parts.uri = uri(&head.slice_ref(target.as_bytes()))?;
    parts.version = if minor == 1 {
        Version::HTTP_11
    } else {
        Version::HTTP_10
    };
    parts.headers.reserve(request.headers.len());
    for field in &*request.headers {
        if limits.odd_names != OddNames::Pass && is_odd(field.name) {
            match limits.odd_names {
                OddNames::Refuse => return Err(Rejection::ODD_NAME),
                _ => continue,
            }
        }
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Rejection::HEAD)?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(field.value))
            .map_err(|_| Rejection::HEAD)?;
        parts.headers.append(name, value);
    }
    let body = framing::request_body(&parts.headers, parts.version).map_err(Rejection::from)?;
    let connection = connection(&parts);
    let expects_continue = body != RequestBody::None
        && parts.version == Version::HTTP_11
        && parts.headers.contains_key(EXPECT);
    let asks_for_upgrade =
        connection.upgrade && parts.version == Version::HTTP_11 && names_a_protocol(&parts);
    Ok(Box::new(Head {
        parts,
        body,
        keeps_alive: connection.keeps_alive,
        expects_continue,
        upgrade: asks_for_upgrade.then(|| head.clone()),
    }))
}

/// RFC 9113 §3.1 has taken `h2c` out of use: to be ignored, as any upgrade may be.
fn names_a_protocol(parts: &Parts) -> bool {
    parts
        .headers
        .get_all(UPGRADE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|protocol| !protocol.is_empty() && !protocol.eq_ignore_ascii_case(b"h2c"))
}

/// Applications behind the names of CGI read `_`, and some `.`, as `-`.
pub(super) fn is_odd(name: &str) -> bool {
    memchr::memchr2(b'_', b'.', name.as_bytes()).is_some()
}

/// Whether a first line was meant as a request of HTTP/1.1, for all that is wrong with it. Who sends neither a method that anybody knows nor the
/// name of the protocol speaks something else, and would not understand an answer.
fn is_meant_as_http(head: &[u8]) -> bool {
    const METHODS: [&[u8]; 9] = [
        b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"CONNECT", b"TRACE",
    ];
    let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let method = line.split(|&byte| byte == b' ').next().unwrap_or_default();
    METHODS.contains(&method) || memchr::memmem::find(&line.to_ascii_uppercase(), b"HTTP").is_some()
}

/// Whether the request line is one, but for a version that is not ours (RFC 9112 §2.3).
fn names_version(head: &[u8]) -> bool {
    let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|&byte| byte == b' ').skip(2);
    let (version, more) = (words.next(), words.next());
    more.is_none()
        && matches!(version, Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor])
            if major.is_ascii_digit() && minor.is_ascii_digit())
}

fn uri(target: &Bytes) -> Result<Uri, Rejection> {
    // A fragment is never sent (RFC 9110 §7.1); the type would drop it, and so hide it from whoever matches the path.
    if target.iter().any(|&byte| byte == b'#' || byte >= 0x80) {
        return Err(Rejection::TARGET_FORM);
    }
    Uri::from_maybe_shared(target.clone()).map_err(|_| Rejection::TARGET_FORM)
}

/// What the client says of the connection (RFC 9110 §7.6.1).
struct Persistence {
    keeps_alive: bool,
    upgrade: bool,
}

fn connection(parts: &Parts) -> Persistence {
    let is_11 = parts.version == Version::HTTP_11;
    if !parts.headers.contains_key(CONNECTION) {
        return Persistence {
            keeps_alive: is_11,
            upgrade: false,
        };
    }
    let names = |option: &[u8]| {
        parts
            .headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
            .any(|member| member.trim_ascii().eq_ignore_ascii_case(option))
    };
    Persistence {
        keeps_alive: !names(b"close") && (is_11 || names(b"keep-alive")),
        upgrade: names(b"upgrade"),
    }
}

impl From<FramingError> for Rejection {
    fn from(error: FramingError) -> Self {
        match error {
            FramingError::Ambiguous => Self::FRAMING,
            FramingError::UnknownCoding => Self::TRANSFER_CODING,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits {
        size: 1024,
        count: 8,
        odd_names: OddNames::Drop,
    };

    fn take_head(received: &mut BytesMut, limits: HeadLimits) -> Result<Option<Head>, Rejection> {
        let taken = take(
            received,
            limits,
            HeadUse::Nothing,
            Some(|_: PlainGet<'_>| None::<()>),
        )?;
        Ok(taken.map(|taken| match taken {
            Taken::Head(head) => *head,
            Taken::Ready(..) => panic!("nothing was ready"),
        }))
    }

    fn take_from(bytes: &[u8]) -> Result<Option<Head>, Rejection> {
        take_head(&mut BytesMut::from(bytes), LIMITS)
    }

    #[test]
    fn a_head_is_taken_and_what_follows_it_stays() {
        let mut received = BytesMut::from(&b"\r\nGET /a?b HTTP/1.1\r\nHost: x\r\n\r\nrest"[..]);
        let head = take_head(&mut received, LIMITS).unwrap().unwrap();
        assert_eq!(&received[..], b"rest");
        assert_eq!(head.parts.method, Method::GET);
        assert_eq!(head.parts.uri, "/a?b");
        assert_eq!(head.parts.headers["host"], "x");
        assert!(head.keeps_alive);
        assert_eq!(head.body, RequestBody::None);
    }

    #[test]
    fn every_split_gives_the_same_verdict() {
        let request = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
        for split in 0..request.len() {
            let mut received = BytesMut::from(&request[..split]);
            let first = take_head(&mut received, LIMITS).unwrap();
            let head = first.or_else(|| {
                received.extend_from_slice(&request[split..]);
                take_head(&mut received, LIMITS).unwrap()
            });
            assert_eq!(head.unwrap().body, RequestBody::Length(3), "{split}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for head in [
            "GET / HTTP/1.1\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\n\n",
            "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n",
            "GET / HTTP/1.1\r\n: x\r\n\r\n",
            "GET /#f HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
            "GET /\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\n",
            "\r\n\r\n \r\n\r\n",
        ] {
            let verdict = take_from(head.as_bytes()).map(|head| head.is_some());
            assert_eq!(
                verdict.map_err(|rejection| rejection.status()),
                Err(http::StatusCode::BAD_REQUEST),
                "{head:?}"
            );
        }
    }

    #[test]
    fn another_version_is_told_from_nonsense() {
        let status = |head: &str| {
            take_from(head.as_bytes())
                .err()
                .map(|rejection| rejection.status().as_u16())
        };
        assert_eq!(status("GET / HTTP/2.0\r\n\r\n"), Some(505));
        assert_eq!(status("GET / HTTP/1.2\r\n\r\n"), Some(505));
        assert_eq!(status("GET / http/1.1\r\n\r\n"), Some(400));
        assert_eq!(status("GET /a b HTTP/1.1\r\n\r\n"), Some(400));
        assert_eq!(status("GET / HTTP/11\r\n\r\n"), Some(400));
    }

    #[test]
    fn what_is_no_http_is_told_from_bad_http() {
        let verdict = |head: &str| take_from(head.as_bytes()).err();
        for head in [
            "INVALID CONNECTION PREFACE\r\n\r\n",
            "HELO there\r\n\r\n",
            "\0\r\n\r\n",
        ] {
            assert_eq!(verdict(head), Some(Rejection::NOT_HTTP), "{head:?}");
        }
        for head in [
            "GET / SPDY/3\r\n\r\n",
            "BREW / http/1.1\r\n\r\n",
            "GET\r\n\r\n",
        ] {
            assert_eq!(verdict(head), Some(Rejection::HEAD), "{head:?}");
        }
    }

    #[test]
    fn limits_are_kept_before_the_head_is_whole() {
        let line = format!("GET /{} HTTP/1.1\r\n", "x".repeat(2000));
        assert_eq!(
            take_from(line.as_bytes()).err(),
            Some(Rejection::TARGET_TOO_LONG)
        );
        let fields = format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(2000));
        assert_eq!(
            take_from(fields.as_bytes()).err(),
            Some(Rejection::FIELDS_TOO_LARGE)
        );
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(9));
        assert_eq!(
            take_from(many.as_bytes()).err(),
            Some(Rejection::FIELDS_TOO_LARGE)
        );
        let enough = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(8));
        assert!(take_from(enough.as_bytes()).unwrap().is_some());
    }

    #[test]
    fn a_connection_is_kept_as_both_sides_say() {
        for (head, keeps) in [
            ("GET / HTTP/1.1\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
            (
                "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
                false,
            ),
        ] {
            assert_eq!(
                take_from(head.as_bytes()).unwrap().unwrap().keeps_alive,
                keeps,
                "{head:?}"
            );
        }
    }

    #[test]
    fn names_that_could_be_taken_for_others_go_as_configured() {
        let head = b"GET / HTTP/1.1\r\nHost: x\r\nX_Real_IP: y\r\nRemote.User: z\r\n\r\n";
        let count = |odd_names| {
            let limits = HeadLimits {
                odd_names,
                ..LIMITS
            };
            take_head(&mut BytesMut::from(&head[..]), limits)
                .map(|head| head.unwrap().parts.headers.len())
        };
        assert_eq!(count(OddNames::Drop), Ok(1));
        assert_eq!(count(OddNames::Pass), Ok(3));
        assert_eq!(count(OddNames::Refuse), Err(Rejection::ODD_NAME));
    }

    #[test]
    fn a_client_says_what_it_waits_for() {
        let head = |text: &str| take_from(text.as_bytes()).unwrap().unwrap();
        let expecting = "POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";
        assert!(head(expecting).expects_continue);
        assert!(!head(&expecting.replace("1.1", "1.0")).expects_continue);
        assert!(!head(&expecting.replace("Content-Length: 1\r\n", "")).expects_continue);
        let upgrading = "GET / HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: x\r\n\r\n";
        assert_eq!(
            head(upgrading).upgrade.as_deref(),
            Some(upgrading.as_bytes())
        );
        assert_eq!(head(&upgrading.replace(", Upgrade", "")).upgrade, None);
        assert_eq!(head(&upgrading.replace("1.1", "1.0")).upgrade, None);
    }
}
