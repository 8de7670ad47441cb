//! What is told of the servers of an upstream, for logs and metrics.

use super::condition::State;
use super::group::Group;

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
