//! Which figures of a status are shown, and how: lines of text, each piece with what it means.

mod facts;
mod requests;
mod upstreams;

use daemun::status::{RouteTraffic, Status, Traffic};

pub(in crate::cli) use self::{
    facts::facts,
    requests::{refused, requests},
    upstreams::upstreams,
};
use super::{
    clean::clean,
    figures::{bytes, bytes_rate, count, latency, rate, share, span},
    grid::{Grid, Piece, Pieces, Tone},
};

/// `daemun 0.1.0  ready  up 3 d 4 h  process 4711`
pub(in crate::cli) fn headline(status: &Status) -> Pieces {
    let readiness = &status.readiness;
    let state = match (readiness.is_draining, readiness.is_ready) {
        (true, _) => Piece::new("draining", Tone::Doubtful),
        (false, true) => Piece::new("ready", Tone::Good),
        (false, false) => Piece::new("not ready", Tone::Bad),
    };
    vec![
        Piece::plain(format!("daemun {}  ", clean(&status.version))),
        state,
        Piece::plain(format!(
            "  up {}  process {}",
            span(status.now - status.started),
            status.pid
        )),
    ]
}

/// Why it is not ready, a line each.
pub(in crate::cli) fn reasons(status: &Status) -> Vec<Pieces> {
    let reasons = status.readiness.reasons.iter();
    reasons
        .map(|reason| vec![Piece::new(format!("  {}", clean(reason)), Tone::Bad)])
        .collect()
}

/// Requests now, lately and ever.
pub(in crate::cli) fn traffic(status: &Status) -> Vec<Pieces> {
    let mut grid = Grid::new(&[
        "",
        ">requests/s",
        ">bytes/s",
        ">p50",
        ">p90",
        ">p99",
        ">4xx",
        ">5xx",
        ">aborted",
    ]);
    for (of, traffic) in [
        ("last 10 s", &status.last_10s),
        ("last 5 min", &status.last_5m),
        ("since start", &status.total),
    ] {
        let mut row = vec![
            Piece::new(of, Tone::Label),
            Piece::plain(rate(traffic.requests, traffic.seconds)),
            Piece::plain(bytes_rate(traffic.bytes, traffic.seconds)),
            Piece::plain(latency(traffic.latency.p50)),
            Piece::plain(latency(traffic.latency.p90)),
            Piece::plain(latency(traffic.latency.p99)),
        ];
        row.extend(problems(traffic, |part| share(part, traffic.requests)));
        grid.row(row);
    }
    grid.lines()
}

/// By site and route, since the start.
pub(in crate::cli) fn routes(routes: &[RouteTraffic]) -> Vec<Pieces> {
    let mut grid = Grid::new(&[
        "site",
        "route",
        "upstream",
        ">requests",
        ">bytes",
        ">p50",
        ">p99",
        ">4xx",
        ">5xx",
        ">aborted",
    ]);
    for of in routes {
        let traffic = &of.traffic;
        let mut row = vec![
            Piece::plain(or_none(&of.site)),
            Piece::plain(if of.route.is_empty() {
                "(files)".into()
            } else {
                clean(&of.route)
            }),
            Piece::plain(or_none(of.upstream.as_deref().unwrap_or_default())),
            Piece::plain(count(traffic.requests)),
            Piece::plain(bytes(traffic.bytes)),
            Piece::plain(latency(traffic.latency.p50)),
            Piece::plain(latency(traffic.latency.p99)),
        ];
        row.extend(problems(traffic, count));
        grid.row(row);
    }
    grid.lines()
}

/// What went wrong: by clients, by the server, on the way.
fn problems(traffic: &Traffic, figure: impl Fn(u64) -> String) -> [Piece; 3] {
    let Traffic {
        statuses, aborted, ..
    } = traffic;
    let piece = |part: u64, tone: Tone| {
        let tone = if part == 0 { Tone::Plain } else { tone };
        Piece::new(figure(part), tone)
    };
    [
        piece(statuses.client_error, Tone::Plain),
        piece(statuses.server_error, Tone::Bad),
        piece(*aborted, Tone::Doubtful),
    ]
}

fn or_none(text: &str) -> String {
    if text.is_empty() {
        super::figures::NONE.to_owned()
    } else {
        clean(text).into_owned()
    }
}
