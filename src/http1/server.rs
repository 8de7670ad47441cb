//! A connection, from its first byte to its last.
//!
//! 1. Wait for bytes; only then is there a buffer.
//! 2. Take a head from them, or refuse what is none.
//! 3. Have it answered; the body comes as the handler asks for it.
//! 4. Write the answer.
//! 5. Get rid of a body that nobody read, or close.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::request::Parts;
use http::{Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::Incoming;
use super::head::{self, Head};
use super::intake::Intake;
use super::interim::Interim;
use super::response::Connection as Persistence;
use super::transmission::{self, Asked, Transmission};
use super::wire::Wire;
use crate::config::Limits;
use crate::header::framing::RequestBody;
use crate::rejection::Rejection;
use crate::server::activity::{Activity, Serving};
use crate::server::app::Answer;
use crate::server::deadline::{Deadline, Event};
use crate::server::generation::{Generation, Shared};
use crate::server::peer::Peer;
use crate::server::shutdown::Draining;

/// How much is read from a client that goes on sending after the last answer, so that it gets to read that.
const LINGERED: u64 = 64 << 20;

/// A connection of HTTP/1.1.
pub(crate) struct Connection<'c, A, S> {
    shared: &'c Shared<A>,
    generation: Arc<Generation<A>>,
    wire: Wire<S>,
    peer: &'c Peer,
    activity: &'c Arc<Activity>,
    deadline: Deadline<'c>,
    /// Requests so far.
    requests: usize,
}

/// How a connection ended.
pub(crate) enum Ended {
    Closed,
    /// What comes next is not ours to speak; these are its first bytes.
    Handed(Bytes),
}

enum Next {
    Head(Box<Head>),
    Refused(Rejection),
    Handed,
    Closed,
}

/// What became of an exchange.
enum After {
    Next,
    Close,
    /// The client may still be sending: let it read the answer first.
    Linger,
    Hand(Bytes),
}

impl After {
    fn refusal(rejection: Rejection) -> Self {
        // Who took too long is not sending anything that closing could get in the way of.
        if rejection == Rejection::TIMED_OUT {
            Self::Close
        } else {
            Self::Linger
        }
    }
}

impl<'c, A: Answer, S: AsyncRead + AsyncWrite + Unpin + Send> Connection<'c, A, S> {
    pub(crate) fn new(
        shared: &'c Shared<A>,
        stream: S,
        peer: &'c Peer,
        activity: &'c Arc<Activity>,
        draining: Draining,
    ) -> Self {
        let generation = shared.generation();
        let deadline = Deadline::new(activity, &generation.limits, draining);
        Self {
            shared,
            generation,
            wire: Wire {
                stream,
                received: BytesMut::new(),
                written: 0,
            },
            peer,
            activity,
            deadline,
            requests: 0,
        }
    }

    pub(crate) fn into_parts(self) -> (S, Draining) {
        (self.wire.stream, self.deadline.into_draining())
    }

    /// Tells the client that nothing follows, as far as it takes it now: to TLS, an end without words may be one that somebody forced.
    pub(crate) fn say_farewell(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        // A client that is gone, or takes nothing, misses nothing.
        let _ = Pin::new(&mut self.wire.stream).poll_shutdown(&mut context);
    }

    /// Serves until one side closes.
    ///
    /// # Errors
    /// When the client is gone, or a body could not be sent whole: what it has then is visibly cut off.
    pub(crate) async fn serve(&mut self) -> io::Result<Ended> {
        loop {
            // Boxed: a connection is idle most of its life, and small then.
            let after = match self.next_head().await? {
                Next::Head(head) => Box::pin(self.exchange(head)).await?,
                Next::Refused(rejection) => Box::pin(self.refuse(None, rejection)).await?,
                Next::Handed => return Ok(Ended::Handed(self.wire.received.split().freeze())),
                Next::Closed => return Ok(Ended::Closed),
            };
            match after {
                After::Next => {}
                After::Close => return Ok(Ended::Closed),
                After::Linger => {
                    self.linger().await?;
                    return Ok(Ended::Closed);
                }
                After::Hand(prefix) => return Ok(Ended::Handed(prefix)),
            }
        }
    }

    /// Steps 1 and 2.
    async fn next_head(&mut self) -> io::Result<Next> {
        loop {
            if self.wire.received.is_empty() {
                // What was taken of it may live on; the rest of its memory need not.
                self.wire.received = BytesMut::new();
            } else {
                self.activity.has_read();
                // RFC 9113 §3.4: no request begins so, and only the first bytes of a connection can.
                if self.wire.written == 0 && self.wire.received.starts_with(b"PRI ") {
                    return Ok(Next::Handed);
                }
                self.shared.refresh(&mut self.generation);
                match head::take(&mut self.wire.received, self.generation.head_limits()) {
                    Ok(Some(head)) => return Ok(Next::Head(Box::new(head))),
                    Ok(None) => {}
                    Err(rejection) => return Ok(Next::Refused(rejection)),
                }
            }
            match self.receive().await {
                Ok(0) => return Ok(Next::Closed),
                Ok(_) => {}
                // A client that has said nothing is waiting for nothing.
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Ok(if self.wire.received.is_empty() {
                        Next::Closed
                    } else {
                        Next::Refused(Rejection::TIMED_OUT)
                    });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Steps 3 to 5.
    async fn exchange(&mut self, head: Box<Head>) -> io::Result<After> {
        let Limits {
            body_size,
            requests_per_connection: most_requests,
            connection_age,
            ..
        } = self.generation.limits;
        if A::READS_BODIES
            && let Some(mut bytes) = head.upgrade
        {
            // With what follows it, as it came.
            let mut prefix = BytesMut::from(&*std::mem::take(&mut bytes));
            prefix.extend_from_slice(&self.wire.received.split());
            return Ok(After::Hand(prefix.freeze()));
        }
        if matches!(head.body, RequestBody::Length(length) if length > body_size) {
            return self
                .refuse(Some(&head.parts), Rejection::BODY_TOO_LARGE)
                .await;
        }
        self.requests += 1;
        let is_last = self.requests == most_requests
            || (!connection_age.is_zero() && self.activity.opened.elapsed() >= connection_age);
        let mut intake = Intake::new(&head, self.generation.head_limits(), body_size);
        let Head {
            mut parts,
            keeps_alive,
            ..
        } = *head;
        let log = self.generation.begin_log(&parts, self.peer);
        let mut serving = self.activity.begin(log);
        let mut asked = Asked::new(&parts);
        let mut body = Incoming::default();
        if A::READS_BODIES {
            let (incoming, channel) = intake.open();
            body = incoming;
            asked = asked.with_trailers(&parts);
            parts.extensions.insert(Interim(channel));
        }
        let is_encrypted = self.generation.introduce(&mut parts, self.peer);
        let answered = self.answer(parts, is_encrypted, body, &mut intake).await?;
        let refused = answered.as_ref().err().copied();
        let response = match answered {
            Ok(response) => response,
            Err(rejection) => self.generation.app.refuse(None, rejection).await,
        };
        serving.answered(&response);
        let keeps_alive = keeps_alive
            && refused.is_none()
            && !is_last
            && intake.lets_go_on(&mut self.wire.received)
            && !self.activity.is_draining()
            && !response.headers().contains_key(CONNECTION);
        let persistence = Persistence::new(asked.version, keeps_alive);
        let is_delimited = self
            .transmit(response, &asked, persistence, &mut intake, &mut serving)
            .await?;
        drop(serving);
        match refused {
            Some(rejection) => Ok(After::refusal(rejection)),
            None => self.leave(intake, keeps_alive && is_delimited).await,
        }
    }

    /// Step 3. Inside: why the request's body is none.
    async fn answer(
        &mut self,
        parts: Parts,
        is_encrypted: bool,
        body: Incoming,
        intake: &mut Intake,
    ) -> io::Result<Result<Response<A::Body>, Rejection>> {
        let generation = Arc::clone(&self.generation);
        let mut answering = pin!(generation.app.answer_http1(parts, body, is_encrypted));
        poll_fn(|context| {
            loop {
                if let Poll::Ready(response) = answering.as_mut().poll(context) {
                    return Poll::Ready(Ok(Ok(response)));
                }
                match intake.poll(&mut self.wire, context) {
                    Poll::Ready(Ok(Ok(()))) => {
                        self.activity.wait(None, false);
                        continue;
                    }
                    Poll::Ready(Ok(Err(rejection))) => return Poll::Ready(Ok(Err(rejection))),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
                self.activity
                    .wait(intake.patience(&self.generation.limits), false);
                return match self.poll_deadline(context) {
                    Poll::Ready(()) => Poll::Ready(Ok(Err(intake.refuse(Rejection::TIMED_OUT)))),
                    Poll::Pending => Poll::Pending,
                };
            }
        })
        .await
    }

    /// Step 4. Whether the client can tell where the answer ends without the end of the connection.
    async fn transmit(
        &mut self,
        response: Response<A::Body>,
        asked: &Asked,
        persistence: Persistence,
        intake: &mut Intake,
        serving: &mut Serving,
    ) -> io::Result<bool> {
        let (mut parts, mut body) = response.into_parts();
        // RFC 9110 §8.6: not even that of what is not there.
        if matches!(
            parts.status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT
        ) {
            parts.headers.remove(CONTENT_LENGTH);
        }
        let lines = A::take_lines(&mut body);
        let framing = transmission::framing(asked, &parts, &body, lines.is_some())?;
        let mut transmission = Transmission::new(
            intake.take_interim(),
            &parts,
            lines.as_deref(),
            body,
            (framing, asked.takes_trailers),
            persistence,
        );
        drop((parts, lines));
        transmission.starts_at(self.wire.written);
        poll_fn(|context| {
            loop {
                if let Poll::Ready(sent) =
                    transmission.poll(&mut self.wire, self.activity, serving, context)
                {
                    return Poll::Ready(sent);
                }
                match intake.poll(&mut self.wire, context) {
                    Poll::Ready(Ok(Ok(()))) => {
                        self.activity.wait(None, false);
                        continue;
                    }
                    // The head is out: all that can be said now is that something broke off.
                    Poll::Ready(Ok(Err(rejection))) => {
                        return Poll::Ready(Err(io::Error::other(rejection.reason())));
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
                let patience = intake.patience(&self.generation.limits);
                self.activity.wait(patience, transmission.is_blocked());
                return match self.poll_deadline(context) {
                    Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                    Poll::Pending => Poll::Pending,
                };
            }
        })
        .await?;
        serving.finish();
        Ok(!matches!(framing, super::response::Framing::UntilClose))
    }

    /// Step 5.
    async fn leave(&mut self, mut intake: Intake, keeps_alive: bool) -> io::Result<After> {
        if intake.is_over() {
            return Ok(match keeps_alive {
                true => After::Next,
                false if self.wire.received.is_empty() => After::Close,
                false => After::Linger,
            });
        }
        if !keeps_alive {
            return Ok(After::Linger);
        }
        self.activity.has_read();
        let discarded = poll_fn(|context| {
            if let Poll::Ready(discarded) = intake.poll_discard(&mut self.wire, context) {
                return Poll::Ready(discarded);
            }
            self.poll_deadline(context).map(|()| Ok(false))
        });
        if !discarded.await? {
            return Ok(After::Linger);
        }
        self.activity.rest();
        Ok(After::Next)
    }

    /// Nobody knows where the next request would begin, or nobody wants to read on to it.
    async fn refuse(&mut self, parts: Option<&Parts>, rejection: Rejection) -> io::Result<After> {
        let log = match parts {
            Some(parts) => self.generation.begin_log(parts, self.peer),
            None => self.generation.begin_unreadable_log(self.peer),
        };
        let mut serving = self.activity.begin(log);
        let generation = Arc::clone(&self.generation);
        let response = generation.app.refuse(parts, rejection).await;
        serving.answered(&response);
        let asked = parts.map(Asked::new).unwrap_or_default();
        let persistence = Persistence::new(asked.version, false);
        let mut intake = Intake::none(self.generation.head_limits());
        self.transmit(response, &asked, persistence, &mut intake, &mut serving)
            .await?;
        Ok(After::refusal(rejection))
    }

    /// RFC 9112 §9.6: closing with unread bytes would reset the connection, and take the answer from the client. It is told that nothing
    /// follows, and read from until it closes too, or its time is over.
    async fn linger(&mut self) -> io::Result<()> {
        let stream = &mut self.wire.stream;
        poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context)).await?;
        self.activity.has_read();
        let mut left = LINGERED;
        loop {
            self.wire.received.clear();
            match self.receive().await? as u64 {
                0 => return Ok(()),
                more if more > left => return Ok(()),
                more => left -= more,
            }
        }
    }

    /// # Errors
    /// `TimedOut` when the client took too long.
    async fn receive(&mut self) -> io::Result<usize> {
        poll_fn(|context| {
            if let Poll::Ready(received) = self.wire.poll_receive(context) {
                return Poll::Ready(received);
            }
            self.poll_deadline(context)
                .map(|()| Err(io::ErrorKind::TimedOut.into()))
        })
        .await
    }

    /// Ready when the connection's time is over.
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.deadline.poll(context, &self.generation.limits) {
                Poll::Ready(Event::Over) => return Poll::Ready(()),
                // The present request, or the next, is the last: its answer says so.
                Poll::Ready(Event::Drain) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
