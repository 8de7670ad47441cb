//! How many connections are open: over all workers, for the limit; and in each worker, for the end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::observe::status::ConnectionStatus;

/// The most that may be open over all workers. A reload may change it; connections beyond a lower one stay.
#[derive(Debug)]
pub(super) struct Limit {
    open: AtomicUsize,
    most: AtomicUsize,
    freed: Notify,
    /// Connections by client, kept only while there is a limit on them.
    clients: Mutex<HashMap<IpAddr, usize>>,
    tally: Tally,
}

/// What became of connections until now.
#[derive(Debug, Default)]
struct Tally {
    accepted: AtomicU64,
    refused: AtomicU64,
    handshakes: AtomicU64,
    resumed: AtomicU64,
    failed_handshakes: AtomicU64,
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
pub(crate) struct Permit {
    open: Arc<Open>,
    /// Whose it is, where that counts.
    client: Option<IpAddr>,
}

impl Limit {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            open: AtomicUsize::new(0),
            most: AtomicUsize::new(most),
            freed: Notify::new(),
            clients: Mutex::default(),
            tally: Tally::default(),
        })
    }

    pub(super) fn tell(&self, status: &mut ConnectionStatus) {
        let told =
            |count: &AtomicUsize| u64::try_from(count.load(Ordering::Relaxed)).unwrap_or(u64::MAX);
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        status.open = told(&self.open);
        status.limit = told(&self.most);
        status.accepted = count(&self.tally.accepted);
        status.refused = count(&self.tally.refused);
        status.handshakes = count(&self.tally.handshakes);
        status.resumed = count(&self.tally.resumed);
        status.failed_handshakes = count(&self.tally.failed_handshakes);
    }

    pub(super) fn set(&self, most: usize) {
        self.most.store(most, Ordering::Release);
        self.freed.notify_waiters();
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
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
            Permit {
                open: Arc::clone(self),
                client: None,
            }
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

impl Permit {
    /// There is a connection for it.
    pub(super) fn accepted(&self) {
        one_more(&self.open.limit.tally.accepted);
    }

    /// A TLS handshake has ended: whether with a session from before, if it was not in vain.
    pub(super) fn shook_hands(&self, is_resumed: Option<bool>) {
        let tally = &self.open.limit.tally;
        match is_resumed {
            None => one_more(&tally.failed_handshakes),
            Some(is_resumed) => {
                one_more(&tally.handshakes);
                if is_resumed {
                    one_more(&tally.resumed);
                }
            }
        }
    }

    /// Counts as one of this client's, of whom there may be so many (0: any number); `None` when there are.
    pub(super) fn of_client(mut self, client: Option<IpAddr>, most: usize) -> Option<Self> {
        let (Some(client), true) = (client, most > 0) else {
            return Some(self);
        };
        let client = network(client);
        let mut clients = self.open.limit.clients();
        let count = clients.entry(client).or_default();
        if *count >= most {
            one_more(&self.open.limit.tally.refused);
            return None;
        }
        *count += 1;
        drop(clients);
        self.client = Some(client);
        Some(self)
    }
}

fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// One customer has a whole /64 of IPv6, and could count as many. An IPv4 address is one however it is written.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        IpAddr::V4(address) => address.into(),
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(client) = self.client {
            let mut clients = self.open.limit.clients();
            if let Entry::Occupied(mut count) = clients.entry(client) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
        self.open.limit.release();
        if self.open.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.open.all_closed.notify_waiters();
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

    #[test]
    fn a_client_has_so_many() {
        let open = Open::new(&Limit::new(9));
        let permit = |client: &str, most| {
            let client = client.parse().unwrap();
            open.permit().unwrap().of_client(Some(client), most)
        };
        let first = permit("192.0.2.1", 2);
        let _second = permit("::ffff:192.0.2.1", 2).unwrap();
        assert!(permit("192.0.2.1", 2).is_none());
        let _other = permit("192.0.2.2", 2).unwrap();
        drop(first);
        let _third = permit("192.0.2.1", 2).unwrap();
        let _network = permit("2001:db8::1", 1).unwrap();
        assert!(permit("2001:db8::ffff:1", 1).is_none());
        assert!(permit("2001:db8:0:1::1", 1).is_some());
        assert!(permit("2001:db8::1", 0).is_some(), "any number");
        assert!(open.permit().unwrap().of_client(None, 1).is_some());
        assert_eq!(open.count(), 4, "who was refused does not count");
    }
}
