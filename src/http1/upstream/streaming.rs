//! The body of an answer as it comes, while the rest of the request goes.

use std::future::Future as _;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

use super::super::chunked::{Chunked, Piece};
use super::super::head::HeadLimits;
use super::answer::Framing;
use super::sending::{SendError, Sending, State};
use super::{Connection, Limits};
use crate::config::OddNames;
use crate::proxy::request_body::RequestBody;

/// What a read takes at most.
const READ: usize = 64 << 10;

/// Trailer fields.
const MOST_TRAILERS: usize = 256;

/// The rest of an exchange. Dropped before its end, it closes the connection.
#[derive(Debug)]
pub(crate) struct Streaming<S> {
    /// None: the exchange is over.
    connection: Option<Connection<S>>,
    sending: Sending,
    body: RequestBody,
    rest: Rest,
    received: BytesMut,
    /// Decoded already.
    ready: Bytes,
    keeps_alive: bool,
    limits: Limits,
    /// Whether the timer was set for what is waited for now.
    waits: bool,
}

#[derive(Debug)]
enum Rest {
    Bytes(u64),
    Chunks(Chunked),
    UntilClose,
    /// These fields are left.
    Trailers(HeaderMap),
    /// What came next is nothing that can come next.
    Wrong(&'static str),
    Nothing,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Streaming<S> {
    pub(super) fn new(
        connection: Connection<S>,
        (sending, body): (Sending, RequestBody),
        (framing, received): (Framing, BytesMut),
        keeps_alive: bool,
        limits: Limits,
    ) -> Self {
        Self {
            connection: Some(connection),
            sending,
            body,
            rest: match framing {
                Framing::Nothing => Rest::Nothing,
                Framing::Length(length) => Rest::Bytes(length),
                Framing::Chunked => Rest::Chunks(Chunked::new()),
                Framing::UntilClose => Rest::UntilClose,
            },
            received,
            ready: Bytes::new(),
            keeps_alive,
            limits,
            waits: false,
        }
    }

    /// The body and the connection, if all of the body is there in chunks: then its length is known after all.
    pub(super) fn take_whole(&mut self) -> Option<(Bytes, Option<Connection<S>>)> {
        if !matches!(self.rest, Rest::Chunks(_)) {
            return None;
        }
        let mut whole = BytesMut::with_capacity(self.received.len());
        loop {
            match self.take() {
                Ok(Piece::Data(data)) => whole.extend_from_slice(&data),
                Ok(Piece::End(trailers)) if trailers.is_empty() => {
                    self.rest = Rest::Nothing;
                    self.finish();
                    return Some((whole.freeze(), self.take_connection()));
                }
                Ok(Piece::End(trailers)) => {
                    self.rest = Rest::Trailers(trailers);
                    break;
                }
                Ok(Piece::Incomplete) => break,
                Err(reason) => {
                    self.rest = Rest::Wrong(reason);
                    break;
                }
            }
        }
        self.ready = whole.freeze();
        None
    }

    /// The connection, if the exchange is over and it may be used again.
    pub(crate) fn take_connection(&mut self) -> Option<Connection<S>> {
        if self.is_over() {
            self.connection.take()
        } else {
            None
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.rest, Rest::Nothing) && self.ready.is_empty()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        let ready = self.ready.len() as u64;
        match self.rest {
            Rest::Bytes(left) => SizeHint::with_exact(left + ready),
            Rest::Nothing => SizeHint::with_exact(ready),
            _ => {
                let mut hint = SizeHint::new();
                hint.set_lower(ready);
                hint
            }
        }
    }

    pub(crate) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = self.poll_next(context);
        // How long it takes until more is asked for is not the server's to answer for.
        self.waits &= polled.is_pending();
        if let Poll::Ready(Some(Err(_))) = polled {
            self.connection = None;
            self.rest = Rest::Nothing;
            self.ready = Bytes::new();
            self.body = RequestBody::Empty;
        }
        polled
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut progress = false;
        self.poll_send(context, &mut progress)?;
        if !self.ready.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.ready)))));
        }
        loop {
            let taken = self.take();
            match taken.map_err(|reason| io::Error::new(io::ErrorKind::InvalidData, reason))? {
                Piece::Data(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Piece::End(trailers) => {
                    self.rest = Rest::Nothing;
                    self.finish();
                    let frame = (!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers)));
                    return Poll::Ready(frame);
                }
                Piece::Incomplete => {}
            }
            match self.poll_receive(context) {
                Poll::Ready(Ok(0)) if matches!(self.rest, Rest::UntilClose) => {
                    self.rest = Rest::Nothing;
                    self.keeps_alive = false;
                    self.finish();
                    return Poll::Ready(None);
                }
                Poll::Ready(Ok(0)) => return Poll::Ready(Some(Err(cut_off()))),
                Poll::Ready(Ok(_)) => progress = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                Poll::Pending => return self.poll_timer(progress, context),
            }
        }
    }

    /// The request goes on; that the server does not take it any more is no reason not to read what it says.
    fn poll_send(&mut self, context: &mut Context<'_>, progress: &mut bool) -> io::Result<()> {
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        if self.sending.is_settled() {
            return Ok(());
        }
        let stream = &mut connection.stream;
        match self.sending.poll(stream, &mut self.body, context, progress) {
            Poll::Ready(Err(SendError::Client(error))) => return Err(error),
            Poll::Ready(_) => self.body = RequestBody::Empty,
            Poll::Pending => {}
        }
        Ok(())
    }

    /// The next piece of what was received; or what is wrong with it.
    fn take(&mut self) -> Result<Piece, &'static str> {
        match &mut self.rest {
            Rest::Bytes(left) if *left > 0 => {
                let here = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(self.received.len());
                if here == 0 {
                    return Ok(Piece::Incomplete);
                }
                *left -= here as u64;
                let is_last = *left == 0;
                let data = self.received.split_to(here).freeze();
                if is_last {
                    self.rest = Rest::Nothing;
                    self.finish();
                }
                Ok(Piece::Data(data))
            }
            Rest::Bytes(_) | Rest::Nothing => Ok(Piece::End(HeaderMap::new())),
            Rest::UntilClose if self.received.is_empty() => Ok(Piece::Incomplete),
            Rest::UntilClose => Ok(Piece::Data(self.received.split().freeze())),
            Rest::Wrong(reason) => Err(reason),
            Rest::Trailers(trailers) => Ok(Piece::End(std::mem::take(trailers))),
            Rest::Chunks(chunked) => {
                let limits = HeadLimits {
                    size: self.limits.head,
                    count: MOST_TRAILERS,
                    odd_names: OddNames::Drop,
                };
                chunked
                    .decode(&mut self.received, limits)
                    .map_err(|wrong| wrong.reason())
            }
        }
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(connection) = &mut self.connection else {
            return Poll::Ready(Ok(0));
        };
        // One byte more than is waited for, so that what must not follow is seen if it does.
        let wanted = match self.rest {
            Rest::Bytes(left) => usize::try_from(left).unwrap_or(READ).min(READ - 1) + 1,
            _ => READ,
        };
        if self.received.capacity() - self.received.len() < wanted.min(READ / 4) {
            self.received.reserve(wanted);
        }
        let polled = pin!(connection.stream.read_buf(&mut self.received)).poll(context);
        if polled.is_pending() && self.received.is_empty() {
            // No buffer exists while nothing comes.
            self.received = BytesMut::new();
        }
        polled
    }

    fn poll_timer(
        &mut self,
        progress: bool,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(connection) = &mut self.connection else {
            return Poll::Pending;
        };
        if self.sending.state() == State::Client {
            // The server may be waiting for the client as well, and that has limits of its own.
            connection.timer.rest();
            self.waits = false;
        } else if progress || !self.waits {
            connection.timer.wait(self.limits.idle);
            self.waits = true;
        }
        ready!(connection.timer.poll(context));
        let error = io::Error::new(io::ErrorKind::TimedOut, "the server did not go on in time");
        Poll::Ready(Some(Err(error)))
    }

    /// The answer is over: so is the exchange.
    fn finish(&mut self) {
        let is_sent = self.sending.state() == State::Over;
        if self.keeps_alive && is_sent && self.received.is_empty() {
            if let Some(connection) = &mut self.connection {
                connection.timer.rest();
            }
        } else {
            self.connection = None;
        }
        self.body = RequestBody::Empty;
    }
}

fn cut_off() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the server closed the connection in the middle of its answer",
    )
}
