//! The body of an answer that comes by HTTP/2.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use super::connections::Stream;
use super::outbound::{Cancel, without_forbidden};
use super::wrong;
use crate::http1::upstream::Timer;
use crate::proxy::transport::body::AnswerBody;

#[derive(Debug)]
pub(crate) struct Http2Body {
    incoming: Incoming,
    /// Neither is asked for anything; both end with the body. None: it has ended.
    ends: Option<(Stream, Cancel)>,
    timer: Timer,
    /// Whether the timer was set for what is waited for now.
    waits: bool,
    idle: Duration,
}

impl From<Http2Body> for AnswerBody {
    fn from(body: Http2Body) -> Self {
        if body.incoming.is_end_stream() {
            Self::Empty
        } else {
            Self::Http2(Box::new(body))
        }
    }
}

impl Http2Body {
    pub(super) fn new(incoming: Incoming, stream: Stream, cancel: Cancel, idle: Duration) -> Self {
        Self {
            incoming,
            ends: Some((stream, cancel)),
            timer: Timer::default(),
            waits: false,
            idle,
        }
    }

    pub(in crate::proxy::transport) fn is_end_stream(&self) -> bool {
        self.ends.is_none() || self.incoming.is_end_stream()
    }

    pub(in crate::proxy::transport) fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }

    pub(in crate::proxy::transport) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some((_, cancel)) = &self.ends else {
            return Poll::Ready(None);
        };
        let frame = match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => Some(Ok(without_forbidden(frame))),
            Poll::Ready(Some(Err(error))) => {
                let error = cancel.take_error().unwrap_or_else(|| wrong::text(&error));
                Some(Err(error))
            }
            Poll::Ready(None) => None,
            Poll::Pending => {
                if !self.waits {
                    self.timer.wait(self.idle);
                    self.waits = true;
                }
                ready!(self.timer.poll(context));
                let error =
                    io::Error::new(io::ErrorKind::TimedOut, "the server did not go on in time");
                Some(Err(error))
            }
        };
        self.waits = false;
        if !matches!(frame, Some(Ok(_))) {
            self.ends = None;
        }
        Poll::Ready(frame)
    }
}
