//! Steps 3 and 4: one virtual host with its routes, error pages and fields.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::OriginalUri;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use tower_http::cors::CorsLayer;
use tower_layer::Layer as _;
use tower_service::Service as _;

use super::cors;
use super::encryption::Encryption;
use super::gate::Via;
use super::path::PathPattern;
use super::redirect::Redirect;
use crate::config::{RouteAction, RouteConfig, SiteConfig};
use crate::http1::Ready;
use crate::http1::plain::PlainGet;
use crate::rejection::Rejection;
use crate::static_files::body::Body;
use crate::static_files::cache::Cache;
use crate::static_files::path::RelativePath;
use crate::static_files::{self, FileRequest, Files, Outcome, Policy, Refusal};
use crate::transform::cache_policy::{NO_CACHE, NO_STORE};

/// One virtual host, ready to answer.
#[derive(Debug)]
pub(super) struct Site {
    files: Option<Arc<Files>>,
    /// In order of precedence.
    routes: Vec<Route>,
    cache_control: Option<HeaderValue>,
    headers: Vec<(HeaderName, HeaderValue)>,
    error_pages: Vec<(StatusCode, String)>,
    cors: Option<CorsLayer>,
    encryption: Option<Encryption>,
    /// Nothing is configured that would change the answer with a file.
    is_plain: bool,
}

#[derive(Debug)]
struct Route {
    pattern: PathPattern,
    label: RouteLabel,
    handler: Handler,
    strip_prefix: bool,
    cache_control: Option<HeaderValue>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Debug)]
enum Handler {
    /// The site's own document root.
    Site,
    Files(Arc<Files>),
    Upstream,
    Redirect(Redirect),
    Respond {
        status: StatusCode,
        body: Bytes,
        media_type: HeaderValue,
    },
}

/// Which route answered, in the extensions of the response, for the access log.
#[derive(Clone, Debug)]
pub(crate) struct RouteLabel(pub(crate) Arc<str>);

impl Site {
    pub(super) fn new(config: &SiteConfig, cache: &Arc<Cache>) -> Self {
        let files = |settings: &_| Arc::new(Files::new(Clone::clone(settings), Arc::clone(cache)));
        let mut routes: Vec<_> = config
            .routes
            .iter()
            .map(|route| Route::new(route, &files))
            .collect();
        routes.sort_by(|a, b| a.pattern.cmp(&b.pattern));
        Self {
            files: config.files.as_ref().map(files),
            routes,
            cache_control: config.cache_control.clone(),
            headers: config.headers.clone(),
            error_pages: config.error_pages.clone(),
            cors: config.cors.as_ref().map(cors::layer),
            encryption: Encryption::new(config),
            is_plain: config.routes.is_empty()
                && config.headers.is_empty()
                && config.cors.is_none()
                && Encryption::new(config).is_none(),
        }
    }

    /// Only of a site that has nothing to say but its files.
    pub(super) fn ready(&self, request: PlainGet<'_>) -> Option<Ready> {
        let files = self.files.as_ref().filter(|_| self.is_plain)?;
        files.ready(request, self.cache_control.as_ref())
    }

    /// Answers a sound request.
    pub(super) async fn answer(self: &Arc<Self>, parts: &Parts, via: Via) -> Response<Body> {
        match &self.encryption {
            None => self.answer_as_asked(parts, via.as_lines).await,
            Some(encryption) => Box::pin(self.answer_encrypted(encryption, parts, via)).await,
        }
    }

    /// A site that has a say in how it is reached.
    async fn answer_encrypted(
        self: &Arc<Self>,
        encryption: &Encryption,
        parts: &Parts,
        via: Via,
    ) -> Response<Body> {
        if via.is_encrypted {
            // Fields that are set over others need a map.
            let mut response = self.answer_as_asked(parts, false).await;
            encryption.tell(&mut response);
            return response;
        }
        match encryption.redirect(parts) {
            Some(response) => response,
            None => self.answer_as_asked(parts, via.as_lines).await,
        }
    }

    async fn answer_as_asked(self: &Arc<Self>, parts: &Parts, as_lines: bool) -> Response<Body> {
        match self.cors.as_ref().filter(|_| cors::concerns(parts)) {
            None => self.answer_routed(parts, as_lines).await,
            Some(cors) => Box::pin(self.answer_with_cors(cors, parts)).await,
        }
    }

    async fn answer_with_cors(self: &Arc<Self>, cors: &CorsLayer, parts: &Parts) -> Response<Body> {
        let request = Request::from_parts(parts.clone(), ());
        let Ok(mut response) = cors
            .layer(SiteService(Arc::clone(self)))
            .call(request)
            .await;
        if parts.method == Method::OPTIONS {
            response
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        response
    }

    async fn answer_routed(&self, parts: &Parts, as_lines: bool) -> Response<Body> {
        let (path, refusal) = match RelativePath::parse(parts.uri.path()) {
            Ok(path) => (Some(path), None),
            Err(refusal) => (None, Some(Rejection::from_path(refusal))),
        };
        let route = path.as_ref().and_then(|path| self.route(path));
        let of_route = route.map_or(&[][..], |route| &route.headers);
        // Fields that are set over others need a map.
        let as_lines = as_lines && self.headers.is_empty() && of_route.is_empty();
        let answered = match (&path, refusal) {
            (Some(path), None) => self.answer_by(route, parts, path, as_lines).await,
            (_, refusal) => Err(refusal.unwrap_or(Rejection::NOT_FOUND).into()),
        };
        let mut response = match answered {
            Ok(response) => response,
            Err(refusal) => Box::pin(self.refuse(parts, path.as_ref(), refusal)).await,
        };
        self.set_fields(&mut response, of_route);
        if let Some(route) = route {
            response.extensions_mut().insert(route.label.clone());
        }
        response
    }

    /// The answer to what was not even looked at.
    pub(super) async fn refuse_unrouted(
        &self,
        parts: Option<&Parts>,
        rejection: Rejection,
    ) -> Response<Body> {
        let mut response = if let Some(parts) = parts {
            self.refuse(parts, None, rejection.into()).await
        } else {
            let (parts, ()) = Request::new(()).into_parts();
            self.refuse(&parts, None, rejection.into()).await
        };
        self.set_fields(&mut response, &[]);
        response
    }

    /// The configured fields: the site's, and over them the route's.
    fn set_fields(&self, response: &mut Response<Body>, of_route: &[(HeaderName, HeaderValue)]) {
        let is_refused = response.extensions().get::<Rejection>().is_some();
        for (name, value) in self.headers.iter().chain(of_route) {
            // What describes the route's files does not describe the page for an error.
            if !(is_refused
                && name.as_str().starts_with("content-")
                && *name != CONTENT_SECURITY_POLICY)
            {
                response.headers_mut().insert(name.clone(), value.clone());
            }
        }
    }

    /// Step 3: the route whose pattern comes first in the order of precedence.
    fn route(&self, path: &RelativePath<'_>) -> Option<&Route> {
        if self.routes.is_empty() {
            return None;
        }
        let path = path.rooted();
        self.routes
            .iter()
            .find(|route| route.pattern.matches(&path))
    }

    async fn answer_by(
        &self,
        route: Option<&Route>,
        parts: &Parts,
        path: &RelativePath<'_>,
        as_lines: bool,
    ) -> Result<Response<Body>, Refusal> {
        let rule = route
            .and_then(|route| route.cache_control.as_ref())
            .or(self.cache_control.as_ref());
        let (files, path) = match route.map(|route| (route, &route.handler)) {
            None | Some((_, Handler::Site)) => (self.files.as_ref(), path.clone()),
            Some((route, Handler::Files(files))) => (Some(files), route.path_for(path)),
            Some((_, Handler::Upstream)) => return Err(Rejection::NOT_FOUND.into()),
            Some((route, Handler::Redirect(redirect))) => {
                return redirect.answer(&route.pattern, parts);
            }
            Some((
                _,
                Handler::Respond {
                    status,
                    body,
                    media_type,
                },
            )) => {
                let rule = if status.is_success() { rule } else { None };
                return Ok(fixed(&parts.method, *status, body, media_type, rule));
            }
        };
        let Some(files) = files else {
            return Err(Rejection::NOT_FOUND.into());
        };
        // Mounted beneath a path of the embedder's router, this is what the client sent.
        let uri = parts
            .extensions
            .get::<OriginalUri>()
            .map_or(&parts.uri, |original| &original.0);
        let request = FileRequest {
            method: &parts.method,
            uri,
            headers: &parts.headers,
            path: &path,
        };
        let outcome: Outcome = files.answer(&request).await;
        static_files::respond(
            &parts.method,
            outcome,
            Policy {
                cache_control: rule,
                as_lines,
            },
        )
    }

    /// Step 4: the site's page for an error, as long as it can be had.
    async fn refuse(
        &self,
        parts: &Parts,
        path: Option<&RelativePath<'_>>,
        refusal: Refusal,
    ) -> Response<Body> {
        let status = refusal.rejection.status();
        let configured = self
            .error_pages
            .iter()
            .find(|(of, _)| *of == status)
            .map(|(_, page)| page.as_str());
        let page = match &self.files {
            Some(files) => files.error_page(status, configured, path).await,
            None => None,
        };
        static_files::respond_with_page((&parts.method, &parts.headers), refusal, page.as_ref())
    }
}

impl Route {
    fn new(
        config: &RouteConfig,
        files: &dyn Fn(&static_files::settings::Settings) -> Arc<Files>,
    ) -> Self {
        let handler = match &config.action {
            RouteAction::Site => Handler::Site,
            RouteAction::Files(settings) => Handler::Files(files(settings)),
            RouteAction::Upstream(_) => Handler::Upstream,
            RouteAction::Redirect { to, status } => Handler::Redirect(Redirect::new(to, *status)),
            RouteAction::Respond {
                status,
                body,
                media_type,
            } => Handler::Respond {
                status: *status,
                body: body.clone(),
                media_type: media_type.clone(),
            },
        };
        Self {
            label: RouteLabel(config.pattern.to_string().into()),
            pattern: config.pattern.clone(),
            handler,
            strip_prefix: config.strip_prefix,
            cache_control: config.cache_control.clone(),
            headers: config.headers.clone(),
        }
    }

    fn path_for<'p>(&self, path: &'p RelativePath<'_>) -> RelativePath<'p> {
        let prefix = match &self.pattern {
            PathPattern::Prefix(prefix) if self.strip_prefix => prefix.trim_matches('/').len(),
            _ => 0,
        };
        path.beneath(prefix)
    }
}

fn fixed(
    method: &Method,
    status: StatusCode,
    body: &Bytes,
    media_type: &HeaderValue,
    cache_control: Option<&HeaderValue>,
) -> Response<Body> {
    let sent = if *method == Method::HEAD {
        Body::empty()
    } else {
        Body::memory(body.clone())
    };
    let mut response = Response::new(sent);
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(
        http::header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    fields.insert(
        CACHE_CONTROL,
        cache_control.cloned().unwrap_or_else(|| {
            let failed = status.is_client_error() || status.is_server_error();
            (if failed { &NO_STORE } else { &NO_CACHE }).clone()
        }),
    );
    // RFC 9110 §8.6: neither of these has a body, nor a length.
    if status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
        fields.insert(CONTENT_TYPE, media_type.clone());
        fields.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    response
}

/// What the CORS layer wraps.
#[derive(Clone, Debug)]
struct SiteService(Arc<Site>);

impl tower_service::Service<Request<()>> for SiteService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let site = Arc::clone(&self.0);
        Box::pin(async move {
            let (parts, ()) = request.into_parts();
            Ok(site.answer_routed(&parts, false).await)
        })
    }
}
