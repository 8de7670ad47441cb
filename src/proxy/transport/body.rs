//! The body of an answer, however it comes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::exchange::Target;
use super::http2::Http2Body;
use super::pool::Pool;
use super::socket::Socket;
use crate::http1::upstream::Streaming;

/// The body of an answer. While it is polled, the rest of the request's body is sent as well; dropped before its end, it ends the exchange.
#[derive(Debug, Default)]
pub(crate) enum AnswerBody {
    #[default]
    Empty,
    /// All of it came with the head.
    Held(Bytes),
    Http1(Box<Http1Body>),
    Http2(Box<Http2Body>),
}

/// A body that comes by HTTP/1.1; then its connection goes back to where it was taken from.
#[derive(Debug)]
pub(crate) struct Http1Body {
    pub(super) streaming: Box<Streaming<Socket>>,
    pub(super) pool: Arc<Pool>,
    pub(super) target: Target,
    /// How long the server said that it leaves the connection open.
    pub(super) said: Option<Duration>,
}

impl Http1Body {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = self.streaming.poll_frame(context);
        if let Some(connection) = self.streaming.take_connection() {
            self.pool.put(&self.target, connection, self.said);
        }
        polled
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        match this {
            Self::Empty => Poll::Ready(None),
            Self::Held(data) => {
                let data = std::mem::take(data);
                *this = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Self::Http1(body) => body.poll_frame(context),
            Self::Http2(body) => body.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Held(_) => false,
            Self::Http1(body) => body.streaming.is_over(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Held(data) => SizeHint::with_exact(data.len() as u64),
            Self::Http1(body) => body.streaming.size_hint(),
            Self::Http2(body) => body.size_hint(),
        }
    }
}
