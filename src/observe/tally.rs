//! What one worker counts. Nobody else writes there, so its lock is free but for the moments in which somebody reads; all workers' are added
//! when they are read.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::Version;

use super::places::PlaceId;
use super::ring::{Account, Ended, Ring, WorthALook, protocol};
use super::series::{DURATION_BOUNDS, SIZE_BOUNDS, Series};
use super::window::{Counted, Window};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Tally {
    is_on: AtomicBool,
    /// Requests that begin and end while others go on.
    in_flight: AtomicU64,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
pub(super) struct Counts {
    /// What times are counted from.
    begin: Instant,
    /// By place and protocol.
    series: Vec<Option<Box<OfSeries>>>,
    pub(super) refused: Vec<(&'static str, u64)>,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) window: Window,
    pub(super) ring: Ring,
    pub(super) worth_a_look: WorthALook,
    expired: Instant,
}

#[derive(Clone, Debug, Default)]
struct OfSeries {
    classes: [u64; 5],
    aborted: u64,
    durations: [u64; DURATION_BOUNDS.len() + 1],
    duration_sum: Duration,
    sizes: [u64; SIZE_BOUNDS.len() + 1],
    size_sum: u64,
}

/// [`DURATION_BOUNDS`]
static BOUNDS: LazyLock<[Duration; DURATION_BOUNDS.len()]> =
    LazyLock::new(|| DURATION_BOUNDS.map(Duration::from_secs_f64));

const PROTOCOLS: [Version; 3] = [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2];

/// A request that is being answered, for as long as this is there.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Tally>);

impl InFlight {
    pub(crate) fn tally(&self) -> &Tally {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Tally {
    pub(super) fn new(begin: Instant, is_on: bool, remembered: usize) -> Arc<Self> {
        let tally = Arc::new(Self {
            is_on: AtomicBool::new(is_on),
            in_flight: AtomicU64::new(0),
            counts: Mutex::new(Counts {
                begin,
                series: Vec::new(),
                refused: Vec::new(),
                hits: 0,
                misses: 0,
                window: Window::default(),
                ring: Ring::default(),
                worth_a_look: WorthALook::default(),
                expired: begin,
            }),
        });
        tally.counts().ring.resize(remembered);
        tally
    }

    pub(super) fn set(&self, is_on: bool, remembered: usize) {
        self.is_on.store(is_on, Ordering::Relaxed);
        self.counts().ring.resize(remembered);
    }

    /// Whether anything is counted.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, ended: &Ended<'_>) {
        self.counts().count(ended);
    }

    pub(super) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn count(&mut self, ended: &Ended<'_>) {
        let class = usize::from(ended.status / 100).clamp(1, 5) - 1;
        let series = self.series(ended.place, ended.version);
        series.classes[class] += 1;
        series.aborted += u64::from(ended.is_aborted);
        series.durations[duration_bucket(ended.took)] += 1;
        series.duration_sum += ended.took;
        series.sizes[size_bucket(ended.bytes)] += 1;
        series.size_sum += ended.bytes;
        if let Some(rejection) = ended.rejection {
            self.count_refused(rejection.reason());
        }
        match ended.told {
            Account::Ready(_) => self.hits += 1,
            Account::Told(told) => match told.is_hit() {
                Some(true) => self.hits += 1,
                Some(false) => self.misses += 1,
                None => {}
            },
        }
        let end = ended.begun + ended.took;
        let counted = Counted {
            class,
            is_aborted: ended.is_aborted,
            bytes: ended.bytes,
            took: (!ended.is_tunnel()).then_some(ended.took),
        };
        let now = end.saturating_duration_since(self.begin);
        self.window.count(now, counted);
        if end.saturating_duration_since(self.expired) > Duration::from_secs(10) {
            self.expired = end;
            self.worth_a_look.expire(end);
        }
        self.worth_a_look.look_at(ended);
        self.ring.keep(ended);
    }

    fn series(&mut self, place: PlaceId, version: Version) -> &mut OfSeries {
        let protocol = PROTOCOLS.iter().position(|known| *known == version);
        let index = place.index() * PROTOCOLS.len() + protocol.unwrap_or(1);
        if self.series.len() <= index {
            self.series.resize(index + 1, None);
        }
        self.series[index].get_or_insert_default()
    }

    fn count_refused(&mut self, reason: &'static str) {
        match self.refused.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.refused.push((reason, 1)),
        }
    }

    /// Adds them to those of other workers.
    pub(super) fn add_to(&self, all: &mut Vec<(usize, Series)>) {
        for (index, of_series) in self.series.iter().enumerate() {
            let Some(of_series) = of_series else { continue };
            let known = all.iter().position(|(known, _)| *known == index);
            let at = known.unwrap_or_else(|| {
                all.push((index, nothing(index)));
                all.len() - 1
            });
            of_series.add_to(&mut all[at].1);
        }
    }
}

fn nothing(index: usize) -> Series {
    Series {
        place: PlaceId::of_index(index / PROTOCOLS.len()).place(),
        protocol: protocol(PROTOCOLS[index % PROTOCOLS.len()]),
        classes: [0; 5],
        aborted: 0,
        durations: [0; DURATION_BOUNDS.len() + 1],
        duration_sum: 0.0,
        sizes: [0; SIZE_BOUNDS.len() + 1],
        size_sum: 0,
    }
}

impl OfSeries {
    fn add_to(&self, series: &mut Series) {
        let add = |sums: &mut [u64], more: &[u64]| {
            for (sum, more) in sums.iter_mut().zip(more) {
                *sum += more;
            }
        };
        add(&mut series.classes, &self.classes);
        add(&mut series.durations, &self.durations);
        add(&mut series.sizes, &self.sizes);
        series.aborted += self.aborted;
        series.duration_sum += self.duration_sum.as_secs_f64();
        series.size_sum += self.size_sum;
    }
}

/// The bounds come in order, and most requests are fast: the first ones decide.
fn duration_bucket(took: Duration) -> usize {
    let bounds = BOUNDS.iter();
    bounds.take_while(|bound| took > **bound).count()
}

fn size_bucket(bytes: u64) -> usize {
    let bounds = SIZE_BOUNDS.iter();
    bounds.take_while(|bound| bytes > **bound).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_is_within_it() {
        assert_eq!(duration_bucket(Duration::ZERO), 0);
        assert_eq!(duration_bucket(Duration::from_micros(100)), 0);
        assert_eq!(duration_bucket(Duration::from_micros(101)), 1);
        assert_eq!(duration_bucket(Duration::from_millis(1)), 3);
        assert_eq!(
            duration_bucket(Duration::from_secs(31)),
            DURATION_BOUNDS.len()
        );
        assert_eq!(size_bucket(0), 0);
        assert_eq!(size_bucket(256), 1);
        assert_eq!(size_bucket(257), 2);
        assert_eq!(size_bucket(u64::MAX), SIZE_BOUNDS.len());
    }
}
