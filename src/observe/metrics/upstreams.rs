//! Step 3: applications and their servers.

use super::super::status::{ServerStatus, UpstreamStatus};
use super::family::{Family, Kind, Text};

/// All that a server can be; what it is not is told as 0.
const STATES: [&str; 5] = ["up", "unknown", "down", "ejected", "on-trial"];

pub(super) fn write(text: &mut Text, upstreams: &[UpstreamStatus]) {
    of_upstreams(text, upstreams);
    attempts(text, upstreams);
    checks(text, upstreams);
    states(text, upstreams);
}

fn of_upstreams(text: &mut Text, upstreams: &[UpstreamStatus]) {
    let mut retries = text.family(
        Kind::Counter,
        "daemun_upstream_retries_total",
        "Requests that were sent to another server, or to the same once more.",
    );
    for upstream in upstreams {
        retries.sample(&[("upstream", &*upstream.name)], upstream.retries);
    }
    drop(retries);
    let mut waiting = text.family(
        Kind::Gauge,
        "daemun_upstream_waiting",
        "Requests that wait for a server to have room.",
    );
    for upstream in upstreams {
        waiting.sample(&[("upstream", &*upstream.name)], upstream.waiting);
    }
}

fn attempts(text: &mut Text, upstreams: &[UpstreamStatus]) {
    let mut attempts = text.family(
        Kind::Counter,
        "daemun_upstream_attempts_total",
        "Requests that were sent to a server.",
    );
    of_each(&mut attempts, upstreams, |server| server.attempts);
    drop(attempts);
    let mut failures = text.family(
        Kind::Counter,
        "daemun_upstream_failures_total",
        "Requests that a server was sent and did not answer, by what happened.",
    );
    for (upstream, server) in servers(upstreams) {
        for (kind, count) in &server.failures_by_kind {
            let labels = [
                ("upstream", upstream),
                ("server", &*server.name),
                ("kind", kind),
            ];
            failures.sample(&labels, *count);
        }
    }
    drop(failures);
    let mut ejections = text.family(
        Kind::Counter,
        "daemun_upstream_ejections_total",
        "How often a server was left out, since requests to it failed.",
    );
    of_each(&mut ejections, upstreams, |server| server.ejections);
    drop(ejections);
    let mut in_flight = text.family(
        Kind::Gauge,
        "daemun_upstream_in_flight",
        "Requests that a server has under way.",
    );
    of_each(&mut in_flight, upstreams, |server| server.in_flight);
}

fn checks(text: &mut Text, upstreams: &[UpstreamStatus]) {
    let mut checks = text.family(
        Kind::Counter,
        "daemun_upstream_checks_total",
        "Checks of how a server is, where servers are checked.",
    );
    let checked = upstreams.iter().filter(|upstream| upstream.is_checked);
    for upstream in checked {
        for server in &upstream.servers {
            let results = [
                ("passed", server.passed_checks),
                ("failed", server.failed_checks),
            ];
            for (result, count) in results {
                let labels = [
                    ("upstream", &*upstream.name),
                    ("server", &*server.name),
                    ("result", result),
                ];
                checks.sample(&labels, count);
            }
        }
    }
}

fn states(text: &mut Text, upstreams: &[UpstreamStatus]) {
    let up = text.family(
        Kind::Gauge,
        "daemun_upstream_server_up",
        "Whether a server gets requests: checks do not fail, and it is not left out.",
    );
    let mut up = up.greatest();
    of_each(&mut up, upstreams, |server| {
        u64::from(!matches!(&*server.state, "down" | "ejected"))
    });
    drop(up);
    let states = text.family(
        Kind::Gauge,
        "daemun_upstream_server_state",
        "1 for the state that a server is in, 0 for the others.",
    );
    let mut states = states.greatest();
    for (upstream, server) in servers(upstreams) {
        for state in STATES {
            let labels = [
                ("upstream", upstream),
                ("server", &*server.name),
                ("state", state),
            ];
            states.sample(&labels, server.state == state);
        }
    }
}

fn servers(upstreams: &[UpstreamStatus]) -> impl Iterator<Item = (&str, &ServerStatus)> {
    upstreams.iter().flat_map(|upstream| {
        let servers = upstream.servers.iter();
        servers.map(|server| (&*upstream.name, server))
    })
}

fn of_each(
    family: &mut Family<'_>,
    upstreams: &[UpstreamStatus],
    value: impl Fn(&ServerStatus) -> u64,
) {
    for (upstream, server) in servers(upstreams) {
        let labels = [("upstream", upstream), ("server", &*server.name)];
        family.sample(&labels, value(server));
    }
}
