//! `multipart/byteranges` (RFC 9110 §14.6): the plan of a body that carries several ranges of one representation.
//!
//! A part is a delimiter, its own `Content-Type` and `Content-Range`, an empty line and its bytes; after the last comes the
//! closing delimiter (RFC 2046 §5.1.1). All of it but the bytes is known before the first is sent, so the body has an exact
//! length. There is no `Content-Range` beside the parts' own (§15.3.7.2).

use bytes::Bytes;
use http::HeaderValue;

use super::range::{self, ByteRange};

/// The line between parts. It must not occur in the data (RFC 2046 §5.1.1); made from 128 random bits it does not, and
/// nobody can plant it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Boundary([u8; 32]);

impl Boundary {
    pub(crate) fn from_random(random: [u8; 16]) -> Self {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(random) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 0xf)];
        }
        Self(digits)
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A body to be sent: each part's head and then its bytes, then the closing delimiter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Multipart {
    /// Of the response, naming the boundary.
    pub(crate) content_type: HeaderValue,
    /// Of all that is sent, in bytes.
    pub(crate) content_length: u64,
    pub(crate) parts: Vec<Part>,
    pub(crate) closing: Bytes,
}

/// One range, with what comes before its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) head: Bytes,
    pub(crate) range: ByteRange,
}

/// Plans the body for `ranges` of a representation of `complete_length` bytes, whose own type is `media_type`.
pub(crate) fn plan(
    ranges: &[ByteRange],
    complete_length: u64,
    media_type: &HeaderValue,
    boundary: &Boundary,
) -> Multipart {
    let parts: Vec<Part> = ranges
        .iter()
        .enumerate()
        .map(|(place, &range)| Part {
            head: head(place, range, complete_length, media_type, boundary),
            range,
        })
        .collect();
    let closing = Bytes::from(format!("\r\n--{}--\r\n", boundary.as_str()));
    let content_type = HeaderValue::try_from(format!(
        "multipart/byteranges; boundary={}",
        boundary.as_str()
    ))
    .expect("hexadecimal digits are visible ASCII");
    let content_length = parts
        .iter()
        .map(|part| part.head.len() as u64 + part.range.length())
        .sum::<u64>()
        + closing.len() as u64;
    Multipart {
        content_type,
        content_length,
        parts,
        closing,
    }
}

/// The line break before a delimiter belongs to it, and the first delimiter needs none (RFC 2046 §5.1.1).
fn head(
    place: usize,
    range: ByteRange,
    complete_length: u64,
    media_type: &HeaderValue,
    boundary: &Boundary,
) -> Bytes {
    let line_break: &[u8] = if place == 0 { b"" } else { b"\r\n" };
    let content_range = range::content_range(range, complete_length);
    [
        line_break,
        b"--",
        &boundary.0,
        b"\r\nContent-Type: ",
        media_type.as_bytes(),
        b"\r\nContent-Range: ",
        content_range.as_bytes(),
        b"\r\n\r\n",
    ]
    .concat()
    .into()
}
