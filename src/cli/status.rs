//! What `daemun status` prints: how the server is, on one screen.

use daemun::status::Status;

use super::show::{
    grid::{self, Pieces},
    sections,
};

/// So many requests of each kind; `daemun top` shows them all.
const REQUESTS: usize = 3;

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
    for (name, requests) in [
        ("Failing requests, the last ones", &status.failing),
        ("Slowest requests of the last minutes", &status.slowest),
    ] {
        if !requests.is_empty() {
            let requests = &requests[..requests.len().min(REQUESTS)];
            section(name, sections::requests(requests, status.now));
        }
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(grid::text(&line).trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A server of which there is something to say in each part.
    pub(in crate::cli) fn full() -> Status {
        serde_json::from_str(include_str!("../../tests/cli/status/full.json")).expect("a status")
    }

    #[test]
    fn what_was_read_is_written_the_same() {
        let written = serde_json::to_string(&full()).expect("JSON");
        assert_eq!(serde_json::from_str::<Status>(&written).ok(), Some(full()));
    }
}
