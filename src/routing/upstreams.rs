//! The upstreams of a configuration, each once, however many routes lead to it.

use std::sync::Arc;

use crate::config::upstream::{ProxyConfig, UpstreamConfig};
use crate::config::{Config, RouteAction};
use crate::observe::status::UpstreamStatus;
use crate::proxy::Forwarder;
use crate::proxy::upstream::Upstream;

#[derive(Clone, Debug, Default)]
pub(super) struct Upstreams(Vec<Arc<Upstream>>);

impl Upstreams {
    /// Those that are as they were go on with all that is known of their servers. What comes from files may have changed in them.
    pub(super) fn new(config: &Config, before: &Self) -> Self {
        let mut upstreams = Self::default();
        for wanted in configs(config) {
            if upstreams.find(wanted).is_some() {
                continue;
            }
            let has_files = wanted.tls.ca.is_some() || wanted.tls.client.is_some();
            let kept = before.find(wanted).filter(|_| !has_files).cloned();
            let made = match kept {
                Some(kept) => Ok(kept),
                None => Upstream::new(wanted.clone()),
            };
            match made {
                Ok(upstream) => upstreams.0.push(upstream),
                // The configuration was checked; whatever changed since, the other sites are to be served.
                Err(error) => tracing::error!(
                    upstream = &*wanted.name,
                    %error,
                    "the upstream cannot be used; its routes answer 503"
                ),
            }
        }
        upstreams
    }

    /// None: it could not be set up.
    pub(super) fn proxy(&self, config: &ProxyConfig) -> Option<Forwarder> {
        let upstream = self.find(&config.upstream)?;
        Some(Forwarder::new(Arc::clone(upstream), config))
    }

    /// Names are resolved and servers checked from now on, in this runtime. Otherwise each begins with its first request.
    pub(super) fn start(&self) {
        for upstream in &self.0 {
            upstream.start();
        }
    }

    /// How each of them is.
    pub(super) fn tell(&self) -> Vec<UpstreamStatus> {
        self.0.iter().map(|upstream| upstream.status()).collect()
    }

    /// Each once.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.0.iter()
    }

    pub(super) fn has(&self, config: &UpstreamConfig) -> bool {
        self.find(config).is_some()
    }

    fn find(&self, config: &UpstreamConfig) -> Option<&Arc<Upstream>> {
        self.0.iter().find(|upstream| upstream.config() == config)
    }
}

fn configs(config: &Config) -> impl Iterator<Item = &UpstreamConfig> {
    let routes = config.sites.iter().flat_map(|site| &site.routes);
    routes.filter_map(|route| match &route.action {
        RouteAction::Upstream(proxy) => Some(&*proxy.upstream),
        _ => None,
    })
}
