//! What a program's own router is told of the connection and of who stands behind it.

use std::net::SocketAddr;

use super::peer::{Peer, is_encrypted};
use crate::header::forwarded::Client;

/// Who asks, and who is on the other side of the connection: an extension of each request that [`Server::with_app`] hands to a router.
///
/// The two differ when a proxy stands between that the configuration trusts (`trusted_proxies`). axum's `ConnectInfo<SocketAddr>` is the
/// client's address too.
///
/// [`Server::with_app`]: crate::Server::with_app
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    client: Option<SocketAddr>,
    peer: Option<SocketAddr>,
    is_https: bool,
}

impl ConnectionInfo {
    pub(super) fn new(peer: &Peer, client: Client) -> Self {
        Self {
            client: client.address,
            peer: peer.address,
            is_https: is_encrypted(peer, client),
        }
    }

    /// The client's address. Its port is 0 where a trusted proxy told the address only; none: a Unix socket.
    pub fn client(&self) -> Option<SocketAddr> {
        self.client
    }

    /// The other side of the connection, as the PROXY protocol says where a listener takes it: the client, or the proxy that is nearest.
    /// None: a Unix socket.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Whether the client came by https, as a trusted proxy says; without one, whether this connection is encrypted.
    pub fn is_https(&self) -> bool {
        self.is_https
    }
}
