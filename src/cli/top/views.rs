//! What there is to see: one page of lines each.

use daemun::status::Status;

use super::graph;
use crate::cli::show::{
    figures::{count, per_second, rate},
    grid::{Align, Grid, Piece, Pieces, Tone},
    sections,
};

/// Rows of the graph.
const GRAPH: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Overview,
    Routes,
    Upstreams,
    Requests,
    Refused,
}

impl View {
    pub(super) const ALL: [Self; 5] = [
        Self::Overview,
        Self::Routes,
        Self::Upstreams,
        Self::Requests,
        Self::Refused,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Routes => "Routes",
            Self::Upstreams => "Upstreams",
            Self::Requests => "Requests",
            Self::Refused => "Refused",
        }
    }

    /// The next one, or the one before; it goes around.
    pub(super) fn step(self, is_forward: bool) -> Self {
        let count = Self::ALL.len();
        let by = if is_forward { 1 } else { count - 1 };
        Self::ALL[(self as usize + by) % count]
    }

    /// Its lines, for a terminal with so many columns.
    pub(super) fn lines(self, status: &Status, width: usize) -> Vec<Pieces> {
        match self {
            Self::Overview => overview(status, width),
            Self::Routes => or_else(&status.routes, "No requests yet.", |routes| {
                sections::routes(routes)
            }),
            Self::Upstreams => or_else(&status.upstreams, "No upstreams.", |upstreams| {
                sections::upstreams(upstreams, status.now)
            }),
            Self::Requests => requests(status),
            Self::Refused => or_else(&status.refused, "No refused requests.", refused),
        }
    }
}

fn overview(status: &Status, width: usize) -> Vec<Pieces> {
    let mut lines = sections::reasons(status);
    lines.extend(sections::traffic(status));
    lines.push(Pieces::new());
    lines.extend(history(status, width));
    lines.push(Pieces::new());
    lines.extend(sections::facts(status));
    lines
}

/// Requests a second of the last five minutes, and beneath them where there were errors.
fn history(status: &Status, width: usize) -> Vec<Pieces> {
    let moments = &status.history;
    let rates: Vec<f64> = moments
        .iter()
        .map(|moment| per_second(moment.requests, moment.seconds))
        .collect();
    let most = rates.iter().copied().fold(0.0, f64::max);
    let bar = (width / moments.len().max(1)).clamp(1, 2);
    let highest = moments
        .iter()
        .max_by(|a, b| {
            per_second(a.requests, a.seconds).total_cmp(&per_second(b.requests, b.seconds))
        })
        .map_or_else(
            || "0".to_owned(),
            |moment| rate(moment.requests, moment.seconds),
        );
    let title = format!("requests/s of the last five minutes, at most {highest}");
    let mut lines = vec![vec![Piece::new(title, Tone::Label)]];
    let bars = graph::bars(&rates, most, bar, GRAPH);
    lines.extend(bars.into_iter().map(|row| vec![Piece::plain(row)]));
    let errors: Vec<f64> = moments
        .iter()
        .map(|moment| per_second(moment.server_errors, moment.seconds))
        .collect();
    if errors.iter().any(|errors| *errors > 0.0) {
        let most = errors.iter().copied().fold(0.0, f64::max);
        let row = graph::bars(&errors, most, bar, 1).concat();
        let total: u64 = moments.iter().map(|moment| moment.server_errors).sum();
        let total = format!("  5xx: {}", count(total));
        lines.push(vec![
            Piece::new(row, Tone::Bad),
            Piece::new(total, Tone::Bad),
        ]);
    }
    lines
}

fn requests(status: &Status) -> Vec<Pieces> {
    let title = |text: &str| vec![Piece::plain(text)];
    let mut lines = vec![title(
        "Failing requests of the last minutes; daemun explain ID tells more",
    )];
    lines.extend(or_else(&status.failing, "  None.", |failing| {
        sections::requests(failing, status.now)
    }));
    lines.push(Pieces::new());
    lines.push(title("Slowest requests of the last minutes"));
    lines.extend(or_else(&status.slowest, "  None.", |slowest| {
        sections::requests(slowest, status.now)
    }));
    lines
}

fn refused(reasons: &[(String, u64)]) -> Vec<Pieces> {
    let mut grid = Grid::bare(&[Align::Right, Align::Left]);
    for (reason, number) in reasons {
        let reason = crate::cli::show::clean::clean(reason);
        grid.row([Piece::plain(count(*number)), Piece::plain(reason)]);
    }
    grid.lines()
}

fn or_else<T>(list: &[T], none: &str, lines: impl Fn(&[T]) -> Vec<Pieces>) -> Vec<Pieces> {
    if list.is_empty() {
        vec![vec![Piece::new(none, Tone::Label)]]
    } else {
        lines(list)
    }
}
