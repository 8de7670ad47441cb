//! What a connection begins with, before HTTP, as its listener was configured.

use tokio::io::{AsyncRead, AsyncWrite};

use super::ServeError;
use super::tls::Tls;
use crate::config::Listen;

/// Made once for a listener, shared by its connections.
#[derive(Debug, Default)]
pub(super) struct Prologue {
    tls: Option<Tls>,
}

impl Prologue {
    #[allow(clippy::unnecessary_wraps, reason = "others of its parts can fail")]
    pub(super) fn new(listen: &Listen) -> Result<Self, ServeError> {
        if let Some(tls) = &listen.tls {
            tls.watch();
        }
        Ok(Self {
            tls: listen.tls.clone(),
        })
    }

    /// For the same address after its configuration was read again; connections that have begun keep this one.
    #[allow(clippy::unused_self, reason = "what it holds may be kept")]
    pub(super) fn renewed(&self, listen: &Listen) -> Result<Self, ServeError> {
        Self::new(listen)
    }

    /// Whether HTTP begins with the first byte.
    pub(super) fn is_empty(&self) -> bool {
        self.tls.is_none()
    }

    /// How TLS is spoken here; none: it is not.
    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }
}

/// A socket, whatever it is made of.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}
