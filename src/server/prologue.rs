//! What a connection begins with, before HTTP, as its listener was configured.

use tokio::io::{AsyncRead, AsyncWrite};

use super::tls::Tls;
use crate::config::Listen;
use crate::header::networks::Networks;

/// Made once for a listener, shared by its connections.
#[derive(Debug, Default)]
pub(super) struct Prologue {
    /// The header of the PROXY protocol is required, and taken from these.
    pub(super) proxy_protocol: Option<Networks>,
    tls: Option<Tls>,
}

impl Prologue {
    pub(super) fn new(listen: &Listen) -> Self {
        Self {
            proxy_protocol: listen.proxy_protocol.clone(),
            tls: listen.tls.clone(),
        }
    }

    /// From now on connections begin so. Not before: what runs beside them is started here, and a thread that was started earlier would
    /// be outside of the sandbox.
    pub(super) fn begin(&self) {
        if let Some(tls) = &self.tls {
            tls.watch();
        }
    }

    /// Whether HTTP begins with the first byte.
    pub(super) fn is_empty(&self) -> bool {
        self.proxy_protocol.is_none() && self.tls.is_none()
    }

    /// How TLS is spoken here; none: it is not.
    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }
}

/// A socket, whatever it is made of.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}
