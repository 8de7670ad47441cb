//! Who is on the other side of a connection.

use std::net::{IpAddr, SocketAddr};

use super::tls::TlsSession;

/// The other side, as the connection tells; what request fields say of it is another matter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer {
    /// None for a unix socket.
    pub(crate) address: Option<SocketAddr>,
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
