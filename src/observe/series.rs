//! Counts since the start, merged over all workers, as they are told to a monitoring system.

use super::places::Place;
use super::status::Latency;

/// Upper bounds of the times that requests are counted by, in seconds; whatever takes longer is counted beyond the last.
pub(crate) const DURATION_BOUNDS: [f64; 17] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
];

/// Upper bounds of the sizes that bodies are counted by, in bytes.
pub(crate) const SIZE_BOUNDS: [u64; 10] = [
    0,
    256,
    1 << 10,
    4 << 10,
    16 << 10,
    64 << 10,
    256 << 10,
    1 << 20,
    16 << 20,
    256 << 20,
];

/// Quantiles of such counts: within a bound's range, times are taken to be spread evenly.
#[allow(
    clippy::cast_precision_loss,
    reason = "a share of so many requests needs no more digits"
)]
pub(crate) fn latency(durations: &[u64; DURATION_BOUNDS.len() + 1]) -> Latency {
    let total: u64 = durations.iter().sum();
    let quantile = |per_mille: u64| {
        let rank = (total * per_mille).div_ceil(1000).max(1);
        let (mut below, mut lower) = (0, 0.0);
        for (bound, count) in DURATION_BOUNDS.iter().zip(durations) {
            if below + count >= rank {
                let share = (rank - below) as f64 / *count as f64;
                return lower + (bound - lower) * share;
            }
            (below, lower) = (below + count, *bound);
        }
        // Of what took longer than all bounds, that is all that is known.
        lower
    };
    let told = |per_mille| (total > 0).then(|| quantile(per_mille));
    Latency {
        p50: told(500),
        p90: told(900),
        p99: told(990),
        max: None,
    }
}

/// Requests of one route by one protocol.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) place: Place,
    /// `HTTP/1.0`, `HTTP/1.1`, `HTTP/2.0`
    pub(crate) protocol: &'static str,
    /// By class of the status, 1xx to 5xx.
    pub(crate) classes: [u64; 5],
    /// Answers that did not get whole to the client.
    pub(crate) aborted: u64,
    /// How many took as long as each of [`DURATION_BOUNDS`] (and longer than the one before), and longer than all.
    pub(crate) durations: [u64; DURATION_BOUNDS.len() + 1],
    /// All of them together, in seconds.
    pub(crate) duration_sum: f64,
    /// The same for the bytes of bodies, by [`SIZE_BOUNDS`].
    pub(crate) sizes: [u64; SIZE_BOUNDS.len() + 1],
    pub(crate) size_sum: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_within_the_bounds_of_its_count() {
        let mut durations = [0; DURATION_BOUNDS.len() + 1];
        assert_eq!(latency(&durations), Latency::default());
        // Between 1 and 2.5 ms, and longer than all bounds.
        (durations[4], durations[17]) = (98, 2);
        let told = latency(&durations);
        let p50 = told.p50.unwrap();
        assert!(p50 > 0.001 && p50 < 0.002_5, "{p50}");
        assert_eq!(told.p99, Some(30.0));
        assert_eq!(told.max, None);
    }
}
