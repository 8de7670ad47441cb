//! `Host` (RFC 9110 §7.2, RFC 9112 §3.2): `uri-host [ ":" port ]`, the authority that a request is for.
//!
//! A name chooses the site, is logged, and may be part of a redirect, so it is refused (400, as RFC 9112 §3.2 demands) unless
//! it can only be read in one way. RFC 3986 §3.2.2 lets a registered name hold escapes and punctuation as well; no name that
//! a client can look up has any of them.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest name that DNS knows (RFC 1035 §2.3.4), without its trailing dot.
const MAX_NAME: usize = 253;

/// A valid authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host<'a> {
    name: Cow<'a, str>,
    port: Option<u16>,
}

/// Why a value is not an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostError {
    Empty,
    /// A character that names do not have: user information, a path, a list, a space, an escape, beyond ASCII.
    Character,
    /// An empty label: `..`
    Label,
    /// Longer than DNS allows.
    TooLong,
    /// A name that ends in a number is an IPv4 address, and one in brackets an IPv6 address; this is none.
    Address,
    /// Not a number from 1 to 65535.
    Port,
}

impl<'a> Host<'a> {
    /// Reads a whole value of `Host`. The usual one, in lower case, is borrowed.
    pub(crate) fn parse(value: &'a [u8]) -> Result<Self, HostError> {
        Self::parse_usual(value).map_or_else(|| Self::parse_any(value), Ok)
    }

    /// A name in lower case or an IPv4 address, and a port or none, in one pass: nearly every request has one. `None`: look closer.
    fn parse_usual(value: &'a [u8]) -> Option<Self> {
        let mut colon = value.len();
        // As if a dot had come before: the first label must not be empty either.
        let mut previous = b'.';
        for (at, &byte) in value.iter().enumerate() {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => {}
                b'.' if previous != b'.' => {}
                b':' => {
                    colon = at;
                    break;
                }
                _ => return None,
            }
            previous = byte;
        }
        if colon > MAX_NAME || matches!(previous, b'.' | b'-') {
            return None;
        }
        let name = str::from_utf8(&value[..colon]).ok()?;
        // A name that ends in a digit may have to be an address.
        if previous.is_ascii_digit() {
            name.parse::<Ipv4Addr>().ok()?;
        }
        let port = match value.get(colon + 1..) {
            None => None,
            Some(digits) => Some(usual_port(digits)?),
        };
        Some(Self {
            name: Cow::Borrowed(name),
            port,
        })
    }

    fn parse_any(value: &'a [u8]) -> Result<Self, HostError> {
        let value = str::from_utf8(value).map_err(|_| HostError::Character)?;
        let (name, port) = split_port(value)?;
        if name.starts_with('[') {
            check_ipv6(name)?;
        } else {
            check_name(name)?;
        }
        // The root's dot says nothing here: `example.com.` is `example.com`.
        let name = name.strip_suffix('.').unwrap_or(name);
        let name = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name)
        };
        Ok(Self {
            name,
            port: parse_port(port)?,
        })
    }

    /// In lower case, without a trailing dot; an IPv6 address is in its brackets.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// `None` when the value names none: then it is the scheme's own.
    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether the name is an IP address.
    pub(crate) fn is_address(&self) -> bool {
        // Every name whose last label is a number was checked to be one.
        self.name.ends_with(']')
            || self.name.ends_with(|last: char| last.is_ascii_digit())
                && self.name.parse::<Ipv4Addr>().is_ok()
    }
}

fn usual_port(digits: &[u8]) -> Option<u16> {
    if digits.len() > 5 {
        return None;
    }
    let port = digits.iter().try_fold(0_u32, |port, digit| {
        digit
            .is_ascii_digit()
            .then(|| port * 10 + u32::from(digit - b'0'))
    })?;
    u16::try_from(port).ok().filter(|&port| port > 0)
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the host is empty",
            Self::Character => "the host holds a character that no host name has",
            Self::Label => "the host has an empty label",
            Self::TooLong => "the host is longer than 253 characters",
            Self::Address => "the host is not a valid IP address",
            Self::Port => "the port is not a number from 1 to 65535",
        })
    }
}

impl std::error::Error for HostError {}

/// The host and what follows its colon; the colons within brackets are part of the address.
fn split_port(value: &str) -> Result<(&str, Option<&str>), HostError> {
    let end_of_address = if value.starts_with('[') {
        value.find(']').ok_or(HostError::Address)?
    } else {
        0
    };
    let (host, rest) = match value[end_of_address..].find(':') {
        None => (value, None),
        Some(colon) => (
            &value[..end_of_address + colon],
            Some(&value[end_of_address + colon + 1..]),
        ),
    };
    Ok((host, rest))
}

/// `port = *DIGIT`: an empty one is none.
fn parse_port(digits: Option<&str>) -> Result<Option<u16>, HostError> {
    match digits {
        None | Some("") => Ok(None),
        // `parse` would take a sign as well.
        Some(digits) if !digits.bytes().all(|byte| byte.is_ascii_digit()) => Err(HostError::Port),
        Some(digits) => match digits.parse() {
            Ok(0) | Err(_) => Err(HostError::Port),
            Ok(port) => Ok(Some(port)),
        },
    }
}

fn check_ipv6(name: &str) -> Result<(), HostError> {
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .ok_or(HostError::Address)?;
    // Zones (`%eth0`) are of no use beyond the machine that has them, and later kinds of address do not exist.
    address
        .parse::<Ipv6Addr>()
        .map_err(|_| HostError::Address)?;
    Ok(())
}

/// A registered name or an IPv4 address.
fn check_name(name: &str) -> Result<(), HostError> {
    if name.is_empty() {
        return Err(HostError::Empty);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > MAX_NAME {
        return Err(HostError::TooLong);
    }
    // The underscore is no letter of host names, but of names in use.
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !name.bytes().all(is_letter) {
        return Err(HostError::Character);
    }
    if matches!(name.as_bytes(), [] | [b'.', ..] | [.., b'.'])
        || name.as_bytes().windows(2).any(|two| two == b"..")
    {
        return Err(HostError::Label);
    }
    let mut last_label = name.bytes().rev().take_while(|&byte| byte != b'.');
    if last_label.all(|byte| byte.is_ascii_digit()) && name.parse::<Ipv4Addr>().is_err() {
        return Err(HostError::Address);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_may_have_a_port() {
        let cases = [
            ("www.example.org", "www.example.org", None),
            ("example.com:8080", "example.com", Some(8080)),
            ("EXAMPLE.com", "example.com", None),
            ("example.com.", "example.com", None),
            ("Example.COM.:443", "example.com", Some(443)),
            ("localhost", "localhost", None),
            ("my_app-1.internal", "my_app-1.internal", None),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
            ("127.0.0.1:80", "127.0.0.1", Some(80)),
            ("1.2.3.4.example", "1.2.3.4.example", None),
            ("[::1]", "[::1]", None),
            ("[2001:DB8::1]:65535", "[2001:db8::1]", Some(65535)),
            ("[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]", None),
            // RFC 3986 §3.2.3: port = *DIGIT
            ("example.com:", "example.com", None),
            ("example.com:00080", "example.com", Some(80)),
        ];
        for (value, name, port) in cases {
            let host = Host::parse(value.as_bytes()).unwrap();
            assert_eq!((host.name(), host.port()), (name, port), "{value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_short_way_agrees_with_the_long_one(value in "[0-9a-c._-]{0,12}(:[0-9]{0,6})?") {
            if let Some(host) = Host::parse_usual(value.as_bytes()) {
                proptest::prop_assert_eq!(Host::parse_any(value.as_bytes()), Ok(host));
            }
        }
    }

    #[test]
    fn the_usual_host_is_borrowed() {
        let host = Host::parse(b"example.com.:80").unwrap();
        assert!(matches!(host.name, Cow::Borrowed("example.com")));
    }

    #[test]
    fn addresses_are_told_from_names() {
        for (value, expected) in [
            ("127.0.0.1", true),
            ("[::1]:80", true),
            ("1.example", false),
            ("example1", false),
        ] {
            assert_eq!(
                Host::parse(value.as_bytes()).unwrap().is_address(),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        use HostError::{Address, Character, Empty, Label, Port, TooLong};
        let long = format!("{}example", "a.".repeat(124));
        let cases: &[(&[u8], HostError)] = &[
            (b"", Empty),
            (b":80", Empty),
            (b".", Label),
            (b"..", Label),
            (b".example.com", Label),
            (b"a..b", Label),
            (b"example.com..", Label),
            (b"user@example.com", Character),
            (b"user:secret@example.com", Port),
            (b"example.com/path", Character),
            (b"example.com:80/path", Port),
            (b"http://example.com", Port),
            (b"example.com?x", Character),
            (b"a.example, b.example", Character),
            (b"a.example,b.example", Character),
            (b"a b", Character),
            (b" a", Character),
            (b"a\tb", Character),
            (b"a%20b", Character),
            (b"a\\b", Character),
            (b"a\"b", Character),
            (b"<a>", Character),
            (b"caf\xc3\xa9.example", Character),
            (b"caf\xe9.example", Character),
            (b"a\0", Character),
            (long.as_bytes(), TooLong),
            (b"example.com:0", Port),
            (b"example.com:65536", Port),
            (b"example.com:99999999999999999999", Port),
            (b"example.com:+80", Port),
            (b"example.com:-1", Port),
            (b"example.com:http", Port),
            (b"example.com:80:80", Port),
            (b"::1", Empty),
            (b"fe80::1", Port),
            (b"[::1", Address),
            (b"[]", Address),
            (b"[::1]x", Address),
            (b"[::1]80", Address),
            (b"[127.0.0.1]", Address),
            (b"[fe80::1%25eth0]", Address),
            (b"[fe80::1%eth0]", Address),
            (b"[v1.x]", Address),
            (b"[::g]", Address),
            (b"[::1].", Address),
            (b"256.0.0.1", Address),
            (b"1.2.3", Address),
            (b"127.1", Address),
            (b"2130706433", Address),
            (b"0127.0.0.1", Address),
        ];
        for (value, error) in cases {
            assert_eq!(Host::parse(value), Err(*error), "{}", value.escape_ascii());
        }
    }
}
