//! The body of an answer that comes by HTTP/2.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::runtime::Handle;

use super::connections::Stream;
use super::outbound::{Cancel, without_forbidden};
use super::wrong;
use crate::http1::upstream::Timer;
use crate::proxy::transport::body::AnswerBody;

/// How long the end of an answer is waited for after all of its body, so that the stream need not be reset.
const LINGER: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Http2Body {
    /// None: it has ended, and so have the others.
    open: Option<Open>,
    /// Looked at before it was asked for.
    next: Option<io::Result<Frame<Bytes>>>,
    timer: Timer,
    /// Whether the timer was set for what is waited for now.
    waits: bool,
    idle: Duration,
}

#[derive(Debug)]
struct Open {
    incoming: Incoming,
    stream: Stream,
    cancel: Cancel,
}

impl From<Http2Body> for AnswerBody {
    fn from(mut body: Http2Body) -> Self {
        body.look_for_end();
        if body.open.is_none() {
            Self::Empty
        } else {
            Self::Http2(Box::new(body))
        }
    }
}

impl Http2Body {
    pub(super) fn new(incoming: Incoming, stream: Stream, cancel: Cancel, idle: Duration) -> Self {
        Self {
            open: Some(Open {
                incoming,
                stream,
                cancel,
            }),
            next: None,
            timer: Timer::default(),
            waits: false,
            idle,
        }
    }

    pub(in crate::proxy::transport) fn is_end_stream(&self) -> bool {
        self.open.is_none() && self.next.is_none()
    }

    pub(in crate::proxy::transport) fn size_hint(&self) -> SizeHint {
        match &self.open {
            Some(open) => open.incoming.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }

    pub(in crate::proxy::transport) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(next) = self.next.take() {
            return Poll::Ready(Some(next));
        }
        let Some(open) = &mut self.open else {
            return Poll::Ready(None);
        };
        let frame = match open.poll(context) {
            Poll::Ready(frame) => frame,
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
        self.saw(frame.as_ref());
        if self.size_hint().exact() == Some(0)
            && let Some(open) = &mut self.open
            && let Poll::Ready(next) = open.poll(context)
        {
            // Who knows the length does not ask for more: the end is seen now, if it is there.
            self.saw(next.as_ref());
            self.next = next;
        }
        Poll::Ready(frame)
    }

    /// Ends with what was seen, where that was the end.
    fn saw(&mut self, frame: Option<&io::Result<Frame<Bytes>>>) {
        let Some(open) = &mut self.open else { return };
        match frame {
            Some(Ok(frame)) if !frame.is_trailers() => return self.look_for_end(),
            Some(_) => {}
            None => open.stream.is_plain(),
        }
        self.open = None;
    }

    fn look_for_end(&mut self) {
        if let Some(open) = &mut self.open
            && open.incoming.is_end_stream()
        {
            open.stream.is_plain();
            self.open = None;
        }
    }
}

impl Open {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(context));
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(Ok(without_forbidden(frame))),
            Some(Err(error)) => {
                let of_client = self.cancel.take_error();
                Some(Err(of_client.unwrap_or_else(|| wrong::text(&error))))
            }
            None if self.is_cut_off() => Some(Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server reset the stream in the middle of its answer",
            ))),
            None => None,
        })
    }

    /// RFC 9113 §8.1: a server that has answered may say by a reset that it does not want the rest of the request. The library takes any
    /// reset that names no error for that.
    fn is_cut_off(&self) -> bool {
        !self.incoming.is_end_stream()
            && self.incoming.size_hint().exact() != Some(0)
            && !self.cancel.is_sending()
    }
}

impl Drop for Http2Body {
    /// All of the body is there, and only its end is not: resetting the stream for that would look like giving up, which servers count.
    fn drop(&mut self) {
        let is_whole = self.size_hint().exact() == Some(0);
        let Some(mut open) = self.open.take() else {
            return;
        };
        if let (true, Ok(runtime)) = (is_whole && !open.cancel.is_sending(), Handle::try_current())
        {
            runtime.spawn(async move {
                let end = poll_fn(|context| open.poll(context));
                if let Ok(None) = tokio::time::timeout(LINGER, end).await {
                    open.stream.is_plain();
                }
            });
        }
    }
}
