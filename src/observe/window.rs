//! The requests of the last minutes, in steps of five seconds: what rates and quantiles are told from.
//!
//! Times are counted by their order of magnitude, four steps each time they double: a quantile is true to a tenth, and a step takes half a
//! kilobyte.

use std::time::Duration;

use super::status::{Latency, Moment, Statuses, Traffic};

/// How long a step is, in seconds.
pub(super) const STEP: u64 = 5;

/// Five minutes, and the step that is not over yet.
pub(super) const STEPS: usize = 61;

/// From a microsecond to half an hour.
const MAGNITUDES: usize = 4 * 31;

/// Times by their order of magnitude.
#[derive(Clone, Debug)]
pub(super) struct Times {
    counts: [u32; MAGNITUDES],
    max: Duration,
}

/// What was counted in one step.
#[derive(Clone, Debug, Default)]
struct Step {
    /// Which one, counted from the beginning.
    number: u64,
    classes: [u64; 5],
    aborted: u64,
    bytes: u64,
    times: Times,
}

#[derive(Clone, Debug)]
pub(super) struct Window {
    steps: Box<[Step]>,
}

/// A request that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    /// Of the status, 0 to 4.
    pub(super) class: usize,
    pub(super) is_aborted: bool,
    pub(super) bytes: u64,
    /// None: it was as long as somebody wanted it to be, which tells nothing of the server.
    pub(super) took: Option<Duration>,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            counts: [0; MAGNITUDES],
            max: Duration::ZERO,
        }
    }
}

impl Default for Window {
    fn default() -> Self {
        Self {
            steps: vec![Step::default(); STEPS].into(),
        }
    }
}

impl Window {
    /// `now` is the time since the beginning.
    pub(super) fn count(&mut self, now: Duration, counted: Counted) {
        let number = now.as_secs() / STEP + 1;
        let step = &mut self.steps[index(number)];
        if step.number != number {
            *step = Step {
                number,
                ..Step::default()
            };
        }
        step.classes[counted.class] += 1;
        step.aborted += u64::from(counted.is_aborted);
        step.bytes += counted.bytes;
        if let Some(took) = counted.took {
            step.times.count(took);
        }
    }

    /// Adds another worker's.
    pub(super) fn add(&mut self, other: &Self) {
        for (step, more) in self.steps.iter_mut().zip(&other.steps) {
            if more.number > step.number {
                step.clone_from(more);
            } else if more.number == step.number {
                step.add(more);
            }
        }
    }

    /// The last so many whole steps, and the one that is not over.
    pub(super) fn last(&self, now: Duration, whole_steps: u64) -> Traffic {
        let current = now.as_secs() / STEP + 1;
        let first = current.saturating_sub(whole_steps).max(1);
        let mut sum = Step::default();
        for step in (first..=current).filter_map(|number| self.step(number)) {
            sum.add(step);
        }
        let begin = Duration::from_secs((first - 1) * STEP);
        sum.traffic(now.saturating_sub(begin).as_secs_f64())
    }

    /// `started` is when the beginning was.
    pub(super) fn history(&self, now: Duration, started: f64) -> Vec<Moment> {
        let current = now.as_secs() / STEP + 1;
        let first = (current + 1).saturating_sub(STEPS as u64).max(1);
        let nothing = Step::default();
        let moments = (first..=current).map(|number| {
            let step = self.step(number).unwrap_or(&nothing);
            let begin = Duration::from_secs((number - 1) * STEP);
            let end = now.min(begin + Duration::from_secs(STEP));
            Moment {
                start: started + begin.as_secs_f64(),
                seconds: end.saturating_sub(begin).as_secs_f64(),
                requests: step.classes.iter().sum(),
                server_errors: step.classes[4],
                bytes: step.bytes,
                latency: step.times.latency(),
            }
        });
        moments.collect()
    }

    fn step(&self, number: u64) -> Option<&Step> {
        Some(&self.steps[index(number)]).filter(|step| step.number == number)
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number % STEPS as u64).unwrap_or_default()
}

impl Step {
    fn add(&mut self, other: &Self) {
        for (count, more) in self.classes.iter_mut().zip(other.classes) {
            *count += more;
        }
        self.aborted += other.aborted;
        self.bytes += other.bytes;
        self.times.add(&other.times);
    }

    fn traffic(&self, seconds: f64) -> Traffic {
        Traffic {
            seconds,
            requests: self.classes.iter().sum(),
            bytes: self.bytes,
            statuses: statuses(self.classes),
            aborted: self.aborted,
            latency: self.times.latency(),
        }
    }
}

pub(super) fn statuses(
    [
        informational,
        success,
        redirection,
        client_error,
        server_error,
    ]: [u64; 5],
) -> Statuses {
    Statuses {
        informational,
        success,
        redirection,
        client_error,
        server_error,
    }
}

impl Times {
    pub(super) fn count(&mut self, time: Duration) {
        let count = &mut self.counts[magnitude(time)];
        *count = count.saturating_add(1);
        self.max = self.max.max(time);
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.saturating_add(more);
        }
        self.max = self.max.max(other.max);
    }

    pub(super) fn latency(&self) -> Latency {
        let total: u64 = self.counts.iter().map(|count| u64::from(*count)).sum();
        if total == 0 {
            return Latency::default();
        }
        let max = self.max.as_secs_f64();
        let quantile = |per_mille: u64| {
            let rank = (total * per_mille).div_ceil(1000).max(1);
            let mut seen = 0;
            let found = self.counts.iter().position(|count| {
                seen += u64::from(*count);
                seen >= rank
            });
            found.map(|magnitude| middle(magnitude).min(max))
        };
        Latency {
            p50: quantile(500),
            p90: quantile(900),
            p99: quantile(990),
            max: Some(max),
        }
    }
}

/// Four to each doubling, from one microsecond on.
fn magnitude(time: Duration) -> usize {
    let whole = time.as_secs().saturating_mul(1_000_000);
    let micros = whole.saturating_add(u64::from(time.subsec_micros())).max(1);
    let octave = micros.ilog2();
    // The two bits behind the first one.
    let quarter = if octave < 2 {
        (micros << (2 - octave)) & 3
    } else {
        (micros >> (octave - 2)) & 3
    };
    let at = 4 * octave as usize + usize::try_from(quarter).unwrap_or_default();
    at.min(MAGNITUDES - 1)
}

/// In seconds, the middle of all times of this magnitude.
fn middle(magnitude: usize) -> f64 {
    let octave = u32::try_from(magnitude / 4).unwrap_or_default();
    let quarter = u32::try_from(magnitude % 4).unwrap_or_default();
    f64::from(2_u32.pow(octave)) * (1.0 + (f64::from(quarter) + 0.5) / 4.0) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn counted(class: usize, millis: u64) -> Counted {
        Counted {
            class,
            is_aborted: false,
            bytes: 100,
            took: Some(Duration::from_millis(millis)),
        }
    }

    #[test]
    fn a_time_is_told_to_an_eighth() {
        for micros in [
            1,
            2,
            3,
            5,
            10,
            99,
            100,
            1000,
            12_345,
            1_000_000,
            600_000_000,
        ] {
            let time = Duration::from_micros(micros);
            let told = middle(magnitude(time));
            let ratio = told / time.as_secs_f64();
            // Below four microseconds there are no quarters to tell apart.
            let bound = if micros < 4 { 0.51 } else { 0.126 };
            assert!(
                (ratio - 1.0).abs() < bound,
                "{micros} µs are told as {told} s"
            );
        }
        assert_eq!(magnitude(Duration::ZERO), 0);
        assert_eq!(magnitude(Duration::MAX), MAGNITUDES - 1);
    }

    #[test]
    fn quantiles_are_those_of_the_times() {
        let mut times = Times::default();
        assert_eq!(times.latency(), Latency::default());
        for millis in 1..=1000 {
            times.count(Duration::from_millis(millis));
        }
        let latency = times.latency();
        for (told, expected) in [
            (latency.p50, 0.5),
            (latency.p90, 0.9),
            (latency.p99, 0.99),
            (latency.max, 1.0),
        ] {
            let told = told.unwrap();
            assert!(
                (told / expected - 1.0).abs() < 0.126,
                "{told} for {expected}"
            );
        }
    }

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        let mut window = Window::default();
        window.count(SECOND, counted(1, 5));
        window.count(SECOND * 6, counted(4, 5));
        let last = window.last(SECOND * 9, 1);
        assert_eq!((last.requests, last.bytes), (2, 200));
        assert_eq!((last.statuses.success, last.statuses.server_error), (1, 1));
        assert!((last.seconds - 9.0).abs() < 1e-9);
        assert_eq!(window.last(SECOND * 12, 1).requests, 1);
        assert_eq!(window.last(SECOND * 400, 60).requests, 0);
        // Its place is taken by another step, one round later.
        window.count(SECOND * (1 + 61 * 5), counted(2, 5));
        assert_eq!(window.last(SECOND * (1 + 61 * 5), 60).requests, 2);
    }

    #[test]
    fn workers_are_added_step_by_step() {
        let (mut one, mut other) = (Window::default(), Window::default());
        one.count(SECOND, counted(1, 5));
        other.count(SECOND, counted(1, 5));
        other.count(SECOND * 305, counted(1, 5));
        other.count(SECOND * 310, counted(1, 5));
        one.count(SECOND * 310, counted(1, 5));
        one.add(&other);
        let history = one.history(SECOND * 312, 1000.0);
        assert_eq!(history.len(), STEPS);
        let requests: Vec<u64> = history.iter().map(|moment| moment.requests).collect();
        assert_eq!(requests.iter().sum::<u64>(), 3);
        assert_eq!(requests[59..], [1, 2]);
        let last = history.last().unwrap();
        assert!((last.start - 1310.0).abs() < 1e-9 && (last.seconds - 2.0).abs() < 1e-9);
        assert_eq!(Window::default().history(SECOND * 7, 0.0).len(), 2);
    }
}
