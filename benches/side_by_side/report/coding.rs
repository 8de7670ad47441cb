//! What is said of content codings only.

use serde_json::json;

use super::{Report, Verdict};
use crate::cases::Case;
use crate::cold::{Cold, P99_TARGET};
use crate::contender::Kind;
use crate::document_root::COLD_COUNT;
use crate::measure::Part;

impl Report {
    /// Adds what the table of a case has no room for: how small the answers are.
    pub(super) fn add_coded_lengths(&mut self, case: &Case, parts: &[Part]) {
        let mut lengths = Vec::new();
        for part in parts {
            let Some(length) = part.coded_length else {
                continue;
            };
            let name = part.contender.name();
            self.coding
                .push(json!({ "case": case.name, "server": name, "coded_bytes": length }));
            lengths.push(format!("{length} by {name}"));
        }
        if !lengths.is_empty() {
            println!("  bytes of an answer: {}", lengths.join(", "));
        }
    }

    /// Adds what coding does to others and prints it.
    pub(crate) fn add_cold(&mut self, all: &[Cold]) {
        println!(
            "\ncoding-cold: a small file while one client asks for {COLD_COUNT} pages of 100 KiB that nobody has coded; ms"
        );
        println!(
            "  {:<24} {:>9} {:>9} {:>9} {:>9} {:>7} {:<14} {:>8} {:>9} {:>6}",
            "",
            "quiet p50",
            "p99",
            "busy p50",
            "p99",
            "ratio",
            "target",
            "pages s",
            "KiB each",
            "errors"
        );
        for cold in all {
            let name = cold.name();
            let verdict = (cold.contender.kind == Kind::Daemun)
                .then(|| Verdict::at_most(cold.ratio, P99_TARGET));
            println!(
                "  {name:<24} {:>9.3} {:>9.3} {:>9.3} {:>9.3} {:>7.2} {:<14} {:>8.2} {:>9.1} {:>6}",
                cold.quiet.median_ms,
                cold.quiet.p99_ms,
                cold.busy.median_ms,
                cold.busy.p99_ms,
                cold.ratio,
                Verdict::show(verdict.as_ref()),
                cold.seconds,
                cold.bytes / COLD_COUNT as f64 / 1024.0,
                cold.errors,
            );
            if cold.errors > 0.0 {
                self.wrong.push(format!("coding-cold {name}"));
            }
            self.note(&format!("coding-cold: p99 of {name}"), verdict);
            self.coding.push(json!({
                "case": "coding-cold", "server": name, "quiet_p50_ms": cold.quiet.median_ms, "quiet_p99_ms": cold.quiet.p99_ms,
                "busy_p50_ms": cold.busy.median_ms, "busy_p99_ms": cold.busy.p99_ms, "p99_ratio": cold.ratio,
                "seconds": cold.seconds, "coded_bytes": cold.bytes, "errors": cold.errors,
            }));
        }
        println!(
            "  (ratio: of the busy p99 to the quiet one, median over the rounds; each round on a new server)"
        );
    }
}
