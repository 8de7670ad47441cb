//! The body of a request on its way out, within reach of who sent it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use axum::BoxError;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::http1::chunked;
use crate::proxy::request_body::RequestBody;
use crate::proxy::transport::exchange::Outgoing;

/// What hyper holds of it.
pub(super) struct Outbound(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared(Mutex<State>);

#[derive(Debug)]
struct State {
    body: RequestBody,
    /// Bytes that were promised and have not come.
    left: Option<u64>,
    /// Whether the client waits for being asked.
    is_held: bool,
    has_read: bool,
    waits: Waits,
    /// Frames that were read.
    read: u64,
    is_cancelled: bool,
    /// Why the client's body came to nothing.
    error: Option<io::Error>,
    /// Who sends, and who waits for the answer.
    sender: Option<Waker>,
    asker: Option<Waker>,
}

/// What the sending of the body waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Server,
    Client,
    /// All of it was sent.
    Nothing,
}

/// Dropped, it ends the sending; the stream is reset.
#[derive(Debug)]
pub(super) struct Cancel(Arc<Shared>);

impl Cancel {
    /// Whether some of the request is still to be sent.
    pub(super) fn is_sending(&self) -> bool {
        self.0.state().waits != Waits::Nothing
    }

    /// Why the client's body came to nothing, if it did.
    pub(super) fn take_error(&self) -> Option<io::Error> {
        self.0.take_error()
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_cancelled = true;
        if let Some(sender) = state.sender.take() {
            sender.wake();
        }
    }
}

impl Shared {
    pub(super) fn new(body: RequestBody, request: &Outgoing<'_>) -> Arc<Self> {
        let left = body.size_hint().exact();
        Arc::new(Self(Mutex::new(State {
            waits: if left == Some(0) {
                Waits::Nothing
            } else {
                Waits::Server
            },
            body,
            left,
            is_held: request.expects_continue,
            has_read: false,
            read: 0,
            is_cancelled: false,
            error: None,
            sender: None,
            asker: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cancel_on_drop(self: &Arc<Self>) -> Cancel {
        Cancel(Arc::clone(self))
    }

    /// What it waits for and how far it has come; whoever asks is woken when the former changes.
    pub(super) fn standing(&self, context: &Context<'_>) -> (Waits, u64) {
        let mut state = self.state();
        match &mut state.asker {
            Some(asker) => asker.clone_from(context.waker()),
            empty => *empty = Some(context.waker().clone()),
        }
        (state.waits, state.read)
    }

    pub(super) fn has_read(&self) -> bool {
        self.state().has_read
    }

    pub(super) fn take_error(&self) -> Option<io::Error> {
        self.state().error.take()
    }

    pub(super) fn take_body(&self) -> RequestBody {
        std::mem::take(&mut self.state().body)
    }
}

impl State {
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.is_cancelled {
            return Poll::Ready(Some(Err(cancelled())));
        }
        if std::mem::take(&mut self.is_held) {
            // Interim answers do not come through: the server is taken to want what it has been sent the head of.
            self.body.go_on();
        }
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let waits = match &polled {
            Poll::Pending => Waits::Client,
            Poll::Ready(Some(Ok(frame))) if frame.is_data() => Waits::Server,
            Poll::Ready(_) => Waits::Nothing,
        };
        if polled.is_pending() {
            self.sender = Some(context.waker().clone());
        } else {
            self.has_read = true;
            self.read += 1;
        }
        let checked = polled.map(|frame| self.check(frame));
        self.wait_for(waits);
        checked
    }

    fn wait_for(&mut self, waits: Waits) {
        let waits = if self.left == Some(0) {
            Waits::Nothing
        } else {
            waits
        };
        if self.waits != waits {
            self.waits = waits;
            if let Some(asker) = self.asker.take() {
                asker.wake();
            }
        }
    }

    /// Holds the client to what it promised.
    fn check(
        &mut self,
        frame: Option<Result<Frame<Bytes>, BoxError>>,
    ) -> Option<Result<Frame<Bytes>, BoxError>> {
        let broken = match &frame {
            Some(Ok(frame)) => match (frame.data_ref(), &mut self.left) {
                (Some(data), Some(left)) => match left.checked_sub(data.len() as u64) {
                    Some(rest) => {
                        *left = rest;
                        None
                    }
                    None => Some("the body is longer than its Content-Length"),
                },
                _ => None,
            },
            None if self.left.is_some_and(|left| left > 0) => {
                Some("the body is shorter than its Content-Length")
            }
            Some(Err(_)) | None => None,
        };
        let error = match (broken, frame) {
            (Some(broken), _) => io::Error::new(io::ErrorKind::InvalidData, broken),
            (None, Some(Err(error))) => io::Error::other(error),
            (None, Some(Ok(frame))) => return Some(Ok(without_forbidden(frame))),
            (None, None) => return None,
        };
        self.error = Some(error);
        Some(Err(cancelled()))
    }
}

/// Of trailers, only what means something after a body.
pub(super) fn without_forbidden(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(trailers) => {
            let fields = trailers
                .iter()
                .filter(|(name, _)| !chunked::is_forbidden(name))
                .map(|(name, value)| (name.clone(), value.clone()));
            let mut kept = HeaderMap::new();
            kept.extend(fields);
            Frame::trailers(kept)
        }
        Err(frame) => frame,
    }
}

/// What the server is told: that nobody wants it any more.
fn cancelled() -> BoxError {
    h2::Error::from(h2::Reason::CANCEL).into()
}

impl Body for Outbound {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.state().poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        let state = self.0.state();
        state.left == Some(0) || state.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .state()
            .left
            .map(SizeHint::with_exact)
            .unwrap_or_default()
    }
}
