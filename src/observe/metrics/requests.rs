//! Step 1: requests, by what answered them.

use super::super::places::Place;
use super::super::series::{DURATION_BOUNDS, SIZE_BOUNDS, Series};
use super::super::status::Status;
use super::family::{Family, Kind, Label, Text, Value};

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

pub(super) fn write(text: &mut Text, status: &Status, series: &[Series]) {
    let mut requests = text.family(
        Kind::Counter,
        "daemun_requests_total",
        "Requests that ended, by the class of the status that they were answered with.",
    );
    for one in series {
        for (class, count) in CLASSES.into_iter().zip(one.classes) {
            let [site, route, upstream, protocol] = labels(one);
            requests.sample(&[site, route, upstream, protocol, ("class", class)], count);
        }
    }
    drop(requests);
    let mut aborted = text.family(
        Kind::Counter,
        "daemun_requests_aborted_total",
        "Requests whose answer did not get whole to the client.",
    );
    for one in series {
        aborted.sample(&labels(one), one.aborted);
    }
    drop(aborted);
    let mut durations = text.family(
        Kind::Histogram,
        "daemun_request_duration_seconds",
        "Time from the first byte of a request to the last byte of its answer.",
    );
    for one in series {
        let sum = one.duration_sum.into();
        histogram(&mut durations, one, (&DURATION_BOUNDS, &one.durations, sum));
    }
    drop(durations);
    let mut sizes = text.family(
        Kind::Histogram,
        "daemun_response_size_bytes",
        "Bytes of the bodies of answers, as they were sent.",
    );
    for one in series {
        let sum = one.size_sum.into();
        histogram(&mut sizes, one, (&SIZE_BOUNDS, &one.sizes, sum));
    }
    drop(sizes);
    let mut refused = text.family(
        Kind::Counter,
        "daemun_requests_refused_total",
        "Requests that were refused or could not be answered, by the reason that the access log has for it.",
    );
    for (reason, count) in &status.refused {
        refused.sample(&[("reason", reason)], *count);
    }
    drop(refused);
    text.gauge(
        "daemun_requests_in_flight",
        "Requests that are being answered.",
        status.in_flight,
    );
}

/// What all that is counted by request is told apart by.
fn labels(series: &Series) -> [Label<'_>; 4] {
    let Place {
        site,
        route,
        upstream,
    } = &series.place;
    [
        ("site", site),
        ("route", route),
        ("upstream", upstream.as_deref().unwrap_or_default()),
        ("protocol", series.protocol),
    ]
}

/// Each bucket holds those below it too; the last holds all.
fn histogram<B: ToString>(
    family: &mut Family<'_>,
    series: &Series,
    (bounds, counts, sum): (&[B], &[u64], Value),
) {
    let [site, route, upstream, protocol] = labels(series);
    let bounds = bounds.iter().map(ToString::to_string);
    let mut below = 0;
    for (bound, count) in bounds.chain([String::from("+Inf")]).zip(counts) {
        below += count;
        let labels = [site, route, upstream, protocol, ("le", &*bound)];
        family.sample_of("_bucket", &labels, below);
    }
    let labels = [site, route, upstream, protocol];
    family.sample_of("_sum", &labels, sum);
    family.sample_of("_count", &labels, below);
}
