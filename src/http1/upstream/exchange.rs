//! A request is sent until the head of its final answer is there.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::answer::{self, Asked, Finder, Framing, Head, Wrong};
use super::request;
use super::sending::{SendError, Sending, State};
use super::streaming::Streaming;
use super::{Connection, Limits};
use crate::proxy::fields::Sink as _;
use crate::proxy::transport::{Failure, FailureKind, Outgoing, Stage};

/// What a read takes at most while a head is waited for.
const READ: usize = 16 << 10;

/// Interim answers to one request; whoever sends more has no final one in mind.
const MOST_INTERIM: usize = 100;

thread_local! {
    static RECEIVED: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
    /// For the head of the next request.
    static HEAD: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What an exchange has come to with the head of the answer.
#[derive(Debug)]
pub(crate) enum Exchanged<S> {
    /// The body is there as well.
    Whole {
        head: Head,
        body: Bytes,
        /// The connection, if it may be used again.
        connection: Option<Connection<S>>,
    },
    Streaming {
        head: Head,
        body: Box<Streaming<S>>,
    },
    /// The connection speaks another protocol from now on; these are its first bytes.
    Upgraded {
        head: Head,
        stream: S,
        first: Bytes,
    },
}

/// Sends the request, and waits for the head of its final answer.
pub(crate) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    connection: Connection<S>,
    request: &mut Outgoing<'_>,
    limits: Limits,
) -> Result<Exchanged<S>, Failure> {
    let mut out = HEAD.take();
    out.clear();
    let framing = request::Framing::of(request);
    if !request::write_head(&mut out, request, framing, limits.keeps_alive) {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "the request cannot be sent");
        return Err(Failure::new(
            FailureKind::Unsupported,
            Stage::NotSent,
            error,
        ));
    }
    let mut asking = Asking {
        connection,
        sending: Sending::new(out, framing, request.expects_continue),
        limits,
        finder: Finder::default(),
        received: BytesMut::new(),
        has_received: false,
        interim: 0,
        waits: None,
        refusal: None,
    };
    let (head, rest) = poll_fn(|context| asking.poll(request, context)).await?;
    Ok(asking.finish(head, rest, request))
}

struct Asking<S> {
    connection: Connection<S>,
    sending: Sending,
    limits: Limits,
    finder: Finder,
    /// Of a head that is not there whole.
    received: BytesMut,
    has_received: bool,
    /// How many interim answers there were.
    interim: usize,
    /// What the timer was set for.
    waits: Option<Waits>,
    /// Why the server does not take the rest of the request.
    refusal: Option<io::Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    Client,
    /// Until the server takes what is sent, or goes on with what it has begun.
    More,
    FirstByte,
}

/// What came after the head.
enum Rest {
    /// All of the body, and whether something followed it.
    Whole(Bytes, bool),
    Begun(BytesMut),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Asking<S> {
    fn poll(
        &mut self,
        request: &mut Outgoing<'_>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(Head, Rest), Failure>> {
        loop {
            let mut progress = false;
            self.poll_send(request, context, &mut progress)?;
            let heard = self.interim;
            if let Poll::Ready(head) = self.poll_receive(request, context, &mut progress) {
                return Poll::Ready(head);
            }
            self.set_timer(progress);
            // A 100 lets the body go.
            if heard == self.interim || self.sending.is_settled() {
                break;
            }
        }
        self.connection.timer.poll(context).map(|()| {
            let error =
                io::Error::new(io::ErrorKind::TimedOut, "the server did not answer in time");
            Err(self.failure(FailureKind::TimedOut, error))
        })
    }

    /// # Errors
    /// When there is no use in waiting for an answer.
    fn poll_send(
        &mut self,
        request: &mut Outgoing<'_>,
        context: &mut Context<'_>,
        progress: &mut bool,
    ) -> Result<(), Failure> {
        let stream = &mut self.connection.stream;
        let body = &mut *request.body;
        match self.sending.poll(stream, body, context, progress) {
            Poll::Ready(Err(SendError::Client(error))) => {
                Err(self.failure(FailureKind::ClientBody, error))
            }
            Poll::Ready(Err(SendError::Server(error)))
                if self.sending.stage() == Stage::NotSent =>
            {
                Err(self.failure(FailureKind::Closed, error))
            }
            // It may have said why before it closed.
            Poll::Ready(Err(SendError::Server(error))) => {
                self.refusal = Some(error);
                Ok(())
            }
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    fn poll_receive(
        &mut self,
        request: &mut Outgoing<'_>,
        context: &mut Context<'_>,
        progress: &mut bool,
    ) -> Poll<Result<(Head, Rest), Failure>> {
        RECEIVED.with_borrow_mut(|buffer| {
            loop {
                let mut buffer = ReadBuf::new(buffer);
                let stream = Pin::new(&mut self.connection.stream);
                match stream.poll_read(context, &mut buffer) {
                    Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                        return Poll::Ready(Err(self.end(io::ErrorKind::UnexpectedEof.into())));
                    }
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(self.end(error))),
                    Poll::Pending => return Poll::Pending,
                }
                *progress = true;
                self.has_received = true;
                if let Some(head) = self.take(buffer.filled(), request)? {
                    return Poll::Ready(Ok(head));
                }
            }
        })
    }

    /// Looks at what has come: the final head is looked for where it was received, and copied only if it is not there whole.
    fn take(
        &mut self,
        new: &[u8],
        request: &mut Outgoing<'_>,
    ) -> Result<Option<(Head, Rest)>, Failure> {
        if self.received.is_empty() {
            let mut new = new;
            let head = self.take_head(&mut new, request)?;
            if head.is_none() {
                self.received.extend_from_slice(new);
            }
            return Ok(head.map(|head| rest(head, new)));
        }
        let mut received = std::mem::take(&mut self.received);
        received.extend_from_slice(new);
        let mut looked_at = &received[..];
        let head = self.take_head(&mut looked_at, request)?;
        if let Some(head) = head {
            return Ok(Some(rest(head, looked_at)));
        }
        let taken = received.len() - looked_at.len();
        received.advance(taken);
        self.received = received;
        Ok(None)
    }

    /// The final head from the front of what was received, after the interim ones before it.
    fn take_head(
        &mut self,
        received: &mut &[u8],
        request: &mut Outgoing<'_>,
    ) -> Result<Option<Head>, Failure> {
        let asked = Asked {
            method: request.method,
            upgrade: request.upgrade,
        };
        while !received.is_empty() {
            let found = self.finder.find(received, self.limits.head);
            let Some(end) = found.map_err(|wrong| self.wrong(wrong))? else {
                return Ok(None);
            };
            let (head, rest) = received.split_at(end);
            let head = answer::parse(head, asked).map_err(|wrong| self.wrong(wrong))?;
            *received = rest;
            let is_switch = head.status == StatusCode::SWITCHING_PROTOCOLS;
            if is_switch && self.sending.state() != State::Over {
                let early = Wrong::Malformed("the server goes over before the request is through");
                return Err(self.wrong(early));
            }
            if is_switch || !head.status.is_informational() {
                return Ok(Some(head));
            }
            self.interim += 1;
            if self.interim > MOST_INTERIM {
                return Err(self.wrong(Wrong::Malformed("there is no end of interim answers")));
            }
            self.tell(&head, request);
        }
        Ok(None)
    }

    /// RFC 9110 §15.2: an interim answer concerns who asked; 100 us as well.
    fn tell(&mut self, head: &Head, request: &mut Outgoing<'_>) {
        if head.status == StatusCode::CONTINUE {
            self.sending.release();
        }
        let mut fields = HeaderMap::new();
        head.fields.each(|name, value| fields.put(name, value));
        (request.interim)(head.status, &fields);
    }

    /// For how long the server may be waited for now, counted from when that began.
    fn set_timer(&mut self, progress: bool) {
        let waits = match self.sending.state() {
            State::Client => Waits::Client,
            State::Server => Waits::More,
            _ if !self.received.is_empty() => Waits::More,
            State::Continue | State::Over | State::Abandoned => Waits::FirstByte,
        };
        if self.waits == Some(waits) && !progress {
            return;
        }
        self.waits = Some(waits);
        match waits {
            // Who waits for a client has limits of its own for that.
            Waits::Client => self.connection.timer.rest(),
            Waits::More => self.connection.timer.wait(self.limits.idle),
            Waits::FirstByte => self.connection.timer.wait(self.limits.first_byte),
        }
    }

    /// The connection ended before the head did.
    fn end(&mut self, error: io::Error) -> Failure {
        let error = self.refusal.take().unwrap_or(error);
        let is_closed = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
        );
        match (self.has_received, is_closed) {
            (false, true) => self.failure(FailureKind::Closed, error),
            (true, true) => self.wrong(Wrong::Malformed("the head of the answer was cut off")),
            (_, false) => self.failure(FailureKind::Io, error),
        }
    }

    fn wrong(&self, wrong: Wrong) -> Failure {
        let (kind, what) = match wrong {
            Wrong::Malformed(what) => (FailureKind::Malformed, what),
            Wrong::TooLarge => (
                FailureKind::TooLarge,
                "the head of the answer is larger than it may be",
            ),
        };
        self.failure(kind, io::Error::new(io::ErrorKind::InvalidData, what))
    }

    fn failure(&self, kind: FailureKind, error: io::Error) -> Failure {
        let stage = if self.has_received {
            Stage::Answered
        } else {
            self.sending.stage()
        };
        Failure::new(kind, stage, error)
    }

    /// The head is there.
    fn finish(mut self, head: Head, rest: Rest, request: &mut Outgoing<'_>) -> Exchanged<S> {
        self.connection.timer.rest();
        self.sending.settle();
        if self.sending.state() == State::Over {
            HEAD.set(self.sending.take_buffer());
        }
        let keeps_alive = head.keeps_alive && self.limits.keeps_alive;
        match rest {
            Rest::Begun(first) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                Exchanged::Upgraded {
                    head,
                    stream: self.connection.stream,
                    first: first.freeze(),
                }
            }
            // Whoever answers before it has the request, and says no more, does not want the rest.
            Rest::Whole(body, has_surplus) => {
                let is_sent = self.sending.state() == State::Over;
                let may_go_on = keeps_alive && !has_surplus && is_sent;
                Exchanged::Whole {
                    head,
                    body,
                    connection: may_go_on.then_some(self.connection),
                }
            }
            Rest::Begun(received) => {
                let left = if self.sending.is_settled() {
                    crate::proxy::request_body::RequestBody::Empty
                } else {
                    std::mem::take(request.body)
                };
                let mut streaming = Streaming::new(
                    self.connection,
                    (self.sending, left),
                    (head.framing, received),
                    keeps_alive,
                    self.limits,
                );
                match streaming.take_whole() {
                    Some((body, connection)) => Exchanged::Whole {
                        head,
                        body,
                        connection,
                    },
                    None => Exchanged::Streaming {
                        head,
                        body: Box::new(streaming),
                    },
                }
            }
        }
    }
}

/// What came with the head, and what of it is the body.
fn rest(head: Head, rest: &[u8]) -> (Head, Rest) {
    let whole = match head.framing {
        Framing::Nothing if head.status == StatusCode::SWITCHING_PROTOCOLS => None,
        Framing::Nothing => Some(0),
        Framing::Length(length) => usize::try_from(length)
            .ok()
            .filter(|&length| length <= rest.len()),
        Framing::Chunked | Framing::UntilClose => None,
    };
    let rest = match whole {
        Some(length) => Rest::Whole(Bytes::copy_from_slice(&rest[..length]), rest.len() > length),
        None => Rest::Begun(BytesMut::from(rest)),
    };
    (head, rest)
}
