//! How many descriptors the process may have: one for each connection, and some.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Takes as many as the system allows. The lower default is for programs that use `select`, and would make connections wait long before
/// `limits.connections` does.
pub(super) fn raise() {
    let allowed = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: allowed.maximum,
        maximum: allowed.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit on descriptors stays as it is: {allowed:?}");
    }
}
