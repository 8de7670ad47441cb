//! One connection: HTTP/1.1 or HTTP/2, as its first bytes say, with its deadlines.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

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
use super::shutdown::Draining;
use crate::config::Limits;
use crate::observe::AccessRecorder;
use crate::observe::counted_body::CountedBody;

/// How long a new connection may take for its first request once the server drains.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// Why a connection did not end of itself; only for the diagnostics.
#[derive(Debug)]
#[allow(dead_code, reason = "read through Debug")]
enum Ended {
    Failed(axum::BoxError),
    TimedOut,
}

/// What the connections of a worker have in common.
#[derive(Debug)]
pub(super) struct Shared<A> {
    pub(super) app: A,
    pub(super) limits: Limits,
    pub(super) log: Option<AccessRecorder>,
    protocol: auto::Builder<TokioExecutor>,
}

impl<A: Answer> Shared<A> {
    pub(super) fn new(app: A, limits: Limits, log: Option<AccessRecorder>) -> Arc<Self> {
        let protocol = protocol(&limits);
        Arc::new(Self {
            app,
            limits,
            log,
            protocol,
        })
    }

    /// Serves until the client leaves, a deadline passes, or the server drains.
    pub(super) async fn serve<S>(
        self: Arc<Self>,
        stream: S,
        client: Option<SocketAddr>,
        mut draining: Draining,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::new();
        let is_logged = self.log.is_some();
        let io = TokioIo::new(Watched {
            stream,
            activity: Arc::clone(&activity),
            is_logged,
        });
        let of_requests = draining.clone();
        let service = service_fn(|request: Request<Incoming>| {
            let is_last = of_requests.has_begun();
            Arc::clone(&self).answer(request, client, &activity, is_last)
        });
        let mut connection = pin!(self.protocol.serve_connection(io, service));
        let mut begun = pin!(draining.begun());
        let mut deadline = Deadline::new(&activity, &self.limits);
        let mut is_draining = false;
        let ended = poll_fn(|context| {
            if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                return Poll::Ready(ended.map_err(Ended::Failed));
            }
            if !is_draining && begun.as_mut().poll(context).is_ready() {
                is_draining = true;
                if activity.has_begun() {
                    connection.as_mut().graceful_shutdown();
                    // It may have been idle, and be closed by this.
                    context.waker().wake_by_ref();
                } else {
                    // Accepted a moment ago: its first request may be on the way, and will be the last.
                    deadline.allow_first_request(FIRST_REQUEST);
                }
            }
            deadline.poll(context).map(|()| Err(Ended::TimedOut))
        });
        if let Err(why) = ended.await {
            tracing::debug!(?client, ?why, "connection ended");
        }
        activity.has_closed();
    }

    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        client: Option<SocketAddr>,
        activity: &Arc<Activity>,
        is_last: bool,
    ) -> impl Future<Output = Result<Response<CountedBody<A::Body, Serving>>, Infallible>> + use<A>
    {
        let exchange = self
            .log
            .as_ref()
            .map(|log| log.begin(&request, client.map(|client| client.ip())));
        let mut serving = activity.begin(exchange);
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
