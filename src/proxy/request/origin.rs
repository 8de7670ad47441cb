//! Who asked for what, as applications are told: `X-Forwarded-For` and its kin, `Forwarded` (RFC 7239).
//!
//! A trusted peer's own words stay, and the peer is added to them. Of anybody else's nothing is left: see the steps of the module above.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use super::{FORWARDED, Forwarded, HeaderName, Host, Sink, join, part};
use crate::header::digits::{put_address, put_number};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

impl Forwarded<'_> {
    pub(super) fn put_origin(&self, sink: &mut dyn Sink, scratch: &mut Vec<u8>) {
        scratch.clear();
        self.put_addresses(sink, scratch);
        let proto: &[u8] = if self.caller.is_encrypted {
            b"https"
        } else {
            b"http"
        };
        // Whom a trusted peer spoke for came by the scheme that it says: this was read from there.
        self.put(sink, &X_FORWARDED_PROTO, proto);
        if self.takes_over(scratch, &X_FORWARDED_HOST) || !self.host.is_empty() {
            if scratch.is_empty() {
                scratch.extend_from_slice(self.host);
            }
            self.put(sink, &X_FORWARDED_HOST, scratch);
        }
        if !self.takes_over(scratch, &X_FORWARDED_PORT) {
            put_number(scratch, self.port().into());
        }
        self.put(sink, &X_FORWARDED_PORT, scratch);
        if self.takes_over(scratch, &X_FORWARDED_PREFIX) {
            // The outer prefix comes first.
            while scratch.ends_with(b"/") {
                scratch.pop();
            }
        }
        scratch.extend_from_slice(self.prefix.as_bytes());
        if !scratch.is_empty() {
            self.put(sink, &X_FORWARDED_PREFIX, scratch);
        }
        self.put_forwarded(sink, scratch);
    }

    /// `X-Forwarded-For` and `X-Real-IP`.
    fn put_addresses(&self, sink: &mut dyn Sink, scratch: &mut Vec<u8>) {
        let client = address(self.caller.client);
        let peer = address(self.caller.peer);
        if !self.caller.is_peer_trusted {
            // Nearly always: both are the same.
            if let Some(client) = client {
                put_address(scratch, client);
                self.put(sink, &X_FORWARDED_FOR, scratch);
                self.put(sink, &X_REAL_IP, scratch);
            }
            return;
        }
        if !self.takes_over(scratch, &X_FORWARDED_FOR)
            && let Some(client) = client
        {
            put_address(scratch, client);
        }
        let is_told = peer == client && !self.sent(&X_FORWARDED_FOR);
        if let Some(peer) = peer.filter(|_| !is_told) {
            part(scratch);
            put_address(scratch, peer);
        }
        if !scratch.is_empty() {
            self.put(sink, &X_FORWARDED_FOR, scratch);
        }
        if let Some(client) = client {
            scratch.clear();
            put_address(scratch, client);
            self.put(sink, &X_REAL_IP, scratch);
        }
    }

    /// RFC 7239 §4, when the application is to have it; a trusted peer's goes on in any case.
    fn put_forwarded(&self, sink: &mut dyn Sink, scratch: &mut Vec<u8>) {
        let is_sent = self.takes_over(scratch, &FORWARDED);
        if self.config.forwarded {
            part(scratch);
            let proto = if self.caller.is_encrypted {
                "https"
            } else {
                "http"
            };
            match address(if self.caller.is_peer_trusted {
                self.caller.peer
            } else {
                self.caller.client
            }) {
                Some(IpAddr::V6(address)) => drop(write!(scratch, "for=\"[{address}]\"")),
                Some(IpAddr::V4(address)) => drop(write!(scratch, "for={address}")),
                None => scratch.extend_from_slice(b"for=unknown"),
            }
            let _ = write!(scratch, ";proto={proto}");
            if !self.host.is_empty() {
                scratch.extend_from_slice(b";host=\"");
                // A valid host has nothing to escape.
                scratch.extend_from_slice(self.host);
                scratch.push(b'"');
            }
        }
        if is_sent || self.config.forwarded {
            self.put(sink, &FORWARDED, scratch);
        }
    }

    /// Makes `scratch` what a trusted peer said, all lines of it; tells whether it said anything.
    fn takes_over(&self, scratch: &mut Vec<u8>, name: &HeaderName) -> bool {
        scratch.clear();
        if self.caller.is_peer_trusted {
            join(scratch, &self.parts.headers, name, b", ");
        }
        !scratch.is_empty()
    }

    fn sent(&self, name: &HeaderName) -> bool {
        self.parts.headers.contains_key(name)
    }

    /// The port that the client asked, as it wrote it; else that of the scheme.
    fn port(&self) -> u16 {
        let named = self
            .host
            .contains(&b':')
            .then(|| Host::parse(self.host).ok());
        let named = named.flatten().and_then(|host| host.port());
        named.unwrap_or(if self.caller.is_encrypted { 443 } else { 80 })
    }
}

fn address(of: Option<SocketAddr>) -> Option<IpAddr> {
    of.map(|address| address.ip().to_canonical())
}
