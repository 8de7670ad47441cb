//! The path of a request on its way to an application: one normal form, by which its route is found and in which it goes on. Pure.
//!
//! 1. A path that is nothing but names is taken as it is.
//! 2. Else each byte is taken as it is, or decoded from its escape: once, never again (RFC 3986 §2.4).
//! 3. Each segment must be a name: not empty, not `.` or `..`, in whatever disguise.
//! 4. Two texts come of it: what patterns are compared with, decoded; and what is forwarded, in which escapes that change nothing are
//!    undone (RFC 3986 §6.2.2) and all else stays.
//!
//! What two programs could read in two ways is refused: a rule about `/admin` is worth nothing if another spelling leads there. The query
//! is nobody's business here.

use std::borrow::Cow;

use crate::static_files::path::PathRefusal;

/// How the application reads `;` in a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// As any other character.
    #[default]
    Plain,
    /// As the beginning of parameters, which are no part of a segment's name: Tomcat, WildFly, Jetty. `/admin;a=b` is `/admin`.
    Servlet,
}

impl Dialect {
    /// The path of a file that is asked for: `/style.css;jsessionid=1` is `/style.css` to who reads parameters.
    pub(crate) fn without_parameters(self, path: &str) -> Cow<'_, str> {
        if self == Self::Plain || !path.contains(';') {
            return Cow::Borrowed(path);
        }
        let segments = path.split('/');
        let names = segments.map(|segment| segment.split(';').next().unwrap_or_default());
        Cow::Owned(names.collect::<Vec<_>>().join("/"))
    }
}

/// A path with its leading slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestPath<'a> {
    matched: Cow<'a, str>,
    forwarded: Cow<'a, str>,
    has_escaped_separator: bool,
}

impl<'a> RequestPath<'a> {
    /// Reads the path of a request target, without its query. With `encoded_slashes`, `%2F` and `%5C` are kept, and part no segments.
    pub(crate) fn parse(
        raw: &'a str,
        dialect: Dialect,
        encoded_slashes: bool,
    ) -> Result<Self, PathRefusal> {
        // 1.
        if is_plain(raw.as_bytes(), dialect) {
            return Ok(Self {
                matched: Cow::Borrowed(raw),
                forwarded: Cow::Borrowed(raw),
                has_escaped_separator: false,
            });
        }
        let mut reader = Reader::new(raw.len(), dialect, encoded_slashes);
        let mut segments = raw.strip_prefix('/').unwrap_or(raw).split('/').peekable();
        while let Some(segment) = segments.next() {
            // 2. and 3.
            reader.read(segment.as_bytes(), segments.peek().is_none())?;
        }
        // 4.
        let forwarded = String::from_utf8(reader.forwarded).map_err(|_| PathRefusal::NonAscii)?;
        Ok(Self {
            matched: Cow::Owned(text(reader.matched)),
            forwarded: if forwarded == raw {
                Cow::Borrowed(raw)
            } else {
                Cow::Owned(forwarded)
            },
            has_escaped_separator: reader.has_escaped_separator,
        })
    }

    /// Decoded, for patterns. What is not UTF-8 stays escaped, in upper case, and so do `/` and `\`.
    pub(crate) fn matched(&self) -> &str {
        &self.matched
    }

    /// As the application gets it: the same segments, in the same order.
    pub(crate) fn forwarded(&self) -> &str {
        &self.forwarded
    }

    /// Whether there is a `%2F` or `%5C` in it.
    pub(crate) fn has_escaped_separator(&self) -> bool {
        self.has_escaped_separator
    }
}

/// Whether there is nothing to decode, nothing to leave out and nothing to refuse, seen at a glance: the case of nearly every request.
fn is_plain(path: &[u8], dialect: Dialect) -> bool {
    let parameters = match dialect {
        Dialect::Plain => b'%',
        Dialect::Servlet => b';',
    };
    // Without an early end, so that the compiler can take many bytes at once.
    let unremarkable = !path.iter().fold(false, |found, &byte| {
        found | !matches!(byte, b'!'..=b'~') | matches!(byte, b'%' | b'\\') | byte.eq(&parameters)
    });
    let pairs = path.iter().zip(path.iter().skip(1));
    unremarkable
        && path.first() == Some(&b'/')
        && !pairs.fold(false, |found, (&before, &byte)| {
            found | (before == b'/') & matches!(byte, b'/' | b'.')
        })
}

/// Bytes that are the same with an escape and without (RFC 3986 §2.3).
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

struct Reader {
    dialect: Dialect,
    encoded_slashes: bool,
    matched: Vec<u8>,
    forwarded: Vec<u8>,
    has_escaped_separator: bool,
}

impl Reader {
    fn new(length: usize, dialect: Dialect, encoded_slashes: bool) -> Self {
        Self {
            dialect,
            encoded_slashes,
            matched: Vec::with_capacity(length),
            forwarded: Vec::with_capacity(length),
            has_escaped_separator: false,
        }
    }

    /// One segment, without its slashes.
    fn read(&mut self, sent: &[u8], is_last: bool) -> Result<(), PathRefusal> {
        self.matched.push(b'/');
        self.forwarded.push(b'/');
        let start = self.matched.len();
        let mut name = Name::default();
        let mut in_parameters = false;
        let mut rest = sent;
        while let [first, after @ ..] = rest {
            let (byte, after) = match first {
                b'%' => escape(after)?,
                0x80.. => return Err(PathRefusal::NonAscii),
                &raw => (raw, after),
            };
            rest = after;
            let is_escaped = *first == b'%';
            match byte {
                0..=0x1f | 0x7f => return Err(PathRefusal::Control),
                b'\\' | b'/' => {
                    if !(is_escaped && self.encoded_slashes) {
                        return Err(PathRefusal::Separator);
                    }
                    self.has_escaped_separator = true;
                    // Whoever decodes it has a segment here, which must not be `..` to them.
                    name = name.close()?;
                }
                byte => name.push(byte),
            }
            // The containers look for parameters before they decode.
            in_parameters |= self.dialect == Dialect::Servlet && *first == b';';
            let stays_escaped = is_escaped && !is_unreserved(byte);
            put(&mut self.forwarded, byte, stays_escaped);
            if !in_parameters {
                let is_separator = matches!(byte, b'/' | b'\\');
                put(&mut self.matched, byte, is_separator);
            }
        }
        name.close()?;
        // Nothing after the last slash: a directory is asked for.
        if self.matched.len() == start && !is_last {
            return Err(PathRefusal::EmptySegment);
        }
        Ok(())
    }
}

fn put(out: &mut Vec<u8>, byte: u8, is_escaped: bool) {
    if is_escaped {
        put_escape(out, byte);
    } else {
        out.push(byte);
    }
}

/// `%XX`, in upper case (RFC 3986 §6.2.2.1).
pub(super) fn put_escape(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend([
        b'%',
        DIGITS[usize::from(byte >> 4)],
        DIGITS[usize::from(byte & 15)],
    ]);
}

/// `text` as a path, with escapes for all but unreserved characters and slashes.
pub(super) fn escaped(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        put(&mut out, byte, !is_unreserved(byte) && byte != b'/');
    }
    String::from_utf8(out).expect("escapes and unreserved characters are ASCII")
}

/// The byte that the two hexadecimal digits after a `%` stand for, and what follows them.
fn escape(after: &[u8]) -> Result<(u8, &[u8]), PathRefusal> {
    let [high, low, rest @ ..] = after else {
        return Err(PathRefusal::BadEscape);
    };
    let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(PathRefusal::BadEscape);
    let byte = digit(*high)? * 16 + digit(*low)?;
    Ok((
        u8::try_from(byte).expect("two hexadecimal digits are a byte"),
        rest,
    ))
}

fn text(decoded: Vec<u8>) -> String {
    String::from_utf8(decoded).unwrap_or_else(|error| {
        let mut text = String::new();
        for chunk in error.as_bytes().utf8_chunks() {
            text.push_str(chunk.valid());
            for &byte in chunk.invalid() {
                let mut escape = Vec::with_capacity(3);
                put_escape(&mut escape, byte);
                text.extend(escape.into_iter().map(char::from));
            }
        }
        text
    })
}

/// What is known of the name that is being read: up to a separator in whatever form, without what follows a `;`. Tomcat takes `..;x` for
/// `..`, whoever stands before it.
#[derive(Default)]
struct Name {
    length: usize,
    dots: usize,
    has_ended: bool,
}

impl Name {
    fn push(&mut self, byte: u8) {
        self.has_ended |= byte == b';';
        if !self.has_ended {
            self.length += 1;
            self.dots += usize::from(byte == b'.');
        }
    }

    /// The name ends, and another may begin.
    fn close(self) -> Result<Self, PathRefusal> {
        if matches!(self.length, 1 | 2) && self.dots == self.length {
            return Err(PathRefusal::DotSegment);
        }
        Ok(Self::default())
    }
}

#[cfg(test)]
mod tests {
    use super::PathRefusal::{BadEscape, Control, DotSegment, EmptySegment, NonAscii, Separator};
    use super::*;

    fn plain(raw: &str) -> Result<RequestPath<'_>, PathRefusal> {
        RequestPath::parse(raw, Dialect::Plain, false)
    }

    fn servlet(raw: &str) -> Result<RequestPath<'_>, PathRefusal> {
        RequestPath::parse(raw, Dialect::Servlet, false)
    }

    #[test]
    fn a_path_has_one_normal_form() {
        for (raw, matched, forwarded) in [
            ("/", "/", "/"),
            ("/a/b", "/a/b", "/a/b"),
            ("/a/b/", "/a/b/", "/a/b/"),
            ("/a;b=c", "/a;b=c", "/a;b=c"),
            // RFC 3986 §6.2.2.1 and §6.2.2.2.
            ("/%61%2d%2E%5f%7e", "/a-._~", "/a-._~"),
            ("/a%c3%a9", "/a\u{e9}", "/a%C3%A9"),
            ("/a%20b", "/a b", "/a%20b"),
            ("/a%3fb%23c", "/a?b#c", "/a%3Fb%23c"),
            ("/a%3bb", "/a;b", "/a%3Bb"),
            ("/%7b%7D", "/{}", "/%7B%7D"),
            // As sent.
            ("/{id}|^", "/{id}|^", "/{id}|^"),
            ("/a+b", "/a+b", "/a+b"),
            ("/a%2Bb", "/a+b", "/a%2Bb"),
            ("/a:b@c!$&'()*,=", "/a:b@c!$&'()*,=", "/a:b@c!$&'()*,="),
            // Once, never twice.
            ("/%252e%252e/", "/%2e%2e/", "/%252e%252e/"),
            ("/%25%32%65", "/%2e", "/%252e"),
            // Not UTF-8: an application may have its reasons.
            ("/caf%e9", "/caf%E9", "/caf%E9"),
            ("/%ff/%C3%A9", "/%FF/\u{e9}", "/%FF/%C3%A9"),
            // Names that begin with dots.
            ("/.well-known/x", "/.well-known/x", "/.well-known/x"),
            ("/.../..a/a../.", "", ""),
            ("/.../..a/a..", "/.../..a/a..", "/.../..a/a.."),
            ("/%2e%2e%2e", "/...", "/..."),
        ] {
            match plain(raw) {
                Ok(path) => {
                    assert_eq!(path.matched(), matched, "{raw}");
                    assert_eq!(path.forwarded(), forwarded, "{raw}");
                    assert!(!path.has_escaped_separator());
                    // A normal form is its own.
                    let again = plain(path.forwarded()).unwrap();
                    assert_eq!(again.forwarded(), forwarded, "{raw}");
                    assert_eq!(again.matched(), matched, "{raw}");
                }
                Err(refusal) => assert_eq!((refusal, matched), (DotSegment, ""), "{raw}"),
            }
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused_in_every_dialect() {
        for (raw, expected) in [
            ("/./admin", DotSegment),
            ("/../admin", DotSegment),
            ("/a/..", DotSegment),
            ("/a/.", DotSegment),
            ("/%2e%2e/admin", DotSegment),
            ("/%2E./admin", DotSegment),
            ("/a/%2e", DotSegment),
            // CVE class: parameters behind dots.
            ("/x/..;/admin", DotSegment),
            ("/admin/..;/x", DotSegment),
            ("/x/..;a=b/admin", DotSegment),
            ("/x/.;/admin", DotSegment),
            ("/x/%2e%2e;/admin", DotSegment),
            ("/x/..%3b/admin", DotSegment),
            ("/x/..;", DotSegment),
            ("//admin", EmptySegment),
            ("/a//b", EmptySegment),
            ("/a//", EmptySegment),
            ("/a\\..\\admin", Separator),
            ("/a%5cb", Separator),
            ("/a%2Fb", Separator),
            ("/a%2f..%2fadmin", Separator),
            ("/a%00", Control),
            ("/a%0d%0ab", Control),
            ("/a%7F", Control),
            ("/a\tb", Control),
            ("/%", BadEscape),
            ("/%4", BadEscape),
            ("/%zz", BadEscape),
            ("/%+1", BadEscape),
            ("/caf\u{e9}", NonAscii),
        ] {
            assert_eq!(plain(raw), Err(expected), "{raw}");
            assert_eq!(servlet(raw), Err(expected), "{raw}");
        }
    }

    #[test]
    fn a_servlet_container_s_parameters_are_not_matched_and_are_forwarded() {
        for (raw, matched) in [
            ("/admin;a=b", "/admin"),
            ("/admin;a=b/c;d", "/admin/c"),
            ("/a;jsessionid=1.node1?", "/a"),
            ("/a;", "/a"),
            ("/a;;b", "/a"),
            ("/a/;b", "/a/"),
            (";a", "/"),
            ("/;jsessionid=1", "/"),
            // Escaped, it is part of the name, as the containers have it.
            ("/admin%3Ba", "/admin;a"),
            ("/a;b%41", "/a"),
        ] {
            let raw = raw.trim_end_matches('?');
            let path = servlet(raw).unwrap();
            assert_eq!(path.matched(), matched, "{raw}");
            let forwarded = raw.replace("%41", "A");
            let slash = if raw.starts_with('/') { "" } else { "/" };
            assert_eq!(path.forwarded(), format!("{slash}{forwarded}"), "{raw}");
        }
        // What would be `//` without them.
        for raw in ["/;a/admin", "/a/;/b", "/a/;b/"] {
            assert_eq!(servlet(raw), Err(EmptySegment), "{raw}");
            assert!(plain(raw).is_ok(), "{raw}");
        }
    }

    #[test]
    fn escaped_slashes_part_nothing_where_they_are_wanted() {
        let kept = |raw| RequestPath::parse(raw, Dialect::Plain, true);
        for (raw, matched, forwarded) in [
            ("/a%2fb", "/a%2Fb", "/a%2Fb"),
            ("/a%5Cb", "/a%5Cb", "/a%5Cb"),
            (
                "/u/https%3A%2F%2Fx",
                "/u/https:%2F%2Fx",
                "/u/https%3A%2F%2Fx",
            ),
        ] {
            let path = kept(raw).unwrap();
            assert_eq!(path.matched(), matched);
            assert_eq!(path.forwarded(), forwarded);
            assert!(path.has_escaped_separator());
        }
        // Whoever decodes them must not come out elsewhere.
        for (raw, expected) in [
            ("/a%2f..%2fadmin", DotSegment),
            ("/..%2fadmin", DotSegment),
            ("/a%5c..", DotSegment),
            ("/a%2F%2e%2E;x", DotSegment),
            ("/a%2f.", DotSegment),
            ("/a;x%2f..%2fb", DotSegment),
            ("/a\\b", Separator),
        ] {
            assert_eq!(kept(raw), Err(expected), "{raw}");
            let servlet = RequestPath::parse(raw, Dialect::Servlet, true);
            assert_eq!(servlet, Err(expected), "{raw}");
        }
    }

    #[test]
    fn the_glance_and_the_closer_look_agree() {
        for raw in ["/", "/a", "/a/b/", "/a;b", "/a=b&c/~d-e_f.g", "/a/b.c;v=1"] {
            for dialect in [Dialect::Plain, Dialect::Servlet] {
                if is_plain(raw.as_bytes(), dialect) {
                    let mut reader = Reader::new(0, dialect, false);
                    let mut segments = raw[1..].split('/').peekable();
                    while let Some(segment) = segments.next() {
                        let is_last = segments.peek().is_none();
                        reader.read(segment.as_bytes(), is_last).unwrap();
                    }
                    assert_eq!(reader.matched, raw.as_bytes());
                    assert_eq!(reader.forwarded, raw.as_bytes());
                }
            }
        }
    }

    proptest::proptest! {
        /// Whatever is let through has the same segments for all who read it, and none that leads elsewhere.
        #[test]
        fn nothing_that_goes_on_can_be_read_as_another_path(raw in "(/|%2[eEfF]|%5[cC]|%3[bB]|[.;a%5-]|\\\\){0,12}", servlet: bool, slashes: bool) {
            let raw = format!("/{raw}");
            let dialect = if servlet { Dialect::Servlet } else { Dialect::Plain };
            if let Ok(path) = RequestPath::parse(&raw, dialect, slashes) {
                let (matched, forwarded) = (path.matched(), path.forwarded());
                proptest::prop_assert_eq!(matched.matches('/').count(), forwarded.matches('/').count());
                proptest::prop_assert!(!forwarded.contains('\\') && !forwarded.contains("//"));
                let undone = forwarded.replace("%2F", "/").replace("%5C", "/").replace("%3B", ";");
                for segment in undone.split('/') {
                    let name = segment.split(';').next().unwrap();
                    proptest::prop_assert!(!matches!(name, "." | ".."), "{} of {}", name, raw);
                }
                let again = RequestPath::parse(forwarded, dialect, slashes).unwrap();
                proptest::prop_assert_eq!(&again.matched, &path.matched);
                proptest::prop_assert_eq!(&again.forwarded, &path.forwarded);
            }
        }
    }
}
