//! [`Proxy`] and [`Upstream`]: forwarding as a tower service, to put into a router of one's own.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::OriginalUri;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use hyper::upgrade::OnUpgrade;

use super::request_body::RequestBody;
use super::target::{Dialect, RequestPath};
use super::upstream::ServerState;
use super::{Asking, Forwarder, Outcome, mount, tunnel, upstream};
use crate::config::upstream::{HostPolicy, ProxyConfig, UpstreamConfig};
use crate::config::{Config, ConfigError};
use crate::observe::story::Story;
use crate::rejection::Rejection;
use crate::routing::{self, PathPattern};
use crate::static_files::body::Body;
use crate::static_files::{Refusal, respond_with_page};

/// An application and the servers it runs on: which of them gets a request, how they are, the connections to them.
///
/// Clones are one and the same. Names are resolved, and servers checked, once the first request has come, in the runtime that it came in.
///
/// ```
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use daemun::{Config, Upstream};
///
/// // One server, by its URL: http, https, h2c, h2, or a Unix socket.
/// let app = Upstream::new("http://127.0.0.1:3000")?;
///
/// // Several, with all that a configuration can say of them.
/// let config = Config::parse(
///     r#"
///     [upstream.shop]
///     servers = ["127.0.0.1:3000", "127.0.0.1:3001"]
///     health_path = "/healthz"
///     "#,
///     std::path::Path::new("daemun.toml"),
/// )?;
/// let shop = Upstream::from_config(&config, "shop").expect("it is configured")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Upstream(Arc<upstream::Upstream>);

/// Forwards requests to an [`Upstream`]: a tower service for any router.
///
/// It does what a route with `upstream` in a configuration does: fields of the connection stay behind in both directions, the application
/// is told who asks (`X-Forwarded-For` and its kin, `Via`, `X-Request-Id`), what others say of that is dropped unless the server in front
/// trusts them, bodies go through as they come, connections can become `WebSocket`s, requests that nobody has seen are tried elsewhere. A
/// request that could not be answered gets 502, 503 or 504, and has a [`Rejection`] in the extensions of its response. Paths that could be
/// read in two ways (`..`, `//`, `%2F`, `\`) are refused with 400.
///
/// Who asks is taken from the request's extensions: [`ConnectionInfo`](crate::ConnectionInfo) under a [`Server`](crate::Server), else
/// axum's `ConnectInfo<SocketAddr>`; without either, the application is not told. Nested in a router, the path that the router cut off is told as
/// `X-Forwarded-Prefix`, and addresses in answers (`Location`, cookie paths) get it back.
///
/// ```no_run
/// # fn run() -> Result<(), daemun::ConfigError> {
/// use daemun::{Proxy, StaticFiles, Upstream};
///
/// let app = Upstream::new("http://127.0.0.1:3000")?;
/// let router: axum::Router = axum::Router::new()
///     .nest_service("/api", Proxy::new(app))
///     .fallback_service(StaticFiles::new("public"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Proxy {
    upstream: Upstream,
    config: ProxyConfig,
    forwarder: Forwarder,
}

impl Upstream {
    /// One server, as routes name it: `http://127.0.0.1:3000`, `https://app.example`, `h2c://[::1]:50051`, `unix:/run/app.sock`.
    ///
    /// # Errors
    /// When it is no such URL.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        let config = Config::builder().proxy("/", url).build()?;
        match config.upstreams().first() {
            Some(upstream) => Self::from_resolved(upstream),
            None => Err(ConfigError::of_code(
                format!("`{url}` is not the URL of a server"),
                "write it as `http://127.0.0.1:3000`",
            )),
        }
    }

    /// The `[upstream.NAME]` of a configuration; `None`: it has none of that name.
    ///
    /// # Errors
    /// When a file that it names (`tls_ca`, `tls_cert`, `tls_key`) cannot be used.
    pub fn from_config(config: &Config, name: &str) -> Option<Result<Self, ConfigError>> {
        let mut named = config.named_upstreams.iter();
        named
            .find(|upstream| &*upstream.name == name)
            .map(|upstream| Self::from_resolved(upstream))
    }

    /// How each of its servers is.
    pub fn states(&self) -> Vec<ServerState> {
        self.0.states()
    }

    /// How many requests wait for a server to have room.
    pub fn waiting(&self) -> usize {
        self.0.waiting()
    }

    fn from_resolved(config: &UpstreamConfig) -> Result<Self, ConfigError> {
        let made = upstream::Upstream::new(config.clone());
        made.map(Self)
            .map_err(|error| ConfigError::of_code(error.what, &error.help))
    }
}

impl Proxy {
    /// Forwards everything as it comes.
    pub fn new(upstream: Upstream) -> Self {
        let config = ProxyConfig::new(upstream.0.config().clone());
        Self::from_parts(upstream, config)
    }

    /// `Host` for the application. Default: the one that the client asked for.
    #[must_use]
    pub fn host(self, host: HeaderValue) -> Self {
        self.with(|config| config.host = HostPolicy::Fixed(host))
    }

    /// Whether `Forwarded` (RFC 7239) is sent beside `X-Forwarded-For` and its kin. Default: no.
    #[must_use]
    pub fn forwarded(self, forwarded: bool) -> Self {
        self.with(|config| config.forwarded = forwarded)
    }

    /// Whether `%2F` and `%5C` in paths go on. Default: no, they are refused, for applications differ in what they take them for.
    #[must_use]
    pub fn encoded_slashes(self, encoded_slashes: bool) -> Self {
        self.with(|config| config.encoded_slashes = encoded_slashes)
    }

    fn with(self, change: impl FnOnce(&mut ProxyConfig)) -> Self {
        let mut config = self.config;
        change(&mut config);
        Self::from_parts(self.upstream, config)
    }

    fn from_parts(upstream: Upstream, config: ProxyConfig) -> Self {
        let forwarder = Forwarder::new(Arc::clone(&upstream.0), &config);
        Self {
            upstream,
            config,
            forwarder,
        }
    }

    async fn answer(
        &self,
        parts: &Parts,
        body: &mut RequestBody,
        story: &Story,
    ) -> Result<Response<Body>, Refusal> {
        routing::check_for_proxy(parts)?;
        let slashes = self.config.encoded_slashes;
        let path = RequestPath::parse(parts.uri.path(), Dialect::Plain, slashes)
            .map_err(Rejection::from_path)?;
        let caller = routing::caller(parts);
        let asking = Asking {
            parts,
            path: path.forwarded(),
            outer: &cut_off(parts),
            inner: "/",
            caller: &caller,
            story,
            as_lines: false,
        };
        match self.forwarder.answer(&asking, body).await {
            Outcome::Answered(response) => Ok(*response),
            Outcome::Refused(refusal) => Err(refusal),
            // Neither is configured here.
            Outcome::Intercepted(..) | Outcome::File { .. } => Err(Rejection::NOT_SENDABLE.into()),
        }
    }
}

/// What routers around took off the path, with a slash at its end.
fn cut_off(parts: &Parts) -> String {
    let original = parts.extensions.get::<OriginalUri>();
    let cut = original.and_then(|original| original.path().strip_suffix(parts.uri.path()));
    match cut.map(|cut| cut.trim_end_matches('/')) {
        Some(cut) if cut.parse::<PathPattern>().is_ok() => mount::outer(&format!("{cut}/")),
        _ => "/".to_owned(),
    }
}

impl<B> tower_service::Service<Request<B>> for Proxy
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
        let proxy = self.clone();
        let (mut parts, body) = request.into_parts();
        let mut body = RequestBody::boxed(body);
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        Box::pin(async move {
            let story = Story::unheard(&parts.headers);
            let mut response = match proxy.answer(&parts, &mut body, &story).await {
                Ok(response) => response,
                Err(refusal) => {
                    let request = (&parts.method, &parts.headers);
                    respond_with_page(request, refusal, None, &story.id)
                }
            };
            if let Some(far_end) = response.body_mut().take_tunnel() {
                tunnel::detach(upgrade, far_end);
            }
            Ok(response)
        })
    }
}
