//! wrk on its own core, and what it counted.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Result;
use crate::cases::{Case, RANGE_LENGTH, Traffic, many_paths, range_starts};
use crate::check::Checked;
use crate::contender::Codes;
use crate::document_root::{DocumentRoot, LARGE};
use crate::multiplexed;
use crate::options::Options;
use crate::process::{Running, cpu_seconds_of_children, pinned};
use crate::proxy::websocket;

/// What wrk counted in one turn.
#[derive(Clone, Default)]
pub(crate) struct Counted {
    pub(crate) requests: f64,
    /// Bytes received, heads included.
    pub(crate) bytes: f64,
    pub(crate) seconds: f64,
    /// Failed connects, reads and writes, statuses of 400 and more, timeouts.
    pub(crate) errors: f64,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
    /// CPU time of wrk: near `seconds`, it was wrk that could do no more.
    pub(crate) cpu_seconds: f64,
}

/// Has wrk print one line of figures instead of prose to be taken apart. `os.clock` is the CPU time of all its threads.
const REPORT: &str = r#"
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("figures %d %d %d %d %d %d %.6f\n", summary.requests, summary.bytes, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99), os.clock()))
end
"#;

/// Sends the requests of the table in turn, made ready before the first one is sent.
const IN_TURN: &str = r#"
local ready, turn = {}, 0
function init(args)
  for i, one in ipairs(asked) do ready[i] = wrk.format("GET", one.path, one.fields) end
end
function request()
  turn = turn % #ready + 1
  return ready[turn]
end
"#;

/// Loads a server for so many seconds.
pub(crate) fn run(
    case: &Case,
    server: &Running,
    checked: &Checked,
    seconds: u32,
    options: &Options,
    root: &DocumentRoot,
) -> Result<Counted> {
    match case.traffic {
        Traffic::Multiplexed(name, _) => {
            return multiplexed::load(case, name, server, seconds, options);
        }
        Traffic::Handshakes(name, _) => {
            return multiplexed::handshakes(name, server, seconds, options);
        }
        Traffic::Messages => return websocket::load(case, server.address, seconds, options),
        _ => {}
    }
    let script = root.scratch().join("load.lua");
    fs::write(&script, script_of(case))?;
    let mut wrk = pinned(options.load_core);
    wrk.args(["wrk", "--threads", "1", "--timeout", "10s"]);
    wrk.args([
        "--connections",
        &case.connections.to_string(),
        "--duration",
        &format!("{seconds}s"),
    ]);
    wrk.arg("--script").arg(&script);
    if let Some(entity_tag) = &checked.entity_tag {
        wrk.args(["--header", &format!("If-None-Match: {entity_tag}")]);
    }
    if case.codes() != Codes::Unasked {
        wrk.args(["--header", "Accept-Encoding: gzip"]);
    }
    if let Traffic::Close(_) = case.traffic {
        wrk.args(["--header", "Connection: close"]);
    }
    wrk.arg(format!("http://{}/{}", server.address, path_of(case)));
    let output = wrk.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    counted(&said)
        .ok_or_else(|| format!("wrk: {said}{}", String::from_utf8_lossy(&output.stderr)).into())
}

fn path_of(case: &Case) -> &'static str {
    match case.traffic {
        Traffic::File(name)
        | Traffic::NotModified(name)
        | Traffic::Close(name)
        | Traffic::Coded(name, _)
        | Traffic::Logged(name)
        | Traffic::Observed(name)
        | Traffic::Multiplexed(name, _)
        | Traffic::Handshakes(name, _)
        | Traffic::Proxied(name) => name,
        Traffic::Many | Traffic::Ranges | Traffic::Messages => "",
    }
}

fn script_of(case: &Case) -> String {
    let mut asked = String::from("local asked = {\n");
    match case.traffic {
        Traffic::Many => {
            for path in many_paths() {
                let _ = writeln!(asked, "{{path = {path:?}}},");
            }
        }
        Traffic::Ranges => {
            for start in range_starts() {
                let last = start + RANGE_LENGTH - 1;
                let _ = writeln!(
                    asked,
                    "{{path = \"/{LARGE}\", fields = {{Range = \"bytes={start}-{last}\"}}}},"
                );
            }
        }
        // One request for all: wrk needs no script to send it, and is faster without.
        _ => return REPORT.to_owned(),
    }
    asked + "}\n" + IN_TURN + REPORT
}

/// The same line of figures from a load of our own, with all that was waited; its CPU time is for others to count.
pub(crate) fn say(bytes: usize, seconds: f64, errors: usize, mut waits: Vec<Duration>) {
    waits.sort_unstable();
    let at = |percent: usize| {
        let wait = waits.get(waits.len() * percent / 100);
        wait.map_or(0.0, |wait| wait.as_secs_f64() * 1e6)
    };
    println!(
        "figures {} {bytes} {:.0} {errors} {:.1} {:.1} 0",
        waits.len(),
        seconds * 1e6,
        at(50),
        at(99)
    );
}

/// Runs a load of our own to its end.
pub(crate) fn run_own(mut command: Command) -> Result<Counted> {
    let before = cpu_seconds_of_children();
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let error = || format!("load: {said}{}", String::from_utf8_lossy(&output.stderr));
    let mut counted = counted(&said).ok_or_else(error)?;
    counted.cpu_seconds = cpu_seconds_of_children() - before;
    Ok(counted)
}

/// Finds the line of figures in what a load has said.
pub(crate) fn counted(said: &str) -> Option<Counted> {
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("figures "))?;
    let figures: Vec<f64> = line
        .split(' ')
        .map_while(|figure| figure.parse().ok())
        .collect();
    let [
        requests,
        bytes,
        microseconds,
        errors,
        median,
        p99,
        cpu_seconds,
    ] = figures[..]
    else {
        return None;
    };
    Some(Counted {
        requests,
        bytes,
        seconds: microseconds / 1e6,
        errors,
        median_ms: median / 1e3,
        p99_ms: p99 / 1e3,
        cpu_seconds,
    })
}
