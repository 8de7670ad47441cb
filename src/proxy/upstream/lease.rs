//! A request's place on a server, as long as the request is under way.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::HeaderValue;

use super::condition::Admission;
use super::server::{Server, ServerKey};
use crate::proxy::transport::{FailureKind, Target};

/// Gives the place back when dropped: to whoever waits for it.
#[derive(Debug)]
pub(crate) struct Lease {
    server: Arc<Server>,
    admission: Admission,
    tells_cookie: bool,
}

impl Lease {
    pub(super) fn new(server: Arc<Server>, admission: Admission) -> Self {
        Self {
            server,
            admission,
            tells_cookie: false,
        }
    }

    /// The client is to learn which server it came to.
    pub(super) fn tell_cookie(mut self) -> Self {
        self.tells_cookie = true;
        self
    }

    pub(crate) fn target(&self) -> &Target {
        &self.server.target
    }

    pub(crate) fn key(&self) -> ServerKey {
        self.server.key
    }

    /// For logs: the server's address.
    pub(crate) fn name(&self) -> &str {
        &self.server.name
    }

    /// `Set-Cookie`, when the client does not come with it already.
    pub(crate) fn sticky_cookie(&self) -> Option<HeaderValue> {
        let cookie = self.server.cookie.as_ref();
        cookie.filter(|_| self.tells_cookie).cloned()
    }

    /// The request is sent, after it was sent so often before; how often it was, with that.
    pub(crate) fn count_attempt(&self, before: u32) -> u32 {
        self.server.tally.attempted();
        if before > 0
            && let Some(group) = self.server.group.upgrade()
        {
            group.retries.fetch_add(1, Ordering::Relaxed);
        }
        before + 1
    }

    /// The head of an answer came, whatever it says.
    pub(crate) fn succeeded(&self) {
        // What a server without anything against it does at each request costs two reads.
        if self.server.condition.has_failed()
            && let Some(group) = self.server.group.upgrade()
        {
            group.succeeded(&self.server, self.admission);
        }
    }

    /// No answer came, or not all of it.
    pub(crate) fn failed(&self, kind: FailureKind, error: &io::Error) {
        self.server.tally.failed(kind);
        if is_the_servers_fault(kind)
            && let Some(group) = self.server.group.upgrade()
        {
            group.failed(&self.server, self.admission, kind, error);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.server.condition.dismiss(self.admission);
        self.server.give_back();
        if self.server.is_limited()
            && let Some(group) = self.server.group.upgrade()
        {
            group.hand_over(&self.server);
        }
    }
}

/// Whether a failure says that the server is not well.
fn is_the_servers_fault(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Refused
        | FailureKind::ConnectTimeout
        | FailureKind::Tls
        | FailureKind::Closed
        | FailureKind::TimedOut
        | FailureKind::Malformed
        | FailureKind::Io => true,
        // An answer too large is one; who rejects a request says so because it is about to end in good order; the others are ours or
        // the client's.
        FailureKind::TooLarge
        | FailureKind::Rejected
        | FailureKind::ClientBody
        | FailureKind::Unsupported => false,
    }
}
