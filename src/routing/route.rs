//! A route of a site: the paths it is for, and what answers them.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use super::fixed::Fixed;
use super::forward::Forward;
use super::health::Health;
use super::methods::Methods;
use super::path::PathPattern;
use super::redirect::Redirect;
use super::requirements::Requirements;
use super::upstreams::Upstreams;
use crate::config::{RouteAction, RouteConfig};
use crate::observe::LogSample;
use crate::observe::places::{Place, PlaceId};
use crate::proxy::target::Dialect;
use crate::static_files::path::RelativePath;
use crate::static_files::{self, Files};

#[derive(Debug)]
pub(super) struct Route {
    pub(super) pattern: PathPattern,
    pub(super) methods: Methods,
    pub(super) place: PlaceId,
    pub(super) handler: Handler,
    pub(super) strip_prefix: bool,
    pub(super) cache_control: Option<HeaderValue>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) log_sample: Option<LogSample>,
}

#[derive(Debug)]
pub(super) enum Handler {
    /// The site's own document root.
    Site,
    Files(Arc<Files>),
    Redirect(Redirect),
    Upstream(Box<Forward>),
    Fixed(Fixed),
    Health(Health),
}

/// Which route answered, in the extensions of the response, for the access log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteLabel(pub(crate) PlaceId);

impl Route {
    pub(super) fn new(
        config: &RouteConfig,
        files: &dyn Fn(&static_files::settings::Settings) -> Arc<Files>,
        (upstreams, dialect): (&Upstreams, Dialect),
        (site, requirements): (&Arc<str>, &Arc<Requirements>),
    ) -> Self {
        let handler = match &config.action {
            RouteAction::Site => Handler::Site,
            RouteAction::Files(settings) => Handler::Files(files(settings)),
            RouteAction::Redirect { to, status } => Handler::Redirect(Redirect::new(to, *status)),
            RouteAction::Upstream(proxy) => {
                let forwarding = upstreams.proxy(proxy);
                Handler::Upstream(Box::new(Forward::new(
                    proxy,
                    &config.pattern,
                    (forwarding, dialect),
                    files,
                )))
            }
            RouteAction::Health(kind) => Handler::Health(Health::new(*kind, requirements)),
            RouteAction::Respond {
                status,
                body,
                media_type,
            } => Handler::Fixed(Fixed {
                status: *status,
                body: body.clone(),
                media_type: media_type.clone(),
            }),
        };
        Self {
            place: PlaceId::of(Place {
                site: Arc::clone(site),
                route: config.pattern.to_string().into(),
                upstream: match &config.action {
                    RouteAction::Upstream(proxy) => Some(Arc::from(&*proxy.upstream.name)),
                    _ => None,
                },
            }),
            pattern: config.pattern.clone(),
            methods: Methods::new(config.methods.clone()),
            handler,
            strip_prefix: config.strip_prefix,
            cache_control: config.cache_control.clone(),
            headers: config.headers.clone(),
            log_sample: LogSample::new(config.log_sample),
        }
    }

    pub(super) fn path_for<'p>(&self, path: &'p RelativePath<'_>) -> RelativePath<'p> {
        let prefix = match &self.pattern {
            PathPattern::Prefix(prefix) if self.strip_prefix => prefix.trim_matches('/').len(),
            _ => 0,
        };
        path.beneath(prefix)
    }
}
