//! Plain requests with ready answers: read, looked up and written in one go, with no future to be polled and no map of fields.
//!
//! Nothing is decided here: whatever is not as plain as can be goes the usual way, and gets the same answer there.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite};

use super::response;
use super::server::Connection;
use crate::header::accept_encoding::ContentCoding;
use crate::observe::access_log::End;
use crate::observe::places::PlaceId;
use crate::observe::plain::{ReadyAnswered, Teller, Tracked};
use crate::observe::tally::{InFlight, Tally};
use crate::server::app::Answer;

/// An answer as it is sent, but for its date.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    /// 200, or 304 without a body.
    pub(crate) status: StatusCode,
    /// Field lines, with the length of a body.
    pub(crate) lines: Bytes,
    pub(crate) body: Bytes,
    /// Of the body.
    pub(crate) coding: ContentCoding,
    pub(crate) place: PlaceId,
}

/// What of an answer the socket has not taken yet.
pub(super) struct Unsent {
    head: Vec<u8>,
    body: Bytes,
    /// Of the body, in all.
    length: u64,
    answered: ReadyAnswered,
    tracked: Tracked,
    client: Option<IpAddr>,
    in_flight: Option<InFlight>,
}

impl Unsent {
    fn left(&self) -> u64 {
        (self.head.len() + self.body.len()) as u64
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        let left = self.left();
        let end = if left == 0 { End::Whole } else { End::Aborted };
        let teller = Teller {
            tally: self.in_flight.as_ref().map(InFlight::tally),
            client: self.client,
        };
        let sent = self.length.saturating_sub(left);
        self.tracked.end(teller, self.answered, sent, end);
    }
}

/// A body up to this size is copied behind its head.
const JOINED: usize = 8 << 10;

thread_local! {
    /// The memory of the last head.
    static SPARE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl<A: Answer, S: AsyncRead + AsyncWrite + Unpin + Send> Connection<'_, A, S> {
    /// Sends all that the socket takes at once; `Some` when there is more. Not a future, which the idle connection would have to keep room for.
    pub(super) fn send_ready(
        &mut self,
        ready: Ready,
        closes: bool,
        mut tracked: Tracked,
    ) -> io::Result<Option<Box<Unsent>>> {
        let Ready {
            status,
            lines,
            mut body,
            coding,
            place,
        } = ready;
        let length = body.len() as u64;
        let answered = ReadyAnswered {
            status,
            place,
            coding,
        };
        let mut head = SPARE.take();
        head.clear();
        let now = tracked.begun().unwrap_or_else(Instant::now);
        response::write_ready(&mut head, (status, &lines), closes, now);
        if body.len() <= JOINED {
            head.extend_from_slice(&body);
            body = Bytes::new();
        }
        let before = self.wire.written;
        let (sent, is_blocked) = match self.send_now(&head, &mut body) {
            Ok(sent) => sent,
            Err(error) => {
                tracked.end(self.teller(), answered, 0, End::Aborted);
                return Err(error);
            }
        };
        self.activity.has_answered(self.wire.written - before, now);
        if is_blocked {
            head.drain(..sent);
            return Ok(Some(Box::new(Unsent {
                head,
                body,
                length,
                answered,
                tracked,
                client: self.peer.ip(),
                in_flight: self.shared.tally().map(Tally::enter),
            })));
        }
        SPARE.set(head);
        tracked.end(self.teller(), answered, length, End::Whole);
        Ok(None)
    }

    fn teller(&self) -> Teller<'_> {
        Teller {
            tally: self.shared.tally().map(|tally| &**tally),
            client: self.peer.ip(),
        }
    }

    /// How much of the head the socket took, and whether it takes no more; what it took of the body is gone from that.
    fn send_now(&mut self, head: &[u8], body: &mut Bytes) -> io::Result<(usize, bool)> {
        // Whoever sends the rest is woken.
        let mut context = Context::from_waker(Waker::noop());
        let (mut sent, mut is_blocked) = (0, false);
        while !(is_blocked || sent == head.len() && body.is_empty()) {
            match self
                .wire
                .poll_write(&mut context, [&head[sent..], body, &[]])?
            {
                Poll::Ready(written) => {
                    let of_head = written.min(head.len() - sent);
                    sent += of_head;
                    let _ = body.split_to(written - of_head);
                }
                Poll::Pending => is_blocked = true,
            }
        }
        is_blocked |= self.wire.poll_flush(&mut context)?.is_pending();
        Ok((sent, is_blocked))
    }

    /// Sends the rest to a client that takes its time.
    pub(super) async fn send_rest(&mut self, mut rest: Box<Unsent>) -> io::Result<()> {
        poll_fn(|context| {
            loop {
                let Unsent { head, body, .. } = &mut *rest;
                let written = if head.is_empty() && body.is_empty() {
                    self.wire.poll_flush(context).map_ok(|()| None)
                } else {
                    self.wire
                        .poll_write(context, [head, body, &[]])
                        .map_ok(Some)
                };
                match written {
                    Poll::Ready(Ok(None)) => {
                        self.activity.rest();
                        return Poll::Ready(Ok(()));
                    }
                    Poll::Ready(Ok(Some(written))) => {
                        let of_head = written.min(head.len());
                        head.drain(..of_head);
                        let _ = body.split_to(written - of_head);
                        self.activity.has_written(written as u64);
                        continue;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
                self.activity.wait(None, true);
                return self
                    .poll_deadline(context)
                    .map(|()| Err(io::ErrorKind::TimedOut.into()));
            }
        })
        .await
    }
}
