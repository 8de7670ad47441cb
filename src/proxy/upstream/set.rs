//! The servers of an upstream at one time; a change makes a new set, in which those that stay are the same.

use std::sync::{Arc, Weak};

use super::balance::{Spread, Turns};
use super::endpoint::Endpoint;
use super::group::Group;
use super::server::Server;
use crate::config::upstream::{Balance, UpstreamConfig};

#[derive(Debug, Default)]
pub(super) struct Set {
    pub(super) members: Box<[Member]>,
    /// Round robin among the servers, and among the backups.
    turns: Option<[Turns; 2]>,
    /// Of all but backups.
    spread: Option<Spread>,
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) server: Arc<Server>,
    pub(super) weight: u32,
    pub(super) is_backup: bool,
    /// Which of the configured servers it belongs to.
    origin: usize,
}

impl Set {
    /// The set of these endpoints, which stand by the configured server that they belong to.
    pub(super) fn new(
        config: &UpstreamConfig,
        endpoints: &[Vec<Endpoint>],
        before: &Self,
        group: &Weak<Group>,
    ) -> Self {
        let mut members = Vec::new();
        let of_each = endpoints.iter().enumerate();
        for (origin, endpoint) in
            of_each.flat_map(|(origin, all)| all.iter().map(move |endpoint| (origin, endpoint)))
        {
            let server = before.find(origin, endpoint).unwrap_or_else(|| {
                let group = Weak::clone(group);
                Arc::new(Server::new(
                    config,
                    &config.servers[origin],
                    endpoint,
                    group,
                ))
            });
            members.push(Member {
                server,
                weight: endpoint.weight,
                is_backup: endpoint.is_backup,
                origin,
            });
        }
        Self {
            turns: (config.balance == Balance::RoundRobin)
                .then(|| [false, true].map(|is_backup| Turns::new(&weights(&members, is_backup)))),
            spread: (config.balance == Balance::PowerOfTwo)
                .then(|| Spread::new(&weights(&members, false))),
            members: members.into(),
        }
    }

    fn find(&self, origin: usize, endpoint: &Endpoint) -> Option<Arc<Server>> {
        let is_same = |member: &&Member| {
            let target = &member.server.target;
            member.origin == origin
                && target.address == endpoint.address
                && target.host == endpoint.host
        };
        let member = self.members.iter().find(is_same)?;
        Some(Arc::clone(&member.server))
    }

    pub(super) fn turns(&self, is_backup: bool) -> Option<&Turns> {
        let turns = self.turns.as_ref()?;
        Some(&turns[usize::from(is_backup)])
    }

    pub(super) fn spread(&self) -> Option<&Spread> {
        self.spread.as_ref()
    }

    /// Servers that are in this set, and not in the other one.
    pub(super) fn without<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = &'s Arc<Server>> {
        let is_in = |key| other.members.iter().any(|member| member.server.key == key);
        self.members
            .iter()
            .map(|member| &member.server)
            .filter(move |server| !is_in(server.key))
    }
}

/// Places in the set, and weights.
fn weights(members: &[Member], is_backup: bool) -> Vec<(usize, u32)> {
    let of_kind = members.iter().enumerate();
    let of_kind = of_kind.filter(|(_, member)| member.is_backup == is_backup);
    of_kind
        .map(|(index, member)| (index, member.weight))
        .collect()
}
