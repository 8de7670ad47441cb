//! Who is on the other side of a connection.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use super::tls::TlsSession;
use crate::header::forwarded::{Client, TrustedProxies};

/// The other side, as the connection tells; what request fields say of it is another matter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer {
    /// None for a unix socket.
    pub(crate) address: Option<SocketAddr>,
    /// A proxy opened the connection for somebody it could not name: the address is its own, but what the fields say is not.
    pub(crate) is_unknown: bool,
    /// What was negotiated. None: the connection is plain.
    pub(crate) tls: Option<TlsSession>,
}

impl Peer {
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.address.map(|address| address.ip())
    }

    /// The protocol that the TLS handshake ended with (ALPN).
    pub(crate) fn agreed_on(&self) -> Option<&'static str> {
        self.tls.as_ref()?.protocol()
    }
}

/// Who asks: the peer, or whom a trusted one speaks for. Without trusted proxies, nothing is looked at.
pub(crate) fn client(peer: &Peer, headers: &HeaderMap, trusted: &TrustedProxies) -> Client {
    if peer.is_unknown || !trusted.trusts(peer.address) {
        return Client {
            address: peer.address,
            is_https: None,
        };
    }
    trusted.client(peer.address, headers)
}

/// Whether the client came by https, as whoever speaks for it says; else, whether the peer did.
pub(crate) fn is_encrypted(peer: &Peer, client: Client) -> bool {
    client.is_https.unwrap_or(peer.tls.is_some())
}

/// The address of [`client`].
pub(crate) fn client_address(
    peer: &Peer,
    headers: &HeaderMap,
    trusted: &TrustedProxies,
) -> Option<IpAddr> {
    client(peer, headers, trusted)
        .address
        .map(|address| address.ip())
}
