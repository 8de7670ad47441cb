//! A body that counts what it hands on and tells when it ended: whole, by an error, or by being dropped half-way.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf as _;
use http_body::{Body, Frame, SizeHint};

use super::access_log::End;

/// Is told once that a body ended.
pub trait OnEnd: Unpin {
    /// The next part is asked for.
    fn asked(&mut self) {}

    /// A part was handed on.
    fn handed_on(&mut self) {}

    /// `sent` are the bytes that were handed on.
    fn ended(&mut self, sent: u64, end: End);
}

/// Nobody, or somebody.
impl<E: OnEnd> OnEnd for Option<E> {
    fn asked(&mut self) {
        if let Some(told) = self {
            told.asked();
        }
    }

    fn handed_on(&mut self) {
        if let Some(told) = self {
            told.handed_on();
        }
    }

    fn ended(&mut self, sent: u64, end: End) {
        if let Some(told) = self {
            told.ended(sent, end);
        }
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct CountedBody<B: Body + Unpin, E: OnEnd> {
    inner: B,
    on_end: E,
    sent: u64,
    has_ended: bool,
}

impl<B: Body + Unpin, E: OnEnd> CountedBody<B, E> {
    pub(crate) fn new(inner: B, on_end: E) -> Self {
        Self {
            inner,
            on_end,
            sent: 0,
            has_ended: false,
        }
    }

    fn end(&mut self, end: End) {
        if !std::mem::replace(&mut self.has_ended, true) {
            self.on_end.ended(self.sent, end);
        }
    }
}

impl<B: Body + Unpin, E: OnEnd> Body for CountedBody<B, E> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.on_end.asked();
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                self.on_end.handed_on();
                self.sent += frame.data_ref().map_or(0, |data| data.remaining() as u64);
            }
            Some(Err(_)) => self.end(End::Broken),
            None => self.end(End::Whole),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Body + Unpin, E: OnEnd> Drop for CountedBody<B, E> {
    /// Nobody polls a body again that says it has ended.
    fn drop(&mut self) {
        let is_whole = self.inner.is_end_stream();
        self.end(if is_whole { End::Whole } else { End::Aborted });
    }
}
