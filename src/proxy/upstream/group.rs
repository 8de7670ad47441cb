//! The servers of one upstream, and all that is known of them; shared by all workers.

use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, Weak};

use tokio::sync::Notify;

use super::budget::Budget;
use super::condition::{Admission, Clock, Failing, State};
use super::endpoint::Endpoint;
use super::queue::Queue;
use super::server::Server;
use super::set::Set;
use super::verdict::Verdict;
use crate::config::upstream::UpstreamConfig;
use crate::proxy::transport::FailureKind;

#[derive(Debug)]
pub(super) struct Group {
    pub(super) config: UpstreamConfig,
    pub(super) clock: Clock,
    pub(super) queue: Queue,
    pub(super) budget: Budget,
    /// Attempts that were not the first of their request.
    pub(super) retries: AtomicU64,
    /// Told when servers came or went, or a name was asked for in vain.
    pub(super) changed: Notify,
    /// Workers only read, and none of them for long.
    set: RwLock<Arc<Set>>,
    places: Mutex<Places>,
    /// Two that are the last ones for each other must not both be left out.
    ejecting: Mutex<()>,
    own: Weak<Self>,
}

/// Where the configured servers are.
#[derive(Debug)]
struct Places {
    /// For each configured server, its endpoints.
    endpoints: Vec<Vec<Endpoint>>,
    /// Whether each was asked for at least once.
    is_settled: Vec<bool>,
}

impl Group {
    pub(super) fn new(config: UpstreamConfig) -> Arc<Self> {
        let configured: Vec<_> = config.servers.iter().map(Endpoint::configured).collect();
        let places = Places {
            is_settled: configured.iter().map(Option::is_some).collect(),
            endpoints: configured.into_iter().map(Vec::from_iter).collect(),
        };
        Arc::new_cyclic(|own| Self {
            clock: Clock::new(),
            queue: Queue::new(config.queue.size),
            budget: Budget::new(),
            retries: AtomicU64::new(0),
            changed: Notify::new(),
            set: RwLock::new(Arc::new(Set::new(
                &config,
                &places.endpoints,
                &Set::default(),
                own,
            ))),
            places: Mutex::new(places),
            ejecting: Mutex::new(()),
            own: Weak::clone(own),
            config,
        })
    }

    /// The servers at the moment. Short is the time that it may be held.
    pub(super) fn set(&self) -> RwLockReadGuard<'_, Arc<Set>> {
        self.set.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a name has never been asked for yet.
    pub(super) fn is_settling(&self) -> bool {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.is_settled.iter().any(|is_settled| !is_settled)
    }

    /// The endpoints of a configured server, as last resolved.
    pub(super) fn endpoints(&self, origin: usize) -> Vec<Endpoint> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.endpoints[origin].clone()
    }

    /// A configured server is here now; none: nobody knows, and it stays where it was.
    pub(super) fn settle(&self, origin: usize, endpoints: Option<Vec<Endpoint>>) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = !std::mem::replace(&mut places.is_settled[origin], true);
        let is_new = endpoints.is_some_and(|endpoints| {
            let differ = endpoints != places.endpoints[origin];
            places.endpoints[origin] = endpoints;
            differ
        });
        if is_new {
            self.renew(&places, is_first);
        }
        if is_first || is_new {
            drop(places);
            self.changed.notify_waiters();
            self.queue.rouse();
        }
    }

    /// Makes the set of these places.
    fn renew(&self, places: &Places, is_first: bool) {
        let before = Arc::clone(&self.set());
        let set = Set::new(&self.config, &places.endpoints, &before, &self.own);
        let upstream = &*self.config.name;
        for server in set.without(&before) {
            tracing::info!(upstream, server = %server.name, host = %server.target.host, "a server came");
            if !is_first {
                server.condition.grow(&self.clock);
            }
        }
        for server in before.without(&set) {
            // Requests that it has under way go on.
            tracing::info!(upstream, server = %server.name, host = %server.target.host, "a server went");
        }
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
    }

    /// Hands a place on this server, which one gave back, over to whoever waits for it.
    pub(super) fn hand_over(&self, server: &Arc<Server>) {
        self.queue
            .hand_over(server.key, || server.claim(&self.clock));
    }

    pub(super) fn succeeded(&self, server: &Server, admission: Admission) {
        let from = server.condition.state(&self.clock);
        if server.condition.succeeded(admission, &self.clock) {
            self.tell(server, from, "a request succeeded");
            self.queue.rouse();
        }
    }

    pub(super) fn failed(
        &self,
        server: &Server,
        admission: Admission,
        kind: FailureKind,
        error: &io::Error,
    ) {
        let rule = &self.config.ejection;
        match server.condition.failed(admission, rule) {
            Failing::Seldom => return,
            // Whatever it has under way is about to fail, too, once: that must not use up what is saved.
            Failing::Now => self.budget.lend(server.in_flight()),
            Failing::Still => {}
        }
        let _one_at_a_time = self.ejecting.lock().unwrap_or_else(PoisonError::into_inner);
        let from = server.condition.state(&self.clock);
        // Another worker may have been faster; and somebody has to be left.
        if !server.condition.is_since_last_ejection(admission) || !self.has_other_than(server) {
            return;
        }
        let time = server.condition.eject(rule, &self.clock);
        self.tell(
            server,
            from,
            format_args!("{kind:?}: {error}; left out for {time:?}"),
        );
        self.queue.rouse();
    }

    fn has_other_than(&self, server: &Server) -> bool {
        let least = server.condition.verdict();
        let set = self.set();
        let mut others = set.members.iter().map(|member| &member.server);
        others.any(|other| other.key != server.key && other.condition.is_left(least))
    }

    /// What checks came to.
    pub(super) fn judge(&self, server: &Server, verdict: Verdict, why: &str) {
        let from = server.condition.state(&self.clock);
        server.condition.judge(verdict, &self.clock);
        self.tell(server, from, why);
        self.queue.rouse();
    }

    /// Says that a server's state has changed, and keeps it.
    fn tell(&self, server: &Server, from: State, why: impl std::fmt::Display) {
        let upstream = &*self.config.name;
        let to = server.condition.state(&self.clock);
        server.tally.changed(from != to, &why);
        match to {
            State::Down | State::Ejected => {
                tracing::warn!(upstream, server = %server.name, ?from, ?to, %why, "a server is out");
            }
            State::Up | State::OnTrial | State::Unknown => {
                tracing::info!(upstream, server = %server.name, ?from, ?to, %why, "a server is in");
            }
        }
    }
}
