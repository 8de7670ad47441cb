//! A connection without a socket: bytes in, and whatever the application makes of them. For fuzzing and tests.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::generation::{Generation, Shared};
use super::limit::{Limit, Open};
use super::peer::Peer;
use super::shutdown::Drain;
use crate::config::{AdminConfig, Limits};
use crate::header::forwarded::TrustedProxies;
use crate::observe::Outlets;
use crate::observe::observer::Observer;

/// Serves a router to a client that sends these bytes and closes its side.
pub(crate) async fn serve(router: axum::Router, limits: Limits, client: Client) {
    let (_drain, draining) = Drain::new();
    let tally = Observer::new(&AdminConfig::default()).enlist();
    let generation = Generation::new(
        router,
        limits,
        Outlets::default(),
        TrustedProxies::default(),
    );
    let shared = Shared::new(generation, tally);
    let serving = Arc::clone(&shared);
    let permit = Open::new(&Limit::new(1)).permit();
    let permit = permit.expect("one connection, and one allowed");
    serving
        .serve(client, Peer::default(), draining, permit)
        .await;
}

/// A client that has sent everything it will send, and takes everything it gets.
#[derive(Debug)]
pub(crate) struct Client {
    pieces: std::vec::IntoIter<Vec<u8>>,
    rest: Vec<u8>,
    has_paused: bool,
}

impl Client {
    /// The bytes come in these pieces; between two of them there is nothing to read for a moment.
    pub(crate) fn new(pieces: Vec<Vec<u8>>) -> Self {
        Self {
            pieces: pieces.into_iter(),
            rest: Vec::new(),
            has_paused: true,
        }
    }
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            if !self.has_paused {
                self.has_paused = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Some(piece) = self.pieces.next() else {
                return Poll::Ready(Ok(()));
            };
            self.rest = piece;
            self.has_paused = false;
        }
        let count = self.rest.len().min(buffer.remaining());
        let rest = self.rest.split_off(count);
        buffer.put_slice(&std::mem::replace(&mut self.rest, rest));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
