//! What Prometheus reads: the text exposition format, version 0.0.4, of all that is known of a running server.
//!
//! 1. Counts of requests by what answered them ([`requests`]).
//! 2. The server itself: connections, cache, codings, configuration, certificates, the process ([`server`]).
//! 3. Applications and their servers ([`upstreams`]).
//! 4. Each family of samples is written at once, each set of labels in it once ([`family`]).
//!
//! Labels are bounded: they come from the configuration, from lists of this program, or from where names of servers lead, and never
//! from a request.

mod family;
mod requests;
mod server;
mod upstreams;

use super::series::Series;
use super::status::Status;
use family::Text;

/// Pure: the same for the same values.
pub(crate) fn text(status: &Status, series: &[Series]) -> String {
    let mut text = Text::default();
    requests::write(&mut text, status, series);
    server::write(&mut text, status);
    upstreams::write(&mut text, &status.upstreams);
    text.finish()
}

#[cfg(test)]
mod tests;
