//! How many failed attempts may be made again: not so many that an application in trouble gets twice the load.
//!
//! 1. Each request saves up a fifth of an attempt, up to a hundred attempts.
//! 2. What is there to begin with is lent: half of what the first requests earn pays it back. So attempts are never more than 1.2 times
//!    the requests, but for the first hundred.
//! 3. When a server has failed too often in a row, all its requests under way are about to fail, and others can take them: that many are
//!    lent too, once until it succeeds again.

use std::sync::atomic::{AtomicU64, Ordering};

/// Shared by all workers. Counted in tenths of an attempt.
#[derive(Debug)]
pub(super) struct Budget {
    saved: AtomicU64,
    owed: AtomicU64,
}

const ATTEMPT: u64 = 10;
const EARNED: u64 = 2;
/// Lent to begin with.
const RESERVE: u64 = 10 * ATTEMPT;
const MOST_SAVED: u64 = 100 * ATTEMPT;
/// Lent for the failure of one server at most.
const MOST_LENT: u64 = 1024 * ATTEMPT;

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            saved: AtomicU64::new(RESERVE),
            owed: AtomicU64::new(RESERVE),
        }
    }

    /// A request came. On the way of each: it only reads while nothing is wrong.
    pub(super) fn save(&self) {
        let mut earned = EARNED;
        if self.owed.load(Ordering::Relaxed) > 0 {
            let less = |owed: u64| owed.checked_sub(EARNED / 2);
            let paid = self
                .owed
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
            earned -= paid.map_or(0, |_| EARNED / 2);
        }
        if self.saved.load(Ordering::Relaxed) < MOST_SAVED {
            self.saved.fetch_add(earned, Ordering::Relaxed);
        }
    }

    /// Whether there is another attempt left, which is then taken.
    pub(super) fn spend(&self) -> bool {
        let less = |saved: u64| saved.checked_sub(ATTEMPT);
        self.saved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }

    /// Makes sure that this many attempts are there.
    pub(super) fn lend(&self, attempts: usize) {
        let wanted = u64::try_from(attempts).unwrap_or(u64::MAX);
        let wanted = wanted.saturating_mul(ATTEMPT).min(MOST_LENT);
        let before = self.saved.fetch_max(wanted, Ordering::Relaxed);
        let lent = wanted.saturating_sub(before);
        self.owed.fetch_add(lent, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spend_all(budget: &Budget) -> usize {
        (0..100_000).take_while(|_| budget.spend()).count()
    }

    #[test]
    fn a_few_are_there_to_begin_with() {
        assert_eq!(spend_all(&Budget::new()), 10);
    }

    #[test]
    fn when_all_fails_attempts_are_at_most_a_fifth_more() {
        for requests in [100, 101, 200, 1000, 10_000] {
            let budget = Budget::new();
            let mut attempts = 0;
            for _ in 0..requests {
                budget.save();
                attempts += 1 + usize::from(budget.spend());
            }
            assert!(attempts * 5 <= requests * 6, "{attempts} of {requests}");
            assert!(
                attempts * 5 >= requests * 6 - 60,
                "{attempts} of {requests}"
            );
        }
    }

    #[test]
    fn a_burst_passes_after_some_hundred_requests() {
        let budget = Budget::new();
        (0..350).for_each(|_| budget.save());
        assert_eq!(spend_all(&budget), 70);
        (0..100_000).for_each(|_| budget.save());
        assert_eq!(spend_all(&budget), 100, "but not any burst");
    }

    #[test]
    fn requests_of_a_server_that_fails_are_lent_and_paid_back() {
        let budget = Budget::new();
        budget.lend(64);
        assert_eq!(spend_all(&budget), 64);
        // Half of it, and all that was lent to begin with.
        (0..640).for_each(|_| budget.save());
        assert_eq!(spend_all(&budget), 64);
        (0..50).for_each(|_| budget.save());
        assert_eq!(spend_all(&budget), 10);
    }

    #[test]
    fn what_is_saved_up_is_not_lent_again() {
        let budget = Budget::new();
        (0..100_000).for_each(|_| budget.save());
        budget.lend(64);
        budget.lend(64);
        assert_eq!(spend_all(&budget), 100);
        budget.lend(1_000_000);
        assert_eq!(spend_all(&budget), 1024);
    }
}
