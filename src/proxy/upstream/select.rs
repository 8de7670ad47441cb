//! Which server gets a request.
//!
//! 1. The best rank there is: servers before backups; fit ones, then those of which nothing is known, then, in need, those left out.
//! 2. The server that knows the client, if it is fit.
//! 3. Otherwise the balance decides among those of the best rank that have room.

use std::cell::RefCell;
use std::net::IpAddr;

use super::balance::{self, Candidate, digest};
use super::condition::Standing;
use super::group::Group;
use super::lease::Lease;
use super::random::random;
use super::server::ServerKey;
use super::set::{Member, Set};
use super::{Asked, sticky};
use crate::config::upstream::{Balance, HashKey, Sticky};

/// What came of looking for a server.
#[derive(Debug)]
pub(super) enum Selected {
    Place(Lease),
    /// These could take it, had they room.
    Full(Vec<ServerKey>),
    Nobody,
}

/// The lesser, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    standing: Standing,
    is_backup: bool,
}

/// A place that somebody else was faster to take makes it look again, but not for ever.
const MOST_LOOKS: usize = 4;

thread_local! {
    /// So that no request needs memory for it.
    static CANDIDATES: RefCell<Vec<Candidate>> = const { RefCell::new(Vec::new()) };
}

impl Group {
    pub(super) fn select(&self, asked: &Asked<'_>, tried: &[ServerKey]) -> Selected {
        let set = self.set();
        CANDIDATES.with_borrow_mut(|candidates| {
            for _ in 0..MOST_LOOKS {
                let Some(best) = self.gather(&set, tried, candidates) else {
                    return Selected::Nobody;
                };
                if let Some(known) = self.known(&set, best, asked, tried) {
                    return match known.server.claim(&self.clock) {
                        Some(lease) => Selected::Place(lease),
                        None => Selected::Full(vec![known.server.key]),
                    };
                }
                if candidates.is_empty() {
                    return Selected::Full(self.of_rank(&set, best, tried));
                }
                let chosen = self.choose(&set, best, candidates, asked);
                let server = &set.members[candidates[chosen].index].server;
                if let Some(lease) = server.claim(&self.clock) {
                    return Selected::Place(self.introduce(lease));
                }
            }
            let Some(best) = self.gather(&set, tried, candidates) else {
                return Selected::Nobody;
            };
            Selected::Full(self.of_rank(&set, best, tried))
        })
    }

    /// The best rank, and who of it has room.
    fn gather(
        &self,
        set: &Set,
        tried: &[ServerKey],
        candidates: &mut Vec<Candidate>,
    ) -> Option<Rank> {
        candidates.clear();
        let mut best = None;
        for (index, member) in set.members.iter().enumerate() {
            let Some(rank) = self.rank(member, tried) else {
                continue;
            };
            if best.is_some_and(|best| best < rank) {
                continue;
            }
            if best != Some(rank) {
                candidates.clear();
                best = Some(rank);
            }
            if member.server.has_room() {
                candidates.push(self.candidate(index, member));
            }
        }
        best
    }

    fn rank(&self, member: &Member, tried: &[ServerKey]) -> Option<Rank> {
        if tried.contains(&member.server.key) {
            return None;
        }
        Some(Rank {
            standing: member.server.condition.standing(&self.clock)?,
            is_backup: member.is_backup,
        })
    }

    fn of_rank(&self, set: &Set, rank: Rank, tried: &[ServerKey]) -> Vec<ServerKey> {
        let members = set.members.iter();
        members
            .filter(|member| self.rank(member, tried) == Some(rank))
            .map(|member| member.server.key)
            .collect()
    }

    fn candidate(&self, index: usize, member: &Member) -> Candidate {
        let Member { server, weight, .. } = member;
        Candidate {
            index,
            weight: u64::from((*weight).max(1)),
            share: server.condition.share(self.config.slow_start, &self.clock),
            load: server.in_flight() as u64,
            identity: server.identity,
        }
    }

    /// The server that knows the client, backup or not, unless it is less fit than others.
    fn known<'s>(
        &self,
        set: &'s Set,
        best: Rank,
        asked: &Asked<'_>,
        tried: &[ServerKey],
    ) -> Option<&'s Member> {
        let is_fit = |member: &&Member| {
            let rank = self.rank(member, tried);
            rank.is_some_and(|rank| rank.standing <= best.standing)
        };
        let fit = || set.members.iter().filter(is_fit);
        match self.config.sticky.as_ref()? {
            Sticky::Cookie(name) => sticky::tokens(asked.headers, name)
                .find_map(|token| fit().find(|member| member.server.token == token)),
            Sticky::Route(name) => sticky::routes(asked.headers, asked.path, name).find_map(|id| {
                let has_id = |member: &&Member| member.server.id.as_deref() == Some(id);
                fit().find(has_id)
            }),
        }
    }

    fn choose(&self, set: &Set, best: Rank, candidates: &[Candidate], asked: &Asked<'_>) -> usize {
        if candidates.len() == 1 {
            return 0;
        }
        let mut random = random;
        match &self.config.balance {
            Balance::PowerOfTwo => balance::two_choices(candidates, &mut random),
            Balance::LeastConnections => balance::least_connections(candidates, &mut random),
            Balance::RoundRobin => match set.turns(best.is_backup) {
                Some(turns) => turns.choose(candidates, &mut random),
                None => balance::two_choices(candidates, &mut random),
            },
            Balance::Hash(by) => match key(by, asked) {
                Some(key) => balance::rendezvous(candidates, key),
                // Who has no key is like everybody else.
                None => balance::two_choices(candidates, &mut random),
            },
        }
    }

    /// The client is told whom it came to, if it is to come back.
    fn introduce(&self, lease: Lease) -> Lease {
        match &self.config.sticky {
            Some(Sticky::Cookie(_)) => lease.tell_cookie(),
            Some(Sticky::Route(_)) | None => lease,
        }
    }
}

/// What a request is known by.
fn key(by: &HashKey, asked: &Asked<'_>) -> Option<u64> {
    match by {
        HashKey::Client => match asked.client?.to_canonical() {
            IpAddr::V4(ip) => Some(digest(&ip.octets())),
            IpAddr::V6(ip) => Some(digest(&ip.octets())),
        },
        HashKey::Header(name) => Some(digest(asked.headers.get(name)?.as_bytes())),
        HashKey::Cookie(name) => Some(digest(
            sticky::cookies(asked.headers, name).next()?.as_bytes(),
        )),
        HashKey::Path => Some(digest(asked.path.split('?').next()?.as_bytes())),
    }
}
