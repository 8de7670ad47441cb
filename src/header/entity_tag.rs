//! Entity tags (RFC 9110 §8.8.3) and the lists of them that `If-Match` and `If-None-Match` carry (§13.1.1, §13.1.2).

use http::header::{GetAll, HeaderName};
use http::{HeaderMap, HeaderValue};

/// The tag of one representation, kept ready to be sent as `ETag`. Clones share their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag {
    /// As sent: the quotes are part of it, and `W/` when it is weak.
    value: HeaderValue,
    weak: bool,
}

impl EntityTag {
    /// A tag that changes whenever a byte of the representation changes. `opaque` is visible ASCII without a quote.
    pub(crate) fn strong(opaque: &str) -> Self {
        Self {
            value: quote("", opaque),
            weak: false,
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn weak(opaque: &str) -> Self {
        Self {
            value: quote("W/", opaque),
            weak: true,
        }
    }

    /// The same tag, promising less.
    pub(crate) fn to_weak(&self) -> Self {
        if self.weak {
            return self.clone();
        }
        let value = [b"W/", self.value.as_bytes()].concat();
        let value = HeaderValue::from_maybe_shared(bytes::Bytes::from(value))
            .expect("a valid value with W/ before it");
        Self { value, weak: true }
    }

    /// For the same content in a coding whose bytes may differ from time to time.
    pub(crate) fn of_coding(&self, coding: &str) -> Self {
        let opaque = str::from_utf8(opaque(self.value.as_bytes())).unwrap_or_default();
        Self {
            value: quote("W/", &format!("{}-{coding}", opaque.trim_matches('"'))),
            weak: true,
        }
    }

    pub(crate) fn is_weak(&self) -> bool {
        self.weak
    }

    /// The value of `ETag`.
    pub(crate) fn as_value(&self) -> &HeaderValue {
        &self.value
    }

    /// Strong comparison (§8.8.3.2): neither tag is weak, and they are the same, character by character.
    /// `candidate` is one tag as sent.
    pub(crate) fn strong_eq(&self, candidate: &[u8]) -> bool {
        // A weak candidate begins with W/, so it equals no strong tag.
        !self.weak && candidate == self.value.as_bytes()
    }

    /// Weak comparison (§8.8.3.2): the same opaque tag, whether either is weak or not. `candidate` is one tag as sent.
    pub(crate) fn weak_eq(&self, candidate: &[u8]) -> bool {
        opaque(candidate) == opaque(self.value.as_bytes())
    }
}

/// The value of `If-Match` or `If-None-Match`: `"*" / #entity-tag`.
#[derive(Debug)]
pub(crate) enum EntityTagList<'a> {
    /// `*`: any current representation.
    Any,
    /// The field's lines, which together are one list (§5.3).
    Tags(GetAll<'a, HeaderValue>),
}

impl<'a> EntityTagList<'a> {
    /// The list that the field `name` holds; `None` when the field is absent.
    pub(crate) fn parse(headers: &'a HeaderMap, name: &HeaderName) -> Option<Self> {
        // Most requests have neither field, and this is the cheapest way to see it.
        if !headers.contains_key(name) {
            return None;
        }
        let lines = headers.get_all(name);
        let mut each = lines.iter();
        let first = each.next()?;
        if first.as_bytes() == b"*" && each.next().is_none() {
            return Some(Self::Any);
        }
        Some(Self::Tags(lines))
    }

    /// Whether the list names a tag that `is_match` accepts.
    ///
    /// A list with a malformed member matches nothing, whatever else it holds. That is the safe side of both fields: the
    /// whole representation is sent where a 304 was hoped for, and a change that was to be guarded is refused.
    pub(crate) fn contains(&self, is_match: impl Fn(&[u8]) -> bool) -> bool {
        let Self::Tags(lines) = self else { return true };
        let mut found = false;
        for line in lines {
            let mut rest = skip_separators(line.as_bytes());
            while !rest.is_empty() {
                let Some((tag, after)) = split_tag(rest) else {
                    return false;
                };
                found |= is_match(tag);
                rest = skip_separators(after);
            }
        }
        found
    }
}

/// `prefix"opaque"`
fn quote(prefix: &str, opaque: &str) -> HeaderValue {
    debug_assert!(
        opaque.bytes().all(is_tag_byte),
        "not an opaque tag: {opaque}"
    );
    HeaderValue::try_from(format!("{prefix}\"{opaque}\"")).expect("an opaque tag is visible ASCII")
}

/// The tag without its weakness.
fn opaque(tag: &[u8]) -> &[u8] {
    // The W is upper case and nothing else (§8.8.3).
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// The tag that `list` begins with, and what follows it: the end or a comma. `None` when there is no such tag.
fn split_tag(list: &[u8]) -> Option<(&[u8], &[u8])> {
    let quoted = opaque(list).strip_prefix(b"\"")?;
    let length = quoted.iter().position(|&byte| byte == b'"')?;
    if !quoted[..length].iter().copied().all(is_tag_byte) {
        return None;
    }
    let after = &quoted[length + 1..];
    let tag = &list[..list.len() - after.len()];
    let after = after.trim_ascii_start();
    (after.is_empty() || after[0] == b',').then_some((tag, after))
}

/// What follows the commas and white space that `list` begins with; empty members are allowed (§5.6.1.2).
fn skip_separators(list: &[u8]) -> &[u8] {
    let separators = list
        .iter()
        .take_while(|byte| matches!(byte, b',' | b' ' | b'\t'))
        .count();
    &list[separators..]
}

/// `etagc = %x21 / %x23-7E / obs-text`: a comma and a backslash are plain characters here, a space is none.
fn is_tag_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)
}

#[cfg(test)]
mod tests {
    use http::header::IF_NONE_MATCH;

    use super::super::tests::headers;
    use super::*;

    #[test]
    fn a_tag_is_sent_with_its_quotes_and_its_weakness() {
        assert_eq!(EntityTag::strong("xyzzy").as_value(), "\"xyzzy\"");
        assert_eq!(EntityTag::weak("xyzzy").as_value(), "W/\"xyzzy\"");
        assert_eq!(EntityTag::strong("").as_value(), "\"\"");
        assert_eq!(EntityTag::strong("a").to_weak(), EntityTag::weak("a"));
        assert_eq!(EntityTag::weak("a").to_weak(), EntityTag::weak("a"));
    }

    /// RFC 9110 §8.8.3.2, table 3.
    #[test]
    fn comparison_is_strong_or_weak() {
        let weak = EntityTag::weak;
        let strong = EntityTag::strong;
        let cases = [
            (weak("1"), weak("1"), false, true),
            (weak("1"), weak("2"), false, false),
            (weak("1"), strong("1"), false, true),
            (strong("1"), weak("1"), false, true),
            (strong("1"), strong("1"), true, true),
            (strong("1"), strong("2"), false, false),
        ];
        for (one, other, strongly, weakly) in cases {
            let sent = other.as_value().as_bytes();
            assert_eq!(one.strong_eq(sent), strongly, "{one:?} {other:?}");
            assert_eq!(one.weak_eq(sent), weakly, "{one:?} {other:?}");
        }
    }

    /// Whether a list of these lines names `"x"`, by weak comparison.
    fn names_x(lines: &[&str]) -> bool {
        let lines: Vec<_> = lines.iter().map(|&line| (IF_NONE_MATCH, line)).collect();
        let headers = headers(&lines);
        let list = EntityTagList::parse(&headers, &IF_NONE_MATCH).unwrap();
        list.contains(|tag| EntityTag::strong("x").weak_eq(tag))
    }

    #[test]
    fn a_list_names_each_of_its_members() {
        let lists: &[&[&str]] = &[
            &["\"x\""],
            &["W/\"x\""],
            // RFC 9110 §13.1.1: the form of its examples.
            &["\"xyzzy\", \"r2d2xxxx\", \"x\""],
            &["\"y\",\"x\",\"z\""],
            &["\"y\" , \"x\" , W/\"z\""],
            &["\"y\"\t,\t\"x\""],
            // Empty members: §5.6.1.2.
            &[",, ,\"x\",,"],
            // Several lines are one list: §5.3.
            &["\"y\"", "\"x\""],
            &["", "\"x\""],
            // A comma, a backslash and what looks like a weak tag are plain characters in a tag: §8.8.3.
            &["\"a,b\", \"x\""],
            &["\"\\\", \"x\""],
            &["\"W/\", \"x\""],
            &["\"\", \"x\""],
            &["\"caf\u{e9}\", \"x\""],
        ];
        for list in lists {
            assert!(names_x(list), "{list:?}");
        }
    }

    #[test]
    fn a_list_names_nothing_else() {
        let lists: &[&[&str]] = &[
            &[""],
            &[" , ,"],
            &["\"y\""],
            &["\"X\""],
            &["\"xx\", \"ax\", \"x,\""],
            &["\"a,\\\"\""],
        ];
        for list in lists {
            assert!(!names_x(list), "{list:?}");
        }
    }

    #[test]
    fn a_malformed_list_matches_nothing_whatever_else_it_holds() {
        let lists: &[&[&str]] = &[
            &["x"],
            &["\"x"],
            &["x\""],
            &["w/\"x\""],
            &["W/x"],
            &["W/ \"x\""],
            &["\"x\" \"y\""],
            &["\"x\"\"y\""],
            &["\"x\"; \"y\""],
            &["\"x\", y"],
            &["\"x\", \"y"],
            &["\"x\", \"a b\""],
            // `*` is the whole value or nothing.
            &["*, \"x\""],
            &["\"x\", *"],
            &["*", "\"x\""],
            &["*", "*"],
            &["*,"],
        ];
        for list in lists {
            assert!(!names_x(list), "{list:?}");
        }
    }

    #[test]
    fn a_star_matches_anything_and_an_absent_field_is_no_list() {
        assert!(names_x(&["*"]));
        assert!(EntityTagList::parse(&HeaderMap::new(), &IF_NONE_MATCH).is_none());
    }
}
