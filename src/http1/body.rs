//! The body of a request: what a handler holds, and the connection's end of it.
//!
//! Nothing is read before the handler asks for it, so a body that nobody wants stays with the client, and one that is wanted slowly comes
//! slowly.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

/// The body of a request that came by HTTP/1.1.
#[derive(Debug, Default)]
pub(crate) struct Incoming(Option<Arc<Channel>>);

/// Between a handler and its connection; they may be on different threads.
#[derive(Debug)]
pub(crate) struct Channel(Mutex<State>);

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is another question")]
struct State {
    /// What the handler gets next.
    ready: Option<io::Result<Frame<Bytes>>>,
    /// Bytes that are still to come, where that is known.
    left: Option<u64>,
    /// Nothing more will come.
    is_over: bool,
    reader: Reader,
    /// Heads of interim answers to be sent (RFC 9110 §15.2).
    interim: Vec<u8>,
    /// The final answer has.
    has_begun: bool,
    /// Somebody else decides whether a client that waits for a 100 gets one, and has not yet.
    is_held: bool,
    /// The handler is to be stopped when the client leaves.
    is_watched: bool,
    connection: Option<Waker>,
}

/// The handler's end.
#[derive(Debug)]
enum Reader {
    /// Does something else.
    Busy,
    /// Found nothing and waits for more.
    Waiting(Waker),
    /// Has dropped the body.
    Gone,
}

/// What a handler wants of its connection.
pub(super) enum Wanted {
    Nothing,
    /// More of the body.
    Body,
    /// More of the body, if the client sends it without being told to.
    BodyUnasked,
    /// That this is sent.
    Interim(Vec<u8>),
}

impl Channel {
    /// A body of so many bytes, or of chunks.
    pub(super) fn new(length: Option<u64>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            ready: None,
            left: length,
            is_over: length == Some(0),
            reader: Reader::Busy,
            interim: Vec::new(),
            has_begun: false,
            is_held: false,
            is_watched: false,
            connection: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the handler wants now; when it wants something later, the connection is woken.
    pub(super) fn wanted(&self, context: &Context<'_>) -> Wanted {
        let mut state = self.state();
        if !state.interim.is_empty() {
            return Wanted::Interim(std::mem::take(&mut state.interim));
        }
        if matches!(state.reader, Reader::Waiting(_)) {
            if state.is_held {
                state.note(context);
                return Wanted::BodyUnasked;
            }
            return Wanted::Body;
        }
        state.note(context);
        Wanted::Nothing
    }

    /// Whether the handler is to be stopped when the client leaves.
    pub(super) fn is_watched(&self) -> bool {
        self.state().is_watched
    }

    /// Whether there is somebody who may want the rest.
    pub(super) fn has_reader(&self) -> bool {
        !matches!(self.state().reader, Reader::Gone)
    }

    pub(super) fn give_data(&self, data: Bytes) {
        let mut state = self.state();
        state.left = state.left.map(|left| left - data.len() as u64);
        let is_over = state.left == Some(0);
        state.give(Ok(Frame::data(data)), is_over);
    }

    /// All of it was given, but for these trailers.
    pub(super) fn end(&self, trailers: HeaderMap) {
        let mut state = self.state();
        if trailers.is_empty() {
            state.is_over = true;
            state.wake_reader();
        } else {
            state.give(Ok(Frame::trailers(trailers)), true);
        }
    }

    pub(super) fn fail(&self, error: io::Error) {
        self.state().give(Err(error), true);
    }

    /// Sends an interim answer, if the final one has not begun.
    pub(super) fn send_interim(&self, head: &[u8]) {
        let mut state = self.state();
        if !state.has_begun {
            state.interim.extend_from_slice(head);
            state.wake_connection();
        }
    }

    /// A client that waits for a 100 gets one.
    pub(crate) fn go_on(&self) {
        let mut state = self.state();
        state.is_held = false;
        state.wake_connection();
    }

    /// The final answer begins: what has not been sent yet is sent before it, and nothing after.
    pub(super) fn close_interim(&self) -> Vec<u8> {
        let mut state = self.state();
        state.has_begun = true;
        std::mem::take(&mut state.interim)
    }
}

impl State {
    fn give(&mut self, frame: io::Result<Frame<Bytes>>, is_over: bool) {
        self.ready = Some(frame);
        self.is_over = is_over;
        self.wake_reader();
    }

    fn wake_reader(&mut self) {
        if let Reader::Waiting(waker) = &self.reader {
            waker.wake_by_ref();
            self.reader = Reader::Busy;
        }
    }

    fn note(&mut self, context: &Context<'_>) {
        match &mut self.connection {
            Some(waker) => waker.clone_from(context.waker()),
            empty => *empty = Some(context.waker().clone()),
        }
    }

    fn wake_connection(&mut self) {
        if let Some(waker) = self.connection.take() {
            waker.wake();
        }
    }
}

impl Incoming {
    pub(super) fn new(channel: &Arc<Channel>) -> Self {
        Self(Some(Arc::clone(channel)))
    }

    /// From now on the request is somebody else's to answer: the client is not told to send its body before [`Channel::go_on`], and
    /// when it leaves, the handler is stopped.
    pub(crate) fn forward(&self) {
        if let Some(channel) = &self.0 {
            let mut state = channel.state();
            state.is_held = true;
            state.is_watched = true;
        }
    }

    /// The other way to speak to the connection.
    pub(crate) fn channel(&self) -> Option<Arc<Channel>> {
        self.0.clone()
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(channel) = &self.0 else {
            return Poll::Ready(None);
        };
        let mut state = channel.state();
        if let Some(frame) = state.ready.take() {
            return Poll::Ready(Some(frame));
        }
        if state.is_over {
            return Poll::Ready(None);
        }
        state.reader = Reader::Waiting(context.waker().clone());
        state.wake_connection();
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|channel| {
            let state = channel.state();
            state.is_over && state.ready.is_none()
        })
    }

    fn size_hint(&self) -> SizeHint {
        let Some(channel) = &self.0 else {
            return SizeHint::with_exact(0);
        };
        let state = channel.state();
        let ready = match &state.ready {
            Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
            _ => 0,
        };
        match state.left {
            Some(left) => SizeHint::with_exact(left + ready),
            None => SizeHint::default(),
        }
    }
}

impl Drop for Incoming {
    /// Whoever waited will not take any more of it.
    fn drop(&mut self) {
        if let Some(channel) = &self.0 {
            channel.state().reader = Reader::Gone;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use super::*;

    fn poll(body: &mut Incoming) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn nothing_is_wanted_before_it_is_asked_for() {
        let channel = Channel::new(Some(3));
        let mut body = Incoming::new(&channel);
        let context = Context::from_waker(Waker::noop());
        assert!(matches!(channel.wanted(&context), Wanted::Nothing));
        assert_eq!(body.size_hint().exact(), Some(3));
        assert!(poll(&mut body).is_pending());
        assert!(matches!(channel.wanted(&context), Wanted::Body));
        channel.give_data(Bytes::from_static(b"abc"));
        assert!(matches!(channel.wanted(&context), Wanted::Nothing));
        assert_eq!(body.size_hint().exact(), Some(3));
        let Poll::Ready(Some(Ok(frame))) = poll(&mut body) else {
            panic!("a frame");
        };
        assert_eq!(frame.into_data().unwrap(), "abc");
        assert!(body.is_end_stream());
        assert!(matches!(poll(&mut body), Poll::Ready(None)));
    }

    #[test]
    fn who_left_wants_nothing() {
        let channel = Channel::new(None);
        let mut body = Incoming::new(&channel);
        assert!(poll(&mut body).is_pending());
        drop(body);
        assert!(matches!(
            channel.wanted(&Context::from_waker(Waker::noop())),
            Wanted::Nothing
        ));
    }

    #[test]
    fn trailers_are_the_last_frame() {
        let channel = Channel::new(None);
        let mut body = Incoming::new(&channel);
        assert!(poll(&mut body).is_pending());
        let mut trailers = HeaderMap::new();
        trailers.insert("x", http::HeaderValue::from_static("y"));
        channel.end(trailers);
        let Poll::Ready(Some(Ok(frame))) = poll(&mut body) else {
            panic!("a frame");
        };
        assert!(frame.is_trailers());
        assert!(matches!(poll(&mut body), Poll::Ready(None)));
    }
}
