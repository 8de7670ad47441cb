//! Who asks, as far as it is told to servers.

use std::net::SocketAddr;

/// The way a request came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The other side of the connection. None: a Unix socket, or nobody knows.
    pub(crate) peer: Option<SocketAddr>,
    /// The client: the peer, or whom a trusted one speaks for.
    pub(crate) client: Option<SocketAddr>,
    /// Whether what the peer says of others is believed: then its fields go on, with the peer added to them.
    pub(crate) is_peer_trusted: bool,
    /// Whether the client came by https.
    pub(crate) is_encrypted: bool,
}
