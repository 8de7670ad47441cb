//! The server's end of a tunnel, such as a WebSocket's.

use std::fmt;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

/// The end of a connection whose other end is a server, after it has switched protocols (RFC 9110 §7.8).
pub(crate) struct FarEnd {
    pub(crate) stream: Box<dyn Duplex>,
    pub(crate) timeouts: TunnelTimeouts,
    /// What lives as long as the connection does.
    #[allow(dead_code, reason = "kept for its drop")]
    pub(crate) guard: Option<Box<dyn std::any::Any + Send>>,
}

/// Zero: no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TunnelTimeouts {
    /// Without a byte either way.
    pub(crate) idle: Duration,
    /// The same once one side has ended.
    pub(crate) half_closed: Duration,
}

/// A stream of bytes both ways.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

impl fmt::Debug for FarEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FarEnd").finish_non_exhaustive()
    }
}
