//! The applications and their servers.

use std::fmt::Write as _;

use daemun::status::{ServerStatus, UpstreamStatus};

use super::clean;
use crate::cli::show::{
    figures::{count, span},
    grid::{Grid, Piece, Pieces, Tone},
};

/// A line for each application, and one for each of its servers beneath it, with a reason where it is not up; columns are the same for all.
pub(in crate::cli) fn upstreams(upstreams: &[UpstreamStatus], now: f64) -> Vec<Pieces> {
    let mut grid = Grid::new(&[
        "  server",
        "state",
        ">since",
        ">busy",
        ">requests",
        ">failed",
        ">ejected",
    ]);
    for upstream in upstreams {
        for server in &upstream.servers {
            grid.row(row(server, now));
        }
    }
    let mut lines = grid.lines().into_iter();
    let mut told: Vec<Pieces> = lines.next().into_iter().collect();
    for upstream in upstreams {
        told.push(vec![Piece::plain(headline(upstream))]);
        for server in &upstream.servers {
            told.extend(lines.next());
            told.extend(why(server));
        }
    }
    told
}

/// A server that is fit, one of which that is not known, and one that is not.
pub(super) fn state_tone(state: &str) -> Tone {
    match state {
        "up" => Tone::Good,
        "unknown" | "on-trial" => Tone::Doubtful,
        "down" | "ejected" => Tone::Bad,
        _ => Tone::Plain,
    }
}

fn headline(upstream: &UpstreamStatus) -> String {
    let mut text = format!(
        "{}: {} waiting, {}",
        clean(&upstream.name),
        count(upstream.waiting),
        match upstream.retries {
            1 => "1 retry".to_owned(),
            retries => format!("{} retries", count(retries)),
        }
    );
    if upstream.servers.is_empty() {
        text += ", no server known";
    }
    if !upstream.is_checked {
        text += ", not checked";
    }
    text
}

fn row(server: &ServerStatus, now: f64) -> [Piece; 7] {
    let mut name = format!("  {}", clean(&server.name));
    // An address that came of a name.
    if !server.host.is_empty() && !server.name.starts_with(&server.host) {
        let _ = write!(name, " ({})", clean(&server.host));
    }
    if server.is_backup {
        name += ", backup";
    }
    [
        Piece::plain(name),
        Piece::new(clean(&server.state), state_tone(&server.state)),
        Piece::plain(span(now - server.since)),
        Piece::plain(count(server.in_flight)),
        Piece::plain(count(server.attempts)),
        Piece::plain(count(server.failures)),
        Piece::plain(count(server.ejections)),
    ]
}

/// Of one that is up there is nothing to explain.
fn why(server: &ServerStatus) -> Option<Pieces> {
    let why = server.why.as_deref().filter(|_| server.state != "up")?;
    let why = format!("    {}", clean(why));
    Some(vec![Piece::new(why, state_tone(&server.state))])
}
