//! A request and its answer.
//!
//! 1. What cannot be answered here is handed on or refused.
//! 2. The handler answers; the request's body comes as it asks for it.
//! 3. The answer is sent, while the handler may still be reading.
//! 4. What is left of the body is thrown away, or the connection ends.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::request::Parts;
use http::{Response, StatusCode, Version};
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::Incoming;
use super::head::Head;
use super::intake::Intake;
use super::interim::Interim;
use super::response::{Connection as Persistence, Framing};
use super::server::{After, Connection};
use super::transmission::{self, Asked, Transmission};
use crate::header::framing::RequestBody;
use crate::observe::story::{BreakOff, Story};
use crate::proxy::caller::Caller;
use crate::proxy::far_end::FarEnd;
use crate::proxy::tunnel;
use crate::rejection::Rejection;
use crate::server::activity::Serving;
use crate::server::app::Answer;
use crate::server::deadline::Event;

impl<A: Answer, S: AsyncRead + AsyncWrite + Unpin + Send> Connection<'_, A, S> {
    /// Step 1, and the others.
    pub(super) async fn exchange(&mut self, head: Box<Head>) -> io::Result<After> {
        if A::IS_ROUTER
            && let Some(bytes) = &head.upgrade
        {
            // With what follows it, as it came.
            let mut prefix = BytesMut::from(&bytes[..]);
            prefix.extend_from_slice(&self.wire.received.split());
            return Ok(After::Hand(prefix.freeze()));
        }
        let body_size = self.generation.limits.body_size;
        if matches!(head.body, RequestBody::Length(length) if length > body_size) {
            return Box::pin(self.refuse(Some(&head.parts), Rejection::BODY_TOO_LARGE)).await;
        }
        self.exchange_here(*head).await
    }

    /// Steps 2 to 4.
    async fn exchange_here(&mut self, head: Head) -> io::Result<After> {
        let is_last = self.is_last();
        let limits = self.generation.head_limits();
        let mut intake = Intake::new(&head, limits, self.generation.limits.body_size);
        let Head {
            mut parts,
            keeps_alive,
            ..
        } = head;
        let begun = self
            .shared
            .begin_request(&self.generation, &parts, self.peer);
        let mut serving = self.activity.begin(begun);
        let mut asked = Asked::new(&parts);
        let mut body = Incoming::default();
        if self.generation.app.reads_bodies() {
            let (incoming, channel) = intake.open();
            body = incoming;
            asked = asked.with_trailers(&parts);
            // RFC 9110 §15.2: a client of HTTP/1.0 knows of none.
            if A::IS_ROUTER && parts.version == Version::HTTP_11 {
                parts.extensions.insert(Interim(channel));
            }
        }
        let caller = self.generation.introduce(&mut parts, self.peer);
        let story = Arc::clone(serving.story());
        let answered = self
            .answer(parts, caller, body, (&mut intake, &story))
            .await?;
        let refused = answered.as_ref().err().copied();
        let app = &self.generation.app;
        let (response, tunnel) = sendable(app, answered, &asked, &story).await;
        serving.answered(&response);
        let keeps_alive = keeps_alive
            && refused.is_none()
            && !is_last
            && intake.lets_go_on(&mut self.wire.received)
            && !self.activity.is_draining()
            && !response.headers().contains_key(CONNECTION);
        let persistence = match tunnel {
            Some(_) => Persistence::Upgrade,
            None => Persistence::new(asked.version, keeps_alive),
        };
        let is_delimited = self
            .transmit(response, &asked, persistence, &mut intake, &mut serving)
            .await?;
        if let Some(far_end) = tunnel {
            return Box::pin(self.tunnel(far_end, serving)).await;
        }
        drop(serving);
        match refused {
            Some(rejection) => Ok(After::refusal(rejection)),
            None => self.leave(intake, keeps_alive && is_delimited).await,
        }
    }

    /// Step 2. Inside: why the request's body is none.
    async fn answer(
        &mut self,
        parts: Parts,
        caller: Caller,
        body: Incoming,
        (intake, story): (&mut Intake, &Arc<Story>),
    ) -> io::Result<Result<Response<A::Body>, Rejection>> {
        let generation = Arc::clone(&self.generation);
        let mut answering = pin!(generation.app.answer_http1(parts, body, caller, story));
        poll_fn(|context| {
            loop {
                if let Poll::Ready(response) = answering.as_mut().poll(context) {
                    return Poll::Ready(Ok(Ok(response)));
                }
                match self.poll_client(intake, context) {
                    Poll::Ready(Ok(Ok(()))) => continue,
                    Poll::Ready(Ok(Err(rejection))) => return Poll::Ready(Ok(Err(rejection))),
                    Poll::Ready(Err(error)) => {
                        story.broke_off(BreakOff::ClientLeft);
                        return Poll::Ready(Err(error));
                    }
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

    /// Step 3. Whether the client can tell where the answer ends without the end of the connection.
    pub(super) async fn transmit(
        &mut self,
        response: Response<A::Body>,
        asked: &Asked,
        persistence: Persistence,
        intake: &mut Intake,
        serving: &mut Serving,
    ) -> io::Result<bool> {
        let (mut parts, mut body) = response.into_parts();
        drop_length_of_nothing(&mut parts);
        let lines = A::take_lines(&mut body);
        let framing = transmission::framing(asked, &parts, &body, lines.is_some());
        let mut transmission = Transmission::new(
            intake.take_interim(),
            &parts,
            lines.as_ref(),
            body,
            (framing, asked.takes_trailers),
            persistence,
        );
        drop((parts, lines));
        transmission.starts_at(self.wire.written);
        let sent = poll_fn(|context| {
            loop {
                if let Poll::Ready(sent) =
                    transmission.poll(&mut self.wire, self.activity, serving, context)
                {
                    return Poll::Ready(sent.map_err(|error| (error, BreakOff::ClientLeft)));
                }
                match self.poll_client(intake, context) {
                    Poll::Ready(Ok(Ok(()))) => continue,
                    // The head is out: all that can be said now is that something broke off.
                    Poll::Ready(Ok(Err(rejection))) => {
                        let error = io::Error::other(rejection.reason());
                        return Poll::Ready(Err((error, BreakOff::ClientBody)));
                    }
                    Poll::Ready(Err(error)) => {
                        return Poll::Ready(Err((error, BreakOff::ClientLeft)));
                    }
                    Poll::Pending => {}
                }
                let patience = intake.patience(&self.generation.limits);
                self.activity.wait(patience, transmission.is_blocked());
                return self.poll_deadline(context).map(|()| {
                    let error = io::ErrorKind::TimedOut.into();
                    Err((error, BreakOff::ClientStalled))
                });
            }
        })
        .await;
        if let Err((error, why)) = sent {
            serving.story().broke_off(why);
            return Err(error);
        }
        if persistence != Persistence::Upgrade {
            serving.finish();
        }
        Ok(!matches!(framing, Framing::UntilClose))
    }

    /// What the client sends meanwhile: more of the body, where it is wanted, or the end. Ready when something was brought.
    fn poll_client(
        &mut self,
        intake: &mut Intake,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Result<(), Rejection>>> {
        let brought = intake.poll(&mut self.wire, context);
        if let Poll::Ready(Ok(Ok(()))) = brought {
            self.activity.wait(None, false);
        }
        if brought.is_ready() {
            return brought;
        }
        intake.poll_gone(&mut self.wire, context).map_ok(Ok)
    }

    /// From here on the bytes are none of HTTP.
    async fn tunnel(&mut self, mut far_end: FarEnd, mut serving: Serving) -> io::Result<After> {
        let received = self.wire.received.split().freeze();
        let mut sent = 0;
        let ended = {
            // The deadline is polled beside it, and has the rest of the connection.
            let Self {
                wire,
                deadline,
                generation,
                ..
            } = self;
            let mut tunnel = pin!(tunnel::run(
                &mut wire.stream,
                &received,
                &mut far_end,
                &mut sent
            ));
            poll_fn(|context| {
                if let Poll::Ready(ended) = tunnel.as_mut().poll(context) {
                    return Poll::Ready(ended);
                }
                while let Poll::Ready(event) = deadline.poll(context, &generation.limits) {
                    if let Event::Over = event {
                        return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                    }
                }
                Poll::Pending
            })
            .await
        };
        serving.sent(sent);
        if let Err(error) = &ended {
            tracing::debug!(client = ?self.peer.address, %error, "tunnel ended");
        }
        serving.finish();
        Ok(After::Close)
    }

    /// Step 4.
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
}

/// RFC 9110 §8.6: not even that of what is not there.
fn drop_length_of_nothing(parts: &mut http::response::Parts) {
    if matches!(
        parts.status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT
    ) {
        parts.headers.remove(CONTENT_LENGTH);
    }
}

/// What is sent, and what the connection is to become then.
async fn sendable<A: Answer>(
    app: &A,
    answered: Result<Response<A::Body>, Rejection>,
    asked: &Asked,
    story: &Arc<Story>,
) -> (Response<A::Body>, Option<FarEnd>) {
    let rejection = match answered {
        Ok(mut response) => {
            let tunnel = A::take_tunnel(response.body_mut());
            if transmission::is_sendable(asked, &response, tunnel.is_some()) {
                return (response, tunnel);
            }
            tracing::error!(
                "a handler's answer cannot be sent: its status is none, or its Content-Length not that of its body"
            );
            Rejection::ANSWER
        }
        Err(rejection) => rejection,
    };
    (Box::pin(app.refuse(None, rejection, story)).await, None)
}
