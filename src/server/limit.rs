//! How many connections are open: over all workers, for the limit; and in each worker, for the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The most that may be open over all workers. A reload may change it; connections beyond a lower one stay.
#[derive(Debug)]
pub(super) struct Limit {
    open: AtomicUsize,
    most: AtomicUsize,
    freed: Notify,
}

/// The open connections of one worker.
#[derive(Debug)]
pub(super) struct Open {
    limit: Arc<Limit>,
    count: AtomicUsize,
    all_closed: Notify,
}

/// One open connection; it counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Open>);

impl Limit {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            open: AtomicUsize::new(0),
            most: AtomicUsize::new(most),
            freed: Notify::new(),
        })
    }

    pub(super) fn set(&self, most: usize) {
        self.most.store(most, Ordering::Release);
        self.freed.notify_waiters();
    }

    fn reserve(&self) -> bool {
        let most = self.most.load(Ordering::Acquire);
        let one_more = |open| (open < most).then_some(open + 1);
        self.open
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .is_ok()
    }

    fn release(&self) {
        // Below the limit nobody waits.
        if self.open.fetch_sub(1, Ordering::AcqRel) >= self.most.load(Ordering::Acquire) {
            self.freed.notify_waiters();
        }
    }
}

impl Open {
    pub(super) fn new(limit: &Arc<Limit>) -> Arc<Self> {
        Arc::new(Self {
            limit: Arc::clone(limit),
            count: AtomicUsize::new(0),
            all_closed: Notify::new(),
        })
    }

    /// `None` at the limit.
    pub(super) fn permit(self: &Arc<Self>) -> Option<Permit> {
        self.limit.reserve().then(|| {
            self.count.fetch_add(1, Ordering::Relaxed);
            Permit(Arc::clone(self))
        })
    }

    /// Ready when it is worth another try; counted from the call on, not from the first poll.
    pub(super) fn freed(&self) -> Notified<'_> {
        self.limit.freed.notified()
    }

    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    pub(super) async fn all_closed(&self) {
        loop {
            let closed = self.all_closed.notified();
            if self.count() == 0 {
                return;
            }
            closed.await;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.limit.release();
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.all_closed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn permits_are_given_up_to_the_limit_over_all_workers() {
        let limit = Limit::new(2);
        let (one, other) = (Open::new(&limit), Open::new(&limit));
        let first = one.permit().unwrap();
        let second = other.permit().unwrap();
        let freed = one.freed();
        assert!(one.permit().is_none() && other.permit().is_none());
        drop(second);
        freed.await;
        other.all_closed().await;
        let third = one.permit().unwrap();
        assert_eq!((one.count(), other.count()), (2, 0));
        limit.set(3);
        let fourth = other.permit().unwrap();
        limit.set(1);
        drop((first, third));
        assert!(one.permit().is_none(), "one is open, one may be");
        drop(fourth);
        assert!(one.permit().is_some());
    }
}
