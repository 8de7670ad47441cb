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
