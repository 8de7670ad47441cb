//! Which server gets a request.
//!
//! 1. The server that knows the client, if it is fit.
//! 2. Mostly all are well: then one or two by the balance are looked at, and no more.
//! 3. Otherwise all are: the best rank there is counts, which is servers before backups; fit ones, then those of which nothing is known,
//!    then, in need, those left out. Among those of it that have room, the balance decides.

use std::cell::RefCell;
use std::net::IpAddr;

use super::balance::{self, Candidate, FULL_SHARE, digest};
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
        if let Some(known) = self.known(&set, Standing::Fit, asked, tried) {
            return self.claim_known(known);
        }
        let quick = self.quick(&set, tried).map(|index| &set.members[index]);
        if let Some(lease) = quick.and_then(|member| member.server.claim(&self.clock)) {
            return Selected::Place(self.introduce(lease));
        }
        CANDIDATES.with_borrow_mut(|candidates| {
            for _ in 0..MOST_LOOKS {
                let Some(best) = self.gather(&set, tried, candidates) else {
                    return Selected::Nobody;
                };
                if let Some(known) = self.known(&set, best.standing, asked, tried) {
                    return self.claim_known(known);
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
            match self.gather(&set, tried, candidates) {
                Some(best) => Selected::Full(self.of_rank(&set, best, tried)),
                None => Selected::Nobody,
            }
        })
    }

    /// Who knows a client is waited for.
    fn claim_known(&self, known: &Member) -> Selected {
        match known.server.claim(&self.clock) {
            Some(lease) => Selected::Place(lease),
            None => Selected::Full(vec![known.server.key]),
        }
    }

    /// The place of a server that can be had without a look at all of them, if nothing speaks against it.
    fn quick(&self, set: &Set, tried: &[ServerKey]) -> Option<usize> {
        let is_plain = |index: usize| {
            let member = &set.members[index];
            let condition = &member.server.condition;
            member.server.has_room()
                && !tried.contains(&member.server.key)
                && condition.standing(&self.clock) == Some(Standing::Fit)
                && condition.share(self.config.slow_start, &self.clock) == FULL_SHARE
        };
        if let Some(turns) = set.turns(false) {
            return turns.next().filter(|&index| is_plain(index));
        }
        let (one, other) = set.spread()?.two(&mut random)?;
        if !is_plain(one) || !is_plain(other) {
            return None;
        }
        let load = |of: usize, by: usize| {
            set.members[of].server.in_flight() as u64 * u64::from(set.members[by].weight)
        };
        Some(if load(other, one) < load(one, other) {
            other
        } else {
            one
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

    /// The server that knows the client, backup or not, unless it is worse off than this.
    fn known<'s>(
        &self,
        set: &'s Set,
        worst: Standing,
        asked: &Asked<'_>,
        tried: &[ServerKey],
    ) -> Option<&'s Member> {
        let is_fit = |member: &&Member| {
            let rank = self.rank(member, tried);
            rank.is_some_and(|rank| rank.standing <= worst)
        };
        match self.config.sticky.as_ref()? {
            Sticky::Cookie(name) => sticky::tokens(asked.headers, name).find_map(|token| {
                let mut known = set
                    .members
                    .iter()
                    .filter(|member| member.server.token == token);
                known.find(is_fit)
            }),
            Sticky::Route(name) => sticky::routes(asked.headers, asked.path, name).find_map(|id| {
                let has_id = |member: &&Member| member.server.id.as_deref() == Some(id);
                set.members.iter().filter(has_id).find(is_fit)
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
