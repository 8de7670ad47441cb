//! A connection, from its first byte to its last.
//!
//! 1. Wait for bytes; only then is there a buffer.
//! 2. Take a head from them, or refuse what is none.
//! 3. Have it answered ([`exchange`](super::exchange)), or send what is ready for it ([`express`](super::express)).
//! 4. Go on with the next, or close.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use tokio::io::{AsyncRead, AsyncWrite};

use super::express::Ready;
use super::head::{self, Head, Kept, Taken};
use super::intake::Intake;
use super::plain::PlainGet;
use super::response::Connection as Persistence;
use super::transmission::Asked;
use super::wire::Wire;
use crate::observe::plain::{HeadUse, Noted, Tracked};
use crate::rejection::Rejection;
use crate::server::activity::Activity;
use crate::server::app::Answer;
use crate::server::deadline::{Deadline, Event};
use crate::server::generation::{Generation, Shared};
use crate::server::peer::Peer;
use crate::server::shutdown::Draining;

/// How much is read from a client that goes on sending after the last answer, so that it gets to read that.
const LINGERED: u64 = 64 << 20;

/// A connection of HTTP/1.1.
pub(crate) struct Connection<'c, A, S> {
    pub(super) shared: &'c Shared<A>,
    pub(super) generation: Arc<Generation<A>>,
    pub(super) wire: Wire<S>,
    pub(super) peer: &'c Peer,
    pub(super) activity: &'c Arc<Activity>,
    pub(super) deadline: Deadline<'c>,
    /// Requests so far.
    pub(super) requests: usize,
}

/// How a connection ended.
pub(crate) enum Ended {
    Closed,
    /// What comes next is not ours to speak; these are its first bytes.
    Handed(Bytes),
}

enum Next {
    Head(Box<Head>),
    /// With whether it is the last.
    Ready(Ready, bool, Tracked),
    Refused(Rejection),
    Handed,
    Closed,
}

/// What became of an exchange.
pub(super) enum After {
    Next,
    Close,
    /// The client may still be sending: let it read the answer first.
    Linger,
    Hand(Bytes),
}

impl After {
    pub(super) fn refusal(rejection: Rejection) -> Self {
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

    pub(crate) fn into_draining(self) -> Draining {
        self.deadline.into_draining()
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
                Next::Ready(ready, closes, tracked) => {
                    if let Some(rest) = self.send_ready(ready, closes, tracked)? {
                        Box::pin(self.send_rest(rest)).await?;
                    }
                    match closes {
                        false => After::Next,
                        true if self.wire.received.is_empty() => After::Close,
                        true => After::Linger,
                    }
                }
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
                // RFC 9113 §3.4: no request begins so, and only the first bytes of a connection can; not when it was agreed otherwise.
                if self.wire.written == 0
                    && self.wire.received.starts_with(b"PRI ")
                    && self.peer.agreed_on().is_none()
                {
                    return Ok(Next::Handed);
                }
                self.shared.refresh(&mut self.generation);
                let head_use = self.head_use();
                let begun = (head_use == HeadUse::Note).then(Instant::now);
                match self.take_head(head_use) {
                    Ok(Some(Taken::Head(head))) => return Ok(Next::Head(head)),
                    Ok(Some(Taken::Ready((ready, closes), kept))) => {
                        return Ok(Next::Ready(ready, closes, self.track(kept, begun)));
                    }
                    Ok(None) => {}
                    Err(Rejection::NOT_HTTP) if self.wire.written == 0 => {
                        tracing::debug!(client = ?self.peer.address, "the client does not speak HTTP");
                        return Ok(Next::Closed);
                    }
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

    /// Nobody knows where the next request would begin, or nobody wants to read on to it.
    pub(super) async fn refuse(
        &mut self,
        parts: Option<&Parts>,
        rejection: Rejection,
    ) -> io::Result<After> {
        let begun = match parts {
            Some(parts) => self
                .shared
                .begin_request(&self.generation, parts, self.peer),
            None => self.shared.begin_unreadable(&self.generation, self.peer),
        };
        let mut serving = self.activity.begin(begun);
        let generation = Arc::clone(&self.generation);
        let story = serving.story();
        let response = generation.app.refuse(parts, rejection, story).await;
        serving.answered(&response);
        let asked = parts.map(Asked::new).unwrap_or_default();
        let persistence = Persistence::new(asked.version, false);
        let mut intake = Intake::none(self.generation.head_limits());
        self.transmit(response, &asked, persistence, &mut intake, &mut serving)
            .await?;
        Ok(After::refusal(rejection))
    }

    /// With its answer and whether that is the last, where it is at hand.
    fn take_head(&mut self, head_use: HeadUse) -> Result<Option<Taken<(Ready, bool)>>, Rejection> {
        let Self {
            generation,
            wire,
            peer,
            ..
        } = self;
        let may_be_ready = generation.app.has_ready()
            && generation.limits.requests_per_connection == 0
            && !self.deadline.is_aged()
            && !self.activity.is_draining();
        head::take(
            &mut wire.received,
            generation.head_limits(),
            head_use,
            may_be_ready.then_some(|plain: PlainGet<'_>| {
                Some((generation.app.ready(plain, peer)?, plain.closes))
            }),
        )
    }

    /// What has to be known of a request that is answered with what is at hand. A proxy's request names its client in its fields.
    fn head_use(&self) -> HeadUse {
        let is_counted = self.shared.tally().is_some();
        if self.generation.outlets.are_any() || (is_counted && self.generation.trusts(self.peer)) {
            HeadUse::Head
        } else if is_counted {
            HeadUse::Note
        } else {
            HeadUse::Nothing
        }
    }

    fn track(&self, kept: Kept, begun: Option<Instant>) -> Tracked {
        match (kept, begun) {
            (Kept::Head(head), _) => {
                let (_, exchange) =
                    self.shared
                        .begin_request(&self.generation, &head.parts, self.peer);
                exchange.map_or(Tracked::Nobody, Tracked::Exchange)
            }
            (Kept::Note(note), Some(begun)) => Tracked::Note(Noted::new(note, begun)),
            (Kept::Note(_) | Kept::Nothing, _) => Tracked::Nobody,
        }
    }

    /// Counts a request; whether no other may follow it.
    pub(super) fn is_last(&mut self) -> bool {
        self.requests += 1;
        self.requests == self.generation.limits.requests_per_connection
            || self.deadline.is_aged()
            || self.activity.is_draining()
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
    pub(super) fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
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
