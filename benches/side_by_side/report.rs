//! The figures as a table for a person and as JSON for a program.

mod coding;
mod proxies;

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::Result;
use crate::cases::{Case, Rate};
use crate::contender::Kind;
use crate::crowd::{CROWD, Crowd, IDLE, IDLE_TARGET_KIB};
use crate::measure::{Part, Turn};
use crate::options::Options;
use crate::slow::{ATTACKS, P99_TARGET, Slow};
use crate::startup::{FIRST_BYTE_TARGET_MS, RESIDENT_TARGET_KIB, Startup};
use crate::tools::busy_share;

/// Other work on a measured core that is not worth a warning, in percent.
const BUSY_PERCENT: f64 = 5.0;

/// Collects the figures; prints each case when it is done.
pub(crate) struct Report {
    machine: Value,
    cases: Vec<Value>,
    startup: Vec<Value>,
    connections: Vec<Value>,
    proxies: Vec<Value>,
    coding: Vec<Value>,
    missed: Vec<String>,
    wrong: Vec<String>,
}

/// A figure that Daemun has to reach.
struct Verdict {
    text: String,
    is_reached: bool,
}

impl Report {
    /// Prints what is measured on what.
    pub(crate) fn begin(options: &Options) -> Self {
        let machine = machine(options);
        println!("{}, {}", text(&machine["cpu"]), text(&machine["kernel"]));
        for kind in &options.programs() {
            println!(
                "  {:<18} {}",
                kind.name(),
                text(&machine["servers"][kind.name()])
            );
        }
        println!(
            "servers on core {}, wrk on core {}; {} rounds of {} s after {} s of warm-up, medians",
            options.server_core,
            options.load_core,
            options.rounds,
            options.seconds,
            options.warm_up
        );
        for core in [options.server_core, options.load_core] {
            let busy = 100.0 * busy_share(core);
            if busy > BUSY_PERCENT {
                println!(
                    "WARNING: core {core} is {busy:.0}% busy with other work: the figures are noise"
                );
            }
        }
        Self {
            machine,
            cases: Vec::new(),
            startup: Vec::new(),
            connections: Vec::new(),
            proxies: Vec::new(),
            coding: Vec::new(),
            missed: Vec::new(),
            wrong: Vec::new(),
        }
    }

    /// Adds a case and prints its part of the table.
    pub(crate) fn add_case(&mut self, case: &Case, parts: &[Part]) {
        let unit = if case.rate == Rate::Bytes {
            "MiB/s"
        } else {
            "requests/s"
        };
        println!(
            "\n{}: {}, {} connections",
            case.name, case.what, case.connections
        );
        println!(
            "  {:<18} {unit:>10} {:>7} {:<14} {:>9} {:>7} {:<14} {:>8} {:>8} {:>6} {:>6} {:>6}",
            "",
            "ratio",
            "target",
            "CPU µs",
            "ratio",
            "target",
            "p50 ms",
            "p99 ms",
            "server",
            "wrk",
            "errors"
        );
        for part in parts {
            let baseline = case.baseline(part.contender);
            let baseline = parts
                .iter()
                .find(|other| other.contender == baseline)
                .unwrap_or(part);
            self.add_part(case, part, baseline);
        }
        if case.is_proxied() {
            self.add_forwarding(case, parts);
        }
        self.add_coded_lengths(case, parts);
    }

    fn add_part(&mut self, case: &Case, part: &Part, baseline: &Part) {
        let name = part.contender.name();
        if part.is_wrong() {
            self.wrong.push(format!("{} {name}", case.name));
        }
        let turns = match &part.turns {
            Ok(turns) => turns,
            Err(why) => {
                println!("  {name:<18} not measured: {why}");
                self.cases
                    .push(json!({ "case": case.name, "server": name, "not_measured": why }));
                return;
            }
        };
        let figure = |look: fn(&Turn) -> f64| part.median(look).unwrap_or_default();
        let ratio = part.ratio(baseline, |turn| turn.rate).unwrap_or_default();
        let cpu_ratio = part.ratio(baseline, |turn| turn.cpu_us).unwrap_or_default();
        let target = case.target_of(part.contender);
        let verdict = target.map(|target| Verdict::at_least(ratio, target));
        let cpu_verdict = target
            .filter(|_| case.cpu_bounded)
            .map(|_| Verdict::at_most(cpu_ratio, 1.0));
        let errors: f64 = turns.iter().map(|turn| turn.counted.errors).sum();
        let shown = if case.rate == Rate::Bytes {
            figure(|turn| turn.rate) / MIB
        } else {
            figure(|turn| turn.rate)
        };
        println!(
            "  {name:<18} {shown:>10.0} {ratio:>7.2} {:<14} {:>9.2} {cpu_ratio:>7.2} {:<14} {:>8.2} {:>8.2} {:>5.0}% {:>5.0}% {errors:>6}",
            Verdict::show(verdict.as_ref()),
            figure(|turn| turn.cpu_us),
            Verdict::show(cpu_verdict.as_ref()),
            figure(|turn| turn.counted.median_ms),
            figure(|turn| turn.counted.p99_ms),
            figure(|turn| 100.0 * turn.server_cpu_seconds / turn.counted.seconds),
            figure(|turn| 100.0 * turn.counted.cpu_seconds / turn.counted.seconds),
        );
        self.note(&format!("{}: ratio", case.name), verdict);
        self.note(&format!("{}: CPU ratio", case.name), cpu_verdict);
        self.cases.push(json!({
            "case": case.name, "server": name, "rate": figure(|turn| turn.rate), "ratio": ratio, "target": target,
            "cpu_us": figure(|turn| turn.cpu_us), "cpu_ratio": cpu_ratio, "errors": errors,
            "turns": turns.iter().map(turn_as_json).collect::<Vec<_>>(),
        }));
    }

    /// Adds memory and start-up and prints their part of the table.
    pub(crate) fn add_startup(&mut self, all: Vec<Startup>) {
        println!(
            "\nstartup: resident memory before the first request; exec to first answer, median of 10"
        );
        println!(
            "  {:<18} {:>10} {:<14} {:>9} {:<14}",
            "", "MiB", "target", "ms", "target"
        );
        for Startup {
            contender,
            resident_kib,
            first_byte_ms,
        } in all
        {
            let bounded = contender.kind == Kind::Daemun;
            let resident = resident_kib as f64 / 1024.0;
            let memory =
                bounded.then(|| Verdict::at_most(resident, RESIDENT_TARGET_KIB as f64 / 1024.0));
            let time = bounded.then(|| Verdict::at_most(first_byte_ms, FIRST_BYTE_TARGET_MS));
            println!(
                "  {:<18} {resident:>10.1} {:<14} {first_byte_ms:>9.1} {:<14}",
                contender.name(),
                Verdict::show(memory.as_ref()),
                Verdict::show(time.as_ref()),
            );
            self.note("startup: MiB", memory);
            self.note("startup: ms", time);
            self.startup.push(json!({ "server": contender.name(), "resident_kib": resident_kib, "first_byte_ms": first_byte_ms }));
        }
    }

    /// Adds connections in great numbers and prints their part of the table.
    pub(crate) fn add_crowd(&mut self, all: &[Crowd]) {
        println!(
            "\ncrowd: memory of one of {IDLE} idle connections; errors of {CROWD} that ask at once"
        );
        for crowd in all {
            let name = crowd.contender.name();
            let verdict = (crowd.contender.kind == Kind::Daemun)
                .then(|| Verdict::at_most(crowd.idle_kib, IDLE_TARGET_KIB));
            println!(
                "  {name:<18} {:>10.2} KiB {:<14} {:>6} errors",
                crowd.idle_kib,
                Verdict::show(verdict.as_ref()),
                crowd.errors
            );
            if crowd.contender.kind == Kind::Daemun && crowd.errors > 0 {
                self.wrong.push(format!("crowd {name}"));
            }
            self.note("crowd: KiB", verdict);
            self.connections.push(
                json!({ "server": name, "idle_kib": crowd.idle_kib, "errors": crowd.errors }),
            );
        }
    }

    /// Adds clients beside slow ones and prints their part of the table.
    pub(crate) fn add_slow(&mut self, all: &[Slow]) {
        println!(
            "\nslow: p99 in ms of a normal client, alone and beside 1,000 connections of slowhttptest"
        );
        for slow in all {
            let name = slow.contender.name();
            println!("  {name:<18} {:<12} {:>8.2}", "alone", slow.quiet_p99_ms);
            for ((attack, _), p99) in ATTACKS.iter().zip(&slow.attacked_p99_ms) {
                let ratio = p99 / slow.quiet_p99_ms;
                let verdict = (slow.contender.kind == Kind::Daemun)
                    .then(|| Verdict::at_most(ratio, P99_TARGET));
                println!(
                    "  {:<18} {attack:<12} {p99:>8.2} {ratio:>7.2} {}",
                    "",
                    Verdict::show(verdict.as_ref())
                );
                self.note(&format!("slow: {attack}"), verdict);
            }
            if slow.errors > 0 {
                println!("  {:<18} {} errors", "", slow.errors);
                if slow.contender.kind == Kind::Daemun {
                    self.wrong.push(format!("slow {name}"));
                }
            }
            self.connections.push(json!({
                "server": name, "quiet_p99_ms": slow.quiet_p99_ms, "attacked_p99_ms": slow.attacked_p99_ms, "errors": slow.errors,
            }));
        }
    }

    fn note(&mut self, what: &str, verdict: Option<Verdict>) {
        if let Some(missed) = verdict.filter(|verdict| !verdict.is_reached) {
            self.missed.push(format!("{what} {}", missed.text));
        }
    }

    /// Prints how to read the table and what was missed; writes the JSON. `false` when a server answered wrongly.
    pub(crate) fn finish(self, options: &Options) -> Result<bool> {
        println!(
            "\nratio: median over the rounds of this server's figure to nginx's in the same round (log: to its own without a log; observed: to its own without counting)"
        );
        println!(
            "CPU µs: user and system time of all the server's processes for one answer; server, wrk: how busy their cores were"
        );
        println!(
            "(h2load in wrk's place has no percentiles: mean and maximum stand for p50 and p99; wrk near 100% and the server below it, or wrk and upstream together: the server can do more than was asked of it)"
        );
        for missed in &self.missed {
            println!("missed   {missed}");
        }
        for wrong in &self.wrong {
            println!("WRONG    {wrong}: a wrong answer or errors under load");
        }
        if let Some(file) = &options.json {
            let figures = json!({
                "machine": self.machine, "rounds": options.rounds, "seconds": options.seconds,
                "cases": self.cases, "startup": self.startup, "connections": self.connections, "proxies": self.proxies,
                "coding": self.coding,
                "missed": self.missed, "wrong": self.wrong,
            });
            fs::write(file, format!("{figures:#}\n"))?;
        }
        Ok(self.wrong.is_empty())
    }
}

impl Verdict {
    fn at_least(value: f64, target: f64) -> Self {
        Self::new(value >= target, '≥', target)
    }

    fn at_most(value: f64, target: f64) -> Self {
        Self::new(value <= target, '≤', target)
    }

    fn new(is_reached: bool, sign: char, target: f64) -> Self {
        let word = if is_reached { "pass" } else { "MISS" };
        Self {
            text: format!("{sign} {target:.2} {word}"),
            is_reached,
        }
    }

    fn show(verdict: Option<&Self>) -> &str {
        verdict.map_or("", |verdict| verdict.text.as_str())
    }
}

const MIB: f64 = 1024.0 * 1024.0;

fn turn_as_json(turn: &Turn) -> Value {
    let Turn {
        counted,
        server_cpu_seconds,
        rate,
        cpu_us,
        upstream_cpu_seconds,
    } = turn;
    json!({
        "rate": rate, "cpu_us": cpu_us, "requests": counted.requests, "bytes": counted.bytes, "seconds": counted.seconds, "errors": counted.errors,
        "p50_ms": counted.median_ms, "p99_ms": counted.p99_ms, "server_cpu_seconds": server_cpu_seconds, "wrk_cpu_seconds": counted.cpu_seconds,
        "upstream_cpu_seconds": upstream_cpu_seconds,
    })
}

fn machine(options: &Options) -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("unknown CPU");
    let kernel = Command::new("uname")
        .arg("-sr")
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    let versions: serde_json::Map<String, Value> = options
        .programs()
        .iter()
        .map(|kind| (kind.name().to_owned(), kind.version().into()))
        .collect();
    json!({ "cpu": cpu.trim_matches([' ', '\t', ':']), "kernel": String::from_utf8_lossy(&kernel).trim(), "servers": versions })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
