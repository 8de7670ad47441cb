//! Another protocol that a client asks for: by `Upgrade` (RFC 9110 §7.8), or on a stream of HTTP/2 (RFC 8441). To a server, which speaks
//! HTTP/1.1 then, both are the former.

use http::header::SEC_WEBSOCKET_KEY;

use super::Asking;
use super::fields::{Sink, WriteFields};
use super::request::{self, Forwarded};
use crate::routing;

/// The protocol that is asked for instead of HTTP.
pub(super) struct Switch<'a> {
    pub(super) protocol: Option<&'a [u8]>,
    /// On a stream of HTTP/2 (RFC 8441).
    pub(super) is_stream: bool,
    key: Option<String>,
}

impl<'a> Switch<'a> {
    pub(super) fn asked(asking: &Asking<'a>) -> Self {
        let parts = asking.parts;
        if routing::is_tunnel(parts) {
            let protocol = parts.extensions.get::<hyper::ext::Protocol>();
            return Self {
                protocol: protocol.map(|protocol| protocol.as_str().as_bytes()),
                is_stream: true,
                key: Some(websocket_key()),
            };
        }
        Self {
            protocol: request::upgrade(parts),
            is_stream: false,
            key: None,
        }
    }

    pub(super) fn keyed<'f>(&'f self, inner: &'f Forwarded<'f>) -> Keyed<'f> {
        Keyed {
            inner,
            key: self.key.as_deref(),
        }
    }
}

/// RFC 8441 §5: in HTTP/2 there is no key, for which HTTP/1.1 has no other word.
pub(super) struct Keyed<'a> {
    inner: &'a Forwarded<'a>,
    key: Option<&'a str>,
}

impl WriteFields for Keyed<'_> {
    fn write(&self, sink: &mut dyn Sink) {
        self.inner.write(sink);
        if let Some(key) = self.key {
            sink.put(SEC_WEBSOCKET_KEY.as_str().as_bytes(), key.as_bytes());
        }
    }

    fn takes_trace(&self) -> bool {
        self.inner.takes_trace()
    }
}

/// RFC 6455 §4.1: sixteen bytes that nobody knew before, in base64.
fn websocket_key() -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let high = getrandom::u64().unwrap_or_default();
    let low = getrandom::u64().unwrap_or_default();
    let bits = u128::from(high) << 64 | u128::from(low);
    // 128 bits are 21 digits of six, and two bits that are followed by four of nothing.
    let mut key: String = (0..21)
        .map(|place| DIGITS[(bits >> (122 - 6 * place)) as usize & 63] as char)
        .collect();
    key.push(DIGITS[((bits & 3) << 4) as usize] as char);
    key + "=="
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sixteen_bytes_in_base64_and_never_the_same() {
        let (one, other) = (websocket_key(), websocket_key());
        assert_ne!(one, other);
        for key in [one, other] {
            assert_eq!((key.len(), &key[22..]), (24, "=="));
            // The last of the digits has four bits that are zero.
            assert!(b"AQgw".contains(&key.as_bytes()[21]), "{key}");
        }
    }
}
