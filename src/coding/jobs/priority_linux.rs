//! On Linux, each thread has a policy and a nice value of its own.

use thread_priority::{NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy};

use super::Urgency;

/// A thread that is idle to the scheduler gives way the moment a worker has something to do; one that is merely nice keeps the core for what
/// is left of its slice, some milliseconds. That it cannot be done is no reason not to work.
pub(super) fn lower(urgency: Urgency) {
    match urgency {
        Urgency::Waited | Urgency::Spare => {
            let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
            let thread = thread_priority::thread_native_id();
            let _ =
                thread_priority::set_thread_priority_and_policy(thread, ThreadPriority::Min, idle);
        }
        Urgency::Hurried => drop(rustix::process::setpriority_process(None, 10)),
    }
}
