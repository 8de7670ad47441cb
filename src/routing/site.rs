//! Steps 3 and 4: one virtual host with its routes, error pages and fields.

use std::sync::Arc;

use axum::extract::OriginalUri;
use http::header::CONTENT_SECURITY_POLICY;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use tower_http::cors::CorsLayer;

use super::cors;
use super::encryption::Encryption;
use super::forward::Forward;
use super::gate::Via;
use super::request;
use super::requirements::Requirements;
use super::route::{Handler, Route};
use super::upstreams::Upstreams;
use crate::config::SiteConfig;
use crate::http1::Ready;
use crate::http1::plain::PlainGet;
use crate::observe::places::{Place, PlaceId};
use crate::observe::story::Story;
use crate::proxy::request_body::RequestBody;
use crate::proxy::target::{Dialect, RequestPath};
use crate::rejection::Rejection;
use crate::static_files::body::Body;
use crate::static_files::cache::Cache;
use crate::static_files::path::{PathRefusal, RelativePath};
use crate::static_files::{self, FileRequest, Files, Outcome, Policy, Refusal};

/// One virtual host, ready to answer.
#[derive(Debug)]
pub(super) struct Site {
    /// Where none of its routes matches.
    place: PlaceId,
    files: Option<Arc<Files>>,
    /// In order of precedence.
    routes: Vec<Route>,
    cache_control: Option<HeaderValue>,
    headers: Vec<(HeaderName, HeaderValue)>,
    error_pages: Vec<(StatusCode, String)>,
    cors: Option<CorsLayer>,
    encryption: Option<Encryption>,
    dialect: Dialect,
    /// Some route leads to an upstream.
    forwards: bool,
    /// Nothing is configured that would change the answer with a file.
    is_plain: bool,
}

impl Site {
    pub(super) fn new(
        config: &SiteConfig,
        cache: &Arc<Cache>,
        (upstreams, requirements): (&Upstreams, &Arc<Requirements>),
    ) -> Self {
        let files = |settings: &_| Arc::new(Files::new(Clone::clone(settings), Arc::clone(cache)));
        let name: Arc<str> = match config.hosts.first() {
            Some(host) => host.to_string().into(),
            None => "*".into(),
        };
        let mut routes: Vec<_> = config
            .routes
            .iter()
            .map(|route| {
                let known = (&name, requirements);
                Route::new(route, &files, (upstreams, config.dialect), known)
            })
            .collect();
        routes.sort_by(|a, b| a.pattern.cmp(&b.pattern));
        let forwards = |route: &Route| matches!(route.handler, Handler::Upstream(_));
        let has_application = routes.iter().any(forwards);
        Self {
            place: PlaceId::of(Place {
                site: name,
                ..Place::default()
            }),
            forwards: has_application,
            dialect: config.dialect,
            files: config.files.as_ref().map(files),
            routes,
            cache_control: config.cache_control.clone(),
            headers: config.headers.clone(),
            error_pages: config.error_pages.clone(),
            cors: config
                .cors
                .as_ref()
                .map(|cors| cors::layer(cors, has_application)),
            encryption: Encryption::new(config),
            is_plain: config.routes.is_empty()
                && config.headers.is_empty()
                && config.cors.is_none()
                && Encryption::new(config).is_none(),
        }
    }

    pub(super) fn place(&self) -> PlaceId {
        self.place
    }

    pub(super) fn has_ready(&self) -> bool {
        self.is_plain && self.files.is_some()
    }

    /// Only of a site that has nothing to say but its files.
    pub(super) fn ready(&self, request: PlainGet<'_>) -> Option<Ready> {
        let files = self.files.as_ref().filter(|_| self.is_plain)?;
        let ready = files.ready(request, self.cache_control.as_ref())?;
        Some(Ready {
            place: self.place,
            ..ready
        })
    }

    /// Answers a sound request.
    pub(super) async fn answer(
        self: &Arc<Self>,
        parts: &Parts,
        body: &mut RequestBody,
        via: Via<'_>,
    ) -> Response<Body> {
        match &self.encryption {
            None => self.answer_as_asked(parts, body, via).await,
            Some(encryption) => Box::pin(self.answer_encrypted(encryption, parts, body, via)).await,
        }
    }

    /// Whether any request may be forwarded.
    pub(super) fn forwards(&self) -> bool {
        self.forwards
    }

    /// A site that has a say in how it is reached.
    async fn answer_encrypted(
        self: &Arc<Self>,
        encryption: &Encryption,
        parts: &Parts,
        body: &mut RequestBody,
        via: Via<'_>,
    ) -> Response<Body> {
        if via.caller.is_encrypted {
            // Fields that are set over others need a map.
            let via = Via {
                as_lines: false,
                ..via
            };
            let mut response = self.answer_as_asked(parts, body, via).await;
            encryption.tell(&mut response);
            return response;
        }
        match encryption.redirect(parts) {
            Some(response) => response,
            None => self.answer_as_asked(parts, body, via).await,
        }
    }

    async fn answer_as_asked(
        self: &Arc<Self>,
        parts: &Parts,
        body: &mut RequestBody,
        via: Via<'_>,
    ) -> Response<Body> {
        match self.cors.as_ref().filter(|_| cors::concerns(parts)) {
            None => self.answer_routed(parts, body, via).await,
            Some(cors) => Box::pin(cors::answer(cors, Arc::clone(self), (parts, body, via))).await,
        }
    }

    pub(super) async fn answer_routed(
        &self,
        parts: &Parts,
        body: &mut RequestBody,
        via: Via<'_>,
    ) -> Response<Body> {
        if !self.forwards {
            return self.answer_here(parts, via).await;
        }
        match self.find_forwarding(parts) {
            Ok(None) => self.answer_here(parts, via).await,
            Ok(Some((route, forward, path))) => {
                let via = self.by_lines(via, route);
                // The client may leave before there is an answer.
                via.story.place(route.place);
                let rule = route.cache_control.as_ref().or(self.cache_control.as_ref());
                let answering = forward.answer(route, &path, rule, (parts, body, via));
                let answered = Box::pin(answering).await;
                self.finish((parts, via), None, Some(route), answered).await
            }
            Err(rejection) => {
                let refused = Err(rejection.into());
                self.finish((parts, via), None, None, refused).await
            }
        }
    }

    /// By anything but an upstream.
    async fn answer_here(&self, parts: &Parts, via: Via<'_>) -> Response<Body> {
        let target = self.dialect.without_parameters(parts.uri.path());
        let (path, refusal) = match RelativePath::parse(&target) {
            Ok(path) => (Some(path), None),
            Err(refusal) => (None, Some(Rejection::from_path(refusal))),
        };
        let route = path
            .as_ref()
            .filter(|_| !self.routes.is_empty())
            .and_then(|path| self.route(&path.rooted(), &parts.method));
        let via = match route {
            Some(route) => {
                via.story.place(route.place);
                self.by_lines(via, route)
            }
            None => self.by_lines_of_site(via),
        };
        let answered = match (&path, refusal) {
            // Only where something is forwarded does it get this far.
            _ if request::check_method(&parts.method).is_err() => {
                Err(Rejection::METHOD_UNKNOWN.into())
            }
            (Some(path), None) => self.answer_by(route, parts, path, via).await,
            (_, refusal) => Err(refusal.unwrap_or(Rejection::NOT_FOUND).into()),
        };
        self.finish((parts, via), path.as_ref(), route, answered)
            .await
    }

    /// Fields that are set over others need a map.
    fn by_lines<'v>(&self, via: Via<'v>, route: &Route) -> Via<'v> {
        Via {
            as_lines: via.as_lines && self.headers.is_empty() && route.headers.is_empty(),
            ..via
        }
    }

    fn by_lines_of_site<'v>(&self, via: Via<'v>) -> Via<'v> {
        Via {
            as_lines: via.as_lines && self.headers.is_empty(),
            ..via
        }
    }

    /// Step 4.
    async fn finish(
        &self,
        (parts, via): (&Parts, Via<'_>),
        path: Option<&RelativePath<'_>>,
        route: Option<&Route>,
        answered: Result<Response<Body>, Refusal>,
    ) -> Response<Body> {
        let mut response = match answered {
            Ok(response) => response,
            Err(refusal) => Box::pin(self.refuse(parts, path, refusal, via.story)).await,
        };
        self.set_fields(&mut response, route.map_or(&[], |route| &route.headers));
        if let Some(sample) = route.and_then(|route| route.log_sample.as_ref()) {
            response.extensions_mut().insert(sample.clone());
        }
        response
    }

    /// The route to an upstream, if that is what the request meets; with the path as it is forwarded.
    fn find_forwarding<'s, 'p>(
        &'s self,
        parts: &'p Parts,
    ) -> Result<Option<(&'s Route, &'s Forward, RequestPath<'p>)>, Rejection> {
        let path = RequestPath::parse(parts.uri.path(), self.dialect, true)
            .map_err(Rejection::from_path)?;
        let Some(route) = self.route(path.matched(), &parts.method) else {
            return Ok(None);
        };
        let Handler::Upstream(forward) = &route.handler else {
            return Ok(None);
        };
        if path.has_escaped_separator() && !forward.encoded_slashes() {
            return Err(Rejection::from_path(PathRefusal::Separator));
        }
        Ok(Some((route, forward, path)))
    }

    /// The answer to what was not even looked at.
    pub(super) async fn refuse_unrouted(
        &self,
        parts: Option<&Parts>,
        rejection: Rejection,
        story: &Story,
    ) -> Response<Body> {
        if parts.is_some() {
            story.place(self.place);
        }
        let mut response = if let Some(parts) = parts {
            self.refuse(parts, None, rejection.into(), story).await
        } else {
            let (parts, ()) = Request::new(()).into_parts();
            self.refuse(&parts, None, rejection.into(), story).await
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

    /// Step 3: the route whose pattern comes first in the order of precedence, of those that are for the method.
    fn route(&self, path: &str, method: &Method) -> Option<&Route> {
        // RFC 8441 §4: what it asks for is what GET with `Upgrade` asks for in HTTP/1.1.
        let method = match *method {
            Method::CONNECT => &Method::GET,
            _ => method,
        };
        self.routes
            .iter()
            .find(|route| route.pattern.matches(path) && route.methods.allow(method))
    }

    async fn answer_by(
        &self,
        route: Option<&Route>,
        parts: &Parts,
        path: &RelativePath<'_>,
        via: Via<'_>,
    ) -> Result<Response<Body>, Refusal> {
        let rule = route
            .and_then(|route| route.cache_control.as_ref())
            .or(self.cache_control.as_ref());
        let (files, path) = match route.map(|route| (route, &route.handler)) {
            None => (self.files.as_ref(), path.clone()),
            Some((route, Handler::Site)) => (self.files.as_ref(), route.path_for(path)),
            // Forwarding has a way of its own; what does not find it is not to be answered with a file instead.
            Some((_, Handler::Upstream(_))) => return Err(Rejection::NOT_FOUND.into()),
            Some((route, Handler::Files(files))) => (Some(files), route.path_for(path)),
            Some((route, Handler::Redirect(redirect))) => {
                return redirect.answer(&route.pattern, parts);
            }
            Some((_, Handler::Health(health))) => return health.answer(&parts.method),
            Some((_, Handler::Fixed(fixed))) => return Ok(fixed.answer(&parts.method, rule)),
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
            cache_control: rule,
            story: via.story,
        };
        let outcome: Outcome = files.answer(&request).await;
        static_files::respond(
            &parts.method,
            outcome,
            Policy {
                cache_control: rule,
                as_lines: via.as_lines,
            },
        )
    }

    /// Step 4: the site's page for an error, as long as it can be had.
    async fn refuse(
        &self,
        parts: &Parts,
        path: Option<&RelativePath<'_>>,
        refusal: Refusal,
        story: &Story,
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
        let request = (&parts.method, &parts.headers);
        static_files::respond_with_page(request, refusal, page.as_ref(), &story.id)
    }
}
