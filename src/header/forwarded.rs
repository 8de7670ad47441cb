//! Who the client is when trusted proxies stand between: `X-Forwarded-For` with `X-Forwarded-Proto`, or `Forwarded` (RFC 7239).
//!
//! 1. Is the peer trusted? If not, the peer is the client, whatever it sends.
//! 2. Which field counts.
//! 3. Walk its members from the right, where the nearest proxy wrote. Each names who the proxy was asked by; as long as that is a
//!    trusted proxy, the member before it counts too. The first that is not trusted is the client.
//! 4. Where a member cannot be read, the walk ends: whatever stands to its left is hearsay.
//!
//! Anything to the left of the client's own member is what the client sent: nobody looks at it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName, header::FORWARDED};

use super::networks::Networks;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Which proxies are believed, and in which field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TrustedProxies {
    pub(crate) networks: Networks,
    pub(crate) field: ForwardedField,
}

/// Where proxies say who asked them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ForwardedField {
    /// `X-Forwarded-For`; where there is none, `Forwarded`.
    #[default]
    Either,
    XForwardedFor,
    Forwarded,
}

/// Who asks, by which scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// None for a unix socket. The port is 0 where a proxy told only the address.
    pub(crate) address: Option<SocketAddr>,
    /// Whether the client came by https; `None`: no trusted proxy says.
    pub(crate) is_https: Option<bool>,
}

impl TrustedProxies {
    /// Whether what this peer says of others is believed; `None` is a unix socket.
    pub(crate) fn trusts(&self, peer: Option<SocketAddr>) -> bool {
        match peer {
            _ if self.networks.is_empty() => false,
            Some(peer) => self.networks.contains(peer.ip()),
            None => self.networks.has_unix(),
        }
    }

    /// The client that a trusted peer speaks for: the peer itself when the fields tell of nobody else.
    pub(crate) fn client(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Client {
        let is_forwarded = match self.field {
            ForwardedField::Forwarded => true,
            ForwardedField::XForwardedFor => false,
            ForwardedField::Either => {
                !headers.contains_key(X_FORWARDED_FOR) && headers.contains_key(FORWARDED)
            }
        };
        if is_forwarded {
            self.by_forwarded(peer, headers)
        } else {
            self.by_x_forwarded(peer, headers)
        }
    }

    fn by_x_forwarded(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Client {
        let mut address = peer;
        let mut hops = 0;
        for member in members(headers, &X_FORWARDED_FOR) {
            let Some(node) = node(member) else { break };
            address = Some(node);
            hops += 1;
            if !self.networks.contains(node.ip()) {
                break;
            }
        }
        // A proxy that adds its member to the one field and replaces the other leaves fewer of these: the leftmost is then the last
        // word of a trusted one all the same.
        let is_https = members(headers, &X_FORWARDED_PROTO)
            .take(hops.max(1))
            .last()
            .and_then(is_https);
        Client { address, is_https }
    }

    fn by_forwarded(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Client {
        let mut client = Client {
            address: peer,
            is_https: None,
        };
        for element in members(headers, &FORWARDED) {
            let Some(element) = Element::parse(element) else {
                break;
            };
            // The same proxy wrote both: by which scheme it was asked is known even where it hides by whom (§6.3).
            client.is_https = element.proto.and_then(is_https);
            let Some(node) = element.node.and_then(node) else {
                break;
            };
            client.address = Some(node);
            if !self.networks.contains(node.ip()) {
                break;
            }
        }
        client
    }
}

/// The members of all lines of a field, from the last to the first; empty ones are skipped (RFC 9110 §5.6.1.2).
fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(name).iter().rev();
    lines
        .flat_map(|line| Backwards(Some(line.as_bytes())))
        .filter(|member| !member.is_empty())
}

/// A list from its end. Commas in quoted strings do not count; a quote that a client left open to the left takes nothing away from what
/// proxies added to the right.
struct Backwards<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Backwards<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let list = self.0?;
        let mut is_quoted = false;
        for (place, byte) in list.iter().enumerate().rev() {
            match byte {
                b'"' => is_quoted = !is_quoted,
                b',' if !is_quoted => {
                    self.0 = Some(&list[..place]);
                    return Some(list[place + 1..].trim_ascii());
                }
                _ => {}
            }
        }
        self.0 = None;
        Some(list.trim_ascii())
    }
}

/// What counts of a member of `Forwarded` (RFC 7239 §4).
#[derive(Default)]
struct Element<'a> {
    node: Option<&'a [u8]>,
    proto: Option<&'a [u8]>,
}

impl<'a> Element<'a> {
    /// `None` when it is not made of pairs, or has one of them twice.
    fn parse(text: &'a [u8]) -> Option<Self> {
        let mut element = Self::default();
        // No value that counts holds a semicolon, quoted or not: what is cut in two here is no pair, or none that counts.
        for pair in text.split(|byte| *byte == b';') {
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (pair[..equals].trim_ascii_start(), &pair[equals + 1..]);
            let place = match name {
                name if name.eq_ignore_ascii_case(b"for") => &mut element.node,
                name if name.eq_ignore_ascii_case(b"proto") => &mut element.proto,
                _ => continue,
            };
            if place.replace(unquoted(value.trim_ascii_end())?).is_some() {
                return None;
            }
        }
        Some(element)
    }
}

/// The value within its quotes, if it has any. None that counts needs an escape.
fn unquoted(value: &[u8]) -> Option<&[u8]> {
    let inner = match value {
        [b'"', inner @ .., b'"'] => inner,
        value => value,
    };
    (!inner.iter().any(|byte| matches!(byte, b'"' | b'\\'))).then_some(inner)
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`; not `unknown`, `_hidden`, or anything else.
fn node(text: &[u8]) -> Option<SocketAddr> {
    let text = str::from_utf8(text).ok()?;
    // A port may be obfuscated (RFC 7239 §6): the address counts.
    let text = match text.rsplit_once(':') {
        Some((address, port)) if port.starts_with('_') => address,
        _ => text,
    };
    let (ip, port) = if let Ok(address) = text.parse::<SocketAddr>() {
        (address.ip(), address.port())
    } else if let Some(rest) = text.strip_prefix('[') {
        let address: Ipv6Addr = rest.strip_suffix(']')?.parse().ok()?;
        (address.into(), 0)
    } else {
        (text.parse::<IpAddr>().ok()?, 0)
    };
    Some(SocketAddr::new(ip.to_canonical(), port))
}

fn is_https(proto: &[u8]) -> Option<bool> {
    let is = |name: &str| proto.eq_ignore_ascii_case(name.as_bytes());
    if is("https") || is("wss") {
        Some(true)
    } else if is("http") || is("ws") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::headers;
    use super::*;

    const X: HeaderName = X_FORWARDED_FOR;
    const F: HeaderName = FORWARDED;
    const PROTO: HeaderName = X_FORWARDED_PROTO;

    fn trusted(field: ForwardedField) -> TrustedProxies {
        let mut networks = Networks::default();
        for text in ["10.0.0.0/8", "fd00::/8", "unix"] {
            networks.add(text).unwrap();
        }
        TrustedProxies { networks, field }
    }

    /// The client as told to a server whose peer is the proxy 10.0.0.1.
    fn client(lines: &[(HeaderName, &str)]) -> (String, Option<bool>) {
        let peer = "10.0.0.1:4711".parse().unwrap();
        let client = trusted(ForwardedField::Either).client(Some(peer), &headers(lines));
        (client.address.unwrap().to_string(), client.is_https)
    }

    #[test]
    fn the_client_is_the_rightmost_address_that_is_not_trusted() {
        for (lines, want) in [
            (&[][..], "10.0.0.1:4711"),
            (&[(X, "192.0.2.1")], "192.0.2.1:0"),
            (&[(X, "192.0.2.1:80")], "192.0.2.1:80"),
            (&[(X, "2001:db8::1")], "[2001:db8::1]:0"),
            (&[(X, "[2001:db8::1]")], "[2001:db8::1]:0"),
            (&[(X, "[2001:db8::1]:80")], "[2001:db8::1]:80"),
            (&[(X, "::ffff:192.0.2.1")], "192.0.2.1:0"),
            // What stands to the left of it is what the client sent.
            (&[(X, "203.0.113.9, 192.0.2.1")], "192.0.2.1:0"),
            (
                &[(X, "203.0.113.9, 192.0.2.1, 10.0.0.2,fd00::3")],
                "192.0.2.1:0",
            ),
            // All trusted: the outermost of them.
            (&[(X, "10.0.0.3, 10.0.0.2")], "10.0.0.3:0"),
            // Lines are one list.
            (
                &[(X, "203.0.113.9"), (X, "192.0.2.1"), (X, "10.0.0.2")],
                "192.0.2.1:0",
            ),
            (
                &[(X, ",, 192.0.2.1 ,\t, 10.0.0.2,,"), (X, ""), (X, ",")],
                "192.0.2.1:0",
            ),
            // Where it cannot be read the walk ends: the last that could be counts.
            (&[(X, "192.0.2.1, unknown")], "10.0.0.1:4711"),
            (&[(X, "192.0.2.1, garbage, 10.0.0.2")], "10.0.0.2:0"),
            (&[(X, "192.0.2.1, _x, 10.0.0.2")], "10.0.0.2:0"),
            (&[(X, "192.0.2.1, 999.0.0.1, 10.0.0.2")], "10.0.0.2:0"),
            (&[(X, "192.0.2.1 10.0.0.2")], "10.0.0.1:4711"),
            (&[(X, "192.0.2.1:99999")], "10.0.0.1:4711"),
            (&[(X, "[192.0.2.1]")], "10.0.0.1:4711"),
            (&[(X, "[::1")], "10.0.0.1:4711"),
            (&[(X, "\"192.0.2.1\"")], "10.0.0.1:4711"),
        ] {
            assert_eq!(client(lines).0, want, "{lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_says() {
        for (lines, want) in [
            (&[(F, "for=192.0.2.1")][..], "192.0.2.1:0"),
            (
                &[(F, "For=192.0.2.1;proto=http;by=203.0.113.43")],
                "192.0.2.1:0",
            ),
            (
                &[(F, "proto=http; for=\"192.0.2.1:80\" ; host=a")],
                "192.0.2.1:80",
            ),
            (
                &[(F, "for=\"[2001:db8:cafe::17]:4711\"")],
                "[2001:db8:cafe::17]:4711",
            ),
            (
                &[(F, "for=\"[2001:db8:cafe::17]\"")],
                "[2001:db8:cafe::17]:0",
            ),
            (&[(F, "for=\"192.0.2.1:_port\"")], "192.0.2.1:0"),
            (
                &[(F, "for=203.0.113.9, for=192.0.2.1, for=\"10.0.0.2:1\"")],
                "192.0.2.1:0",
            ),
            (
                &[
                    (F, "for=203.0.113.9"),
                    (F, "for=192.0.2.1"),
                    (F, "for=10.0.0.2"),
                ],
                "192.0.2.1:0",
            ),
            // A comma in quotes is none.
            (&[(F, "for=192.0.2.1;host=\"a,b\"")], "192.0.2.1:0"),
            // What the client left open does not reach what the proxy added.
            (&[(F, "for=\"203.0.113.9, for=192.0.2.1")], "192.0.2.1:0"),
            (&[(F, "\"\\\", for=192.0.2.1")], "192.0.2.1:0"),
            // Hidden, unknown, unreadable: the last good one.
            (&[(F, "for=192.0.2.1, for=unknown")], "10.0.0.1:4711"),
            (
                &[(F, "for=192.0.2.1, for=_hidden, for=10.0.0.2")],
                "10.0.0.2:0",
            ),
            (
                &[(F, "for=192.0.2.1, proto=https, for=10.0.0.2")],
                "10.0.0.2:0",
            ),
            (
                &[(F, "for=192.0.2.1;for=192.0.2.2, for=10.0.0.2")],
                "10.0.0.2:0",
            ),
            (&[(F, "for=192.0.2.1;nonsense")], "10.0.0.1:4711"),
            (&[(F, "for=\"192.0.2.1")], "10.0.0.1:4711"),
            (&[(F, "for = 192.0.2.1")], "10.0.0.1:4711"),
            (&[(F, "for=")], "10.0.0.1:4711"),
        ] {
            assert_eq!(client(lines).0, want, "{lines:?}");
        }
    }

    #[test]
    fn one_field_counts() {
        let both = headers(&[(X, "192.0.2.1"), (F, "for=192.0.2.2")]);
        let forwarded = headers(&[(F, "for=192.0.2.2")]);
        for (field, headers, want) in [
            (ForwardedField::Either, &both, "192.0.2.1:0"),
            (ForwardedField::Either, &forwarded, "192.0.2.2:0"),
            (ForwardedField::XForwardedFor, &both, "192.0.2.1:0"),
            (ForwardedField::XForwardedFor, &forwarded, "10.0.0.1:1"),
            (ForwardedField::Forwarded, &both, "192.0.2.2:0"),
        ] {
            let peer = "10.0.0.1:1".parse().ok();
            let found = trusted(field).client(peer, headers).address.unwrap();
            assert_eq!(found.to_string(), want, "{field:?} {headers:?}");
        }
    }

    #[test]
    fn the_scheme_is_the_one_the_client_came_by() {
        for (lines, want) in [
            (&[(X, "192.0.2.1")][..], None),
            (&[(X, "192.0.2.1"), (PROTO, "https")], Some(true)),
            (&[(X, "192.0.2.1"), (PROTO, "HTTP")], Some(false)),
            (&[(X, "192.0.2.1"), (PROTO, "gopher")], None),
            // Sent by the client, and added to by the proxy.
            (&[(X, "192.0.2.1"), (PROTO, "https, http")], Some(false)),
            (
                &[(X, "192.0.2.1, 10.0.0.2"), (PROTO, "https, http")],
                Some(true),
            ),
            (&[(X, "192.0.2.1, 10.0.0.2"), (PROTO, "https")], Some(true)),
            (&[(PROTO, "https")], Some(true)),
            (
                &[(F, "for=192.0.2.1;proto=https, for=10.0.0.2;proto=http")],
                Some(true),
            ),
            (&[(F, "proto=https, for=192.0.2.1")], None),
            (&[(F, "for=_hidden;proto=https")], Some(true)),
        ] {
            assert_eq!(client(lines).1, want, "{lines:?}");
        }
    }

    #[test]
    fn only_trusted_peers_are_listened_to() {
        let all = trusted(ForwardedField::Either);
        assert!(all.trusts("10.9.9.9:1".parse().ok()));
        assert!(all.trusts("[::ffff:10.9.9.9]:1".parse().ok()));
        assert!(!all.trusts("192.0.2.1:1".parse().ok()));
        assert!(all.trusts(None), "a unix socket");
        let nobody = TrustedProxies::default();
        assert!(!nobody.trusts(None) && !nobody.trusts("10.0.0.1:1".parse().ok()));
    }

    #[test]
    fn ten_thousand_members_are_walked() {
        let list = "10.0.0.1,".repeat(10_000);
        assert_eq!(
            client(&[(X, &format!("192.0.2.1,{list}"))]).0,
            "192.0.2.1:0"
        );
        assert_eq!(client(&[(X, &":_".repeat(20_000))]).0, "10.0.0.1:4711");
        assert_eq!(client(&[(F, &"\"".repeat(20_001))]).0, "10.0.0.1:4711");
    }
}
