//! How a server is: what checks said of it, and what became of requests.
//!
//! - [`Verdict`]: of active checks.
//! - Left out: after some failures in a row it gets nothing for a while. Then one request tries it: when that succeeds, the server is back;
//!   when it fails, the server is left out again, for longer.
//! - Slow start: one that has come (back) gets its share bit by bit.
//!
//! Read at each request and by all workers: numbers that are read without a lock, and the clock only where there is something to wait for.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::balance::FULL_SHARE;
use super::ejection::{self, Past};
use super::verdict::Verdict;
use crate::config::upstream::Ejection;

/// Whom requests go to, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    Fit,
    /// Nothing is known of it, while others may have passed their checks.
    Unknown,
    /// Left out: only where there is nobody else.
    Ejected,
}

/// Under which circumstances a server took a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Admission {
    /// How often it had been left out by then: what became of requests from before the last time says nothing of the time since.
    ejections: u32,
    /// Whether this request tries whether the server is back.
    is_trial: bool,
}

#[derive(Debug, Default)]
pub(super) struct Condition {
    verdict: AtomicU8,
    /// Failed requests in a row.
    failures: AtomicU32,
    /// 0: not left out. After this time a request may try it.
    ejected_until: AtomicU64,
    is_on_trial: AtomicBool,
    ejections: AtomicU32,
    /// 0: it gets its full share.
    grows_since: AtomicU64,
    /// How long the last time was, and when it ended.
    last_ejection: Mutex<Option<(Duration, u64)>>,
}

/// Time, from some moment on: nanoseconds, never 0. It is monotonic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now(&self) -> u64 {
        nanoseconds(self.0.elapsed()) + 1
    }
}

impl Condition {
    /// None: it is down, and gets nothing.
    pub(super) fn standing(&self, clock: &Clock) -> Option<Standing> {
        let by_checks = match self.verdict() {
            Verdict::Down => return None,
            Verdict::Unknown => Standing::Unknown,
            Verdict::Up => Standing::Fit,
        };
        let until = self.ejected_until.load(Ordering::Relaxed);
        let is_out =
            until != 0 && (clock.now() < until || self.is_on_trial.load(Ordering::Relaxed));
        Some(if is_out { Standing::Ejected } else { by_checks })
    }

    /// Takes a request. The first one after its time out tries whether it is back.
    pub(super) fn admit(&self, clock: &Clock) -> Admission {
        let ejections = self.ejections.load(Ordering::Acquire);
        let until = self.ejected_until.load(Ordering::Relaxed);
        let is_due = until != 0 && clock.now() >= until;
        Admission {
            ejections,
            is_trial: is_due && !self.is_on_trial.swap(true, Ordering::AcqRel),
        }
    }

    /// The request has ended, whatever became of it.
    pub(super) fn dismiss(&self, admission: Admission) {
        if admission.is_trial && self.is_since_last_ejection(admission) {
            self.is_on_trial.store(false, Ordering::Release);
        }
    }

    /// An answer came; whether the server is back by that.
    pub(super) fn succeeded(&self, admission: Admission, clock: &Clock) -> bool {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        let is_back = self.ejected_until.load(Ordering::Relaxed) != 0
            && self.is_since_last_ejection(admission)
            && self.ejected_until.swap(0, Ordering::AcqRel) != 0;
        if is_back {
            self.is_on_trial.store(false, Ordering::Release);
            self.grow(clock);
        }
        is_back
    }

    /// Whether a success changes anything.
    pub(super) fn has_failed(&self) -> bool {
        self.failures.load(Ordering::Relaxed) != 0
            || self.ejected_until.load(Ordering::Relaxed) != 0
    }

    /// None came.
    pub(super) fn failed(&self, admission: Admission, rule: &Ejection) -> Failing {
        if rule.after == 0 || !self.is_since_last_ejection(admission) {
            return Failing::Seldom;
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let is_out = self.ejected_until.load(Ordering::Relaxed) != 0;
        if admission.is_trial || (failures > rule.after && !is_out) {
            Failing::Still
        } else if failures == rule.after && !is_out {
            Failing::Now
        } else {
            Failing::Seldom
        }
    }

    /// Leaves it out, and tells for how long.
    pub(super) fn eject(&self, rule: &Ejection, clock: &Clock) -> Duration {
        let now = clock.now();
        let mut last = self
            .last_ejection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let past = last.map(|(length, end)| Past {
            length,
            ended: Duration::from_nanos(now.saturating_sub(end)),
        });
        let length = ejection::length(rule, past);
        let end = now + nanoseconds(length);
        *last = Some((length, end));
        self.failures.store(0, Ordering::Relaxed);
        self.ejected_until.store(end, Ordering::Release);
        self.ejections.fetch_add(1, Ordering::AcqRel);
        self.is_on_trial.store(false, Ordering::Release);
        length
    }

    /// Whether another one may be left out because this one is there.
    pub(super) fn is_left(&self, least: Verdict) -> bool {
        let is_known = match self.verdict() {
            Verdict::Up => true,
            Verdict::Unknown => least == Verdict::Unknown,
            Verdict::Down => false,
        };
        is_known && self.ejected_until.load(Ordering::Relaxed) == 0
    }

    pub(super) fn verdict(&self) -> Verdict {
        Verdict::from_number(self.verdict.load(Ordering::Relaxed))
    }

    /// Takes over what checks came to.
    pub(super) fn judge(&self, verdict: Verdict, clock: &Clock) {
        let before = self.verdict.swap(verdict as u8, Ordering::AcqRel);
        if verdict == Verdict::Up && before == Verdict::Down as u8 {
            // It was started again, most likely: what was before does not count.
            self.failures.store(0, Ordering::Relaxed);
            self.ejected_until.store(0, Ordering::Release);
            self.grow(clock);
        }
    }

    /// Its share grows from now on.
    pub(super) fn grow(&self, clock: &Clock) {
        self.grows_since.store(clock.now(), Ordering::Relaxed);
    }

    /// How much of its weight it gets, if it takes this long to get all.
    pub(super) fn share(&self, slow_start: Duration, clock: &Clock) -> u64 {
        let since = self.grows_since.load(Ordering::Relaxed);
        if since == 0 {
            return FULL_SHARE;
        }
        let elapsed = clock.now().saturating_sub(since);
        let slow_start = nanoseconds(slow_start);
        if elapsed >= slow_start {
            self.grows_since.store(0, Ordering::Relaxed);
            return FULL_SHARE;
        }
        let share = u128::from(FULL_SHARE) * u128::from(elapsed) / u128::from(slow_start);
        // Less than the whole; and a tenth to begin with, or nothing would ever show that it is well.
        u64::try_from(share)
            .unwrap_or(FULL_SHARE)
            .max(FULL_SHARE / 10)
    }

    pub(super) fn state(&self, clock: &Clock) -> State {
        let until = self.ejected_until.load(Ordering::Relaxed);
        match self.verdict() {
            Verdict::Down => State::Down,
            _ if until > clock.now() => State::Ejected,
            _ if until != 0 => State::OnTrial,
            Verdict::Unknown => State::Unknown,
            Verdict::Up => State::Up,
        }
    }

    /// How often it was left out.
    pub(super) fn ejections(&self) -> u32 {
        self.ejections.load(Ordering::Relaxed)
    }

    /// How long ago its last time out ended.
    pub(super) fn since_time_out(&self, clock: &Clock) -> Duration {
        let until = self.ejected_until.load(Ordering::Relaxed);
        Duration::from_nanos(clock.now().saturating_sub(until))
    }

    pub(super) fn is_since_last_ejection(&self, admission: Admission) -> bool {
        admission.ejections == self.ejections.load(Ordering::Acquire)
    }
}

/// What a failed request means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failing {
    /// Not much.
    Seldom,
    /// It was one too many in a row: the server is to be left out, if that may be.
    Now,
    /// The same, once more.
    Still,
}

/// Whether a server gets requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It does.
    Up,
    /// No check has passed yet.
    Unknown,
    /// Checks fail.
    Down,
    /// Left out because requests failed.
    Ejected,
    /// Its time out is over: one request at a time, until one succeeds.
    OnTrial,
}

fn nanoseconds(time: Duration) -> u64 {
    // 584 years.
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Ejection = Ejection {
        after: 3,
        time: Duration::from_secs(5),
        most: Duration::from_secs(60),
    };

    fn up(clock: &Clock) -> Condition {
        let condition = Condition::default();
        condition.judge(Verdict::Up, clock);
        condition
    }

    fn fail(condition: &Condition, clock: &Clock) -> bool {
        let admission = condition.admit(clock);
        let is_enough = condition.failed(admission, &RULE) != Failing::Seldom;
        if is_enough {
            condition.eject(&RULE, clock);
        }
        condition.dismiss(admission);
        is_enough
    }

    fn succeed(condition: &Condition, clock: &Clock) -> bool {
        let admission = condition.admit(clock);
        let is_back = condition.succeeded(admission, clock);
        condition.dismiss(admission);
        is_back
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_leave_it_out_and_one_request_tries_it() {
        let clock = Clock::new();
        let condition = up(&clock);
        assert!(!fail(&condition, &clock));
        assert!(!fail(&condition, &clock));
        assert!(!succeed(&condition, &clock), "it was never away");
        assert!(!fail(&condition, &clock));
        assert!(!fail(&condition, &clock));
        assert_eq!(condition.standing(&clock), Some(Standing::Fit));
        assert!(fail(&condition, &clock));
        assert_eq!(condition.standing(&clock), Some(Standing::Ejected));
        assert_eq!(condition.state(&clock), State::Ejected);

        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(condition.standing(&clock), Some(Standing::Fit));
        assert_eq!(condition.state(&clock), State::OnTrial);
        let trial = condition.admit(&clock);
        assert_eq!(condition.standing(&clock), Some(Standing::Ejected));
        // Others come only when they have nobody else; what becomes of them does not end the trial.
        condition.dismiss(condition.admit(&clock));
        assert_eq!(condition.standing(&clock), Some(Standing::Ejected));
        condition.dismiss(trial);
        assert_eq!(condition.standing(&clock), Some(Standing::Fit), "cancelled");
        assert!(succeed(&condition, &clock));
        assert_eq!(condition.state(&clock), State::Up);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_trial_leaves_it_out_for_longer() {
        let clock = Clock::new();
        let condition = up(&clock);
        while !fail(&condition, &clock) {}
        for seconds in [5, 10, 20, 40, 60, 60] {
            tokio::time::advance(Duration::from_millis(seconds * 1000 - 1)).await;
            assert_eq!(condition.standing(&clock), Some(Standing::Ejected));
            tokio::time::advance(Duration::from_millis(2)).await;
            assert!(fail(&condition, &clock));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_from_before_do_not_count_after() {
        let clock = Clock::new();
        let condition = up(&clock);
        let early = condition.admit(&clock);
        while !fail(&condition, &clock) {}
        assert!(!condition.succeeded(early, &clock));
        assert_eq!(condition.state(&clock), State::Ejected);
        for _ in 0..5 {
            assert_eq!(condition.failed(early, &RULE), Failing::Seldom);
        }
        // Who had nobody else to go to, and is answered, brings it back.
        assert!(succeed(&condition, &clock));
        assert_eq!(condition.state(&clock), State::Up);
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_back_gets_its_share_bit_by_bit() {
        let clock = Clock::new();
        let condition = up(&clock);
        let slow = Duration::from_secs(10);
        assert_eq!(condition.share(slow, &clock), FULL_SHARE, "the first time");
        condition.judge(Verdict::Down, &clock);
        assert_eq!(condition.standing(&clock), None);
        condition.judge(Verdict::Up, &clock);
        assert_eq!(condition.share(slow, &clock), FULL_SHARE / 10);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(condition.share(slow, &clock), FULL_SHARE / 2);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(condition.share(slow, &clock), FULL_SHARE);
        condition.grow(&clock);
        assert_eq!(condition.share(Duration::ZERO, &clock), FULL_SHARE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_checks_found_up_again_starts_anew() {
        let clock = Clock::new();
        let condition = up(&clock);
        while !fail(&condition, &clock) {}
        condition.judge(Verdict::Down, &clock);
        assert_eq!(condition.state(&clock), State::Down);
        condition.judge(Verdict::Up, &clock);
        assert_eq!(condition.state(&clock), State::Up);
    }

    #[test]
    fn without_a_rule_nothing_is_left_out() {
        let clock = Clock::new();
        let condition = up(&clock);
        let rule = Ejection { after: 0, ..RULE };
        let admission = condition.admit(&clock);
        for _ in 0..10 {
            assert_eq!(condition.failed(admission, &rule), Failing::Seldom);
        }
    }
}
