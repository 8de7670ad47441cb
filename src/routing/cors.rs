//! Whose scripts may read a site's answers.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, CONTENT_LENGTH, ORIGIN};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use tower_http::cors::{AllowMethods, AllowOrigin, Any, CorsLayer};
use tower_layer::Layer as _;
use tower_service::Service as _;

use super::gate::Via;
use super::site::Site;
use crate::config::Cors;
use crate::observe::story::Story;
use crate::proxy::caller::Caller;
use crate::proxy::request_body::RequestBody;
use crate::static_files::body::Body;

/// An OPTIONS request that is no preflight is an ordinary one.
pub(super) fn concerns(parts: &Parts) -> bool {
    parts.method != Method::OPTIONS
        || (parts.headers.contains_key(ORIGIN)
            && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD))
}

/// Files are read; what else an application lets be done to it is its own affair.
pub(super) fn layer(cors: &Cors, has_application: bool) -> CorsLayer {
    let methods = if has_application {
        AllowMethods::mirror_request()
    } else {
        AllowMethods::list([Method::GET, Method::HEAD])
    };
    let origins = match cors {
        Cors::Any => AllowOrigin::any(),
        Cors::Origins(origins) => AllowOrigin::list(origins.iter().cloned()),
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(methods)
        .allow_headers(Any)
        .expose_headers(Any)
        .max_age(std::time::Duration::from_secs(24 * 60 * 60))
}

/// The site's answer with what its configuration says of other origins.
pub(super) async fn answer(
    cors: &CorsLayer,
    site: Arc<Site>,
    (parts, body, via): (&Parts, &mut RequestBody, Via<'_>),
) -> Response<Body> {
    let carried = Carried {
        body: std::mem::take(body),
        caller: *via.caller,
        story: Arc::clone(via.story),
    };
    let request = Request::from_parts(parts.clone(), carried);
    let Ok(mut response) = cors.layer(SiteService(site)).call(request).await;
    if parts.method == Method::OPTIONS {
        let nothing = HeaderValue::from_static("0");
        response.headers_mut().insert(CONTENT_LENGTH, nothing);
    }
    response
}

/// What goes through the layer with a request.
struct Carried {
    body: RequestBody,
    caller: Caller,
    story: Arc<Story>,
}

/// What the layer wraps.
#[derive(Clone, Debug)]
struct SiteService(Arc<Site>);

impl tower_service::Service<Request<Carried>> for SiteService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Carried>) -> Self::Future {
        let site = Arc::clone(&self.0);
        Box::pin(async move {
            let (parts, carried) = request.into_parts();
            let Carried {
                mut body,
                caller,
                story,
            } = carried;
            let via = Via {
                caller: &caller,
                story: &story,
                as_lines: false,
            };
            Ok(site.answer_routed(&parts, &mut body, via).await)
        })
    }
}
