//! Connections of HTTP/1.1 that wait for the next request.
//!
//! 1. One that was used last is taken first: what is not needed grows old, and is closed.
//! 2. It is looked at before it is used: one that the server closed, or said something on unasked, is not.
//! 3. How long the server leaves idle ones open is learnt ([`Patience`]), and none is used that may be closed meanwhile.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::{self, Handle};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::exchange::Target;
use super::patience::Patience;
use super::shards::Shards;
use super::socket::{Quiet, Socket};
use crate::config::upstream::PoolConfig;
use crate::http1::upstream::Connection;

/// How often idle connections are looked at.
const SWEPT: Duration = Duration::from_secs(1);

/// Servers that are remembered after their connections are gone.
const REMEMBERED: usize = 1000;

#[derive(Debug)]
pub(super) struct Pool {
    shards: Shards<Shard>,
    config: PoolConfig,
}

#[derive(Debug, Default)]
struct Shard {
    stocks: HashMap<Target, Stock, ByAddress>,
    sweeper: Option<JoinHandle<()>>,
}

/// The connections to a server.
#[derive(Debug, Default)]
struct Stock {
    /// The one that was used last at the end.
    idle: VecDeque<Idle>,
    patience: Patience,
}

/// The servers are those of a configuration: nobody chooses them to make trouble.
type ByAddress = BuildHasherDefault<AddressHasher>;

#[derive(Debug, Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        // The golden ratio, as Fibonacci hashing has it.
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u16(&mut self, word: u16) {
        self.write_u64(word.into());
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        // The table takes the low bits for the place and the high ones for the mark.
        self.0 ^ (self.0 >> 32)
    }
}

#[derive(Debug)]
struct Idle {
    connection: Connection<Socket>,
    since: Instant,
    /// The one that drives its socket.
    runtime: runtime::Id,
}

impl Pool {
    pub(super) fn new(config: PoolConfig) -> Arc<Self> {
        Arc::new(Self {
            shards: Shards::new(),
            config,
        })
    }

    /// A connection to the server on which nothing is under way, and for how long it was idle.
    pub(super) fn take(&self, target: &Target) -> Option<(Connection<Socket>, Duration)> {
        if self.config.size == 0 {
            return None;
        }
        let now = Instant::now();
        let runtime = Handle::current().id();
        let mut shard = self.shards.lock(Shards::<Shard>::mine());
        let stock = shard.stocks.get_mut(target)?;
        let usable = stock.patience.usable(self.config.idle, now);
        loop {
            let at = stock
                .idle
                .iter()
                .rposition(|idle| idle.runtime == runtime)?;
            let mut idle = stock.idle.remove(at)?;
            let age = now.saturating_duration_since(idle.since);
            match idle.connection.stream.look() {
                Quiet::Yes if age <= usable => return Some((idle.connection, age)),
                Quiet::Yes | Quiet::Noisy => {}
                Quiet::Closed => stock.patience.has_closed(age, now),
            }
        }
    }

    /// Takes back a connection on which nothing is under way. The server said for how long it leaves it open, or nothing.
    pub(super) fn put(
        self: &Arc<Self>,
        target: &Target,
        connection: Connection<Socket>,
        said: Option<Duration>,
    ) {
        let Ok(handle) = Handle::try_current() else {
            return;
        };
        let now = Instant::now();
        let index = Shards::<Shard>::mine();
        let mut shard = self.shards.lock(index);
        let Shard { stocks, sweeper } = &mut *shard;
        // Asked for first, so that its key is made only once.
        if !stocks.contains_key(target) {
            if stocks.len() >= REMEMBERED {
                stocks.retain(|_, stock| !stock.idle.is_empty());
            }
            stocks.insert(target.clone(), Stock::default());
        }
        let Some(stock) = stocks.get_mut(target) else {
            return;
        };
        stock.patience.says(said);
        if stock.patience.usable(self.config.idle, now).is_zero() {
            return;
        }
        stock.idle.push_back(Idle {
            connection,
            since: now,
            runtime: handle.id(),
        });
        if stock.idle.len() > self.config.size {
            stock.idle.pop_front();
        }
        if sweeper.as_ref().is_none_or(JoinHandle::is_finished) {
            *sweeper = Some(handle.spawn(sweep(Arc::downgrade(self), index)));
        }
    }

    /// A connection that had been idle for so long was closed when it was used. Whatever became of the server, the others that wait are no
    /// better: another attempt is made on a new one.
    pub(super) fn was_closed(&self, target: &Target, idle: Duration) {
        let mut shard = self.shards.lock(Shards::<Shard>::mine());
        if let Some(stock) = shard.stocks.get_mut(target) {
            stock.patience.has_closed(idle, Instant::now());
            stock.idle.clear();
        }
    }

    /// Closes what has grown old; whether anything is left.
    fn sweep(&self, index: usize) -> bool {
        let now = Instant::now();
        let mut shard = self.shards.lock(index);
        for stock in shard.stocks.values_mut() {
            let Stock { idle, patience } = stock;
            let usable = patience.usable(self.config.idle, now);
            idle.retain_mut(|idle| {
                let age = now.saturating_duration_since(idle.since);
                match idle.connection.stream.look() {
                    Quiet::Yes => age <= usable,
                    Quiet::Noisy => false,
                    Quiet::Closed => {
                        patience.has_closed(age, now);
                        false
                    }
                }
            });
        }
        let is_empty = shard.stocks.values().all(|stock| stock.idle.is_empty());
        if is_empty {
            shard.sweeper = None;
        }
        !is_empty
    }
}

async fn sweep(pool: Weak<Pool>, index: usize) {
    loop {
        tokio::time::sleep(SWEPT).await;
        let Some(pool) = pool.upgrade() else {
            return;
        };
        if !pool.sweep(index) {
            return;
        }
    }
}
