//! What the server tells about itself.

use serde::Deserialize;

use super::{Number, Switch, Text, Texts};

/// `[admin]`: where the server tells about itself.
///
/// Status page, `/status` (JSON), `/metrics` (Prometheus), `/healthz`, `/readyz`, `/explain/ID` and `/configuration`. The program always
/// tells its own user, at a Unix socket in the runtime folder: that is how `daemun status`, `daemun top` and `daemun explain` ask.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Admin {
    /// Where else it is told, over plain HTTP: `["127.0.0.1:9180"]`, `["unix:/run/daemun/admin.sock"]` (only for the user of the
    /// server). Addresses that other machines reach need a `token_file`; who listens in on the network reads the token, too.
    /// Default: `[]`.
    pub(crate) listen: Option<Texts>,
    /// A file with a secret of at least 16 characters, which whoever asks by TCP must know, on this machine too: as a bearer token, or as the
    /// password of any user (HTTP Basic), as browsers and Prometheus can. Relative to the configuration file; read with it.
    /// Default: none; everybody on this machine may ask at its own addresses.
    pub(crate) token_file: Option<Text>,
    /// Host names by which it may be asked for over TCP, beside addresses and `localhost`: under another name, it may be a page of
    /// somebody else that asks (DNS rebinding).
    /// Default: `[]`.
    pub(crate) hosts: Option<Texts>,
    /// How many requests are remembered, for the slowest and the failing ones on the status page and for `daemun explain`; at most 100000.
    /// `0`: none.
    /// Default: `1000`.
    pub(crate) requests: Option<Number>,
    /// Whether requests are counted and remembered. Without it, what is left to tell is how the server and its applications are.
    /// Default: `true`.
    pub(crate) observe: Option<Switch>,
}
