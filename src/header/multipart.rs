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

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "000102030405060708090a0b0c0d0eff";

    fn boundary() -> Boundary {
        Boundary::from_random([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255])
    }

    /// The body as it is sent, of a representation whose bytes are `content`.
    fn body(plan: &Multipart, content: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        for part in &plan.parts {
            body.extend_from_slice(&part.head);
            let (start, end) = (part.range.start, part.range.end);
            body.extend_from_slice(
                &content[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()],
            );
        }
        body.extend_from_slice(&plan.closing);
        body
    }

    /// In the form of the example in RFC 9110 §14.6.
    #[test]
    fn each_part_has_its_own_type_and_range() {
        let ranges = [
            ByteRange { start: 0, end: 1 },
            ByteRange { start: 7, end: 10 },
        ];
        let plan = plan(
            &ranges,
            10,
            &HeaderValue::from_static("text/plain"),
            &boundary(),
        );
        assert_eq!(
            plan.content_type,
            format!("multipart/byteranges; boundary={LINE}")
        );

        let expected = format!(
            "--{LINE}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-0/10\r\n\r\n0\r\n\
             --{LINE}\r\nContent-Type: text/plain\r\nContent-Range: bytes 7-9/10\r\n\r\n789\r\n\
             --{LINE}--\r\n"
        );
        let body = body(&plan, b"0123456789");
        assert_eq!(str::from_utf8(&body).unwrap(), expected);
        assert_eq!(plan.content_length, body.len() as u64);
    }

    #[test]
    fn the_length_is_exact_for_ranges_of_any_size() {
        let content = vec![b'x'; 100_000];
        for count in [2, 3, 10, 100] {
            let ranges: Vec<_> = (0..count)
                .map(|place| ByteRange {
                    start: place * 1000,
                    end: place * 1000 + place + 1,
                })
                .collect();
            let plan = plan(
                &ranges,
                100_000,
                &HeaderValue::from_static("font/ttf"),
                &boundary(),
            );
            assert_eq!(plan.content_length, body(&plan, &content).len() as u64);
        }
    }

    #[test]
    fn large_files_do_not_overflow() {
        let end = i64::MAX.unsigned_abs();
        let ranges = [ByteRange { start: 0, end: 1 }, ByteRange { start: 2, end }];
        let plan = plan(
            &ranges,
            end,
            &HeaderValue::from_static("video/mp4"),
            &boundary(),
        );
        assert!(plan.content_length > end - 1);
    }
}
