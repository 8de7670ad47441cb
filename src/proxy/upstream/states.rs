//! What is told of the servers of an upstream, for logs and metrics.

use super::condition::State;
use super::group::Group;

/// One server at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerState {
    /// Its address.
    pub(crate) name: Box<str>,
    /// The host that it was configured by, or that its service names.
    pub(crate) host: Box<str>,
    pub(crate) state: State,
    pub(crate) weight: u32,
    pub(crate) is_backup: bool,
    /// Requests under way.
    pub(crate) in_flight: usize,
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
