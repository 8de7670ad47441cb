//! One server: an address of an upstream, and the requests that it has under way.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use http::HeaderValue;

use super::balance::digest;
use super::condition::{Clock, Condition};
use super::endpoint::Endpoint;
use super::group::Group;
use super::lease::Lease;
use super::sticky;
use super::tally::Tally;
use super::verdict::Verdict;
use crate::config::upstream::{ServerConfig, Sticky, UpstreamConfig};
use crate::proxy::transport::Target;

/// Tells the servers of an upstream apart, also those that are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ServerKey(u64);

#[derive(Debug)]
pub(super) struct Server {
    pub(super) key: ServerKey,
    pub(super) target: Target,
    /// For logs: its address.
    pub(super) name: Box<str>,
    /// The same in each process that has it in its configuration.
    pub(super) identity: u64,
    /// What names it at the end of sessions.
    pub(super) id: Option<Box<str>>,
    /// The number that stands for it in the proxy's own cookie, and the line that sets that.
    pub(super) token: u64,
    pub(super) cookie: Option<HeaderValue>,
    pub(super) condition: Condition,
    pub(super) tally: Tally,
    /// Whose it is.
    pub(super) group: Weak<Group>,
    /// Requests at a time. 0: any number.
    limit: usize,
    in_flight: AtomicUsize,
}

impl ServerKey {
    fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

impl Server {
    pub(super) fn new(
        upstream: &UpstreamConfig,
        config: &ServerConfig,
        endpoint: &Endpoint,
        group: Weak<Group>,
    ) -> Self {
        let name = endpoint.address.to_string();
        let id = config.id.as_deref();
        let token = sticky::token(&upstream.name, id, &name);
        let cookie = match &upstream.sticky {
            Some(Sticky::Cookie(cookie)) => sticky::cookie(cookie, token),
            Some(Sticky::Route(_)) | None => None,
        };
        let condition = Condition::default();
        if upstream.health.is_none() {
            condition.judge(Verdict::Up, &Clock::new());
        }
        Self {
            key: ServerKey::new(),
            target: endpoint.target(config.protocol),
            identity: digest(id.unwrap_or(&name).as_bytes()),
            id: id.map(Box::from),
            token,
            cookie,
            condition,
            tally: Tally::default(),
            group,
            limit: config.max_connections,
            in_flight: AtomicUsize::new(0),
            name: name.into(),
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        // In one order with the queue's count of those who wait: see there.
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(super) fn has_room(&self) -> bool {
        self.limit == 0 || self.in_flight() < self.limit
    }

    /// Whether somebody may be waiting for it.
    pub(super) fn is_limited(&self) -> bool {
        self.limit != 0
    }

    /// A place on this server, if there is one.
    pub(super) fn claim(self: &Arc<Self>, clock: &Clock) -> Option<Lease> {
        let one_more = |count| (self.limit == 0 || count < self.limit).then_some(count + 1);
        self.in_flight
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more)
            .ok()?;
        Some(Lease::new(Arc::clone(self), self.condition.admit(clock)))
    }

    pub(super) fn give_back(&self) {
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}
