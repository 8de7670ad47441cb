//! What is told of the servers of an upstream, for logs and metrics.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use super::condition::State;
use super::group::Group;
use super::server::Server;
use super::set::Member;
use super::tally::News;
use crate::observe::status::{ServerStatus, UpstreamStatus};

/// One server of an [`Upstream`](crate::Upstream), at the moment that it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerState {
    /// Its address.
    pub name: Box<str>,
    /// The host that it was configured by, or that its service names.
    pub host: Box<str>,
    /// Whether it gets requests.
    pub state: State,
    /// Its share, beside that of the others.
    pub weight: u32,
    /// Whether it gets requests only while no other server can be had.
    pub is_backup: bool,
    /// Requests under way.
    pub in_flight: usize,
}

#[cfg(test)]
impl ServerState {
    pub(crate) fn for_test(name: &str, state: State) -> Self {
        Self {
            name: name.into(),
            host: name.into(),
            state,
            weight: 1,
            is_backup: false,
            in_flight: 0,
        }
    }
}

pub(super) fn of(group: &Group) -> Vec<ServerState> {
    let members = &group.set().members;
    members
        .iter()
        .map(|member| ServerState {
            name: member.server.name.clone(),
            host: Box::from(&*member.server.target.host),
            state: member.server.condition.state(&group.clock),
            weight: member.weight,
            is_backup: member.is_backup,
            in_flight: member.server.in_flight(),
        })
        .collect()
}

/// What is told of the upstream and each of its servers.
pub(super) fn status(group: &Group) -> UpstreamStatus {
    let members = Arc::clone(&group.set());
    UpstreamStatus {
        name: String::from(&*group.config.name),
        waiting: whole(group.queue.len()),
        retries: group.retries.load(Ordering::Relaxed),
        is_checked: group.config.health.is_some(),
        servers: members
            .members
            .iter()
            .map(|member| server(group, member))
            .collect(),
    }
}

fn server(group: &Group, member: &Member) -> ServerStatus {
    let Server {
        condition, tally, ..
    } = &*member.server;
    let state = condition.state(&group.clock);
    let News {
        why,
        since,
        trouble,
    } = tally.news();
    let since = match state {
        // Nothing happened to it but time.
        State::OnTrial => SystemTime::now() - condition.since_time_out(&group.clock),
        _ => since,
    };
    let since = since.duration_since(SystemTime::UNIX_EPOCH);
    let (passed_checks, failed_checks) = tally.checks();
    let failures_by_kind: Vec<_> = tally
        .failures()
        .map(|(kind, count)| (kind.to_owned(), count))
        .collect();
    ServerStatus {
        name: member.server.name.clone().into(),
        host: String::from(&*member.server.target.host),
        state: word(state).to_owned(),
        why,
        since: since.unwrap_or_default().as_secs_f64(),
        weight: member.weight,
        is_backup: member.is_backup,
        in_flight: whole(member.server.in_flight()),
        attempts: tally.attempts(),
        failures: failures_by_kind.iter().map(|(_, count)| count).sum(),
        failures_by_kind,
        ejections: condition.ejections().into(),
        passed_checks,
        failed_checks,
        trouble,
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Up => "up",
        State::Unknown => "unknown",
        State::Down => "down",
        State::Ejected => "ejected",
        State::OnTrial => "on-trial",
    }
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
