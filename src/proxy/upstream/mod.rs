//! Who gets a request: the servers of an upstream, and which of them is the one.
//!
//! 1. Where servers are ([`endpoint`]): as configured, or resolved, again and again ([`resolve`]).
//! 2. How they are ([`condition`]): checked ([`health`]), and left out when requests fail ([`ejection`]).
//! 3. Which one is chosen ([`select`]): by rank, by who knows the client ([`sticky`]), by balance ([`balance`]).
//! 4. Who finds no room waits ([`queue`]).
//! 5. A request holds its place, and reports what became of it ([`lease`]).
//! 6. Whether a failed one may be tried again ([`budget`]).

mod balance;
mod budget;
mod condition;
mod ejection;
mod endpoint;
mod group;
mod health;
mod lease;
mod names;
mod queue;
mod random;
mod resolve;
mod select;
mod server;
mod set;
mod states;
mod sticky;
mod tally;
mod tasks;
mod unavailable;
mod verdict;
mod wait;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;

use self::group::Group;
use self::select::Selected;
use self::tasks::Tasks;
use super::transport::{Transport, TransportError};
use crate::config::upstream::UpstreamConfig;
use crate::observe::status::UpstreamStatus;

pub use self::condition::State;
pub(crate) use self::lease::Lease;
pub(crate) use self::server::ServerKey;
pub use self::states::ServerState;
pub(crate) use self::unavailable::Unavailable;

/// An application and its servers; shared by all workers.
#[derive(Debug)]
pub(crate) struct Upstream {
    group: Arc<Group>,
    transport: Arc<Transport>,
    tasks: Tasks,
}

/// What a server is chosen by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) client: Option<IpAddr>,
    pub(crate) headers: &'a HeaderMap,
    /// Of the request; a query does not matter.
    pub(crate) path: &'a str,
}

impl Upstream {
    pub(crate) fn new(config: UpstreamConfig) -> Result<Arc<Self>, TransportError> {
        let transport = Arc::new(Transport::new(&config)?);
        Ok(Arc::new(Self {
            group: Group::new(config),
            transport,
            tasks: Tasks::default(),
        }))
    }

    pub(crate) fn config(&self) -> &UpstreamConfig {
        &self.group.config
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Begins to resolve names and to check servers, in the runtime that this is called in. Nothing happens while that goes on already;
    /// it ends with the upstream, or with its runtime, after which another one can take over.
    pub(crate) fn start(self: &Arc<Self>) {
        self.tasks.start(&self.group, &self.transport);
    }

    /// A request came, and earned a fifth of an attempt.
    pub(crate) fn begin(&self) {
        self.group.budget.save();
    }

    /// Whether a failed attempt may be made again; this one is counted then.
    pub(crate) fn may_retry(&self) -> bool {
        self.group.config.retries && self.group.budget.spend()
    }

    /// A place on a server that was not tried yet. Waits where all have as many requests as they may, or where names have never been
    /// resolved yet.
    pub(crate) async fn pick(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        tried: &[ServerKey],
    ) -> Result<Lease, Unavailable> {
        // Whoever set it up may have had no runtime, and the one that looked after it may have ended.
        self.start();
        match self.group.select(asked, tried) {
            Selected::Place(lease) => Ok(lease),
            none => Box::pin(self.group.wait(asked, tried, none)).await,
        }
    }

    /// How many requests wait for room.
    pub(crate) fn waiting(&self) -> usize {
        self.group.queue.len()
    }

    /// What is told of it as a whole.
    pub(crate) fn status(&self) -> UpstreamStatus {
        states::status(&self.group)
    }

    /// Whether some names of servers are looked up for the first time.
    pub(crate) fn is_settling(&self) -> bool {
        self.group.is_settling()
    }

    /// What is known of each server at the moment.
    pub(crate) fn states(&self) -> Vec<ServerState> {
        states::of(&self.group)
    }
}
