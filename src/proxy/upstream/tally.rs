//! What became of a server's requests and checks until now, and why it is as it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::proxy::transport::FailureKind;

/// Counted by all workers, beside the count of requests under way, which they share already.
#[derive(Debug, Default)]
pub(super) struct Tally {
    attempts: AtomicU64,
    failures: [AtomicU64; KINDS.len()],
    passed_checks: AtomicU64,
    failed_checks: AtomicU64,
    /// Changed seldom, and never on the way of a request that succeeds.
    news: Mutex<News>,
}

/// What is to be told of a server that is not a number.
#[derive(Clone, Debug)]
pub(super) struct News {
    /// Why it is in its state.
    pub(super) why: Option<String>,
    pub(super) since: SystemTime,
    /// What the last check found wrong.
    pub(super) trouble: Option<String>,
}

/// What is a failure of the server or of the way to it.
const KINDS: [FailureKind; 9] = [
    FailureKind::Refused,
    FailureKind::ConnectTimeout,
    FailureKind::Tls,
    FailureKind::Closed,
    FailureKind::TimedOut,
    FailureKind::Malformed,
    FailureKind::TooLarge,
    FailureKind::Rejected,
    FailureKind::Io,
];

impl Default for News {
    fn default() -> Self {
        Self {
            why: None,
            since: SystemTime::now(),
            trouble: None,
        }
    }
}

impl Tally {
    pub(super) fn attempted(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, kind: FailureKind) {
        if let Some(index) = KINDS.iter().position(|&of| of == kind) {
            self.failures[index].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A check has passed, or found this wrong.
    pub(super) fn checked(&self, trouble: Option<&String>) {
        let count = match trouble {
            None => &self.passed_checks,
            Some(_) => &self.failed_checks,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.lock().trouble = trouble.cloned();
    }

    /// Something was made of what happened: another state (then it is in it since now), or the same for another reason.
    pub(super) fn changed(&self, is_other: bool, why: &dyn std::fmt::Display) {
        let why = why.to_string();
        let mut news = self.lock();
        news.why = Some(why);
        if is_other {
            news.since = SystemTime::now();
        }
    }

    pub(super) fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// By what happened.
    pub(super) fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = KINDS.iter().zip(&self.failures);
        counts.map(|(kind, count)| (word(*kind), count.load(Ordering::Relaxed)))
    }

    /// Those that passed, and the others.
    pub(super) fn checks(&self) -> (u64, u64) {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (count(&self.passed_checks), count(&self.failed_checks))
    }

    pub(super) fn news(&self) -> News {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As in the reason of a refusal, `upstream-refused`.
fn word(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Refused => "refused",
        FailureKind::ConnectTimeout => "connect-timeout",
        FailureKind::Tls => "tls",
        FailureKind::Closed => "closed",
        FailureKind::TimedOut => "timeout",
        FailureKind::Malformed => "malformed",
        FailureKind::TooLarge => "fields-too-large",
        FailureKind::Rejected => "rejected",
        FailureKind::Io => "broken-off",
        FailureKind::ClientBody => "client-body",
        FailureKind::Unsupported => "unsupported",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_what_happened_and_those_of_clients_are_not() {
        let tally = Tally::default();
        for kind in KINDS {
            tally.failed(kind);
        }
        tally.failed(FailureKind::Refused);
        tally.failed(FailureKind::ClientBody);
        tally.failed(FailureKind::Unsupported);
        let counts: Vec<_> = tally.failures().collect();
        assert_eq!(counts[0], ("refused", 2));
        assert!(counts[1..].iter().all(|(_, count)| *count == 1));
    }

    #[test]
    fn a_state_has_begun_when_it_became_another_one() {
        let tally = Tally::default();
        let begun = tally.news().since;
        tally.changed(false, &"for another reason");
        let news = tally.news();
        assert_eq!(news.since, begun);
        assert_eq!(news.why.as_deref(), Some("for another reason"));
        while SystemTime::now() <= begun {}
        tally.changed(true, &"something else");
        assert!(tally.news().since > begun);
    }

    #[test]
    fn trouble_is_that_of_the_last_check() {
        let tally = Tally::default();
        tally.checked(Some(&String::from("status 500")));
        assert_eq!(tally.news().trouble.as_deref(), Some("status 500"));
        tally.checked(None);
        assert_eq!(tally.news().trouble, None);
        assert_eq!(tally.checks(), (1, 1));
    }
}
