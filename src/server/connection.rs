//! One connection: HTTP/1.1 or HTTP/2, as its first bytes say, with its deadlines.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};

use super::activity::{Activity, Serving, Watched};
use super::app::Answer;
use super::deadline::Deadline;
use super::peer::Peer;
use super::prologue::{Prologue, Stream};
use super::shutdown::{Draining, Stage};
use crate::config::Limits;
use crate::http1::head::HeadLimits;
use crate::http1::server as http1;
use crate::observe::AccessRecorder;
use crate::observe::counted_body::CountedBody;
use crate::routing::Gate;

/// What one reading of the configuration comes to for the connections of a worker. A reload puts another in its place; requests that
/// have begun keep theirs.
#[derive(Debug)]
pub(super) struct Generation<A> {
    pub(super) app: A,
    pub(super) limits: Limits,
    pub(super) log: Option<AccessRecorder>,
    protocol: auto::Builder<TokioExecutor>,
}

impl<A: Answer> Generation<A> {
    pub(super) fn new(app: A, limits: Limits, log: Option<AccessRecorder>) -> Arc<Self> {
        let protocol = protocol(&limits);
        Arc::new(Self {
            app,
            limits,
            log,
            protocol,
        })
    }
}

/// What the connections of a worker have in common. Each worker has its own, so that no two threads contend for it.
#[derive(Debug)]
pub(super) struct Shared<A> {
    generation: RwLock<Arc<Generation<A>>>,
}

impl<A: Answer> Shared<A> {
    pub(super) fn new(generation: Arc<Generation<A>>) -> Arc<Self> {
        Arc::new(Self {
            generation: RwLock::new(generation),
        })
    }

    /// From the next request on, this counts.
    pub(super) fn renew(&self, generation: Arc<Generation<A>>) {
        *self
            .generation
            .write()
            .unwrap_or_else(PoisonError::into_inner) = generation;
    }

    pub(super) fn generation(&self) -> Arc<Generation<A>> {
        Arc::clone(
            &self
                .generation
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Serves what a listener accepted.
    pub(super) async fn open<S: Stream>(
        self: Arc<Self>,
        stream: S,
        peer: Peer,
        prologue: Arc<Prologue>,
        draining: Draining,
    ) {
        debug_assert!(prologue.is_empty(), "nothing else is known yet");
        self.serve(stream, peer, draining).await;
    }

    /// Serves until the client leaves, a deadline passes, or the server drains.
    pub(super) async fn serve<S>(self: Arc<Self>, stream: S, peer: Peer, draining: Draining)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::new();
        let generation = self.generation();
        let rest = match generation.app.gate() {
            Some(gate) => {
                generation
                    .serve_http1(gate, stream, &peer, &activity, draining.clone())
                    .await
            }
            None => Some((stream, Bytes::new())),
        };
        if let Some((stream, prefix)) = rest {
            // Boxed: it is large, and most connections never get here.
            Box::pin(generation.serve_by_hyper(stream, prefix, &peer, &activity, draining)).await;
        }
        activity.has_closed();
    }
}

impl<A: Answer> Generation<A> {
    /// Gives a connection of HTTP/2 back, with its first bytes.
    async fn serve_http1<S>(
        &self,
        gate: &Gate,
        stream: S,
        peer: &Peer,
        activity: &Arc<Activity>,
        draining: Draining,
    ) -> Option<(S, Bytes)>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = HeadLimits {
            size: self.limits.header_size,
            count: self.limits.header_count,
        };
        let worker = http1::Worker {
            gate,
            log: self.log.as_ref(),
            limits,
        };
        let mut connection = http1::Connection::new(worker, stream, activity, peer.ip());
        let ended = {
            let serving = pin!(connection.serve());
            let drain = |_: Pin<&mut _>| {};
            self.drive(serving, drain, activity, draining).await
        };
        match ended {
            Some(Ok(http1::Ended::Http2(prefix))) => Some((connection.stream, prefix)),
            Some(Err(error)) => {
                tracing::debug!(client = ?peer.address, %error, "connection ended");
                None
            }
            Some(Ok(http1::Ended::Closed)) | None => None,
        }
    }

    async fn serve_by_hyper<S>(
        self: &Arc<Self>,
        stream: S,
        prefix: Bytes,
        peer: &Peer,
        activity: &Arc<Activity>,
        draining: Draining,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(Watched {
            stream,
            prefix,
            activity: Arc::clone(activity),
            is_logged: self.log.is_some(),
        });
        let of_requests = draining.clone();
        let service = service_fn(|request: Request<Incoming>| {
            let is_last = of_requests.has_begun();
            Arc::clone(self).answer(request, peer, activity, is_last)
        });
        let connection = pin!(self.protocol.serve_connection(io, service));
        let drain = auto::Connection::graceful_shutdown;
        self.drive(connection, drain, activity, draining).await;
    }

    /// Polls a connection under its deadlines, and has it drain when the server does. `None` when its time was over.
    async fn drive<C: Future>(
        &self,
        mut connection: Pin<&mut C>,
        drain: impl FnOnce(Pin<&mut C>),
        activity: &Activity,
        draining: Draining,
    ) -> Option<C::Output> {
        let mut next_stage = pin!(draining.stage(Stage::Draining));
        let mut deadline = Deadline::new(activity, &self.limits);
        let mut drain = Some(drain);
        poll_fn(|context| {
            if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                return Poll::Ready(Some(ended));
            }
            while let Poll::Ready(stage) = next_stage.as_mut().poll(context) {
                match stage {
                    Stage::Draining => {
                        // The answer to the next request is the last. It may be on the way already, so an idle connection stays for a moment.
                        activity.drain();
                        deadline.drain();
                        next_stage.set(draining.stage(Stage::Cut));
                    }
                    Stage::Cut => return Poll::Ready(None),
                }
            }
            // Frames can say that no more requests are wanted; a connection of HTTP/1.1 ends with its answer.
            if activity.is_draining()
                && activity.is_http2()
                && let Some(drain) = drain.take()
            {
                drain(connection.as_mut());
                context.waker().wake_by_ref();
            }
            deadline.poll(context).map(|()| None)
        })
        .await
    }

    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: &Peer,
        activity: &Arc<Activity>,
        is_last: bool,
    ) -> impl Future<Output = Result<Response<CountedBody<A::Body, Serving>>, Infallible>> + use<A>
    {
        let exchange = self.log.as_ref().map(|log| {
            log.begin(
                request.method(),
                request.uri(),
                request.version(),
                request.headers(),
                peer.ip(),
            )
        });
        let mut serving = activity.begin(exchange);
        let client = peer.address;
        async move {
            let version = request.version();
            let mut response = self.app.answer(request, client).await;
            if is_last && version <= Version::HTTP_11 {
                response
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
            serving.answered(&response);
            Ok(response.map(|body| CountedBody::new(body, serving)))
        }
    }
}

fn protocol(limits: &Limits) -> auto::Builder<TokioExecutor> {
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
    protocol
}
