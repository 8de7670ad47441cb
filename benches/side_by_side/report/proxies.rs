//! What is said of proxies only.

use serde_json::json;

use super::{Report, Verdict};
use crate::cases::Case;
use crate::contender::{Contender, Kind};
use crate::measure::Part;
use crate::proxy::latency::{Latency, RATE};
use crate::proxy::soak::{DESCRIPTORS_TARGET, GROWTH_TARGET, Left, Soak};

impl Report {
    /// Adds what the table of a case has no room for: Daemun beside `HAProxy`, and what the upstream had to do.
    pub(super) fn add_forwarding(&mut self, case: &Case, parts: &[Part]) {
        let of = |kind: Kind| parts.iter().find(|part| part.contender.kind == kind);
        if let (Some(daemun), Some(haproxy)) = (of(Kind::Daemun), of(Kind::HaProxy)) {
            let rate = daemun.ratio(haproxy, |turn| turn.rate);
            let cpu = daemun.ratio(haproxy, |turn| turn.cpu_us);
            if let (Some(rate), Some(cpu)) = (rate, cpu) {
                println!("  daemun to haproxy: ratio {rate:.2}, CPU ratio {cpu:.2}");
                self.proxies
                    .push(json!({ "case": case.name, "to_haproxy": rate, "cpu_to_haproxy": cpu }));
            }
        }
        let shares: Vec<String> = parts
            .iter()
            .filter_map(|part| {
                let share = |turn: &crate::measure::Turn| {
                    100.0 * turn.upstream_cpu_seconds / turn.counted.seconds
                };
                let share = part.median(share)?;
                Some(format!("{share:.0}% with {}", part.contender.name()))
            })
            .collect();
        println!("  upstream, on the core of wrk: {}", shares.join(", "));
    }

    /// Adds what proxies add to the time of an answer and prints it.
    pub(crate) fn add_latency(&mut self, all: &[Latency]) {
        println!(
            "\nproxy-latency: 1 KiB at {RATE} requests a second, in µs; added: beyond the upstream alone in the same round"
        );
        println!(
            "  {:<18} {:>8} {:>8} {:>8} {:>8} {:>7}",
            "", "p50", "added", "p99", "added", "ratio"
        );
        for latency in all {
            let name = latency
                .contender
                .map_or_else(|| "upstream alone".to_owned(), Contender::name);
            let is_daemun = latency
                .contender
                .is_some_and(|contender| contender.kind == Kind::Daemun);
            let verdict = is_daemun.then(|| Verdict::at_most(latency.ratio, 1.0));
            println!(
                "  {name:<18} {:>8.0} {:>8.0} {:>8.0} {:>8.0} {:>7.2} {:<14} {:>6} errors",
                1e3 * latency.median_ms,
                1e3 * latency.added_median_ms,
                1e3 * latency.p99_ms,
                1e3 * latency.added_p99_ms,
                latency.ratio,
                Verdict::show(verdict.as_ref()),
                latency.errors,
            );
            if latency.errors > 0.0 {
                self.wrong.push(format!("proxy-latency {name}"));
            }
            self.note("proxy-latency: p99 ratio", verdict);
            self.proxies.push(json!({
                "case": "proxy-latency", "server": name, "p50_ms": latency.median_ms, "p99_ms": latency.p99_ms,
                "added_p50_ms": latency.added_median_ms, "added_p99_ms": latency.added_p99_ms, "p99_ratio": latency.ratio,
                "errors": latency.errors,
            }));
        }
        println!("  (ratio: of p99 to nginx's in the same round)");
    }

    /// Adds what the soak has left behind and prints it.
    pub(crate) fn add_soak(&mut self, all: &[Soak]) {
        println!(
            "\nproxy-soak: mixed requests, many broken off; memory and descriptors of the idle server before and after"
        );
        println!(
            "  {:<18} {:>10} {:>10} {:>10} {:>7} {:<14} {:>12} {:<12} {:>10} {:>6}",
            "",
            "MiB before",
            "at most",
            "after",
            "ratio",
            "target",
            "descriptors",
            "target",
            "answers",
            "errors"
        );
        for soak in all {
            let name = soak.contender.name();
            let Soak { before, after, .. } = soak;
            let is_daemun = soak.contender.kind == Kind::Daemun;
            let growth = after.resident_kib as f64 / before.resident_kib as f64;
            let allowed = before.descriptors + DESCRIPTORS_TARGET;
            let memory = is_daemun.then(|| Verdict::at_most(growth, GROWTH_TARGET));
            let open =
                is_daemun.then(|| Verdict::at_most(after.descriptors as f64, allowed as f64));
            println!(
                "  {name:<18} {:>10.1} {:>10.1} {:>10.1} {growth:>7.2} {:<14} {:>5} → {:<4} {:<12} {:>10} {:>6}",
                before.resident_kib as f64 / 1024.0,
                soak.most_kib as f64 / 1024.0,
                after.resident_kib as f64 / 1024.0,
                Verdict::show(memory.as_ref()),
                before.descriptors,
                after.descriptors,
                Verdict::show(open.as_ref()),
                soak.answers,
                soak.errors,
            );
            if is_daemun && soak.errors > 0.0 {
                self.wrong.push(format!("proxy-soak {name}"));
            }
            self.note("proxy-soak: memory ratio", memory);
            self.note("proxy-soak: descriptors", open);
            let left = |left: &Left| json!({ "resident_kib": left.resident_kib, "descriptors": left.descriptors });
            self.proxies.push(json!({
                "case": "proxy-soak", "server": name, "before": left(before), "most_kib": soak.most_kib, "after": left(after),
                "answers": soak.answers, "errors": soak.errors,
            }));
        }
    }
}
