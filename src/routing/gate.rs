//! Steps 1 and 2: the gate that every request passes, and the way to its site.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::upgrade::OnUpgrade;

use super::host::HostPattern;
use super::request;
use super::requirements::Requirements;
use super::route::RouteLabel;
use super::site::Site;
use super::upstreams::Upstreams;
use crate::config::Config;
use crate::http1::Ready;
use crate::http1::plain::PlainGet;
use crate::observe::request_id::RequestId;
use crate::observe::status::Status;
use crate::observe::story::Story;
use crate::proxy::caller::Caller;
use crate::proxy::request_body::RequestBody;
use crate::proxy::tunnel;
use crate::rejection::Rejection;
use crate::server::presence::Presence;
use crate::server::{ConnectionInfo, TlsSession};
use crate::static_files::body::Body;
use crate::static_files::cache::Cache;
use crate::static_files::{self, Refusal};

/// All sites of a configuration; the service behind [`router`](crate::router) and [`Server`](crate::Server).
#[derive(Debug)]
pub(crate) struct Gate {
    sites: Vec<Arc<Site>>,
    exact: HashMap<Box<str>, usize>,
    /// In order of precedence; the last may be the one for every host.
    patterns: Vec<(HostPattern, usize)>,
    cache: Arc<Cache>,
    upstreams: Upstreams,
    requirements: Arc<Requirements>,
    forwards: bool,
    has_ready: bool,
}

/// The way between the client and here, as far as answers depend on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Via<'a> {
    pub(crate) caller: &'a Caller,
    /// What is told of the request.
    pub(crate) story: &'a Arc<Story>,
    /// Whether some fields of the answer may stand as lines in its body, see [`Body::take_lines`].
    pub(crate) as_lines: bool,
}

impl Gate {
    pub(crate) fn new(config: &Config) -> Self {
        let cache = Arc::new(Cache::new(&config.cache, &config.compression));
        let upstreams = Upstreams::new(config, &Upstreams::default());
        Self::with(config, cache, upstreams, &Arc::default())
    }

    /// For another configuration. What is held in memory of files that are served as before goes on to be held.
    pub(crate) fn renewed(&self, config: &Config) -> Self {
        let upstreams = Upstreams::new(config, &self.upstreams);
        let presence = self.requirements.presence();
        if !self.cache.is_for(&config.cache, &config.compression) {
            let cache = self.cache.renewed(&config.cache, &config.compression);
            return Self::with(config, Arc::new(cache), upstreams, presence);
        }
        let gate = Self::with(config, Arc::clone(&self.cache), upstreams, presence);
        gate.cache.forget_all_but(&config.file_settings());
        gate
    }

    fn with(
        config: &Config,
        cache: Arc<Cache>,
        upstreams: Upstreams,
        presence: &Arc<Presence>,
    ) -> Self {
        let requirements = Arc::new(Requirements::new(config, &upstreams, presence));
        let (mut exact, mut patterns) = (HashMap::new(), Vec::new());
        for (index, site) in config.sites.iter().enumerate() {
            for host in &site.hosts {
                match host {
                    HostPattern::Exact(name) => drop(exact.insert(name.as_str().into(), index)),
                    _ => patterns.push((host.clone(), index)),
                }
            }
            if site.hosts.is_empty() {
                patterns.push((HostPattern::Any, index));
            }
        }
        patterns.sort();
        let sites: Vec<_> = config
            .sites
            .iter()
            .map(|site| Arc::new(Site::new(site, &cache, (&upstreams, &requirements))))
            .collect();
        Self {
            forwards: sites.iter().any(|site| site.forwards()),
            has_ready: sites.iter().any(|site| site.has_ready()),
            sites,
            exact,
            patterns,
            cache,
            upstreams,
            requirements,
        }
    }

    /// What must be the case for it to answer as configured.
    pub(crate) fn requirements(&self) -> &Arc<Requirements> {
        &self.requirements
    }

    /// Answers any request. Its body is taken when it is forwarded; otherwise it goes unread, and the connection sees to what is left of it.
    ///
    /// What is rare is boxed, here and further in: the future of a request is moved about several times before it is polled, so its
    /// size is time.
    pub(crate) async fn answer(
        &self,
        parts: &Parts,
        body: &mut RequestBody,
        via: Via<'_>,
    ) -> Response<Body> {
        match self.find(parts, via.story) {
            Ok(site) => site.answer(parts, body, via).await,
            Err(response) => *response,
        }
    }

    /// Begins what goes on beside requests, in this runtime.
    pub(crate) fn start(&self) {
        self.upstreams.start();
    }

    /// Fills in what is known of files in memory and of upstreams.
    pub(crate) fn tell(&self, status: &mut Status) {
        self.cache.tell(&mut status.cache);
        self.cache.tell_of_coding(&mut status.coding);
        status.upstreams = self.upstreams.tell();
    }

    /// Whether any request may be forwarded.
    pub(crate) fn forwards(&self) -> bool {
        self.forwards
    }

    /// Whether anything is at hand for any request.
    pub(crate) fn has_ready(&self) -> bool {
        self.has_ready
    }

    /// What is at hand for a plain request; `None`: [`answer`](Self::answer) has to find out. Both say the same.
    pub(crate) fn ready(&self, request: PlainGet<'_>) -> Option<Ready> {
        self.site(request.host)?.0.ready(request)
    }

    /// The answer to what is no request, or to one that will not be read to its end; with the page of the site that it was for, as far as
    /// that can be told.
    pub(crate) async fn refuse(
        &self,
        parts: Option<&Parts>,
        rejection: Rejection,
        story: &Story,
    ) -> Response<Body> {
        let host = parts.and_then(|parts| request::check(parts, self.forwards).ok().flatten());
        match self.site(host.as_ref().map_or("", |host| host.name())) {
            Some((site, _)) => site.refuse_unrouted(parts, rejection, story).await,
            None => static_files::respond_with_page(
                (&Method::GET, &HeaderMap::new()),
                rejection.into(),
                None,
                &story.id,
            ),
        }
    }

    fn find(&self, parts: &Parts, story: &Story) -> Result<&Arc<Site>, Box<Response<Body>>> {
        let host = request::check(parts, self.forwards)
            .map_err(|rejection| refuse(parts, rejection, story))?;
        match parts.uri.path() {
            "*" => return Err(answer_asterisk(parts, story)),
            path if !path.starts_with('/') => {
                return Err(refuse(parts, Rejection::TARGET_FORM, story));
            }
            _ => {}
        }
        let (site, pattern) = self
            .site(host.as_ref().map_or("", |host| host.name()))
            .ok_or_else(|| refuse(parts, Rejection::HOST_UNKNOWN, story))?;
        story.tell(|told| {
            told.place = site.place();
            told.host_pattern = pattern.map(|pattern| pattern.to_string().into());
        });
        Ok(site)
    }

    /// With the pattern that it was found by, unless that was its name.
    fn site(&self, host: &str) -> Option<(&Arc<Site>, Option<&HostPattern>)> {
        if !self.exact.is_empty()
            && let Some(index) = self.exact.get(host)
        {
            return Some((self.sites.get(*index)?, None));
        }
        let mut patterns = self.patterns.iter();
        let (pattern, index) = patterns.find(|(pattern, _)| pattern.matches(host))?;
        let named = Some(pattern).filter(|pattern| **pattern != HostPattern::Any);
        Some((self.sites.get(*index)?, named))
    }
}

/// RFC 9110 §9.3.7: about the server as a whole, so no site is asked.
fn answer_asterisk(parts: &Parts, story: &Story) -> Box<Response<Body>> {
    if parts.method != Method::OPTIONS {
        return refuse(parts, Rejection::TARGET_FORM, story);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, static_files::ALLOW);
    Box::new(response)
}

/// No site is known to whom such a request belongs; and who sends one may mean something else by its next bytes.
fn refuse(parts: &Parts, rejection: Rejection, story: &Story) -> Box<Response<Body>> {
    let refusal = if rejection == Rejection::METHOD_NOT_ALLOWED {
        Refusal::method_not_allowed()
    } else {
        Refusal::from(rejection)
    };
    let request = (&parts.method, &parts.headers);
    let mut response = static_files::respond_with_page(request, refusal, None, &story.id);
    if parts.version <= Version::HTTP_11 {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    // To CONNECT the length of a body is without meaning (RFC 9110 §9.3.6), but a refusal has one.
    debug_assert!(
        response.headers().contains_key(CONTENT_LENGTH),
        "a refusal tells its length"
    );
    Box::new(response)
}

/// As the server says who asks; another one may at least say who the peer is, and that there is TLS. Its word for other proxies'
/// trustworthiness is not to be had: what the fields say of the client is not passed on.
pub(crate) fn caller(parts: &Parts) -> Caller {
    if let Some(info) = parts.extensions.get::<ConnectionInfo>() {
        return Caller {
            peer: info.peer(),
            client: info.client(),
            is_peer_trusted: info.peer() != info.client(),
            is_encrypted: info.is_https(),
        };
    }
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(address)| *address);
    Caller {
        peer,
        client: peer,
        is_peer_trusted: false,
        is_encrypted: parts.extensions.get::<TlsSession>().is_some(),
    }
}

/// The gate as a tower service.
#[derive(Clone, Debug)]
pub(crate) struct GateService(pub(crate) Arc<Gate>);

impl<B> tower_service::Service<Request<B>> for GateService
where
    B: http_body::Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let gate = Arc::clone(&self.0);
        let (mut parts, body) = request.into_parts();
        let mut body = RequestBody::boxed(body);
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        let caller = caller(&parts);
        Box::pin(async move {
            let story = Story::new(RequestId::of(&parts.headers));
            if let Err(rejection) = request::check_framing(&parts) {
                return Ok(*refuse(&parts, rejection, &story));
            }
            let via = Via {
                caller: &caller,
                story: &story,
                as_lines: false,
            };
            let mut response = gate.answer(&parts, &mut body, via).await;
            // For an access log in the program's own stack.
            let label = RouteLabel(story.told().place);
            response.extensions_mut().insert(label);
            if let Some(tunnel) = response.body_mut().take_tunnel() {
                tunnel::detach(upgrade, tunnel);
            }
            Ok(response)
        })
    }
}
