//! From the path of a request to a path within the docroot: pure, and without a second chance.
//!
//! 1. The leading slash goes; what is left is relative to the docroot.
//! 2. Each byte is taken as it is, or decoded from its escape: once, never again (RFC 3986 §2.4).
//! 3. Each segment must be a name: not empty, not `.` or `..`.
//! 4. The whole must be UTF-8.
//!
//! A path that would need repair is refused, not cleaned: whoever sends one is mistaken about what it names, or hopes that
//! two programs read it in two ways (RFC 9110 §17.3). Normal clients never send one: they remove dot segments themselves
//! (RFC 3986 §5.2.4).

use std::borrow::Cow;
use std::fmt;

use http::StatusCode;

/// The longest path, and the longest name in it, that file systems know (`PATH_MAX`, `NAME_MAX`), in bytes.
const MAX_PATH: usize = 4096;
const MAX_SEGMENT: usize = 255;

/// A path within the docroot: decoded, without a leading slash. `""` is the docroot itself; a slash at the end asks for a
/// directory. Segments are never empty, `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RelativePath<'a>(Cow<'a, str>);

/// Why the path of a request names nothing that could be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathRefusal {
    /// `%` without two hexadecimal digits.
    BadEscape,
    /// What the escapes stand for is not text.
    NotUtf8,
    /// A control character, NUL among them: in no honest name, and cut short by C.
    Control,
    /// An escaped slash, which would be a separator to the file system but not to a route; or a backslash in any form.
    Separator,
    /// `.` or `..`
    DotSegment,
    /// `//`, which two servers out of three read as something else.
    EmptySegment,
    /// Longer than 4096 bytes, or one segment longer than 255: no file has such a name.
    TooLong,
    /// A raw byte beyond ASCII: a URI has none (RFC 3986 §2).
    NonAscii,
}

impl PathRefusal {
    /// 400 for what no URI of ours can be; 404 for what just does not exist.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::EmptySegment | Self::TooLong => StatusCode::NOT_FOUND,
            Self::BadEscape
            | Self::NotUtf8
            | Self::Control
            | Self::Separator
            | Self::DotSegment
            | Self::NonAscii => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for PathRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadEscape => "the path has a malformed escape",
            Self::NotUtf8 => "the path is not UTF-8",
            Self::Control => "the path has a control character",
            Self::Separator => "the path has an escaped slash or a backslash",
            Self::DotSegment => "the path has a dot segment",
            Self::EmptySegment => "the path has an empty segment",
            Self::TooLong => "the path is too long",
            Self::NonAscii => "the path has a raw byte beyond ASCII",
        })
    }
}

impl<'a> RelativePath<'a> {
    /// Reads the path of a request target, without its query. A path that is nothing but names is borrowed.
    pub(crate) fn parse(raw_path: &'a str) -> Result<Self, PathRefusal> {
        // 1.
        let sent = raw_path.strip_prefix('/').unwrap_or(raw_path);
        if is_plain(sent.as_bytes()) {
            return Ok(Self(Cow::Borrowed(sent)));
        }
        if sent.len() > MAX_PATH {
            return Err(PathRefusal::TooLong);
        }
        let decoded = decode(sent.as_bytes())?;
        // 4.
        let text = String::from_utf8(decoded).map_err(|_| PathRefusal::NotUtf8)?;
        Ok(Self(Cow::Owned(text)))
    }

    /// What lies beneath the first `prefix` bytes, which end with a segment: the path within a mounted docroot.
    pub(crate) fn beneath(&self, prefix: usize) -> RelativePath<'_> {
        let rest = self.0.get(prefix..).unwrap_or_default();
        RelativePath(Cow::Borrowed(rest.strip_prefix('/').unwrap_or(rest)))
    }

    /// With the leading slash again, as route patterns are written.
    pub(crate) fn rooted(&self) -> String {
        ["/", &self.0].concat()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the path names the docroot, or ends in a slash.
    pub(crate) fn asks_for_directory(&self) -> bool {
        self.0.is_empty() || self.0.ends_with('/')
    }

    /// Whether a segment begins with a dot. `.well-known` in the first place is there to be seen (RFC 8615 §3), though not
    /// what is hidden in it.
    pub(crate) fn is_hidden(&self) -> bool {
        if !begins_a_segment(self.0.as_bytes(), |byte| byte == b'.') {
            return false;
        }
        let mut segments = self.0.split('/');
        let first = segments
            .next()
            .is_some_and(|first| first.starts_with('.') && first != ".well-known");
        first || segments.any(|segment| segment.starts_with('.'))
    }

    /// The last segment; `None` when a directory is asked for.
    pub(crate) fn file_name(&self) -> Option<&str> {
        let (_, name) = self.0.rsplit_once('/').unwrap_or(("", &self.0));
        (!name.is_empty()).then_some(name)
    }

    /// What follows the last dot of the file name; `None` when there is nothing after it, or only the dot of a hidden file
    /// before it.
    pub(crate) fn extension(&self) -> Option<&str> {
        let (stem, extension) = self.file_name()?.rsplit_once('.')?;
        (!stem.is_empty() && !extension.is_empty()).then_some(extension)
    }
}

/// Whether there is nothing to decode and nothing to refuse, seen at a glance: the case of nearly every request. What this
/// does not see is looked at byte by byte.
fn is_plain(path: &[u8]) -> bool {
    // Without an early end, so that the compiler can take many bytes at once.
    let remarkable = |byte: u8| !matches!(byte, b' '..=b'~') | matches!(byte, b'%' | b'\\');
    let unremarkable = !path
        .iter()
        .fold(false, |found, &byte| found | remarkable(byte));
    // A path that is no longer than a segment may be has no segment that is too long.
    path.len() <= MAX_SEGMENT
        && unremarkable
        && !begins_a_segment(path, |byte| matches!(byte, b'/' | b'.'))
}

/// Whether one of the segments begins with such a byte; an empty one begins with the slash after it.
fn begins_a_segment(path: &[u8], is_such: impl Fn(u8) -> bool) -> bool {
    let later = path.iter().zip(path.iter().skip(1));
    let later = later.fold(false, |found, (&before, &byte)| {
        found | (before == b'/') & is_such(byte)
    });
    later || path.first().is_some_and(|&byte| is_such(byte))
}

/// Steps 2 and 3, byte by byte.
fn decode(sent: &[u8]) -> Result<Vec<u8>, PathRefusal> {
    let mut decoded = Vec::with_capacity(sent.len());
    let mut segment = Segment::default();
    let mut rest = sent;
    while let [first, after @ ..] = rest {
        // 2.
        let (byte, after) = match first {
            b'%' => decode_escape(after)?,
            0x80.. => return Err(PathRefusal::NonAscii),
            &raw => (raw, after),
        };
        // 3.
        match byte {
            b'/' if *first == b'/' => segment = segment.close()?,
            b'/' | b'\\' => return Err(PathRefusal::Separator),
            0..=0x1f | 0x7f => return Err(PathRefusal::Control),
            byte => segment.push(byte),
        }
        decoded.push(byte);
        rest = after;
    }
    // Nothing after the last slash: a directory is asked for.
    if segment.length > 0 {
        segment.close()?;
    }
    Ok(decoded)
}

/// What is known of the segment that is being read.
#[derive(Default)]
struct Segment {
    length: usize,
    /// How many of its bytes are dots.
    dots: usize,
}

impl Segment {
    fn push(&mut self, byte: u8) {
        self.length += 1;
        self.dots += usize::from(byte == b'.');
    }

    /// The segment ends; if it is a name, the next begins.
    fn close(self) -> Result<Self, PathRefusal> {
        match self.length {
            0 => Err(PathRefusal::EmptySegment),
            1 | 2 if self.dots == self.length => Err(PathRefusal::DotSegment),
            1..=MAX_SEGMENT => Ok(Self::default()),
            _ => Err(PathRefusal::TooLong),
        }
    }
}

/// The byte that the two hexadecimal digits after a `%` stand for, and what follows them.
fn decode_escape(after: &[u8]) -> Result<(u8, &[u8]), PathRefusal> {
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

#[cfg(test)]
mod tests {
    use super::PathRefusal::{
        BadEscape, Control, DotSegment, EmptySegment, NonAscii, NotUtf8, Separator, TooLong,
    };
    use super::*;

    #[test]
    fn a_path_is_decoded_once() {
        let cases = [
            ("/", ""),
            ("", ""),
            ("/index.html", "index.html"),
            ("/dir/", "dir/"),
            ("/dir/index.html", "dir/index.html"),
            ("/a%20b", "a b"),
            ("/caf%C3%A9/%e2%82%ac", "caf\u{e9}/\u{20ac}"),
            ("/100%25", "100%"),
            // Once, not twice: CVE-2021-42013.
            ("/%252e%252e/x", "%2e%2e/x"),
            ("/%252fetc", "%2fetc"),
            ("/a+b", "a+b"),
            ("/a%3Fb%23c", "a?b#c"),
            ("/a;b=c,d:e@f!$&'()*", "a;b=c,d:e@f!$&'()*"),
            ("/...", "..."),
            ("/..a/.b/c..", "..a/.b/c.."),
            ("/%2e%2e%2e", "..."),
            ("/.%61", ".a"),
        ];
        for (raw, expected) in cases {
            assert_eq!(
                RelativePath::parse(raw).unwrap().as_str(),
                expected,
                "{raw}"
            );
        }
    }

    #[test]
    fn the_usual_path_is_borrowed() {
        assert!(matches!(
            RelativePath::parse("/a/b.c").unwrap().0,
            Cow::Borrowed("a/b.c")
        ));
    }

    #[test]
    fn a_path_that_needs_repair_is_refused() {
        let cases = [
            ("/..", DotSegment),
            ("/.", DotSegment),
            ("/./a", DotSegment),
            ("/a/..", DotSegment),
            ("/a/../b", DotSegment),
            ("/../outside/secret.txt", DotSegment),
            ("/dir/../../outside/secret.txt", DotSegment),
            ("/%2e%2e/outside/secret.txt", DotSegment),
            ("/.%2e/outside/secret.txt", DotSegment),
            ("/%2E./outside", DotSegment),
            ("/cgi-bin/.%2e/.%2e/etc/passwd", DotSegment),
            ("/..%2foutside%2fsecret.txt", Separator),
            ("/dir%2findex.html", Separator),
            ("/dir%2Findex.html", Separator),
            ("/%2f", Separator),
            ("/admin%5csecret.txt", Separator),
            ("/admin%5Csecret.txt", Separator),
            ("/admin\\secret.txt", Separator),
            ("/..\\..\\x", Separator),
            ("/t.bin%00", Control),
            ("/t.bin%00.html", Control),
            ("/a%0d%0ab", Control),
            ("/a%1fb", Control),
            ("/a%7fb", Control),
            ("/a\tb", Control),
            ("/a%", BadEscape),
            ("/a%2", BadEscape),
            ("/a%zz", BadEscape),
            ("/a%+2", BadEscape),
            ("/a%2 ", BadEscape),
            ("/%u002e", BadEscape),
            ("/%\u{e9}", BadEscape),
            ("/%c0%ae%c0%ae/x", NotUtf8),
            ("/%ff", NotUtf8),
            ("/%c3", NotUtf8),
            ("/%ed%a0%80", NotUtf8),
            ("/%f5%80%80%80", NotUtf8),
            ("/caf\u{e9}", NonAscii),
            ("//", EmptySegment),
            ("//dir", EmptySegment),
            ("//evil.com/%2e%2e", EmptySegment),
            ("/a//b", EmptySegment),
            ("/a//", EmptySegment),
        ];
        for (raw, refusal) in cases {
            assert_eq!(RelativePath::parse(raw), Err(refusal), "{raw}");
        }
    }

    #[test]
    fn names_longer_than_any_file_has_are_refused() {
        let fits = format!("/{}", "a".repeat(MAX_SEGMENT));
        assert!(RelativePath::parse(&fits).is_ok());
        assert_eq!(RelativePath::parse(&format!("{fits}a")), Err(TooLong));
        assert_eq!(RelativePath::parse(&format!("{fits}a/b")), Err(TooLong));
        // The limit is on what is meant, not on how it is escaped.
        let escaped = format!("/{}", "%61".repeat(MAX_SEGMENT));
        assert!(RelativePath::parse(&escaped).is_ok());
        let deep = "/abcdefg".repeat(MAX_PATH / 8);
        assert!(RelativePath::parse(&deep).is_ok());
        assert_eq!(RelativePath::parse(&format!("{deep}/ab")), Err(TooLong));
    }

    #[test]
    fn a_refusal_is_a_bad_request_or_nothing_found() {
        for refusal in [EmptySegment, TooLong] {
            assert_eq!(refusal.status(), StatusCode::NOT_FOUND);
        }
        for refusal in [BadEscape, NotUtf8, Control, Separator, DotSegment, NonAscii] {
            assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
        }
    }

    #[test]
    fn a_slash_at_the_end_asks_for_a_directory() {
        for (raw, expected) in [
            ("/", true),
            ("/dir/", true),
            ("/dir", false),
            ("/dir/x", false),
        ] {
            assert_eq!(
                RelativePath::parse(raw).unwrap().asks_for_directory(),
                expected,
                "{raw}"
            );
        }
    }

    #[test]
    fn dotfiles_are_hidden_but_well_known_is_not() {
        let cases = [
            ("/", false),
            ("/a.b/c.d", false),
            ("/a./b", false),
            ("/.env", true),
            ("/.git/config", true),
            ("/dir/.hidden/x", true),
            ("/dir/.htaccess", true),
            ("/%2eenv", true),
            ("/...", true),
            ("/.well-known", false),
            ("/.well-known/", false),
            ("/.well-known/acme-challenge/token", false),
            ("/.well-known/.secret", true),
            ("/.well-known/.well-known/x", true),
            ("/.well-knownx/y", true),
            ("/.Well-Known/x", true),
            ("/dir/.well-known/x", true),
        ];
        for (raw, expected) in cases {
            assert_eq!(
                RelativePath::parse(raw).unwrap().is_hidden(),
                expected,
                "{raw}"
            );
        }
    }

    #[test]
    fn a_file_has_a_name_and_may_have_an_extension() {
        let cases = [
            ("/", None, None),
            ("/dir/", None, None),
            ("/dir/a.tar.gz", Some("a.tar.gz"), Some("gz")),
            ("/a.b/c", Some("c"), None),
            ("/a.", Some("a."), None),
            ("/.env", Some(".env"), None),
            ("/.env.local", Some(".env.local"), Some("local")),
            ("/A.HTML", Some("A.HTML"), Some("HTML")),
        ];
        for (raw, name, extension) in cases {
            let path = RelativePath::parse(raw).unwrap();
            assert_eq!(
                (path.file_name(), path.extension()),
                (name, extension),
                "{raw}"
            );
        }
    }
}
