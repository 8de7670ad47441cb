//! What is being coded now, and where.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;

use super::{Origin, Work};
use crate::coding::dictionaries::Dictionaries;
use crate::coding::jobs::{Jobs, Urgency};
use crate::config::CompressionConfig;
use crate::header::accept_encoding::{CodingSet, ContentCoding};
use crate::observe::status::CodingStatus;
use crate::static_files::cache::{Cache, Key};
use crate::static_files::representation::{Notes, Representation};

/// Bytes of files that wait to be coded, at most; beyond it, files are sent as they are.
const MOST_PENDING: u64 = 128 << 20;

#[derive(Debug)]
pub(in crate::static_files) struct Workshop {
    pub(in crate::static_files) config: CompressionConfig,
    /// All codings, the most liked first.
    pub(in crate::static_files) order: Box<[ContentCoding]>,
    /// Those that are made for any client.
    made: CodingSet,
    /// The largest coding that there is room for, in bytes.
    pub(in crate::static_files) largest_held: u64,
    pub(in crate::static_files) jobs: Jobs,
    pub(in crate::static_files) dictionaries: Arc<Dictionaries>,
    pub(super) tally: Arc<Tally>,
    pending: Mutex<Pending>,
}

/// What was done until now, also under configurations before.
#[derive(Debug, Default)]
pub(in crate::static_files) struct Tally {
    made: AtomicU64,
    given_up: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    nanoseconds: AtomicU64,
}

#[derive(Debug, Default)]
struct Pending {
    bytes: u64,
    tasks: HashMap<Task, UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    result: watch::Receiver<Place>,
    /// What could be done by another thread as well; once.
    work: Weak<Work>,
}

/// One coding of one content.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Task {
    pub(super) key: Key,
    pub(super) of: Origin,
}

/// Where the result of a job appears: nothing yet, then the coding, or that there is none worth sending.
pub(super) type Place = Option<Option<Arc<Representation>>>;

pub(super) enum Claimed {
    /// It is being made already.
    BySomebody(watch::Receiver<Place>),
    /// It is the caller's to make.
    Now(Claim, watch::Sender<Place>),
}

/// While it is there, nobody else makes the same. The job holds it, so that it ends with a job that panics or is never done.
pub(super) struct Claim {
    cache: Arc<Cache>,
    task: Task,
    bytes: u64,
}

impl Workshop {
    /// For a cache that has room for entries of at most so many bytes.
    pub(in crate::static_files) fn new(config: &CompressionConfig, largest_held: u64) -> Self {
        use ContentCoding::{DictionaryBrotli, DictionaryZstd};
        let mut order = vec![DictionaryBrotli, DictionaryZstd];
        order.extend(&config.codings);
        // Sidecars may be in others than those that we make.
        let others = ContentCoding::LIKED.into_iter();
        order.extend(others.filter(|of| !config.codings.contains(of)));
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let jobs = Jobs::new(config.threads.unwrap_or_else(cores));
        Self {
            order: order.into(),
            made: config.codings.iter().copied().collect(),
            largest_held,
            dictionaries: Arc::new(Dictionaries::new(&config.dictionaries, &jobs)),
            jobs,
            tally: Arc::default(),
            pending: Mutex::default(),
            config: config.clone(),
        }
    }

    /// Takes over what another one has counted; and what it has of former versions, as long as it has the same bounds.
    pub(in crate::static_files) fn succeed(&mut self, former: &Self) {
        if self.config.dictionaries == former.config.dictionaries {
            self.dictionaries = Arc::clone(&former.dictionaries);
        }
        self.tally = Arc::clone(&former.tally);
    }

    pub(in crate::static_files) fn tell(&self, status: &mut CodingStatus) {
        let Tally {
            made,
            given_up,
            bytes_in,
            bytes_out,
            nanoseconds,
        } = &*self.tally;
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        status.made = count(made);
        status.given_up = count(given_up);
        status.bytes_in = count(bytes_in);
        status.bytes_out = count(bytes_out);
        status.seconds = Duration::from_nanos(count(nanoseconds)).as_secs_f64();
        status.waiting = self.jobs.unfinished();
    }

    /// The codings that a file may be had in.
    pub(in crate::static_files) fn offer(&self, file: &Representation) -> CodingSet {
        let is_worth_it = file.negotiable
            && file.length() >= self.config.smallest
            && !file.notes.has(Notes::DENSE);
        if is_worth_it {
            self.made
        } else {
            CodingSet::default()
        }
    }

    /// `None`: too much is to be done already.
    pub(super) fn claim(&self, task: &Task, bytes: u64, cache: &Arc<Cache>) -> Option<Claimed> {
        let mut pending = self.pending();
        let is_full = pending.bytes > 0 && pending.bytes + bytes > MOST_PENDING;
        match pending.tasks.entry(task.clone()) {
            Entry::Occupied(entry) => Some(Claimed::BySomebody(entry.get().result.clone())),
            Entry::Vacant(_) if is_full => None,
            Entry::Vacant(entry) => {
                let (tell, result) = watch::channel(None);
                let task = entry.key().clone();
                let work = Weak::new();
                entry.insert(UnderWay { result, work });
                pending.bytes += bytes;
                let cache = Arc::clone(cache);
                Some(Claimed::Now(Claim { cache, task, bytes }, tell))
            }
        }
    }

    pub(super) fn can_be_hurried(&self, task: &Task, work: &Arc<Work>) {
        if let Some(under_way) = self.pending().tasks.get_mut(task) {
            under_way.work = Arc::downgrade(work);
        }
    }

    /// Does it once more, on a thread that gets a share of a busy processor. Only the first call has an effect.
    pub(super) fn hurry(&self, task: &Task) {
        let mut pending = self.pending();
        let Some(under_way) = pending.tasks.get_mut(task) else {
            return;
        };
        let work = std::mem::take(&mut under_way.work).upgrade();
        drop(pending);
        if let Some(work) = work {
            // When there is too much to do, the first one must do.
            self.jobs
                .submit(Urgency::Hurried, Box::new(move || work.run()));
        }
    }

    /// How many codings are being made, and of how many bytes.
    #[cfg(test)]
    pub(super) fn under_way(&self) -> (usize, u64) {
        let pending = self.pending();
        (pending.tasks.len(), pending.bytes)
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    /// A file was coded once more, in so much of a processor's time.
    pub(super) fn coded(&self, bytes_in: usize, bytes_out: usize, time: Duration) {
        let add = |sum: &AtomicU64, value| {
            sum.fetch_add(u64::try_from(value).unwrap_or(u64::MAX), Ordering::Relaxed);
        };
        add(&self.bytes_in, bytes_in as u128);
        add(&self.bytes_out, bytes_out as u128);
        add(&self.nanoseconds, time.as_nanos());
    }

    /// A job has ended, with a coding that is worth it or without.
    pub(super) fn done(&self, is_made: bool) {
        let sum = if is_made { &self.made } else { &self.given_up };
        sum.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut pending = self.cache.workshop.pending();
        pending.tasks.remove(&self.task);
        pending.bytes -= self.bytes;
    }
}
