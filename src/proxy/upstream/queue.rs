//! Requests that wait because the servers that could take them have all the requests that they may.
//!
//! 1. Who finds no room joins the queue, unless it is full, and looks once more: what became free in between was offered to nobody.
//! 2. Who gives a place back hands it over to the first one who waits for that server.
//! 3. When servers come, go or change, all look again, and keep their turn in the queue.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::lease::Lease;
use super::server::ServerKey;

#[derive(Debug)]
pub(super) struct Queue {
    size: usize,
    /// Read by each who gives back a place, in one order with the count of places: either they see who waits, or who waits sees the place.
    waiting: AtomicUsize,
    waiters: Mutex<Waiters>,
}

#[derive(Debug, Default)]
struct Waiters {
    last_turn: u64,
    by_turn: BTreeMap<u64, Waiter>,
}

#[derive(Debug)]
struct Waiter {
    accepts: Vec<ServerKey>,
    tell: oneshot::Sender<News>,
}

/// What those who wait get to hear.
#[derive(Debug)]
pub(super) enum News {
    Place(Lease),
    LookAgain,
}

/// A turn in the queue, until dropped.
#[derive(Debug)]
pub(super) struct Ticket<'q> {
    queue: &'q Queue,
    turn: u64,
    news: oneshot::Receiver<News>,
}

impl Queue {
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            waiting: AtomicUsize::new(0),
            waiters: Mutex::default(),
        }
    }

    /// None: the queue is full.
    pub(super) fn join(&self, accepts: Vec<ServerKey>) -> Option<Ticket<'_>> {
        let mut waiters = self.waiters();
        if waiters.by_turn.len() >= self.size {
            return None;
        }
        waiters.last_turn += 1;
        let turn = waiters.last_turn;
        Some(self.wait(waiters, turn, accepts))
    }

    fn wait(
        &self,
        mut waiters: MutexGuard<'_, Waiters>,
        turn: u64,
        accepts: Vec<ServerKey>,
    ) -> Ticket<'_> {
        let (tell, news) = oneshot::channel();
        waiters.by_turn.insert(turn, Waiter { accepts, tell });
        self.count(&waiters);
        Ticket {
            queue: self,
            turn,
            news,
        }
    }

    /// Hands a place on this server over to the first one who waits for it, if it can be had.
    pub(super) fn hand_over(&self, key: ServerKey, claim: impl FnOnce() -> Option<Lease>) {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut waiters = self.waiters();
        let waits = |(_, waiter): &(&u64, &Waiter)| waiter.accepts.contains(&key);
        let first = waiters.by_turn.iter().find(waits);
        let Some(turn) = first.map(|(&turn, _)| turn) else {
            return;
        };
        // Whoever was faster gives it back in turn.
        let Some(lease) = claim() else { return };
        let waiter = waiters.by_turn.remove(&turn);
        self.count(&waiters);
        drop(waiters);
        // Who went away in this moment does not take it: then it is dropped, and by that offered to the next one.
        if let Some(waiter) = waiter {
            let _ = waiter.tell.send(News::Place(lease));
        }
    }

    /// All who wait look for a server again.
    pub(super) fn rouse(&self) {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut waiters = self.waiters();
        let all = std::mem::take(&mut waiters.by_turn);
        self.count(&waiters);
        drop(waiters);
        for waiter in all.into_values() {
            // Who went away does not mind.
            let _ = waiter.tell.send(News::LookAgain);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    fn count(&self, waiters: &Waiters) {
        self.waiting.store(waiters.by_turn.len(), Ordering::SeqCst);
    }

    fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'q> Ticket<'q> {
    /// Waits for these from now on; the turn stays.
    pub(super) fn accept(self, accepts: Vec<ServerKey>) -> Ticket<'q> {
        let (queue, turn) = (self.queue, self.turn);
        drop(self);
        queue.wait(queue.waiters(), turn, accepts)
    }

    pub(super) async fn news(&mut self) -> News {
        // The queue tells everybody whom it lets go.
        (&mut self.news).await.unwrap_or(News::LookAgain)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut waiters = self.queue.waiters();
        let waiter = waiters.by_turn.remove(&self.turn);
        self.queue.count(&waiters);
        drop(waiters);
        drop(waiter);
        // A place that was handed over in this moment goes on to the next one, as the receiver is dropped with it.
    }
}
