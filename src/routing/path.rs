//! Which paths a route answers for. Of several routes, the one with the most precise pattern does: precedence is the `Ord`.

use std::cmp::{Ordering, Reverse};
use std::fmt;
use std::str::FromStr;

/// The `path` of a route. Patterns are compared with decoded paths, and their letters' case counts, as it does in names of
/// files.
///
/// The smallest that matches wins: an exact path, then the longest prefix, then the longest ending. The prefix `/` comes
/// after all of these, for it matches everything: next to it, no ending would ever be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathPattern {
    /// `=/about`: this path and no other.
    Exact(String),
    /// `/api/` or `/api`, kept as `/api/`: `/api`, `/api/` and all that is below it, but not `/apix`.
    Prefix(String),
    /// `*.jsp`, kept as `.jsp`: all paths that end so.
    Ending(String),
}

/// Why a text is not a path pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatternError {
    /// It begins with none of `/`, `=/`, `*`.
    Start,
    /// A star that is not the first character, or stands alone.
    Star,
    /// `?` or `#`
    Query,
    /// `%` and two hexadecimal digits.
    Escape,
    /// An empty segment, `.` or `..`, a backslash or a control character: no request with such a path gets this far.
    Unreachable,
}

impl PathPattern {
    /// Whether the pattern covers `path`: that of a request, decoded and validated, with its leading slash.
    pub(crate) fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => path == exact,
            Self::Prefix(prefix) => {
                path.starts_with(prefix.as_str()) || path == &prefix[..prefix.len() - 1]
            }
            Self::Ending(ending) => path.ends_with(ending.as_str()),
        }
    }

    /// What of a `path` that matches the pattern does not: for a prefix, what follows its segments, without a leading slash;
    /// for an exact path, nothing; for an ending, the path without its leading slash.
    ///
    /// Segments are counted, not compared, so a path as it was sent, with its escapes, gives its rest as it was sent.
    pub(crate) fn rest<'p>(&self, path: &'p str) -> &'p str {
        let relative = path.strip_prefix('/').unwrap_or(path);
        match self {
            Self::Exact(_) => "",
            Self::Prefix(prefix) => {
                let segments = prefix.matches('/').count() - 1;
                relative
                    .splitn(segments + 1, '/')
                    .nth(segments)
                    .unwrap_or("")
            }
            Self::Ending(_) => relative,
        }
    }

    /// What the order looks at, first things first. The text itself comes last, so that only equal patterns are equal.
    fn rank(&self) -> (u8, Reverse<usize>, &str) {
        let (kind, text) = match self {
            Self::Exact(path) => (0, path),
            Self::Prefix(prefix) if prefix == "/" => (3, prefix),
            Self::Prefix(prefix) => (1, prefix),
            Self::Ending(ending) => (2, ending),
        };
        (kind, Reverse(text.len()), text)
    }
}

impl Ord for PathPattern {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for PathPattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix('=').filter(|path| path.starts_with('/')) {
            check(path)?;
            return Ok(Self::Exact(path.to_owned()));
        }
        if text.starts_with('/') {
            check(text)?;
            let slash = if text.ends_with('/') { "" } else { "/" };
            return Ok(Self::Prefix(format!("{text}{slash}")));
        }
        let ending = text.strip_prefix('*').ok_or(PatternError::Start)?;
        if ending.is_empty() {
            return Err(PatternError::Star);
        }
        check(ending)?;
        Ok(Self::Ending(ending.to_owned()))
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => write!(f, "={path}"),
            Self::Prefix(prefix) => f.write_str(prefix),
            Self::Ending(ending) => write!(f, "*{ending}"),
        }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "a path begins with `/` (`/api/`: all below it), `=/` (`=/about`: exactly it) or `*` (`*.jsp`: all that end so)",
            Self::Star => "a star can only be the first of an ending, like `*.jsp`; a prefix needs none: `/api/` covers all below it, and `/` all",
            Self::Query => "a route looks at the path only: leave out `?` or `#` and what follows it",
            Self::Escape => "a path is written as it reads, without escapes: `/caf\u{e9}/`, not `/caf%C3%A9/`",
            Self::Unreachable => {
                "no request gets this far with an empty segment, `.`, `..`, a backslash or a control character in its path"
            }
        })
    }
}

impl std::error::Error for PatternError {}

/// Refuses what could never match, or would not match what its author means by it.
fn check(text: &str) -> Result<(), PatternError> {
    if text.contains('*') {
        return Err(PatternError::Star);
    }
    if text.contains(['?', '#']) {
        return Err(PatternError::Query);
    }
    let is_escape =
        |digits: &[u8]| digits[0] == b'%' && digits[1..].iter().all(u8::is_ascii_hexdigit);
    if text.as_bytes().windows(3).any(is_escape) {
        return Err(PatternError::Escape);
    }
    let has_dot_segment = text.split('/').any(|segment| matches!(segment, "." | ".."));
    if text.contains("//")
        || has_dot_segment
        || text.contains(|char: char| char == '\\' || char.is_ascii_control())
    {
        return Err(PatternError::Unreachable);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> PathPattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_pattern_covers_a_path_or_all_below_it_or_all_that_end_so() {
        let cases = [
            ("=/about", "/about", true),
            ("=/about", "/about/", false),
            ("=/about", "/about/x", false),
            ("=/", "/", true),
            ("=/", "/x", false),
            ("/api/", "/api/", true),
            ("/api/", "/api", true),
            ("/api/", "/api/x/y", true),
            ("/api/", "/apix", false),
            ("/api/", "/", false),
            ("/api/", "/x/api/", false),
            ("/api/", "/API/", false),
            ("/api", "/api", true),
            ("/api", "/api/x", true),
            ("/api", "/apix", false),
            ("/", "/", true),
            ("/", "/x/y", true),
            ("*.jsp", "/a/b.jsp", true),
            ("*.jsp", "/b.jsp/x", false),
            ("*.jsp", "/b.jspx", false),
            ("*.jsp", "/b.JSP", false),
            ("*-internal/x", "/a-internal/x", true),
            ("/caf\u{e9}/", "/caf\u{e9}/menu", true),
            ("/100%/", "/100%/x", true),
        ];
        for (text, path, expected) in cases {
            assert_eq!(pattern(text).matches(path), expected, "{text} {path}");
        }
    }

    #[test]
    fn the_rest_is_what_follows_the_prefix() {
        let cases = [
            ("/api/", "/api/x/y", "x/y"),
            ("/api/", "/api/x/", "x/"),
            ("/api/", "/api/", ""),
            ("/api/", "/api", ""),
            ("/a/b", "/a/b/c/d", "c/d"),
            ("/", "/x/y", "x/y"),
            ("/", "/", ""),
            ("=/about", "/about", ""),
            ("*.jsp", "/a/b.jsp", "a/b.jsp"),
            // As it was sent, with its escapes.
            ("/api/", "/%61pi/a%20b", "a%20b"),
            ("/caf\u{e9}/", "/caf%C3%A9/x", "x"),
        ];
        for (text, path, expected) in cases {
            assert_eq!(pattern(text).rest(path), expected, "{text} {path}");
        }
    }

    #[test]
    fn the_most_precise_pattern_comes_first() {
        let expected = [
            "=/a/b",
            "=/a",
            "=/b",
            "/api/v1/",
            "/api/",
            "*.test.js",
            "*.jsp",
            "*.js",
            "/",
        ];
        let mut patterns = expected.map(pattern);
        patterns.reverse();
        patterns.sort();
        assert_eq!(patterns.map(|pattern| pattern.to_string()), expected);
    }

    #[test]
    fn two_ways_to_write_a_prefix_are_one_pattern() {
        assert_eq!(pattern("/api"), pattern("/api/"));
        assert_eq!(pattern("/api").to_string(), "/api/");
        assert_ne!(pattern("=/api"), pattern("=/api/"));
    }

    #[test]
    fn what_could_never_match_is_refused() {
        use PatternError::{Escape, Query, Star, Start, Unreachable};
        let cases = [
            ("", Start),
            ("api/", Start),
            ("=", Start),
            ("=about", Start),
            (".jsp", Start),
            ("http://example.com/", Start),
            ("*", Star),
            ("/api/*", Star),
            ("=/a*", Star),
            ("**.js", Star),
            ("/search?q=1", Query),
            ("/page#top", Query),
            ("/caf%C3%A9/", Escape),
            ("/%61dmin", Escape),
            ("//", Unreachable),
            ("/a//b", Unreachable),
            ("/a/../b", Unreachable),
            ("/a/.", Unreachable),
            ("/a\\b", Unreachable),
            ("/a\nb", Unreachable),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<PathPattern>(), Err(error), "{text:?}");
            assert!(!error.to_string().is_empty());
        }
    }
}
