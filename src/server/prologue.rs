//! What a connection begins with, before HTTP, as its listener was configured.

use tokio::io::{AsyncRead, AsyncWrite};

use super::ServeError;
use crate::config::Listen;
use crate::header::networks::Networks;

/// Made once for a listener, shared by its connections.
#[derive(Debug, Default)]
pub(super) struct Prologue {
    /// The header of the PROXY protocol is required, and taken from these.
    pub(super) proxy_protocol: Option<Networks>,
}

impl Prologue {
    #[allow(
        clippy::unnecessary_wraps,
        reason = "there is more to come that can fail"
    )]
    pub(super) fn new(listen: &Listen) -> Result<Self, ServeError> {
        Ok(Self {
            proxy_protocol: listen.proxy_protocol.clone(),
        })
    }

    /// For the same address after its configuration was read again; connections that have begun keep this one.
    #[allow(clippy::unused_self, reason = "what it holds may be kept")]
    pub(super) fn renewed(&self, listen: &Listen) -> Result<Self, ServeError> {
        Self::new(listen)
    }

    /// Whether HTTP begins with the first byte.
    pub(super) fn is_empty(&self) -> bool {
        self.proxy_protocol.is_none()
    }
}

/// A socket, whatever it is made of.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}
