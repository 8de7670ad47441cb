//! Whether a server is there to stay.

use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by all that have to tell it.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    is_draining: AtomicBool,
    has_ended: AtomicBool,
}

impl Presence {
    /// It was told to stop; there is no way back.
    pub(super) fn begin_drain(&self) {
        self.is_draining.store(true, Ordering::Release);
    }

    /// Its last connection has ended.
    pub(super) fn end(&self) {
        self.begin_drain();
        self.has_ended.store(true, Ordering::Release);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }
}
