//! The drain: told once to all workers and connections.

use tokio::sync::watch;

/// Begins the drain.
#[derive(Debug)]
pub(super) struct Drain(watch::Sender<bool>);

/// Waits for the drain to begin. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Draining(watch::Receiver<bool>);

impl Drain {
    pub(super) fn new() -> (Self, Draining) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Draining(receiver))
    }

    pub(super) fn begin(&self) {
        self.0.send_replace(true);
    }
}

impl Draining {
    pub(super) fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    pub(super) async fn begun(&mut self) {
        if self.0.wait_for(|begun| *begun).await.is_err() {
            // Nobody is left who could begin it.
            std::future::pending::<()>().await;
        }
    }
}
