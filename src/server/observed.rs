//! What a running server tells about itself.

use super::Handle;
use crate::observe::metrics;
use crate::observe::status::Status;

impl Handle {
    /// How the server is at the moment, and what it did: what the status page shows.
    pub fn status(&self) -> Status {
        let mut status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            ..Status::default()
        };
        self.tell_of_itself(&mut status);
        self.tell(&mut status);
        self.observer().tell(&mut status);
        status
    }

    /// The same for Prometheus, in its text format (version 0.0.4): `Content-Type: text/plain; version=0.0.4`.
    pub fn metrics(&self) -> String {
        metrics::text(&self.status(), &self.observer().series())
    }

    /// The story of a request that has ended and is still remembered, by its id (`X-Request-Id`): text for a person to read.
    pub fn explain(&self, id: &str) -> Option<String> {
        self.observer().explain(id)
    }
}
