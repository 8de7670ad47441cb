//! The rules of HTTP fields: pure functions on values, no I/O, no async.
//!
//! Every rule cites the section of RFC 9110 (or the RFC it names) that it implements, and every parser keeps three habits:
//! it is near free when its field is absent, it does not allocate in the common case, and it never repairs what it cannot
//! read: the rule's own answer to a malformed value (ignore it, refuse it, match nothing) is stated where it is taken.

pub(crate) mod accept;
pub(crate) mod accept_encoding;
pub(crate) mod dictionary;
pub(crate) mod digest;
pub(crate) mod digits;
pub(crate) mod entity_tag;
pub(crate) mod forwarded;
pub(crate) mod framing;
pub(crate) mod host;
pub(crate) mod http_date;
pub(crate) mod media_type;
pub(crate) mod multipart;
pub(crate) mod networks;
pub(crate) mod precondition;
mod quality;
pub(crate) mod range;
pub(crate) mod traceparent;

use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The value of a field that may appear once: `None` when it is absent, and when it is repeated, for then no line is more
/// right than another (RFC 9110 §5.3).
fn only_line<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?;
    lines.next().is_none().then_some(line)
}

/// A SHA-256 as a byte sequence of a structured field (RFC 9651 §3.3.5): base64 between colons. A parser may forgive missing padding and
/// stray bits; what is unusual about a hash is none.
fn sha256(item: &[u8]) -> Option<[u8; 32]> {
    let digits = item.strip_prefix(b":")?.strip_suffix(b":")?;
    // The decoder wants room for the padding too.
    let mut bytes = [0; 33];
    if digits.len() != 44 || BASE64.decode_mut(digits, &mut bytes).ok()? != 32 {
        return None;
    }
    bytes[..32].try_into().ok()
}

/// Writes fields as they are sent (RFC 9112 §5): a line each.
pub(crate) fn field_lines(out: &mut Vec<u8>, fields: &HeaderMap) {
    for (name, value) in fields {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// The members of a comma-separated list whose members hold no quoted text, without the white space around them; empty
/// members are skipped, as a recipient must (RFC 9110 §5.6.1.2).
fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields as a client sends them, in order.
    pub(super) fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (
                    name.clone(),
                    HeaderValue::from_bytes(value.as_bytes()).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn members_are_what_is_between_commas_and_white_space() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            (" , ,\t,", &[]),
            ("a", &["a"]),
            // RFC 9110 §5.6.1.2: the examples of a list with empty members.
            ("foo ,bar,", &["foo", "bar"]),
            ("foo , ,bar,charlie", &["foo", "bar", "charlie"]),
            ("a b;q=1\t,c", &["a b;q=1", "c"]),
        ];
        for (list, expected) in cases {
            let found: Vec<_> = members(list.as_bytes())
                .map(|member| str::from_utf8(member).unwrap())
                .collect();
            assert_eq!(found, *expected, "{list:?}");
        }
    }

    #[test]
    fn a_hash_is_44_digits_of_base64_between_colons() {
        // SHA-256 of nothing.
        let of_nothing = ":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        assert_eq!(
            sha256(of_nothing.as_bytes()).unwrap()[..4],
            [0xe3, 0xb0, 0xc4, 0x42]
        );
        for not in [
            "",
            ":",
            "::",
            ":=:",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            ":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU:",
            ":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=:",
            ":47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=:",
            ":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuA==:",
            ":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA:",
            ":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSu U=:",
            ":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA4w==:",
        ] {
            assert_eq!(sha256(not.as_bytes()), None, "{not}");
        }
    }

    #[test]
    fn a_repeated_field_that_may_appear_once_counts_as_absent() {
        let name = http::header::RANGE;
        assert_eq!(only_line(&headers(&[]), &name), None);
        let once = headers(&[(name.clone(), "a")]);
        assert_eq!(only_line(&once, &name).unwrap(), "a");
        let twice = headers(&[(name.clone(), "a"), (name.clone(), "a")]);
        assert_eq!(only_line(&twice, &name), None);
    }
}
