//! Which hosts a site answers for. Of several sites, the one with the most precise pattern does: precedence is the `Ord`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::header::host::{Host, HostError};

/// One entry of a site's `hosts`. The smallest that matches wins: an exact name, then the longest suffix, then any host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostPattern {
    /// `example.com`: kept in lower case, without port or trailing dot.
    Exact(String),
    /// `*.example.com`, kept as `.example.com`: every name below it, at any depth, but not itself.
    Suffix(String),
    /// `*`
    Any,
}

/// Why a text is not a host pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostPatternError {
    /// Not a host name or address.
    Host(HostError),
    /// Ports belong to listeners.
    Port,
    /// A star that is not the whole first label.
    Star,
}

impl HostPattern {
    /// Whether the pattern covers `host`: a name as [`Host::name`] has it.
    pub(crate) fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => host == name,
            // The suffix begins with a dot and no host does, so one or more whole labels come before it.
            Self::Suffix(suffix) => host.ends_with(suffix.as_str()),
            Self::Any => true,
        }
    }

    /// What the order looks at, first things first. The text itself comes last, so that only equal patterns are equal.
    fn rank(&self) -> (u8, std::cmp::Reverse<usize>, &str) {
        let (kind, text) = match self {
            Self::Exact(name) => (0, name.as_str()),
            Self::Suffix(suffix) => (1, suffix.as_str()),
            Self::Any => (2, ""),
        };
        (kind, std::cmp::Reverse(text.len()), text)
    }
}

impl Ord for HostPattern {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for HostPattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let (name, is_suffix) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        if name.contains('*') {
            return Err(HostPatternError::Star);
        }
        let host = Host::parse(name.as_bytes()).map_err(HostPatternError::Host)?;
        // A bracket can only be before a colon that is part of an address.
        let has_port = name
            .rsplit_once(':')
            .is_some_and(|(_, port)| !port.ends_with(']'));
        match (has_port, is_suffix) {
            (true, _) => Err(HostPatternError::Port),
            (false, true) if host.is_address() => Err(HostPatternError::Star),
            (false, true) => Ok(Self::Suffix(format!(".{}", host.name()))),
            (false, false) => Ok(Self::Exact(host.name().to_owned())),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Suffix(suffix) => write!(f, "*{suffix}"),
            Self::Any => f.write_str("*"),
        }
    }
}

impl fmt::Display for HostPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => write!(f, "{error}; write a name like `example.com`, or `*.example.com`, or `*` for every host"),
            Self::Port => f.write_str("a host has no port here; the addresses under [[listen]] have"),
            Self::Star => f.write_str("a star stands for whole labels at the start of a name: `*.example.com`, or `*` for every host"),
        }
    }
}

impl std::error::Error for HostPatternError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_pattern_covers_a_name_or_all_below_it_or_all() {
        let cases = [
            ("example.com", "example.com", true),
            ("EXAMPLE.com.", "example.com", true),
            ("example.com", "www.example.com", false),
            ("example.com", "example.org", false),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.Example.com", "www.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "badexample.com", false),
            ("*", "example.com", true),
            ("*", "[::1]", true),
            ("[::1]", "[::1]", true),
            ("127.0.0.1", "127.0.0.1", true),
        ];
        for (text, host, expected) in cases {
            assert_eq!(pattern(text).matches(host), expected, "{text} {host}");
        }
    }

    #[test]
    fn the_most_precise_pattern_comes_first() {
        let expected = [
            "a.example.com",
            "example.com",
            "*.b.example.com",
            "*.example.com",
            "*.a.com",
            "*.b.com",
            "*",
        ];
        let mut patterns = expected.map(pattern);
        patterns.reverse();
        patterns.sort();
        assert_eq!(patterns.map(|pattern| pattern.to_string()), expected);
    }

    #[test]
    fn what_no_request_could_name_is_refused() {
        use HostPatternError::{Host, Port, Star};
        let cases = [
            ("", Host(HostError::Empty)),
            ("..", Host(HostError::Label)),
            ("exa mple.com", Host(HostError::Character)),
            ("http://example.com", Host(HostError::Port)),
            ("*.", Host(HostError::Empty)),
            ("example.com:80", Port),
            ("example.com:", Port),
            ("[::1]:80", Port),
            ("*.example.com:80", Port),
            ("*example.com", Star),
            ("www.*.com", Star),
            ("**", Star),
            ("*.*", Star),
            ("*.127.0.0.1", Star),
            ("*.[::1]", Star),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<HostPattern>(), Err(error), "{text}");
            assert!(error.to_string().contains('`') || error == Port);
        }
    }
}
