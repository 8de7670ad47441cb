//! What the process takes of the machine.
//!
//! Clocks and limits are asked of the system. What else there is, Linux tells in files; they are opened once, early
//! ([`open`]): later the sandbox may keep the process from it, or another user's rights.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, Timespec, clock_gettime};

use super::status::ProcessStatus;

#[cfg(all(target_os = "linux", not(daemun_portable)))]
#[path = "process/figures_linux.rs"]
mod figures;
#[cfg(not(all(target_os = "linux", not(daemun_portable))))]
#[path = "process/figures_portable.rs"]
mod figures;

use figures::Figures;

/// There is one process.
static OPEN: OnceLock<Opened> = OnceLock::new();

struct Opened {
    figures: Figures,
    /// When the process began, or, where the system does not say, when this was opened.
    started: SystemTime,
}

/// What is needed later is opened now.
pub(crate) fn open() {
    opened();
}

pub(crate) fn status() -> ProcessStatus {
    let Opened { figures, started } = opened();
    let limit = getrlimit(Resource::Nofile).current;
    let started = started.duration_since(SystemTime::UNIX_EPOCH);
    ProcessStatus {
        cpu_seconds: time(ClockId::ProcessCPUTime).as_secs_f64(),
        resident_bytes: figures.resident_bytes().unwrap_or_default(),
        open_descriptors: figures.open_descriptors().unwrap_or_default(),
        most_descriptors: limit.unwrap_or(u64::MAX),
        threads: figures.threads().unwrap_or_default(),
        started: started.unwrap_or_default().as_secs_f64(),
    }
}

/// The time of processors that this thread has taken until now.
pub(crate) fn thread_time() -> Duration {
    time(ClockId::ThreadCPUTime)
}

fn opened() -> &'static Opened {
    OPEN.get_or_init(|| {
        let age = figures::age().unwrap_or_default();
        Opened {
            figures: Figures::open(),
            started: SystemTime::now() - age,
        }
    })
}

fn time(clock: ClockId) -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    let seconds = u64::try_from(tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_takes_is_not_nothing_and_not_everything() {
        let before = status();
        let held = vec![1_u8; 8 << 20];
        let file = std::fs::File::open("/dev/null").unwrap();
        while thread_time() < Duration::from_millis(2) {
            std::hint::black_box(&held);
        }
        let after = status();
        assert!(after.cpu_seconds > before.cpu_seconds || before.cpu_seconds > 0.0);
        assert!(after.most_descriptors > 3);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let age = now.unwrap().as_secs_f64() - after.started;
        assert!((0.0..3600.0).contains(&age), "{age}");
        drop(file);
    }
}
