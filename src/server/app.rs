//! What answers the requests of a connection.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Request, Response, Version};
use http_body::Body as _;
use tower_service::Service as _;

use super::guarded_body::GuardedBody;
use super::peer::Peer;
use crate::config::Config;
use crate::http1::plain::PlainGet;
use crate::http1::{self, Ready};
use crate::observe::request_id::X_REQUEST_ID;
use crate::observe::status::Status;
use crate::observe::story::Story;
use crate::proxy::caller::Caller;
use crate::proxy::far_end::FarEnd;
use crate::proxy::request_body::RequestBody;
use crate::rejection::Rejection;
use crate::routing::{self, Gate, Via};
use crate::static_files::body::{Body, Lines};

/// How much of a body that nobody wants is read, and for how long, before HTTP/2 is answered.
const DISCARDED: usize = 64 << 10;
const DISCARDED_WITHIN: Duration = Duration::from_secs(1);

/// The sites of a configuration, or a router that a program brought.
#[derive(Clone, Debug)]
pub(super) enum App {
    Gate(Arc<Gate>),
    Router(axum::Router),
}

impl App {
    /// After another configuration was read; a program's own router stays.
    pub(super) fn renewed(&self, config: &Config) -> Self {
        match self {
            Self::Gate(gate) => Self::Gate(Arc::new(gate.renewed(config))),
            Self::Router(router) => Self::Router(router.clone()),
        }
    }

    /// Fills in what is known of files in memory and of upstreams.
    pub(super) fn tell(&self, status: &mut Status) {
        match self {
            Self::Gate(gate) => gate.tell(status),
            Self::Router(_) => {}
        }
    }
}

/// One kind of application; a connection is compiled for each, so that the gate's answers need no boxes.
pub(crate) trait Answer: Clone + Send + Sync + 'static {
    type Body: http_body::Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + Unpin + 'static;

    /// Whether it is a program's own router, which knows nothing of this crate's types.
    const IS_ROUTER: bool;

    /// Whether it may want a request's body, or send interim answers.
    fn reads_bodies(&self) -> bool;

    /// Begins what goes on beside requests, in this runtime, unless that goes on already.
    fn start(&self) {}

    /// Whether any request may have one.
    fn has_ready(&self) -> bool {
        false
    }

    /// An answer that is at hand for a plain request over this connection, without waiting for anything.
    fn ready(&self, _request: PlainGet<'_>, _peer: &Peer) -> Option<Ready> {
        None
    }

    /// A request that came by our own HTTP/1.1.
    fn answer_http1(
        &self,
        parts: Parts,
        body: http1::Incoming,
        caller: Caller,
        story: &Arc<Story>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// A request that came by hyper.
    fn answer(
        &self,
        request: Request<GuardedBody>,
        caller: Caller,
        story: &Arc<Story>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// The answer to what is no request (then there are no parts), or is one that will not be read to its end.
    fn refuse(
        &self,
        parts: Option<&Parts>,
        rejection: Rejection,
        story: &Arc<Story>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Fields of an answer to [`answer_http1`](Self::answer_http1) that stand as lines in its body.
    fn take_lines(_body: &mut Self::Body) -> Option<Lines> {
        None
    }

    /// The other end of what the connection is to become, when the status is 101.
    fn take_tunnel(_body: &mut Self::Body) -> Option<FarEnd> {
        None
    }
}

/// The outer count of references is the worker's own, so that workers do not contend for one at every request.
impl Answer for Arc<Arc<Gate>> {
    type Body = Body;

    const IS_ROUTER: bool = false;

    fn reads_bodies(&self) -> bool {
        self.forwards()
    }

    fn start(&self) {
        Gate::start(self);
    }

    fn has_ready(&self) -> bool {
        Gate::has_ready(self)
    }

    fn ready(&self, request: PlainGet<'_>, _: &Peer) -> Option<Ready> {
        Gate::ready(self, request)
    }

    async fn answer_http1(
        &self,
        parts: Parts,
        body: http1::Incoming,
        caller: Caller,
        story: &Arc<Story>,
    ) -> Response<Body> {
        let via = Via {
            caller: &caller,
            story,
            as_lines: true,
        };
        let mut body = RequestBody::Http1(body);
        Gate::answer(self, &parts, &mut body, via).await
    }

    async fn answer(
        &self,
        request: Request<GuardedBody>,
        caller: Caller,
        story: &Arc<Story>,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let mut body = if body.is_end_stream() {
            RequestBody::Empty
        } else {
            RequestBody::Other(Box::new(body))
        };
        let via = Via {
            caller: &caller,
            story,
            as_lines: false,
        };
        let response = Gate::answer(self, &parts, &mut body, via).await;
        if !body.is_end_stream() {
            Box::pin(discard(body)).await;
        }
        response
    }

    async fn refuse(
        &self,
        parts: Option<&Parts>,
        rejection: Rejection,
        story: &Arc<Story>,
    ) -> Response<Body> {
        Gate::refuse(self, parts, rejection, story).await
    }

    fn take_lines(body: &mut Body) -> Option<Lines> {
        body.take_lines()
    }

    fn take_tunnel(body: &mut Body) -> Option<FarEnd> {
        body.take_tunnel()
    }
}

impl Answer for axum::Router {
    type Body = axum::body::Body;

    const IS_ROUTER: bool = true;

    fn reads_bodies(&self) -> bool {
        true
    }

    async fn answer_http1(
        &self,
        parts: Parts,
        body: http1::Incoming,
        _: Caller,
        story: &Arc<Story>,
    ) -> Response<Self::Body> {
        let body = axum::body::Body::new(body);
        call(self, Request::from_parts(parts, body), story).await
    }

    async fn answer(
        &self,
        request: Request<GuardedBody>,
        _: Caller,
        story: &Arc<Story>,
    ) -> Response<Self::Body> {
        call(self, request.map(axum::body::Body::new), story).await
    }

    async fn refuse(
        &self,
        _: Option<&Parts>,
        rejection: Rejection,
        story: &Arc<Story>,
    ) -> Response<Self::Body> {
        refuse(rejection, story)
    }
}

async fn call(
    router: &axum::Router,
    request: Request<axum::body::Body>,
    story: &Story,
) -> Response<axum::body::Body> {
    let (parts, body) = request.into_parts();
    if let Err(rejection) = routing::check_for_router(&parts) {
        let mut response = refuse(rejection, story);
        if parts.version <= Version::HTTP_11 {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        return response;
    }
    let request = Request::from_parts(parts, body);
    let Ok(response) = router.clone().call(request).await;
    response
}

fn refuse(rejection: Rejection, story: &Story) -> Response<axum::body::Body> {
    let text = crate::transform::error_body::text(rejection.status(), &story.id);
    let mut response = Response::new(axum::body::Body::from(text));
    *response.status_mut() = rejection.status();
    let fields = response.headers_mut();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    fields.insert(CONTENT_TYPE, plain);
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(X_REQUEST_ID, story.id.value());
    response.extensions_mut().insert(rejection);
    response
}

/// A body that nobody wants is read all the same, within bounds: what is wrong with it may come last, and a client that is still sending
/// may not look at an answer.
async fn discard(mut body: RequestBody) {
    let all = async {
        let mut left = DISCARDED;
        while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
        {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // Whoever takes longer is answered before it has ended.
    let _ = tokio::time::timeout(DISCARDED_WITHIN, all).await;
}
