//! Applications and their servers.

use serde::{Deserialize, Serialize};

/// An application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct UpstreamStatus {
    /// As in the configuration; of a server that a route names itself, its URL.
    pub name: String,
    /// Requests that wait for a server to have room.
    pub waiting: u64,
    /// Requests that were sent to another server, or to the same once more.
    pub retries: u64,
    /// Whether servers are asked how they are.
    pub is_checked: bool,
    /// Its servers at the moment.
    pub servers: Vec<ServerStatus>,
}

/// One server of an application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ServerStatus {
    /// Its address: `127.0.0.1:3000`, `unix:/run/app.sock`.
    pub name: String,
    /// Its host as configured: that of which the address was resolved.
    pub host: String,
    /// `up`, `unknown` (no check has passed yet), `down` (checks fail), `ejected` (left out, since requests failed), `on-trial` (one
    /// request at a time, until one succeeds).
    pub state: String,
    /// Why it is in that state, as far as anything happened.
    pub why: Option<String>,
    /// Since when it is.
    pub since: f64,
    /// Its share compared with others.
    pub weight: u32,
    /// It gets requests only where no other server is fit.
    pub is_backup: bool,
    /// Requests it has under way.
    pub in_flight: u64,
    /// Requests sent to it.
    pub attempts: u64,
    /// Of those, without an answer. A connection that the server had closed while it waited for the next request is none.
    pub failures: u64,
    /// The same by what happened, in the words that follow `upstream-` in the reason of a refusal: `refused`, `connect-timeout`,
    /// `tls`, `closed`, `timeout`, `malformed`, `fields-too-large`, `rejected`, `broken-off`.
    pub failures_by_kind: Vec<(String, u64)>,
    /// How often it was left out.
    pub ejections: u64,
    /// Checks that it passed.
    pub passed_checks: u64,
    /// Checks that it did not pass.
    pub failed_checks: u64,
    /// What its last check found wrong; several of them in a row change its state. None: it passed, or there was none.
    pub trouble: Option<String>,
}
