//! The drain: told to the connections of a worker.
//!
//! 1. Serving, as long as nobody asks for anything else.
//! 2. Draining: what has begun is finished, nothing more begins.
//! 3. Cut: the deadline has passed, or nobody is left who could set one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// How long a new connection may take for its first request once the server drains.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// Begins the drain, and ends it. Dropping it cuts what is left.
#[derive(Debug)]
pub(super) struct Drain(Arc<Signal>);

/// Waits for the drain. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Draining(Arc<Signal>);

#[derive(Debug, Default)]
struct Signal {
    stage: AtomicU8,
    changed: Notify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Stage {
    Draining = 1,
    /// The connection has to end now.
    Cut = 2,
}

impl Drain {
    pub(super) fn new() -> (Self, Draining) {
        let signal = Arc::new(Signal::default());
        (Self(Arc::clone(&signal)), Draining(signal))
    }

    pub(super) fn begin(&self) {
        self.0.enter(Stage::Draining);
    }

    /// Connections end where they are.
    pub(super) fn cut(&self) {
        self.0.enter(Stage::Cut);
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Draining {
    pub(super) fn has_begun(&self) -> bool {
        self.0.has_reached(Stage::Draining)
    }

    /// Ready when a connection that has no request yet has waited for one long enough.
    pub(super) async fn over_soon(self) {
        self.clone().reached(Stage::Draining).await;
        // It was accepted a moment ago, and its first request may be on the way.
        let _ = tokio::time::timeout(FIRST_REQUEST, self.reached(Stage::Cut)).await;
    }

    /// This stage, once it is reached.
    pub(super) async fn reached(self, stage: Stage) -> Stage {
        loop {
            // Made before the look, so that no change falls between the two.
            let changed = self.0.changed.notified();
            if self.0.has_reached(stage) {
                return stage;
            }
            changed.await;
        }
    }
}

impl Signal {
    fn enter(&self, stage: Stage) {
        self.stage.fetch_max(stage as u8, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    fn has_reached(&self, stage: Stage) -> bool {
        self.stage.load(Ordering::Acquire) >= stage as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stages_follow_each_other_and_are_seen_by_who_comes_late() {
        let (drain, draining) = Drain::new();
        let (early, late) = (draining.clone(), draining);
        let waiting = tokio::spawn(async move {
            early.clone().reached(Stage::Draining).await;
            early.reached(Stage::Cut).await;
        });
        tokio::task::yield_now().await;
        assert!(!late.has_begun());
        drain.begin();
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished() && late.has_begun());
        late.clone().reached(Stage::Draining).await;
        drain.cut();
        drain.begin(); // nothing leads back
        late.reached(Stage::Cut).await;
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn who_is_left_alone_is_cut() {
        let (drain, draining) = Drain::new();
        drop(drain);
        draining.reached(Stage::Cut).await;
    }
}
