//! Single requests, and refused ones by their reason.

use std::fmt::Write as _;

use daemun::status::RequestSummary;

use super::{clean, or_none};
use crate::cli::show::{
    figures::{count, latency, span},
    grid::{Grid, Piece, Pieces, Tone},
};

/// More of an identifier that a client chose is not shown; what the server chooses has 32 characters, a UUID 36.
const LONGEST_ID: usize = 36;

/// Requests by what they asked for; beneath each, its identifier, which `daemun explain` takes, and what there is to say.
pub(in crate::cli) fn requests(requests: &[RequestSummary], now: f64) -> Vec<Pieces> {
    let mut grid = Grid::new(&[">ago", ">status", ">took", "asked for"]);
    for request in requests {
        grid.row([
            Piece::plain(span(now - request.time)),
            Piece::new(request.status.to_string(), tone(request)),
            Piece::plain(latency(Some(request.seconds))),
            Piece::plain(asked(request)),
        ]);
        grid.row([
            Piece::default(),
            Piece::default(),
            Piece::default(),
            Piece::new(more(request), Tone::Label),
        ]);
    }
    grid.lines()
}

/// `not-found 12`
pub(in crate::cli) fn refused(reasons: &[(String, u64)]) -> Vec<String> {
    let told = |(reason, number): &(String, u64)| format!("{} {}", clean(reason), count(*number));
    reasons.iter().map(told).collect()
}

/// What could not be read as a request has neither method nor target.
fn asked(request: &RequestSummary) -> String {
    match &*request.method {
        "" | "-" => "(no request that could be read)".to_owned(),
        method => clean(&format!("{method} {}{}", request.host, request.target)).into_owned(),
    }
}

/// `0011223344556677  upstream-refused  10.0.0.9:8025`
fn more(request: &RequestSummary) -> String {
    let mut text = id(&request.id);
    let aborted = request.is_aborted.then_some("aborted");
    let parts = [
        request.refused.as_deref(),
        aborted,
        request.server.as_deref(),
    ];
    for part in parts.into_iter().flatten() {
        let _ = write!(text, "  {}", clean(part));
    }
    text
}

fn id(id: &str) -> String {
    let clean = clean(id);
    match clean.char_indices().nth(LONGEST_ID) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => or_none(&clean),
    }
}

fn tone(request: &RequestSummary) -> Tone {
    match request.status {
        500.. => Tone::Bad,
        400.. => Tone::Doubtful,
        _ if request.is_aborted => Tone::Doubtful,
        _ => Tone::Plain,
    }
}
