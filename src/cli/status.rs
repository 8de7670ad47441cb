//! What `daemun status` prints: how the server is, on one screen.

use daemun::status::Status;

use super::show::{
    grid::{self, Pieces},
    sections,
};

/// So many requests of each kind; `daemun top` shows them all.
const REQUESTS: usize = 5;

/// Figures of the server for a person. Control characters of what clients sent are escaped.
pub(super) fn text(status: &Status) -> String {
    let mut lines = vec![sections::headline(status)];
    lines.extend(sections::reasons(status));
    let mut section = |name: &str, part: Vec<Pieces>| {
        lines.push(Pieces::new());
        if !name.is_empty() {
            lines.push(vec![grid::Piece::plain(name)]);
        }
        lines.extend(part);
    };
    section("", sections::traffic(status));
    section("", sections::facts(status));
    if !status.upstreams.is_empty() {
        let upstreams = sections::upstreams(&status.upstreams, status.now);
        section("Upstreams", upstreams);
    }
    if !status.failing.is_empty() {
        section(
            "Failing requests, the last ones",
            sections::failing(status, REQUESTS),
        );
    }
    if !status.slowest.is_empty() {
        let slowest = status.slowest.iter().take(REQUESTS);
        let slowest = sections::requests(slowest, status.now);
        section("Slowest requests of the last minutes", slowest);
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(grid::text(&line).trim_end());
        text.push('\n');
    }
    text
}
