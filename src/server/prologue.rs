//! What a connection begins with, before HTTP, as its listener was configured.

use tokio::io::{AsyncRead, AsyncWrite};

use super::ServeError;
use crate::config::Listen;

/// Made once for a listener, shared by its connections.
#[derive(Debug, Default)]
pub(super) struct Prologue {}

impl Prologue {
    pub(super) fn new(_listen: &Listen) -> Result<Self, ServeError> {
        Ok(Self {})
    }

    /// For the same address after its configuration was read again; connections that have begun keep this one.
    #[allow(clippy::unused_self, reason = "what it holds may be kept")]
    pub(super) fn renewed(&self, listen: &Listen) -> Result<Self, ServeError> {
        Self::new(listen)
    }

    /// Whether HTTP begins with the first byte.
    pub(super) fn is_empty(&self) -> bool {
        true
    }
}

/// A socket, whatever it is made of.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}
