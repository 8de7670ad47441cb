//! What gives way to others in the cache is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::Lifecycle;

use super::{Key, Representation};

/// How many gave way to others, also in caches that were there before this one.
#[derive(Clone, Debug, Default)]
pub(super) struct Evictions(Arc<AtomicU64>);

impl Evictions {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Lifecycle<Key, Arc<Representation>> for Evictions {
    /// What gave way is let go of after the locks are: mostly it is one, seldom more than two.
    type RequestState = [Option<Arc<Representation>>; 2];

    fn on_evict(&self, state: &mut Self::RequestState, _: Key, evicted: Arc<Representation>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        if let Some(free) = state.iter_mut().find(|place| place.is_none()) {
            *free = Some(evicted);
        }
    }
}
