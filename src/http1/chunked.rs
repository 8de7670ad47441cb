//! The chunked transfer coding (RFC 9112 §7.1), undone byte by byte as it comes; pure. What the grammar does not allow is refused: every
//! leniency here is a place where two recipients see two ends.

use bytes::{Bytes, BytesMut};
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HOST, HeaderName,
    HeaderValue, TE, TRAILER, TRANSFER_ENCODING,
};
use http::{HeaderMap, header};
use httparse::Status;

use super::head::{self, HeadLimits};
use crate::rejection::Rejection;

/// The longest line with a chunk's size and extensions.
const LINE: usize = 256;

/// All extensions of a body together: nobody uses them, but for making a server read much for little.
const EXTENSIONS: usize = 16 << 10;

/// Where in a chunked body the next byte stands.
#[derive(Debug)]
pub(crate) struct Chunked {
    state: State,
    extensions: usize,
}

#[derive(Debug)]
enum State {
    Size,
    /// So many bytes of the chunk are still to come.
    Data(u64),
    /// CR LF after the data.
    DataEnd,
    Trailers,
    Ended,
}

/// What was found.
#[derive(Debug)]
pub(crate) enum Piece {
    Data(Bytes),
    /// The body has ended; these fields came after it.
    End(HeaderMap),
    /// More bytes are needed.
    Incomplete,
}

impl Chunked {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Size,
            extensions: 0,
        }
    }

    /// Bytes of the present chunk that are still to come.
    pub(crate) fn announced(&self) -> u64 {
        match self.state {
            State::Data(left) => left,
            _ => 0,
        }
    }

    /// Takes the next piece from the front of `received`.
    ///
    /// # Errors
    /// When the bytes are no chunked body; nothing that follows can be trusted to be a request.
    pub(crate) fn decode(
        &mut self,
        received: &mut BytesMut,
        limits: HeadLimits,
    ) -> Result<Piece, Rejection> {
        loop {
            match self.state {
                State::Size => {
                    let Some(line) = take_line(received)? else {
                        return Ok(Piece::Incomplete);
                    };
                    let (size, extensions) = parse_size(&line).ok_or(Rejection::CHUNK)?;
                    self.extensions += extensions;
                    if self.extensions > EXTENSIONS {
                        return Err(Rejection::CHUNK);
                    }
                    self.state = match size {
                        0 => State::Trailers,
                        size => State::Data(size),
                    };
                }
                State::Data(left) => {
                    let here = usize::try_from(left)
                        .unwrap_or(usize::MAX)
                        .min(received.len());
                    if here == 0 {
                        return Ok(Piece::Incomplete);
                    }
                    let left = left - here as u64;
                    self.state = match left {
                        0 => State::DataEnd,
                        left => State::Data(left),
                    };
                    return Ok(Piece::Data(received.split_to(here).freeze()));
                }
                State::DataEnd => match received.get(..2) {
                    Some(b"\r\n") => {
                        let _ = received.split_to(2);
                        self.state = State::Size;
                    }
                    None if received.is_empty() || received[0] == b'\r' => {
                        return Ok(Piece::Incomplete);
                    }
                    _ => return Err(Rejection::CHUNK),
                },
                State::Trailers => {
                    let Some(trailers) = take_trailers(received, limits)? else {
                        return Ok(Piece::Incomplete);
                    };
                    self.state = State::Ended;
                    return Ok(Piece::End(trailers));
                }
                State::Ended => return Ok(Piece::End(HeaderMap::new())),
            }
        }
    }
}

/// A line without its CR LF.
fn take_line(received: &mut BytesMut) -> Result<Option<Bytes>, Rejection> {
    let looked_at = &received[..received.len().min(LINE)];
    match memchr::memchr(b'\n', looked_at) {
        Some(at) if at > 0 && looked_at[at - 1] == b'\r' => {
            let line = received.split_to(at + 1).freeze();
            Ok(Some(line.slice(..at - 1)))
        }
        Some(_) => Err(Rejection::CHUNK),
        // Whatever has been seen of it must be the beginning of a line already: nobody waits for what can only be wrong.
        None if looked_at.len() == LINE || !may_begin_line(looked_at) => Err(Rejection::CHUNK),
        None => Ok(None),
    }
}

fn may_begin_line(bytes: &[u8]) -> bool {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit());
    match digits.count() {
        0 => bytes.is_empty(),
        count => {
            count <= 16
                && bytes
                    .get(count)
                    .is_none_or(|byte| matches!(byte, b';' | b' ' | b'\t' | b'\r'))
        }
    }
}

/// `chunk-size [ chunk-ext ]`: the size, and how many bytes the extensions take.
fn parse_size(line: &[u8]) -> Option<(u64, usize)> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit());
    let digits = digits.count();
    // Sixteen digits are all of a u64.
    if digits == 0 || digits > 16 {
        return None;
    }
    let (size, extensions) = line.split_at(digits);
    let size = size.iter().try_fold(0_u64, |size, &digit| {
        Some(size << 4 | u64::from(char::from(digit).to_digit(16)?))
    })?;
    are_extensions(extensions).then_some((size, extensions.len()))
}

/// §7.1.1: `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`
fn are_extensions(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let Some(after) = trim_start(rest).strip_prefix(b";") else {
            return false;
        };
        let after = trim_start(after);
        let name = token_length(after);
        if name == 0 {
            return false;
        }
        rest = &after[name..];
        let Some(value) = trim_start(rest).strip_prefix(b"=") else {
            continue;
        };
        let value = trim_start(value);
        let length = match value.first() {
            Some(b'"') => quoted_length(value),
            _ => Some(token_length(value)).filter(|&length| length > 0),
        };
        match length {
            Some(length) => rest = &value[length..],
            None => return false,
        }
    }
    true
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
    &bytes[blanks.count()..]
}

fn token_length(bytes: &[u8]) -> usize {
    let is_token = |byte: &&u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    bytes.iter().take_while(is_token).count()
}

/// RFC 9110 §5.6.4, both quotes included.
fn quoted_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => {
                let escaped = bytes.get(at + 1)?;
                if !is_text(*escaped) {
                    return None;
                }
                at += 2;
            }
            &byte if is_text(byte) => at += 1,
            _ => return None,
        }
    }
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (b' '..0x7f).contains(&byte) || byte >= 0x80
}

/// §7.1.2. Fields that frame, route or guard a message mean nothing after it (RFC 9110 §6.5.1) and are left out.
fn take_trailers(
    received: &mut BytesMut,
    limits: HeadLimits,
) -> Result<Option<HeaderMap>, Rejection> {
    if received.starts_with(b"\r\n") {
        let _ = received.split_to(2);
        return Ok(Some(HeaderMap::new()));
    }
    let looked_at = &received[..received.len().min(limits.size)];
    let Some(end) = head::find_end(looked_at)? else {
        return if looked_at.len() < limits.size {
            Ok(None)
        } else {
            Err(Rejection::FIELDS_TOO_LARGE)
        };
    };
    let lines = received.split_to(end).freeze();
    let mut fields = vec![httparse::EMPTY_HEADER; limits.count];
    let fields = match httparse::parse_headers(&lines, &mut fields) {
        Ok(Status::Complete((_, fields))) => fields,
        Err(httparse::Error::TooManyHeaders) => return Err(Rejection::FIELDS_TOO_LARGE),
        // The empty line is there, so a partial block lacks nothing but sense.
        Ok(Status::Partial) | Err(_) => return Err(Rejection::HEAD),
    };
    let mut trailers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Rejection::HEAD)?;
        let value = HeaderValue::from_maybe_shared(lines.slice_ref(field.value))
            .map_err(|_| Rejection::HEAD)?;
        if !is_forbidden(&name) {
            trailers.append(name, value);
        }
    }
    Ok(Some(trailers))
}

/// Whether a field means nothing after a body.
pub(crate) fn is_forbidden(name: &HeaderName) -> bool {
    const FORBIDDEN: [HeaderName; 16] = [
        AUTHORIZATION,
        header::CACHE_CONTROL,
        header::CONNECTION,
        CONTENT_ENCODING,
        CONTENT_LENGTH,
        CONTENT_RANGE,
        CONTENT_TYPE,
        header::COOKIE,
        header::EXPECT,
        HOST,
        header::MAX_FORWARDS,
        header::SET_COOKIE,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    FORBIDDEN.contains(name) || name.as_str().contains(['_', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits {
        size: 1024,
        count: 4,
        odd_names: crate::config::OddNames::Drop,
    };

    /// The body, its trailers and what is left, when all of it is given in pieces of this size.
    fn decode(
        bytes: &[u8],
        step: usize,
    ) -> Result<(Vec<u8>, HeaderMap, Vec<u8>), Option<Rejection>> {
        let (mut decoder, mut received, mut body) = (Chunked::new(), BytesMut::new(), Vec::new());
        let mut pieces = bytes.chunks(step);
        loop {
            match decoder.decode(&mut received, LIMITS).map_err(Some)? {
                Piece::Data(data) => body.extend_from_slice(&data),
                Piece::End(trailers) => {
                    let rest = pieces.flatten().copied();
                    return Ok((
                        body,
                        trailers,
                        received.iter().copied().chain(rest).collect(),
                    ));
                }
                Piece::Incomplete => match pieces.next() {
                    Some(piece) => received.extend_from_slice(piece),
                    None => return Err(None),
                },
            }
        }
    }

    #[test]
    fn chunks_are_joined_however_they_come() {
        let sent = b"3\r\nabc\r\n00A ; x = \"q\\\"\";y\r\n0123456789\r\n0\r\nX-Sum: 1\r\nHost: no\r\n\r\nGET";
        for step in 1..sent.len() {
            let (body, trailers, rest) = decode(sent, step).unwrap();
            assert_eq!(body, b"abc0123456789", "{step}");
            assert_eq!(trailers.len(), 1, "{step}");
            assert_eq!(trailers["x-sum"], "1");
            assert_eq!(rest, b"GET", "{step}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused_however_it_comes() {
        for sent in [
            "\r\n",
            " 3\r\nabc\r\n",
            "3 \r\nabc\r\n",
            "+3\r\nabc\r\n",
            "-1\r\n",
            "0x3\r\nabc\r\n",
            "3\nabc\r\n",
            "3\r\nabc\n",
            "3\r\nabcd\r\n",
            "3\r\nabc\rX",
            "3;\r\nabc\r\n",
            "3;a=\r\nabc\r\n",
            "3;a=\"b\r\nabc\r\n",
            "3;a\nabc\r\n",
            "3;a\rb\r\nabc\r\n",
            "3;a=b c\r\n",
            "10000000000000000\r\n",
            "3,3\r\n",
            "0\r\nA : b\r\n\r\n",
            "0\r\nA: b\n\r\n",
            "0\r\nA: b\r\n c\r\n\r\n",
            "0\r\n: b\r\n\r\n",
            "0\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n",
            "0\n\r\n",
        ] {
            for step in [1, 2, sent.len()] {
                let verdict = decode(sent.as_bytes(), step);
                assert!(
                    matches!(verdict, Err(Some(_))),
                    "{sent:?} {step} {verdict:?}"
                );
            }
        }
    }

    #[test]
    fn what_may_still_become_a_chunk_is_waited_for() {
        for sent in [
            "",
            "3",
            "3;a",
            "3\r",
            "3\r\nab",
            "3\r\nabc\r",
            "0\r\n",
            "0\r\nA: b\r\n",
        ] {
            assert_eq!(decode(sent.as_bytes(), 1).unwrap_err(), None, "{sent:?}");
        }
    }

    #[test]
    fn a_line_and_all_extensions_are_bounded() {
        let long = format!("3;{}\r\nabc\r\n", "a".repeat(LINE));
        assert!(matches!(decode(long.as_bytes(), 16), Err(Some(_))));
        let many = format!("1;{}\r\nx\r\n", "a".repeat(200)).repeat(100);
        assert!(matches!(decode(many.as_bytes(), 4096), Err(Some(_))));
        let trailers = format!("0\r\nA: {}\r\n\r\n", "a".repeat(2000));
        assert_eq!(
            decode(trailers.as_bytes(), 100).unwrap_err(),
            Some(Rejection::FIELDS_TOO_LARGE)
        );
    }
}
