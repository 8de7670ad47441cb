//! The body of a request that hyper reads, within the limits: as large as allowed, and not slower.
//!
//! For our own HTTP/1.1 the connection keeps them itself, see `http1`.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use crate::config::{Limits, OddNames};
use crate::rejection::Rejection;

/// What can be told of a request by its head; fields with odd names go as configured.
pub(super) fn check(parts: &mut Parts, limits: &Limits) -> Result<(), Rejection> {
    if parts.headers.len() > limits.header_count {
        return Err(Rejection::FIELDS_TOO_LARGE);
    }
    let is_odd = |name: &http::HeaderName| name.as_str().contains(['_', '.']);
    if limits.odd_names != OddNames::Pass && parts.headers.keys().any(is_odd) {
        if limits.odd_names == OddNames::Refuse {
            return Err(Rejection::ODD_NAME);
        }
        let odd: Vec<_> = parts
            .headers
            .keys()
            .filter(|name| is_odd(name))
            .cloned()
            .collect();
        for name in odd {
            parts.headers.remove(name);
        }
    }
    let length = parts.headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > limits.body_size) {
        return Err(Rejection::BODY_TOO_LARGE);
    }
    Ok(())
}

#[derive(Debug)]
pub(crate) struct GuardedBody {
    inner: Incoming,
    left: u64,
    taken: u64,
    timeout: Duration,
    rate: u64,
    /// While the client is waited for: since when, and until when.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    waited: Duration,
    guard: Guard,
}

/// Tells what was wrong with a body, whatever the handler made of the error.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard(Arc<AtomicU8>);

impl Guard {
    pub(super) fn trouble(&self) -> Option<Rejection> {
        match self.0.load(Ordering::Relaxed) {
            1 => Some(Rejection::BODY_TOO_LARGE),
            2 => Some(Rejection::TIMED_OUT),
            _ => None,
        }
    }

    fn note(&self, rejection: Rejection) -> io::Error {
        let code = 1 + u8::from(rejection == Rejection::TIMED_OUT);
        self.0.store(code, Ordering::Relaxed);
        io::Error::other(rejection.reason())
    }
}

impl GuardedBody {
    pub(super) fn new(inner: Incoming, limits: &Limits) -> (Self, Guard) {
        let guard = Guard::default();
        let body = Self {
            inner,
            left: limits.body_size,
            taken: 0,
            timeout: limits.body_timeout,
            rate: limits.body_rate,
            waiting: None,
            waited: Duration::ZERO,
            guard: guard.clone(),
        };
        (body, guard)
    }

    /// As for HTTP/1.1: a pause, and on average a rate.
    fn patience(&self) -> Duration {
        match self.rate {
            0 => self.timeout,
            rate => Duration::from_secs(self.taken / rate)
                .saturating_add(self.timeout)
                .saturating_sub(self.waited)
                .min(self.timeout),
        }
    }
}

impl Body for GuardedBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) else {
            let patience = self.patience();
            let (_, timer) = self
                .waiting
                .get_or_insert_with(|| (Instant::now(), Box::pin(sleep(patience))));
            ready!(timer.as_mut().poll(context));
            let error = self.guard.note(Rejection::TIMED_OUT);
            return Poll::Ready(Some(Err(error.into())));
        };
        if let Some((since, _)) = self.waiting.take() {
            self.waited += since.elapsed();
        }
        if let Some(Ok(frame)) = &frame {
            let length = frame.data_ref().map_or(0, Bytes::len) as u64;
            let Some(left) = self.left.checked_sub(length) else {
                let error = self.guard.note(Rejection::BODY_TOO_LARGE);
                return Poll::Ready(Some(Err(error.into())));
            };
            self.left = left;
            self.taken += length;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
