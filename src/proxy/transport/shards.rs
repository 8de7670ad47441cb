//! What each thread has for itself, but within reach of all: when an upstream goes, so do its connections, wherever they were.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// With more threads than this, some share.
const SHARDS: usize = 64;

#[derive(Debug)]
pub(super) struct Shards<T>(Box<[Mutex<T>]>);

impl<T: Default> Shards<T> {
    pub(super) fn new() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }

    /// The one of this thread.
    pub(super) fn mine() -> usize {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static INDEX: Cell<Option<usize>> = const { Cell::new(None) };
        }
        INDEX.get().unwrap_or_else(|| {
            let index = THREADS.fetch_add(1, Ordering::Relaxed) % SHARDS;
            INDEX.set(Some(index));
            index
        })
    }

    pub(super) fn lock(&self, index: usize) -> MutexGuard<'_, T> {
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
