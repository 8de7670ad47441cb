//! All that was observed of a server's requests: the workers' counts, added when somebody asks.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use super::explain;
use super::ring::Record;
use super::series::{self, DURATION_BOUNDS, Series};
use super::status::{RequestSummary, RouteTraffic, Status, Traffic};
use super::tally::Tally;
use super::window::{self, STEP, Window};
use crate::config::AdminConfig;

/// How many of the slowest and failing requests are told.
const MOST_TOLD: usize = 25;

/// Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Observer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    begin: Instant,
    /// The same moment, as others know it.
    started: SystemTime,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    is_on: bool,
    /// By all workers together.
    remembered: usize,
    tallies: Vec<Arc<Tally>>,
}

impl Observer {
    pub(crate) fn new(config: &AdminConfig) -> Self {
        Self(Arc::new(Inner {
            begin: Instant::now(),
            started: SystemTime::now(),
            state: Mutex::new(State {
                is_on: config.observes,
                remembered: config.requests,
                tallies: Vec::new(),
            }),
        }))
    }

    /// For another configuration.
    pub(crate) fn renew(&self, config: &AdminConfig) {
        let mut state = self.state();
        state.is_on = config.observes;
        state.remembered = config.requests;
        let share = state.share();
        for tally in &state.tallies {
            tally.set(state.is_on, share);
        }
    }

    /// The counts of one more worker.
    pub(crate) fn enlist(&self) -> Arc<Tally> {
        let mut state = self.state();
        let tally = Tally::new(self.0.begin, state.is_on, 0);
        state.tallies.push(Arc::clone(&tally));
        let share = state.share();
        for tally in &state.tallies {
            tally.set(state.is_on, share);
        }
        tally
    }

    /// Fills in what is known of requests: sums, history, routes, reasons of refusals, slowest and failing ones, hits of the cache.
    pub(crate) fn tell(&self, status: &mut Status) {
        let now = Instant::now();
        let since = now - self.0.begin;
        status.started = self.started();
        status.now = status.started + since.as_secs_f64();
        status.is_uncounted = !self.state().is_on;
        let mut window = Window::default();
        let (mut slowest, mut failing) = (Vec::new(), Vec::new());
        for tally in self.tallies() {
            status.in_flight += tally.in_flight();
            let counts = tally.counts();
            status.cache.hits += counts.hits;
            status.cache.misses += counts.misses;
            add_refused(&mut status.refused, &counts.refused);
            window.add(&counts.window);
            slowest.extend(counts.worth_a_look.slowest(now).cloned());
            failing.extend(counts.worth_a_look.failing(now).cloned());
        }
        status.refused.sort_by_key(|(_, count)| Reverse(*count));
        slowest.sort_by_key(|record: &Record| Reverse(record.took));
        failing.sort_by_key(|record: &Record| Reverse(record.begun + record.took));
        status.slowest = self.summaries(&slowest);
        status.failing = self.summaries(&failing);
        status.last_10s = window.last(since, 10 / STEP);
        status.last_5m = window.last(since, 300 / STEP);
        status.history = window.history(since, status.started);
        self.tell_sums(status, since.as_secs_f64());
    }

    fn tell_sums(&self, status: &mut Status, seconds: f64) {
        status.total.seconds = seconds;
        let mut routes: Vec<RouteTraffic> = Vec::new();
        let mut durations: Vec<[u64; DURATION_BOUNDS.len() + 1]> = Vec::new();
        for series in self.series() {
            add_series(&mut status.total, &series);
            let place = &series.place;
            let known = routes
                .iter()
                .position(|known| *known.site == *place.site && *known.route == *place.route);
            let at = known.unwrap_or_else(|| {
                routes.push(RouteTraffic {
                    site: place.site.to_string(),
                    route: place.route.to_string(),
                    upstream: place.upstream.as_deref().map(str::to_owned),
                    traffic: Traffic {
                        seconds,
                        ..Traffic::default()
                    },
                });
                durations.push([0; DURATION_BOUNDS.len() + 1]);
                routes.len() - 1
            });
            add_series(&mut routes[at].traffic, &series);
            for (sum, more) in durations[at].iter_mut().zip(series.durations) {
                *sum += more;
            }
        }
        for (route, durations) in routes.iter_mut().zip(&durations) {
            route.traffic.latency = series::latency(durations);
        }
        routes.sort_by_key(|route| Reverse(route.traffic.requests));
        status.routes = routes;
    }

    /// Each route and protocol that there were requests of.
    pub(crate) fn series(&self) -> Vec<Series> {
        let mut all = Vec::new();
        for tally in self.tallies() {
            tally.counts().add_to(&mut all);
        }
        all.sort_by_key(|(index, _)| *index);
        all.into_iter().map(|(_, series)| series).collect()
    }

    /// The story of a request that is still remembered, for a person to read; of several with the same id, that of the last.
    pub(crate) fn explain(&self, id: &str) -> Option<String> {
        let found = self.tallies().into_iter().filter_map(|tally| {
            let counts = tally.counts();
            let found = counts.ring.find(id);
            found.or_else(|| counts.worth_a_look.find(id)).cloned()
        });
        let record = found.max_by_key(|record| record.begun)?;
        Some(explain::text(&record, self.time(record.begun)))
    }

    fn summaries(&self, records: &[Record]) -> Vec<RequestSummary> {
        let most = records.iter().take(MOST_TOLD);
        most.map(|record| record.summary(self.time(record.begun)))
            .collect()
    }

    /// In seconds since 1970.
    fn time(&self, moment: Instant) -> f64 {
        let since = moment.saturating_duration_since(self.0.begin);
        self.started() + since.as_secs_f64()
    }

    fn started(&self) -> f64 {
        let since = self.0.started.duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0.0, |since| since.as_secs_f64())
    }

    fn tallies(&self) -> Vec<Arc<Tally>> {
        self.state().tallies.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn share(&self) -> usize {
        if self.is_on {
            self.remembered.div_ceil(self.tallies.len().max(1))
        } else {
            0
        }
    }
}

fn add_refused(sums: &mut Vec<(String, u64)>, more: &[(&'static str, u64)]) {
    for (reason, count) in more {
        match sums.iter_mut().find(|(known, _)| known == reason) {
            Some((_, sum)) => *sum += count,
            None => sums.push(((*reason).to_owned(), *count)),
        }
    }
}

fn add_series(sum: &mut Traffic, series: &Series) {
    let statuses = window::statuses(series.classes);
    sum.requests += series.classes.iter().sum::<u64>();
    sum.bytes += series.size_sum;
    sum.aborted += series.aborted;
    let of = &mut sum.statuses;
    of.informational += statuses.informational;
    of.success += statuses.success;
    of.redirection += statuses.redirection;
    of.client_error += statuses.client_error;
    of.server_error += statuses.server_error;
}
