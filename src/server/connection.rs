//! One connection: HTTP/1.1 or HTTP/2, as its first bytes say, with its deadlines.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
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
use super::deadline::{Deadline, Event};
use super::generation::{Generation, Shared};
use super::peer::Peer;
use super::prologue::{Prologue, Stream};
use super::shutdown::Draining;
use crate::config::Limits;
use crate::http1::server as http1;
use crate::observe::counted_body::CountedBody;

impl<A: Answer> Shared<A> {
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
        let handed = self
            .serve_http1(stream, &peer, &activity, draining.clone())
            .await;
        if let Some((stream, prefix)) = handed {
            // Boxed: it is large, and most connections never get here.
            let generation = self.generation();
            Box::pin(generation.serve_by_hyper(stream, prefix, &peer, &activity, draining)).await;
        }
        activity.has_closed();
    }

    /// Gives a connection back that is not ours to speak on, with its first bytes.
    async fn serve_http1<S: Stream>(
        &self,
        stream: S,
        peer: &Peer,
        activity: &Arc<Activity>,
        mut draining: Draining,
    ) -> Option<(S, Bytes)> {
        let begun = pin!(draining.begun());
        let deadline = Deadline::new(activity, &self.generation().limits, begun);
        let mut connection = http1::Connection::new(self, stream, peer, activity, deadline);
        match connection.serve().await {
            Ok(http1::Ended::Closed) => None,
            Ok(http1::Ended::Handed(prefix)) => Some((connection.into_stream(), prefix)),
            Err(error) => {
                tracing::debug!(client = ?peer.address, %error, "connection ended");
                None
            }
        }
    }
}

impl<A: Answer> Generation<A> {
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
        let connection = pin!(self.protocol.serve_connection_with_upgrades(io, service));
        let drain = |connection: Pin<&mut auto::UpgradeableConnection<'_, _, _, _>>| {
            connection.graceful_shutdown();
        };
        self.drive(connection, drain, activity, draining).await;
    }

    /// Polls a connection under its deadlines, and has it drain when the server does.
    async fn drive<C: Future>(
        &self,
        mut connection: Pin<&mut C>,
        drain: impl Fn(Pin<&mut C>),
        activity: &Activity,
        mut draining: Draining,
    ) {
        let begun = pin!(draining.begun());
        let mut deadline = Deadline::new(activity, &self.limits, begun);
        let mut is_draining = false;
        poll_fn(|context| {
            loop {
                if connection.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
                match deadline.poll(context, &self.limits) {
                    Poll::Pending => return Poll::Pending,
                    // Time to leave, but not without saying so.
                    Poll::Ready(_) if !is_draining => {
                        is_draining = true;
                        deadline.drain();
                        drain(connection.as_mut());
                    }
                    Poll::Ready(Event::Drain) => {}
                    Poll::Ready(Event::Over) => return Poll::Ready(()),
                }
            }
        })
        .await;
    }

    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: &Peer,
        activity: &Arc<Activity>,
        is_last: bool,
    ) -> impl Future<Output = Result<Response<CountedBody<A::Body, Serving>>, Infallible>> + use<A>
    {
        let (parts, body) = request.into_parts();
        let mut serving = activity.begin(self.begin_log(&parts, peer));
        let request = Request::from_parts(parts, body);
        let peer = peer.clone();
        async move {
            let version = request.version();
            let mut response = self.app.answer(request, &peer).await;
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

pub(super) fn protocol(limits: &Limits) -> auto::Builder<TokioExecutor> {
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
