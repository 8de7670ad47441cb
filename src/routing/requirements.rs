//! What must be the case for requests to be answered as configured: the server stays, and each application that a route leads to has a
//! server.

use std::sync::Arc;

use super::upstreams::Upstreams;
use crate::config::Config;
use crate::proxy::{ServerState, State};
use crate::server::presence::Presence;

#[derive(Debug)]
pub(crate) struct Requirements {
    presence: Arc<Presence>,
    upstreams: Upstreams,
    /// Names of those that could not be set up.
    unusable: Vec<Arc<str>>,
}

impl Requirements {
    pub(super) fn new(config: &Config, upstreams: &Upstreams, presence: &Arc<Presence>) -> Self {
        let wanted = config.upstreams();
        let unusable = wanted.iter().filter(|wanted| !upstreams.has(wanted));
        Self {
            presence: Arc::clone(presence),
            unusable: unusable.map(|wanted| wanted.name.as_ref().into()).collect(),
            upstreams: upstreams.clone(),
        }
    }

    pub(crate) fn presence(&self) -> &Arc<Presence> {
        &self.presence
    }

    /// Names are looked up and servers checked from now on, if nobody has begun with it, in this runtime.
    pub(super) fn look(&self) {
        self.upstreams.start();
    }

    /// What is not as it must be, a sentence each; empty: the server is ready.
    pub(crate) fn unmet(&self) -> Vec<String> {
        let mut unmet = Vec::new();
        if self.presence.is_draining() {
            unmet.push("the server was told to stop".to_owned());
        }
        for name in &self.unusable {
            unmet.push(format!("the upstream {name} cannot be used: see the log"));
        }
        for upstream in self.upstreams.iter() {
            let name = &upstream.config().name;
            unmet.extend(lack(name, &upstream.states(), upstream.is_settling()));
        }
        unmet
    }
}

/// Why an upstream has no server for a request, as far as that is known before one is sent.
fn lack(name: &str, servers: &[ServerState], is_settling: bool) -> Option<String> {
    if servers.is_empty() {
        return Some(if is_settling {
            format!("the servers of the upstream {name} are still looked up")
        } else {
            format!("the names of the upstream {name} lead to no server")
        });
    }
    let mut out = Vec::new();
    for server in servers {
        match server.state {
            State::Down => out.push(format!("{} is down", server.name)),
            State::Ejected => out.push(format!("{} is left out after failures", server.name)),
            State::Up | State::Unknown | State::OnTrial => return None,
        }
    }
    let out = out.join(", ");
    Some(format!("the upstream {name} has no server: {out}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str, state: State) -> ServerState {
        ServerState::for_test(name, state)
    }

    #[test]
    fn an_upstream_needs_one_server_that_is_not_known_to_be_out() {
        let cases: [(&[State], bool, Option<&str>); 9] = [
            (&[State::Up], false, None),
            (&[State::Unknown], false, None),
            (&[State::OnTrial], false, None),
            (&[State::Down, State::Up], false, None),
            (&[State::Ejected, State::Unknown], true, None),
            (
                &[State::Down],
                false,
                Some("the upstream shop has no server: s0 is down"),
            ),
            (
                &[State::Down, State::Ejected],
                false,
                Some("the upstream shop has no server: s0 is down, s1 is left out after failures"),
            ),
            (
                &[],
                true,
                Some("the servers of the upstream shop are still looked up"),
            ),
            (
                &[],
                false,
                Some("the names of the upstream shop lead to no server"),
            ),
        ];
        for (states, is_settling, expected) in cases {
            let servers: Vec<_> = (states.iter().enumerate())
                .map(|(index, state)| server(&format!("s{index}"), *state))
                .collect();
            let lack = lack("shop", &servers, is_settling);
            assert_eq!(lack.as_deref(), expected, "{states:?}");
        }
    }
}
