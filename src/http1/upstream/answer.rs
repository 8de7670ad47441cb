//! The head of an answer: read as strictly as that of a request, since clients are to see one answer in it, and the same that was meant.

use std::mem::MaybeUninit;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use httparse::{Header, ParserConfig, Response, Status};

use super::super::head::find_end;
use crate::header::framing::parse_length;
use crate::proxy::fields::{Fields, Place};

/// Field lines that are parsed without an allocation, and those that an answer may have.
const USUAL_COUNT: usize = 64;
const MOST_COUNT: usize = 4096;

/// What every head begins with.
const BEGINNING: &[u8] = b"HTTP/1.";

/// An answer without its body.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) fields: Fields,
    /// Whether the server leaves the connection open for another request (RFC 9112 §9.3).
    pub(crate) keeps_alive: bool,
    /// For how long, where it says so.
    pub(crate) idle: Option<Duration>,
    pub(super) framing: Framing,
}

/// Where the body ends (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    Nothing,
    Length(u64),
    Chunked,
    UntilClose,
}

/// What of a request its answer is read by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) upgrade: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Malformed(&'static str),
    TooLarge,
}

/// Finds the end of a head in bytes that come little by little, without looking at them twice.
#[derive(Debug, Default)]
pub(super) struct Finder {
    /// Where the first line begins whose end has not been seen.
    line: usize,
}

impl Finder {
    /// Where the head at the front of `received` ends; to be called with the same bytes and more until it is found.
    pub(super) fn find(&mut self, received: &[u8], most: usize) -> Result<Option<usize>, Wrong> {
        let begun = received.len().min(BEGINNING.len());
        if received[..begun] != BEGINNING[..begun] {
            return Err(Wrong::Malformed("what came is not HTTP/1"));
        }
        // Nothing beyond the limit is looked at, so the verdict is the same however the bytes come.
        let looked_at = &received[..received.len().min(most)];
        let unseen = &looked_at[self.line..];
        match find_end(unseen) {
            Err(_) => Err(Wrong::Malformed("a line does not end in CR LF")),
            Ok(Some(end)) => {
                let end = self.line + end;
                self.line = 0;
                Ok(Some(end))
            }
            Ok(None) if looked_at.len() == most => Err(Wrong::TooLarge),
            Ok(None) => {
                self.line += memchr::memrchr(b'\n', unseen).map_or(0, |at| at + 1);
                Ok(None)
            }
        }
    }
}

/// Reads a head, from its first byte to the end of its empty line.
pub(super) fn parse(head: &[u8], asked: Asked<'_>) -> Result<Head, Wrong> {
    let mut fields = [const { MaybeUninit::uninit() }; USUAL_COUNT];
    match parse_into(head, &mut fields, asked) {
        Err(Wrong::TooLarge) => {
            let mut fields = vec![MaybeUninit::uninit(); MOST_COUNT];
            parse_into(head, &mut fields, asked)
        }
        parsed => parsed,
    }
}

fn parse_into<'h>(
    head: &'h [u8],
    fields: &mut [MaybeUninit<Header<'h>>],
    asked: Asked<'_>,
) -> Result<Head, Wrong> {
    let mut response = Response::new(&mut []);
    let parsed =
        ParserConfig::default().parse_response_with_uninit_headers(&mut response, head, fields);
    match parsed {
        Ok(Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Wrong::TooLarge),
        // The empty line is there, so a partial head lacks nothing but sense.
        Ok(Status::Partial) | Err(_) => {
            return Err(Wrong::Malformed("the head of the answer is malformed"));
        }
    }
    let status = response
        .code
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or(Wrong::Malformed("the status is none"))?;
    let mut said = Said::new(response.version == Some(1));
    let mut places = Vec::with_capacity(response.headers.len());
    for field in &*response.headers {
        said.hear(field.name.as_bytes(), field.value)?;
        places.push(Place {
            name: place(head, field.name.as_bytes()),
            value: place(head, field.value),
        });
    }
    let framing = said.framing(status, asked)?;
    Ok(Head {
        status,
        keeps_alive: said.keeps_alive() && framing != Framing::UntilClose,
        idle: said.idle,
        framing,
        fields: Fields::Lines {
            head: Bytes::copy_from_slice(head),
            places,
        },
    })
}

/// Where a part of the head stands in it; an empty one may stand nowhere.
fn place(head: &[u8], part: &[u8]) -> (u32, u32) {
    if part.is_empty() {
        return (0, 0);
    }
    let from = part.as_ptr().addr() - head.as_ptr().addr();
    let at = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    (at(from), at(from + part.len()))
}

/// What the fields say of the message and the connection.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug)]
struct Said<'h> {
    is_11: bool,
    length: Option<u64>,
    /// `Transfer-Encoding: chunked`, and nothing but that.
    is_chunked: bool,
    closes: bool,
    keeps_alive: bool,
    upgrades: bool,
    upgrade: Option<&'h [u8]>,
    idle: Option<Duration>,
}

impl<'h> Said<'h> {
    fn new(is_11: bool) -> Self {
        Self {
            is_11,
            length: None,
            is_chunked: false,
            closes: false,
            keeps_alive: false,
            upgrades: false,
            upgrade: None,
            idle: None,
        }
    }

    fn hear(&mut self, name: &[u8], value: &'h [u8]) -> Result<(), Wrong> {
        // The length tells most names from these at once.
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => self.hear_length(value)?,
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                // RFC 9112 §6.1: whatever else it is, it would have to be undone before anybody could tell where it ends.
                if self.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Wrong::Malformed("the transfer coding is not just chunked"));
                }
                self.is_chunked = true;
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                for option in members(value) {
                    self.closes |= option.eq_ignore_ascii_case(b"close");
                    self.keeps_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    self.upgrades |= option.eq_ignore_ascii_case(b"upgrade");
                }
            }
            10 if name.eq_ignore_ascii_case(b"keep-alive") => self.idle = idle(value),
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.upgrade = Some(value),
            _ => {}
        }
        Ok(())
    }

    /// RFC 9112 §6.3: the same one again is the same one.
    fn hear_length(&mut self, value: &[u8]) -> Result<(), Wrong> {
        let length = parse_length(value).ok_or(Wrong::Malformed("the length is none"))?;
        match self.length.replace(length) {
            Some(other) if other != length => Err(Wrong::Malformed("there are two lengths")),
            _ => Ok(()),
        }
    }

    /// RFC 9112 §6.3, in its order.
    fn framing(&self, status: StatusCode, asked: Asked<'_>) -> Result<Framing, Wrong> {
        if self.is_chunked && (self.length.is_some() || !self.is_11) {
            return Err(Wrong::Malformed(
                "the end of the answer is told in two ways",
            ));
        }
        if status == StatusCode::SWITCHING_PROTOCOLS && !self.is_upgrade(asked) {
            return Err(Wrong::Malformed("nobody asked to go over to this protocol"));
        }
        let is_bare = status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if is_bare || *asked.method == Method::HEAD {
            return Ok(Framing::Nothing);
        }
        Ok(match (self.is_chunked, self.length) {
            (true, _) => Framing::Chunked,
            (false, Some(length)) => Framing::Length(length),
            (false, None) => Framing::UntilClose,
        })
    }

    /// RFC 9110 §7.8: what it goes over to is among what was asked for.
    fn is_upgrade(&self, asked: Asked<'_>) -> bool {
        let (Some(answer), Some(wanted)) = (self.upgrade, asked.upgrade) else {
            return false;
        };
        let answer = answer.trim_ascii();
        self.is_11
            && self.upgrades
            && members(wanted).any(|wanted| wanted.eq_ignore_ascii_case(answer))
    }

    fn keeps_alive(&self) -> bool {
        !self.closes && (self.is_11 || self.keeps_alive)
    }
}

fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

/// `Keep-Alive: timeout=5`, as servers have said it since before there were RFCs.
fn idle(value: &[u8]) -> Option<Duration> {
    members(value).find_map(|parameter| {
        let (name, seconds) = parameter.split_at_checked(b"timeout=".len())?;
        let seconds = parse_length(seconds)?;
        name.eq_ignore_ascii_case(b"timeout=")
            .then(|| Duration::from_secs(seconds))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(head: &str, method: &Method, upgrade: Option<&[u8]>) -> Result<Head, Wrong> {
        let head = head.as_bytes();
        let end = Finder::default().find(head, 1024)?;
        assert_eq!(end, Some(head.len()), "{:?}", head.escape_ascii());
        parse(head, Asked { method, upgrade })
    }

    fn read(head: &str) -> Result<Head, Wrong> {
        read_as(head, &Method::GET, None)
    }

    #[test]
    fn fields_are_places_in_the_head() {
        let head = read("HTTP/1.1 200 OK\r\nA: 1\r\nb:2\r\nc:  \r\nD:\t4\t\r\n\r\n").unwrap();
        assert_eq!(head.status, StatusCode::OK);
        let mut seen = Vec::new();
        head.fields.each(|name, value| {
            seen.push((
                String::from_utf8_lossy(name).into_owned(),
                String::from_utf8_lossy(value).into_owned(),
            ));
        });
        let expected = [("A", "1"), ("b", "2"), ("c", ""), ("D", "4")];
        assert_eq!(
            seen,
            expected.map(|(name, value)| (name.into(), value.into()))
        );
    }

    #[test]
    fn the_end_is_told_in_one_way() {
        use Framing::{Chunked, Length, Nothing, UntilClose};
        for (method, status, fields, framing) in [
            ("GET", 200, "Content-Length: 5\r\n", Length(5)),
            (
                "GET",
                200,
                "Content-Length: 5\r\ncontent-length: 5\r\n",
                Length(5),
            ),
            ("GET", 200, "Content-Length: 0\r\n", Length(0)),
            ("GET", 200, "Transfer-Encoding: Chunked\r\n", Chunked),
            ("GET", 200, "", UntilClose),
            ("HEAD", 200, "Content-Length: 5\r\n", Nothing),
            ("HEAD", 200, "Transfer-Encoding: chunked\r\n", Nothing),
            ("GET", 204, "Content-Length: 5\r\n", Nothing),
            ("GET", 304, "Content-Length: 5\r\n", Nothing),
            ("GET", 304, "", Nothing),
            ("GET", 103, "Link: </x>\r\n", Nothing),
            ("POST", 205, "Content-Length: 1\r\n", Length(1)),
        ] {
            let method = method.parse().unwrap();
            let head = read_as(
                &format!("HTTP/1.1 {status} x\r\n{fields}\r\n"),
                &method,
                None,
            );
            assert_eq!(head.unwrap().framing, framing, "{method} {status} {fields}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_answer() {
        for head in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 304 x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nName : x\r\n\r\n",
            "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\n A: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: x\r\n folded\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: x\ry\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: x\0y\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: x\x7fy\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: x\nB: y\r\n\r\n",
            "HTTP/1.1 200 OK\nA: x\r\n\r\n",
            "HTTP/1.1 200 a\rb\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/1.1  200 OK\r\n\r\n",
            "HTTP/1.2 200 OK\r\n\r\n",
            "HTTP/1.1\r\n\r\n",
            "HTTP/2.0 200 OK\r\n\r\n",
            "http/1.1 200 OK\r\n\r\n",
            "\r\nHTTP/1.1 200 OK\r\n\r\n",
            "SSH-2.0-x\r\n\r\n",
        ] {
            let verdict = Finder::default()
                .find(head.as_bytes(), 1024)
                .and_then(|end| {
                    let asked = Asked {
                        method: &Method::GET,
                        upgrade: None,
                    };
                    parse(&head.as_bytes()[..end.unwrap()], asked).map(|head| head.framing)
                });
            assert!(
                matches!(verdict, Err(Wrong::Malformed(_))),
                "{head:?} {verdict:?}"
            );
        }
    }

    #[test]
    fn a_connection_is_kept_as_the_server_says() {
        for (version, fields, keeps, idle) in [
            ("1.1", "", true, None),
            ("1.1", "Connection: close\r\n", false, None),
            (
                "1.1",
                "Connection: x\r\nConnection: y, Close\r\n",
                false,
                None,
            ),
            ("1.1", "Keep-Alive: timeout=5\r\n", true, Some(5)),
            ("1.1", "Keep-Alive: max=3, Timeout=15\r\n", true, Some(15)),
            ("1.1", "Keep-Alive: timeout=x\r\n", true, None),
            ("1.0", "", false, None),
            ("1.0", "Connection: Keep-Alive\r\n", true, None),
            ("1.0", "Connection: keep-alive, close\r\n", false, None),
        ] {
            let text = format!("HTTP/{version} 200 OK\r\nContent-Length: 0\r\n{fields}\r\n");
            let head = read(&text).unwrap();
            assert_eq!(head.keeps_alive, keeps, "{text}");
            assert_eq!(head.idle, idle.map(Duration::from_secs), "{text}");
        }
        assert!(!read("HTTP/1.1 200 OK\r\n\r\n").unwrap().keeps_alive);
    }

    #[test]
    fn only_what_was_asked_for_is_gone_over_to() {
        let head = |fields: &str, wanted: Option<&str>| {
            let text = format!("HTTP/1.1 101 x\r\n{fields}\r\n");
            read_as(&text, &Method::GET, wanted.map(str::as_bytes)).is_ok()
        };
        let fields = "Connection: Upgrade\r\nUpgrade: WebSocket\r\n";
        assert!(head(fields, Some("websocket")));
        assert!(head(fields, Some("x, websocket")));
        assert!(!head(fields, None));
        assert!(!head(fields, Some("x")));
        assert!(!head("Upgrade: websocket\r\n", Some("websocket")));
        assert!(!head("Connection: upgrade\r\n", Some("websocket")));
        assert!(!head("", Some("websocket")));
    }

    #[test]
    fn a_head_is_found_however_it_comes() {
        let head = b"HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\nrest";
        for step in 1..head.len() {
            let mut finder = Finder::default();
            let mut found = None;
            let mut here = 0;
            while found.is_none() {
                here = (here + step).min(head.len());
                found = finder.find(&head[..here], 1024).unwrap();
            }
            assert_eq!(found, Some(head.len() - 4), "{step}");
        }
    }

    #[test]
    fn size_and_count_are_bounded() {
        let mut finder = Finder::default();
        let long = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(2000));
        assert_eq!(finder.find(long.as_bytes(), 1024), Err(Wrong::TooLarge));
        let many = |count| format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(count));
        let asked = Asked {
            method: &Method::GET,
            upgrade: None,
        };
        assert!(parse(many(USUAL_COUNT).as_bytes(), asked).is_ok());
        assert!(parse(many(MOST_COUNT).as_bytes(), asked).is_ok());
        let verdict = parse(many(MOST_COUNT + 1).as_bytes(), asked);
        assert_eq!(verdict.err(), Some(Wrong::TooLarge));
    }
}
