//! Single requests, and refused ones by their reason.

use daemun::status::{RequestSummary, Status};

use super::{clean, or_none};
use crate::cli::show::{
    figures::{count, latency, span},
    grid::{Grid, Piece, Pieces, Tone},
};

/// More of an identifier that a client chose is not shown; what the server chooses has 16 characters, a UUID 36.
const LONGEST_ID: usize = 36;

/// Requests by what they asked for, with the identifiers that `daemun explain` takes.
pub(in crate::cli) fn requests<'r>(
    requests: impl IntoIterator<Item = &'r RequestSummary>,
    now: f64,
) -> Vec<Pieces> {
    let mut grid = Grid::new(&[">ago", ">status", ">took", "id", "why", "asked for"]);
    for request in requests {
        grid.row([
            Piece::plain(span(now - request.time)),
            Piece::new(request.status.to_string(), tone(request)),
            Piece::plain(latency(Some(request.seconds))),
            Piece::plain(id(&request.id)),
            Piece::plain(why(request)),
            Piece::plain(clean(&format!(
                "{} {}{}",
                request.method, request.host, request.target
            ))),
        ]);
    }
    grid.lines()
}

/// Those that failed, and no other.
pub(in crate::cli) fn failing(status: &Status, most: usize) -> Vec<Pieces> {
    requests(status.failing.iter().take(most), status.now)
}

/// `not-found 12`
pub(in crate::cli) fn refused(reasons: &[(String, u64)]) -> Vec<String> {
    let told = |(reason, number): &(String, u64)| format!("{} {}", clean(reason), count(*number));
    reasons.iter().map(told).collect()
}

fn id(id: &str) -> String {
    let clean = clean(id);
    match clean.char_indices().nth(LONGEST_ID) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => or_none(&clean),
    }
}

fn why(request: &RequestSummary) -> String {
    if let Some(reason) = &request.refused {
        clean(reason).into_owned()
    } else if request.is_aborted {
        "aborted".to_owned()
    } else {
        or_none(request.server.as_deref().unwrap_or_default())
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
