//! On Linux, a thread has a nice value of its own.

use super::Urgency;

/// Workers go first. That it cannot be done is no reason not to work.
pub(super) fn lower(urgency: Urgency) {
    let nice = match urgency {
        Urgency::Waited => 10,
        Urgency::Spare => 19,
    };
    let _ = rustix::process::setpriority_process(None, nice);
}
