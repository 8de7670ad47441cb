//! The connection's end of a request's body: takes it from the wire as the handler asks for it, within the limits.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::{Channel, Incoming, Wanted};
use super::chunked::{Chunked, Piece};
use super::head::{Head, HeadLimits};
use super::wire::Wire;
use crate::config::Limits;
use crate::header::framing::RequestBody;
use crate::rejection::Rejection;

/// How much of an unread body is read to keep the connection; beyond it, a new connection is cheaper.
const DISCARDED: u64 = 64 << 10;

/// How much of the requests that follow is read while one is answered elsewhere.
const READ_AHEAD: usize = 16 << 10;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

#[derive(Debug)]
pub(super) struct Intake {
    rest: Rest,
    limits: HeadLimits,
    /// Bytes that the body may still have.
    most: u64,
    taken: u64,
    /// The client waits for a 100, or for the final answer.
    expects_continue: bool,
    /// Heads of interim answers on their way out, which is open until the final one has begun.
    interim: Vec<u8>,
    has_begun: bool,
    channel: Option<Arc<Channel>>,
    /// Time spent waiting for the client, and since when it is waited for now.
    waited: Duration,
    waiting: Option<Instant>,
}

/// What of the body is still on the wire.
#[derive(Debug)]
enum Rest {
    Nothing,
    Bytes(u64),
    /// Boxed: few requests have one, and all have this.
    Chunks(Box<Chunked>),
}

impl Intake {
    pub(super) fn new(head: &Head, limits: HeadLimits, most: u64) -> Self {
        Self {
            rest: match head.body {
                RequestBody::None => Rest::Nothing,
                RequestBody::Length(length) => Rest::Bytes(length),
                RequestBody::Chunked => Rest::Chunks(Box::new(Chunked::new())),
            },
            limits,
            most,
            taken: 0,
            expects_continue: head.expects_continue,
            interim: Vec::new(),
            has_begun: false,
            channel: None,
            waited: Duration::ZERO,
            waiting: None,
        }
    }

    /// For what was no request.
    pub(super) fn none(limits: HeadLimits) -> Self {
        Self {
            rest: Rest::Nothing,
            limits,
            most: 0,
            taken: 0,
            expects_continue: false,
            interim: Vec::new(),
            has_begun: false,
            channel: None,
            waited: Duration::ZERO,
            waiting: None,
        }
    }

    /// What of interim answers has not left yet; it goes before the final one.
    pub(super) fn take_interim(&mut self) -> Vec<u8> {
        self.has_begun = true;
        let mut interim = std::mem::take(&mut self.interim);
        if let Some(channel) = &self.channel {
            interim.append(&mut channel.close_interim());
        }
        interim
    }

    /// The body for a handler that may read it.
    pub(super) fn open(&mut self) -> (Incoming, Arc<Channel>) {
        let channel = Channel::new(match self.rest {
            Rest::Nothing => Some(0),
            Rest::Bytes(length) => Some(length),
            Rest::Chunks(_) => None,
        });
        self.channel = Some(Arc::clone(&channel));
        (Incoming::new(&channel), channel)
    }

    /// Brings the handler what it wants. Ready when something was brought; pending while nothing is wanted, or the client has to send.
    ///
    /// # Errors
    /// Outside, what became of the connection; inside, why the body is none.
    pub(super) fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        wire: &mut Wire<S>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Result<(), Rejection>>> {
        let Some(channel) = self.channel.clone() else {
            return Poll::Pending;
        };
        loop {
            while !self.interim.is_empty() {
                let written = ready!(wire.poll_write(context, [&self.interim, &[], &[]]))?;
                self.interim.drain(..written);
            }
            match channel.wanted(context) {
                Wanted::Nothing => return Poll::Pending,
                Wanted::Interim(head) => self.interim = head,
                // RFC 9110 §10.1.1: not needed when some of the body has come already.
                Wanted::Body if self.may_continue() && wire.received.is_empty() => {
                    self.interim.extend_from_slice(CONTINUE);
                    self.expects_continue = false;
                }
                Wanted::Body | Wanted::BodyUnasked => {
                    return self.poll_bring(&channel, wire, context);
                }
            }
        }
    }

    /// Whether the client has left whose request is answered elsewhere. What comes of the next request meanwhile is kept, within bounds.
    pub(super) fn poll_gone<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        wire: &mut Wire<S>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let is_watched = matches!(self.rest, Rest::Nothing)
            && (self.channel.as_ref()).is_some_and(|channel| channel.is_watched());
        while is_watched && wire.received.len() < READ_AHEAD {
            match ready!(wire.poll_receive(context)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Pending
    }

    /// Whether a 100 is waited for and may still be sent.
    fn may_continue(&self) -> bool {
        self.expects_continue && !self.has_begun
    }

    fn poll_bring<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        channel: &Channel,
        wire: &mut Wire<S>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Result<(), Rejection>>> {
        loop {
            match self.take(&mut wire.received) {
                Ok(Piece::Data(data)) => {
                    channel.give_data(data);
                    return Poll::Ready(Ok(Ok(())));
                }
                Ok(Piece::End(trailers)) => {
                    channel.end(trailers);
                    return Poll::Ready(Ok(Ok(())));
                }
                Ok(Piece::Incomplete) => {}
                Err(rejection) => return Poll::Ready(Ok(Err(self.refuse(rejection)))),
            }
            // A client that was not told to send is not late.
            if !self.expects_continue {
                self.waiting.get_or_insert_with(Instant::now);
            }
            let received = ready!(wire.poll_receive(context))?;
            self.has_waited();
            if received == 0 {
                return Poll::Ready(Ok(Err(self.refuse(Rejection::BODY_INCOMPLETE))));
            }
        }
    }

    /// Tells the handler that its body will not come.
    pub(super) fn refuse(&mut self, rejection: Rejection) -> Rejection {
        if let Some(channel) = &self.channel {
            channel.fail(io::Error::new(
                io::ErrorKind::InvalidData,
                rejection.reason(),
            ));
        }
        rejection
    }

    /// The next piece of what has been received.
    fn take(&mut self, received: &mut BytesMut) -> Result<Piece, Rejection> {
        let piece = match &mut self.rest {
            Rest::Nothing => Piece::End(HeaderMap::new()),
            Rest::Bytes(_) if received.is_empty() => Piece::Incomplete,
            Rest::Bytes(left) => {
                let here = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(received.len());
                *left -= here as u64;
                Piece::Data(received.split_to(here).freeze())
            }
            Rest::Chunks(chunked) => chunked.decode(received, self.limits)?,
        };
        match &piece {
            Piece::Data(data) => {
                self.expects_continue = false;
                self.taken += data.len() as u64;
            }
            Piece::End(_) => self.rest = Rest::Nothing,
            Piece::Incomplete => {}
        }
        let announced = match &self.rest {
            Rest::Chunks(chunked) => chunked.announced(),
            _ => 0,
        };
        if self.taken.saturating_add(announced) > self.most {
            return Err(Rejection::BODY_TOO_LARGE);
        }
        if matches!(self.rest, Rest::Bytes(0)) {
            self.rest = Rest::Nothing;
        }
        Ok(piece)
    }

    fn has_waited(&mut self) {
        if let Some(since) = self.waiting.take() {
            self.waited += since.elapsed();
        }
    }

    /// For how long the client may be waited for now; `None` when it is not.
    pub(super) fn patience(&self, limits: &Limits) -> Option<Duration> {
        self.waiting?;
        // The time that the bytes so far are worth at the lowest rate, less what was waited for them.
        let by_rate = match limits.body_rate {
            0 => Duration::MAX,
            rate => Duration::from_secs(self.taken / rate)
                .saturating_add(limits.body_timeout)
                .saturating_sub(self.waited),
        };
        Some(limits.body_timeout.min(by_rate))
    }

    /// Whether the connection can go on after an answer that is about to be sent, as far as can be told.
    pub(super) fn lets_go_on(&mut self, received: &mut BytesMut) -> bool {
        let has_reader = self
            .channel
            .as_ref()
            .is_some_and(|channel| channel.has_reader());
        match self.rest {
            Rest::Nothing => true,
            // A client that waits for a 100 may send the body all the same or not at all: nobody can tell what comes next.
            _ if self.expects_continue => false,
            // The handler may still read it to its end.
            _ if has_reader => true,
            Rest::Bytes(left) => left <= DISCARDED,
            Rest::Chunks(_) => matches!(self.discard_received(received), Ok(true)),
        }
    }

    /// Throws away what nobody read of it; whether the end was among it.
    fn discard_received(&mut self, received: &mut BytesMut) -> Result<bool, Rejection> {
        loop {
            match self.take(received)? {
                Piece::Data(_) => {}
                Piece::End(_) => return Ok(true),
                Piece::Incomplete => return Ok(false),
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.rest, Rest::Nothing)
    }

    /// The same for what is still to come, within a bound. Whether the next request can begin after it.
    pub(super) fn poll_discard<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        wire: &mut Wire<S>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        self.abandon();
        let bound = self.taken.saturating_add(DISCARDED);
        self.most = self.most.min(bound);
        loop {
            match self.discard_received(&mut wire.received) {
                Ok(true) => return Poll::Ready(Ok(true)),
                Ok(false) if self.expects_continue => return Poll::Ready(Ok(false)),
                Ok(false) => {}
                Err(_) => return Poll::Ready(Ok(false)),
            }
            if ready!(wire.poll_receive(context))? == 0 {
                return Poll::Ready(Ok(false));
            }
        }
    }

    /// Whoever still waits for the rest, in a task of its own perhaps, is told that it will not come.
    fn abandon(&mut self) {
        let Some(channel) = self.channel.take() else {
            return;
        };
        if !self.is_over() {
            channel.fail(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.abandon();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::Waker;

    use http_body::Body as _;

    use super::super::head::{self, Taken};
    use super::super::plain::PlainGet;
    use super::*;
    use crate::config::OddNames;
    use crate::observe::plain::HeadUse;

    #[test]
    fn who_waits_for_a_body_that_will_not_come_is_told() {
        let limits = HeadLimits {
            size: 1024,
            count: 8,
            odd_names: OddNames::Drop,
        };
        let text = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
        let taken = head::take(
            &mut BytesMut::from(&text[..]),
            limits,
            HeadUse::Head,
            Some(|_: PlainGet<'_>| None::<()>),
        );
        let Ok(Some(Taken::Head(head))) = taken else {
            panic!("a head");
        };
        let mut intake = Intake::new(&head, limits, 10);
        let (mut body, _) = intake.open();
        let mut context = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut body).poll_frame(&mut context).is_pending());
        drop(intake);
        let told = Pin::new(&mut body).poll_frame(&mut context);
        assert!(matches!(told, Poll::Ready(Some(Err(_)))), "{told:?}");
    }
}
