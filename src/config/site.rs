//! Resolved sites and their routes.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::upstream::{Dialect, ProxyConfig};
use crate::{
    routing::{HostPattern, PathPattern},
    static_files::Settings,
};

/// A virtual host.
#[derive(Clone, Debug)]
pub(crate) struct SiteConfig {
    /// Empty: every host.
    pub(crate) hosts: Vec<HostPattern>,
    /// The site's own docroot.
    pub(crate) files: Option<Settings>,
    pub(crate) dialect: Dialect,
    /// In the order of the file; no two have the same pattern and a method in common.
    pub(crate) routes: Vec<RouteConfig>,
    pub(crate) cache_control: Option<HeaderValue>,
    /// Set on every response of the site, errors included.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Error status and the page's path in the docroot, without a leading slash.
    pub(crate) error_pages: Vec<(StatusCode, String)>,
    pub(crate) cors: Option<Cors>,
    pub(crate) hsts: Option<Hsts>,
    /// The port that plain requests are sent to, over TLS. None: they are answered.
    pub(crate) https_redirect: Option<u16>,
}

/// `Strict-Transport-Security`, for answers over TLS.
#[derive(Clone, Debug)]
pub(crate) struct Hsts(pub(crate) HeaderValue);

/// Whose scripts may read the responses.
#[derive(Clone, Debug)]
pub(crate) enum Cors {
    /// Everybody's: `*`.
    Any,
    /// Those of these origins (RFC 6454 §6.2), at least one.
    Origins(Vec<HeaderValue>),
}

/// What is different for some paths of a site.
#[derive(Clone, Debug)]
pub(crate) struct RouteConfig {
    pub(crate) pattern: PathPattern,
    /// `HEAD` goes with `GET`. Empty: any.
    pub(crate) methods: Vec<Method>,
    pub(crate) action: RouteAction,
    /// Whether the prefix is taken off before a file is looked for; only with a prefix pattern.
    pub(crate) strip_prefix: bool,
    pub(crate) cache_control: Option<HeaderValue>,
    /// Set over the site's fields.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// One of so many answers below 400 is logged; 0: none.
    pub(crate) log_sample: u32,
}

/// What a route does.
#[derive(Clone, Debug)]
pub(crate) enum RouteAction {
    /// Serves from the site's own docroot, which exists.
    Site,
    /// Serves from a docroot of the route's own.
    Files(Settings),
    /// Forwards to an application.
    Upstream(Box<ProxyConfig>),
    /// Sends the client to `to`, in which `{path}`, `{rest}` and `{host}` are filled in.
    Redirect { to: String, status: StatusCode },
    /// Tells how the server is.
    Health(Health),
    /// Answers by itself.
    Respond {
        status: StatusCode,
        body: Bytes,
        media_type: HeaderValue,
    },
}

/// What a route for health checks tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// The server answers.
    Alive,
    /// It does so on purpose, and its applications can be reached.
    Ready,
}

impl Health {
    pub(crate) const NAMES: [(&str, Self); 2] = [("alive", Self::Alive), ("ready", Self::Ready)];
}
