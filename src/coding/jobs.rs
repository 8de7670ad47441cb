//! Threads for work that would hold up a worker: few, of low priority, started when there is something to do.
//!
//! 1. They run in the time that workers leave, and give way to one at once. What somebody waits for and what only makes things better have
//!    threads of their own.
//! 2. Where workers leave no time, what somebody has waited for too long is done on a thread that gets a small share.
//! 3. A thread that finds nothing to do for a while ends.
//! 4. The queue is bounded: what does not fit is not done, and the caller sends what is there.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

#[cfg(target_os = "linux")]
use priority_linux as priority;
#[cfg(not(target_os = "linux"))]
use priority_portable as priority;

#[cfg(target_os = "linux")]
mod priority_linux;
#[cfg(not(target_os = "linux"))]
mod priority_portable;

/// Jobs that wait, of each urgency.
const QUEUE: usize = 4096;

const IDLE: Duration = Duration::from_secs(10);

pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Who waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// A request.
    Waited,
    /// A request, for too long.
    Hurried,
    /// Nobody.
    Spare,
}

/// Clones share the threads.
#[derive(Clone, Debug)]
pub(crate) struct Jobs(Arc<[Lane; 3]>);

#[derive(Debug)]
struct Lane {
    urgency: Urgency,
    most: usize,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("waiting", &self.waiting.len())
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl Jobs {
    /// At most so many jobs that are waited for at a time, as many that are hurried, and one that nobody waits for.
    pub(crate) fn new(most: NonZeroUsize) -> Self {
        let lane = |urgency, most| Lane {
            urgency,
            most,
            state: Mutex::default(),
            arrived: Condvar::new(),
        };
        Self(Arc::new([
            lane(Urgency::Waited, most.get()),
            lane(Urgency::Hurried, most.get()),
            lane(Urgency::Spare, 1),
        ]))
    }

    /// Jobs that wait or are under way.
    pub(crate) fn unfinished(&self) -> u64 {
        let of_lane = |lane: &Lane| {
            let state = lane.lock();
            state.waiting.len() + (state.threads - state.idle)
        };
        let all: usize = self.0.iter().map(of_lane).sum();
        u64::try_from(all).unwrap_or(u64::MAX)
    }

    /// Whether it will be done.
    pub(crate) fn submit(&self, urgency: Urgency, job: Job) -> bool {
        let index = urgency as usize;
        let lane = &self.0[index];
        let mut state = lane.lock();
        if state.waiting.len() >= QUEUE {
            return false;
        }
        state.waiting.push_back(job);
        if state.waiting.len() > state.idle && state.threads < lane.most {
            state.threads += 1;
            let jobs = self.clone();
            let started = std::thread::Builder::new()
                .name("coding".to_owned())
                .spawn(move || jobs.0[index].work());
            if let Err(error) = started {
                state.threads -= 1;
                if state.threads == 0 {
                    state.waiting.clear();
                    tracing::warn!(%error, "no thread to compress files on");
                    return false;
                }
            }
        }
        drop(state);
        lane.arrived.notify_one();
        true
    }
}

impl Lane {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        priority::lower(self.urgency);
        let mut state = self.lock();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                drop(state);
                // A job that panics has told so, and is missed by nobody but those who wait for it, who notice.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
                state = self.lock();
                continue;
            }
            state.idle += 1;
            let (woken, waited) = self
                .arrived
                .wait_timeout(state, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.waiting.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn each_job_is_done_once_and_no_more_at_a_time_than_allowed() {
        let jobs = Jobs::new(NonZeroUsize::new(2).unwrap());
        let running = Arc::new(Mutex::new((0, 0)));
        let (done, told) = mpsc::channel();
        for number in 0..50 {
            let (done, running) = (done.clone(), Arc::clone(&running));
            let job = move || {
                {
                    let mut running = running.lock().unwrap();
                    running.0 += 1;
                    running.1 = running.1.max(running.0);
                }
                std::thread::sleep(Duration::from_millis(1));
                running.lock().unwrap().0 -= 1;
                done.send(number).unwrap();
            };
            assert!(jobs.submit(Urgency::Waited, Box::new(job)));
        }
        let mut all: Vec<i32> = (0..50)
            .map(|_| told.recv_timeout(PATIENCE).unwrap())
            .collect();
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
        assert!(running.lock().unwrap().1 <= 2);
    }

    #[test]
    fn a_job_that_panics_takes_nobody_with_it() {
        let jobs = Jobs::new(NonZeroUsize::MIN);
        let (done, told) = mpsc::channel();
        assert!(jobs.submit(Urgency::Spare, Box::new(|| panic!("on purpose"))));
        assert!(jobs.submit(Urgency::Spare, Box::new(move || done.send(()).unwrap())));
        told.recv_timeout(PATIENCE).unwrap();
    }

    #[test]
    fn the_queue_is_bounded() {
        let jobs = Jobs::new(NonZeroUsize::MIN);
        let (release, held) = mpsc::channel::<()>();
        let (begun, told) = mpsc::channel();
        let first = move || {
            begun.send(()).unwrap();
            let _ = held.recv();
        };
        assert!(jobs.submit(Urgency::Waited, Box::new(first)));
        told.recv_timeout(PATIENCE).unwrap();
        for _ in 0..QUEUE {
            assert!(jobs.submit(Urgency::Waited, Box::new(|| {})));
        }
        assert!(!jobs.submit(Urgency::Waited, Box::new(|| {})));
        drop(release);
    }
}
