//! One connection: HTTP/1.1 or HTTP/2, as its first bytes say, with its deadlines.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;

use super::activity::{Activity, Serving};
use super::app::Answer;
use super::deadline::{Deadline, Event};
use super::generation::Shared;
use super::guarded_body::{self, GuardedBody};
use super::limit::Permit;
use super::peer::Peer;
use super::prologue::{Prologue, Stream};
use super::proxy_protocol;
use super::shutdown::Draining;
use super::watched::Watched;
use crate::config::Limits;
use crate::http1::server as http1;
use crate::observe::counted_body::CountedBody;
use crate::proxy::tunnel;
use crate::rejection::Rejection;

/// A body whose end is noted; that of a tunnel is noted elsewhere.
type Counted<A> = CountedBody<<A as Answer>::Body, Option<Serving>>;

impl<A: Answer> Shared<A> {
    /// Has the header of the PROXY protocol read, then goes on as if the client itself had connected.
    pub(super) async fn open_by_proxy<S: Stream>(
        self: Arc<Self>,
        stream: S,
        mut peer: Peer,
        prologue: Arc<Prologue>,
        draining: Draining,
        permit: Permit,
    ) {
        let Some(trusted) = &prologue.proxy_protocol else {
            return self.open(stream, peer, prologue, draining, permit).await;
        };
        let sender = peer.address;
        let timeout = self.generation().limits.header_timeout;
        // Boxed: what a header needs is not kept for the rest of the connection.
        match Box::pin(proxy_protocol::receive(stream, &mut peer, trusted, timeout)).await {
            Ok(stream) => self.open(stream, peer, prologue, draining, permit).await,
            Err(why) => tracing::debug!(peer = ?sender, %why, "connection refused"),
        }
    }

    /// Has a TLS handshake done where one is due, then serves.
    pub(super) async fn open<S: Stream>(
        self: Arc<Self>,
        stream: S,
        peer: Peer,
        prologue: Arc<Prologue>,
        draining: Draining,
        permit: Permit,
    ) {
        let Some(tls) = prologue.tls() else {
            return self.serve(stream, peer, draining, permit).await;
        };
        let over = draining.clone().over_soon();
        // Boxed: what a handshake needs is not kept for the rest of the connection.
        let accepted = Box::pin(tls.accept(stream, &peer.address, over)).await;
        permit.shook_hands(accepted.as_ref().map(|(stream, _)| stream.is_resumed()));
        if let Some((stream, session)) = accepted {
            let tls = Some(session);
            let peer = Peer { tls, ..peer };
            drop(prologue);
            self.serve(stream, peer, draining, permit).await;
        }
    }

    /// Serves until the client leaves, a deadline passes, or the server drains.
    ///
    /// A connection is idle most of its life, and the state of this future is the memory that it takes then: so what is rare is boxed, nothing
    /// is held twice, and no other future stands around it.
    pub(super) fn serve<S: Stream>(
        self: Arc<Self>,
        mut stream: S,
        peer: Peer,
        draining: Draining,
        permit: Permit,
    ) -> impl Future<Output = ()> + Send {
        let most = self.generation().limits.connections_per_client;
        let activity = permit.of_client(peer.ip(), most).map(Activity::new);
        async move {
            let Some(activity) = activity else {
                tracing::debug!(client = ?peer.address, "connection refused: its client has too many");
                return;
            };
            if peer.agreed_on() == Some("h2") {
                return Box::pin(self.serve_http2(stream, &peer, &activity, draining)).await;
            }
            let mut connection =
                http1::Connection::new(&*self, &mut stream, &peer, &activity, draining);
            match connection.serve().await {
                // TLS has words for an end in good order, and for no other; plain connections just close.
                Ok(http1::Ended::Closed) if peer.tls.is_some() => connection.say_farewell(),
                Ok(http1::Ended::Closed) => {}
                Ok(http1::Ended::Handed(prefix)) => {
                    let draining = connection.into_draining();
                    Box::pin(self.serve_by_hyper(stream, prefix, &peer, &activity, draining)).await;
                }
                Err(error) => tracing::debug!(client = ?peer.address, %error, "connection ended"),
            }
            activity.has_closed();
        }
    }

    /// Nothing else may be spoken once both sides agreed on it (RFC 9113 §3.2).
    async fn serve_http2<S: Stream>(
        self: &Arc<Self>,
        stream: S,
        peer: &Peer,
        activity: &Arc<Activity>,
        draining: Draining,
    ) {
        activity.speak_http2();
        self.serve_by_hyper(stream, Bytes::new(), peer, activity, draining)
            .await;
        activity.has_closed();
    }

    async fn serve_by_hyper<S: Stream>(
        self: &Arc<Self>,
        stream: S,
        prefix: Bytes,
        peer: &Peer,
        activity: &Arc<Activity>,
        draining: Draining,
    ) {
        let generation = self.generation();
        let io = TokioIo::new(Watched {
            stream,
            prefix,
            activity: Arc::clone(activity),
            is_logged: generation.outlets.are_any() || self.tally().is_some(),
        });
        let service =
            service_fn(|request: Request<Incoming>| self.answer(request, peer.clone(), activity));
        let limits = &generation.limits;
        let deadline = Deadline::new(activity, limits, draining);
        // The one takes either version and upgrades, the other nothing but HTTP/2.
        if activity.is_http2() {
            let connection = generation.http2.serve_connection(io, service);
            drive(
                pin!(connection),
                hyper_util::server::conn::auto::Connection::graceful_shutdown,
                (activity, deadline, limits),
            )
            .await;
        } else {
            let connection = generation
                .protocol
                .serve_connection_with_upgrades(io, service);
            drive(
                pin!(connection),
                hyper_util::server::conn::auto::UpgradeableConnection::graceful_shutdown,
                (activity, deadline, limits),
            )
            .await;
        }
    }

    fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        activity: &Arc<Activity>,
    ) -> impl Future<Output = Result<Response<Counted<A>>, Infallible>> + use<A> {
        let generation = self.generation();
        let (mut parts, body) = request.into_parts();
        // A router finds it there itself.
        let upgrade = if A::IS_ROUTER {
            None
        } else {
            parts.extensions.remove::<OnUpgrade>()
        };
        let mut serving = activity.begin(self.begin_request(&generation, &parts, &peer));
        async move {
            let version = parts.version;
            let checked = guarded_body::check(&mut parts, &generation.limits);
            let mut response = if let Err(rejection) = checked {
                let story = serving.story();
                generation.app.refuse(Some(&parts), rejection, story).await
            } else {
                let (body, guard) = GuardedBody::new(body, &generation.limits);
                let caller = generation.introduce(&mut parts, &peer);
                let request = Request::from_parts(parts, body);
                let story = serving.story();
                let response = generation.app.answer(request, caller, story).await;
                // Who wants no body has an answer that does not depend on it.
                let depends = A::IS_ROUTER
                    || response.extensions().get() == Some(&Rejection::BODY_INCOMPLETE);
                match guard.trouble() {
                    Some(rejection) if depends => {
                        generation.app.refuse(None, rejection, story).await
                    }
                    _ => response,
                }
            };
            // Only a request for an upgrade gets here by HTTP/1.1. Without one, this connection ends: the next request is for our own parser.
            if version <= Version::HTTP_11 && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                response
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
            serving.answered(&response);
            if let Some(far_end) = A::take_tunnel(response.body_mut()) {
                if version == Version::HTTP_2 {
                    say_as_stream(&mut response);
                }
                tunnel::detach_counted(upgrade, far_end, move |sent| {
                    serving.sent(sent);
                    serving.finish();
                });
                return Ok(response.map(|body| CountedBody::new(body, None)));
            }
            serving.wait_for_client();
            Ok(response.map(|body| CountedBody::new(body, Some(serving))))
        }
    }
}

/// RFC 8441 §5: there is nothing to switch, and no key to prove.
fn say_as_stream<B>(response: &mut Response<B>) {
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().remove(UPGRADE);
    response.headers_mut().remove(SEC_WEBSOCKET_ACCEPT);
}

/// Polls a connection of hyper's under its deadline, and has it take its leave when it is to end.
async fn drive<C: Future>(
    mut connection: Pin<&mut C>,
    leave: impl Fn(Pin<&mut C>),
    (activity, mut deadline, limits): (&Activity, Deadline<'_>, &Limits),
) {
    let mut has_taken_leave = false;
    poll_fn(|context| {
        loop {
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            match deadline.poll(context, limits) {
                // Never idle, it may be too old all the same.
                Poll::Pending if deadline.is_aged() && activity.is_http2() && !has_taken_leave => {
                    has_taken_leave = true;
                    deadline.drain();
                    leave(connection.as_mut());
                }
                Poll::Pending => return Poll::Pending,
                // Frames can say that no more requests are wanted; a connection of HTTP/1.1 ends with its answer.
                Poll::Ready(Event::Drain | Event::Over)
                    if activity.is_http2() && !has_taken_leave =>
                {
                    has_taken_leave = true;
                    deadline.drain();
                    leave(connection.as_mut());
                }
                Poll::Ready(Event::Drain) => {}
                Poll::Ready(Event::Over) => return Poll::Ready(()),
            }
        }
    })
    .await;
}

/// With `tunnels`, streams of HTTP/2 can become other protocols' (RFC 8441).
pub(super) fn protocol(limits: &Limits, tunnels: bool) -> auto::Builder<TokioExecutor> {
    let mut protocol = auto::Builder::new(TokioExecutor::new());
    protocol
        .http1()
        // The deadlines are kept by the connection itself, see `Activity`.
        .header_read_timeout(None)
        // A client may close its side and wait for the answer.
        .half_close(true)
        .writev(true)
        .max_buf_size(limits.header_size.max(8 << 10))
        .max_headers(limits.header_count);
    protocol
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .max_header_list_size(u32::try_from(limits.header_size).unwrap_or(u32::MAX))
        // Against streams that are opened to be reset at once (CVE-2023-44487, CVE-2025-8671).
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(64)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    if tunnels {
        protocol.http2().enable_connect_protocol();
    }
    protocol
}
