//! Digests of representations (RFC 9530): the hash of the bytes as they are coded, of which a part may be sent.

use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

pub(crate) const WANT_REPR_DIGEST: HeaderName = HeaderName::from_static("want-repr-digest");

/// Whether the client would like to know the SHA-256 (RFC 9530 §4): `Want-Repr-Digest: sha-512=3, sha-256=10, unixsum=0`. It is the only
/// one on offer, so it does not matter whether the client would like another one better. What cannot be read is ignored: the field is a hint.
pub(crate) fn wants_sha256(headers: &HeaderMap) -> bool {
    // Hardly anybody sends it.
    if !headers.contains_key(WANT_REPR_DIGEST) {
        return false;
    }
    let mut wants = false;
    // Lines of a dictionary are joined by commas, and a line holds whole members or is malformed (RFC 9651 §4.2).
    for line in headers.get_all(WANT_REPR_DIGEST) {
        for member in line.as_bytes().split(|&byte| byte == b',') {
            match preference(member.trim_ascii()) {
                // The last one counts (RFC 9651 §4.2.2).
                Some((b"sha-256", weight)) => wants = weight > 0,
                Some(_) => {}
                None => return false,
            }
        }
    }
    wants
}

/// The value of `Repr-Digest` for the SHA-256 of the representation.
pub(crate) fn repr_digest(digest: &[u8; 32]) -> HeaderValue {
    let value = format!("sha-256=:{}:", BASE64.encode(digest));
    HeaderValue::try_from(value).expect("base64 is visible ASCII")
}

/// One member: an algorithm, and how much it is liked, from 0 (not at all) to 10.
fn preference(member: &[u8]) -> Option<(&[u8], u8)> {
    let equals = memchr::memchr(b'=', member)?;
    let (key, value) = (&member[..equals], &member[equals + 1..]);
    let is_key = matches!(key, [b'a'..=b'z' | b'*', ..])
        && key
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*'));
    // Parameters say nothing that anybody knows of.
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let weight = match &value[..end] {
        [digit @ b'0'..=b'9'] => digit - b'0',
        b"10" => 10,
        _ => return None,
    };
    is_key.then_some((key, weight))
}

#[cfg(test)]
mod tests {
    use super::super::tests::headers;
    use super::*;

    #[test]
    fn a_digest_is_sent_to_who_wants_it() {
        let cases: &[(&[&str], bool)] = &[
            (&[], false),
            // RFC 9530 §4: its examples.
            (&["sha-256=1"], true),
            (&["sha-512=3, sha-256=10, unixsum=0"], true),
            (&["sha-512=10"], false),
            (&["sha-512=3", "sha-256=10"], true),
            (&["sha-256=0"], false),
            (&["sha-256=0, sha-256=5"], true),
            (&["sha-256=5, sha-256=0"], false),
            (&["sha-256=5;why=\"not\""], true),
            (&["\tsha-256=5 , md5=1 "], true),
            // Malformed, or out of bounds.
            (&[""], false),
            (&["sha-256"], false),
            (&["sha-256="], false),
            (&["SHA-256=5"], false),
            (&["sha-256=11"], false),
            (&["sha-256=05"], false),
            (&["sha-256=-1"], false),
            (&["sha-256=1.0"], false),
            (&["sha-256=?1"], false),
            (&["sha-256 = 5"], false),
            (&["sha-256=5,"], false),
            (&["sha-256=5, ,md5=1"], false),
            (&["sha-256=5, md5"], false),
            (&["sha-256=5, x=\"a,b\""], false),
        ];
        for (lines, wanted) in cases {
            let lines: Vec<_> = lines.iter().map(|&line| (WANT_REPR_DIGEST, line)).collect();
            assert_eq!(wants_sha256(&headers(&lines)), *wanted, "{lines:?}");
        }
    }

    #[test]
    fn a_digest_is_base64_between_colons() {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(b"{\"hello\": \"world\"}\n").into();
        // RFC 9530, appendix B.1: its example.
        assert_eq!(
            repr_digest(&digest),
            "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
        );
    }
}
