//! Where the body of a request ends (RFC 9112 §6): read in one way only, by whoever stands in front of us too, or refused.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Version};

/// How the body of an HTTP/1.1 request is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestBody {
    /// There is none; `Content-Length: 0` says the same.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks, up to the one that is empty.
    Chunked,
}

/// Why the end of a body cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FramingError {
    /// 400: what two recipients could read in two ways.
    Ambiguous,
    /// 501: a transfer coding that would have to be undone before `chunked`.
    UnknownCoding,
}

/// The framing of a request that came by HTTP/1.0 or 1.1.
pub(crate) fn request_body(
    headers: &HeaderMap,
    version: Version,
) -> Result<RequestBody, FramingError> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return chunked(headers, version);
    }
    if !headers.contains_key(CONTENT_LENGTH) {
        return Ok(RequestBody::None);
    }
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    match (lines.next(), lines.next()) {
        (Some(digits), None) => match parse_length(digits.as_bytes()) {
            None => Err(FramingError::Ambiguous),
            Some(0) => Ok(RequestBody::None),
            Some(length) => Ok(RequestBody::Length(length)),
        },
        // §6.3: equal ones could be taken for one; but who sends two may be two.
        _ => Err(FramingError::Ambiguous),
    }
}

/// §6.1: one literal `chunked`, in HTTP/1.1, without a length beside it.
fn chunked(headers: &HeaderMap, version: Version) -> Result<RequestBody, FramingError> {
    let mut lines = headers.get_all(TRANSFER_ENCODING).iter();
    let (Some(coding), None) = (lines.next(), lines.next()) else {
        return Err(FramingError::Ambiguous);
    };
    if headers.contains_key(CONTENT_LENGTH) || version != Version::HTTP_11 {
        return Err(FramingError::Ambiguous);
    }
    let coding = coding.as_bytes().to_ascii_lowercase();
    let codings: [&[u8]; 5] = [b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress"];
    match coding.as_slice() {
        b"chunked" => Ok(RequestBody::Chunked),
        coding if codings.iter().any(|known| coding.starts_with(known)) => {
            Err(FramingError::UnknownCoding)
        }
        _ => Err(FramingError::Ambiguous),
    }
}

/// RFC 9110 §8.6: `1*DIGIT`, and no sign, list or white space that some parser would take as well.
pub(crate) fn parse_length(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |length, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::headers;
    use super::*;

    #[test]
    fn a_length_is_digits_and_stands_alone() {
        let read = |values: &[&str]| {
            let lines: Vec<_> = values
                .iter()
                .map(|&value| (CONTENT_LENGTH, value))
                .collect();
            request_body(&headers(&lines), Version::HTTP_11)
        };
        assert_eq!(read(&[]), Ok(RequestBody::None));
        assert_eq!(read(&["0"]), Ok(RequestBody::None));
        assert_eq!(read(&["5"]), Ok(RequestBody::Length(5)));
        assert_eq!(read(&["005"]), Ok(RequestBody::Length(5)));
        assert_eq!(
            read(&["18446744073709551615"]),
            Ok(RequestBody::Length(u64::MAX))
        );
        for value in [
            "",
            "+5",
            "-1",
            "0x5",
            "5 5",
            "5,5",
            "5, 5",
            "18446744073709551616",
            "5a",
            " ",
        ] {
            assert_eq!(read(&[value]), Err(FramingError::Ambiguous), "{value:?}");
        }
        assert_eq!(read(&["5", "5"]), Err(FramingError::Ambiguous));
        assert_eq!(read(&["5", "6"]), Err(FramingError::Ambiguous));
    }

    #[test]
    fn only_one_literal_chunked_is_a_transfer_coding() {
        let read = |values: &[&str], version| {
            let lines: Vec<_> = values
                .iter()
                .map(|&value| (TRANSFER_ENCODING, value))
                .collect();
            request_body(&headers(&lines), version)
        };
        assert_eq!(
            read(&["chunked"], Version::HTTP_11),
            Ok(RequestBody::Chunked)
        );
        assert_eq!(
            read(&["Chunked"], Version::HTTP_11),
            Ok(RequestBody::Chunked)
        );
        assert_eq!(
            read(&["chunked"], Version::HTTP_10),
            Err(FramingError::Ambiguous)
        );
        for value in [
            "",
            "xchunked",
            "chunked, identity",
            "identity",
            "chunked,",
            "\"chunked\"",
            "chunked;x=1",
        ] {
            assert_eq!(
                read(&[value], Version::HTTP_11),
                Err(FramingError::Ambiguous),
                "{value:?}"
            );
        }
        for value in ["gzip, chunked", "GZIP", "deflate, chunked"] {
            assert_eq!(
                read(&[value], Version::HTTP_11),
                Err(FramingError::UnknownCoding),
                "{value:?}"
            );
        }
        assert_eq!(
            read(&["chunked", "chunked"], Version::HTTP_11),
            Err(FramingError::Ambiguous)
        );
        let both = headers(&[(TRANSFER_ENCODING, "chunked"), (CONTENT_LENGTH, "5")]);
        assert_eq!(
            request_body(&both, Version::HTTP_11),
            Err(FramingError::Ambiguous)
        );
    }
}
