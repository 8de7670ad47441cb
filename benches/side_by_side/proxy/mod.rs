//! Proxies side by side: Daemun, nginx and `HAProxy` before the same upstream.
//!
//! 1. `gateway`: how each proxy is configured, so that all do the same work.
//! 2. `upstream`: what they forward to. It and the load share the other core.
//! 3. `websocket`, `latency`, `soak`: the loads that wrk cannot make; `mixed` is the soak's.

pub(crate) mod gateway;
pub(crate) mod latency;
mod mixed;
pub(crate) mod soak;
pub(crate) mod upstream;
pub(crate) mod websocket;

use crate::Result;

/// Whether this program was started as one of its own parts.
pub(crate) fn is_part(word: &str) -> bool {
    [upstream::WORD, websocket::WORD, latency::WORD, mixed::WORD].contains(&word)
}

/// Is that part until it is done or stopped.
pub(crate) fn run_part(word: &str, arguments: &[String]) -> Result<()> {
    match word {
        upstream::WORD => upstream::run(arguments),
        websocket::WORD => websocket::run(arguments),
        latency::WORD => latency::run(arguments),
        _ => mixed::run(arguments),
    }
}
