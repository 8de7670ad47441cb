//! h2load on its own core: HTTP/2 with and without TLS, and handshakes; and what it counted.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::Result;
use crate::cases::Case;
use crate::load::Counted;
use crate::options::Options;
use crate::process::{Running, cpu_seconds_of_children, pinned};

/// Requests that a connection has under way at a time.
const STREAMS: &str = "10";

/// New connections that one run of h2load makes, each for one request; none of them resumes a session.
const HANDSHAKES: &str = "200";

/// Keeps a server busy with so many connections, and many requests on each.
pub(crate) fn load(
    case: &Case,
    name: &str,
    server: &Running,
    seconds: u32,
    options: &Options,
) -> Result<Counted> {
    let before = cpu_seconds_of_children();
    let said = h2load(
        options,
        &[
            "--duration",
            &seconds.to_string(),
            "--clients",
            &case.connections.to_string(),
            "--max-concurrent-streams",
            STREAMS,
            &server.url(name),
        ],
    )?;
    let mut counted = counted(&said).ok_or_else(|| format!("h2load: {said}"))?;
    counted.cpu_seconds = cpu_seconds_of_children() - before;
    Ok(counted)
}

/// Opens connection after connection for so long; each handshake is a full one.
pub(crate) fn handshakes(
    name: &str,
    server: &Running,
    seconds: u32,
    options: &Options,
) -> Result<Counted> {
    let before = cpu_seconds_of_children();
    let until = Instant::now() + Duration::from_secs(seconds.into());
    let mut sum = Counted::default();
    while Instant::now() < until {
        let url = server.url(name);
        let said = h2load(
            options,
            &["--requests", HANDSHAKES, "--clients", HANDSHAKES, &url],
        )?;
        let one = counted(&said).ok_or_else(|| format!("h2load: {said}"))?;
        sum.requests += one.requests;
        sum.bytes += one.bytes;
        sum.seconds += one.seconds;
        sum.errors += one.errors;
        sum.median_ms = one.median_ms;
        sum.p99_ms = sum.p99_ms.max(one.p99_ms);
    }
    sum.cpu_seconds = cpu_seconds_of_children() - before;
    Ok(sum)
}

fn h2load(options: &Options, arguments: &[&str]) -> Result<String> {
    let output = pinned(options.load_core)
        .args(["h2load", "--threads", "1"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// Takes the summary apart. It has no percentiles: mean and maximum stand for median and 99th.
fn counted(said: &str) -> Option<Counted> {
    let line = |start: &str| said.lines().find_map(|line| line.strip_prefix(start));
    let finished = line("finished in ")?;
    let requests = line("requests: ")?;
    let statuses = line("status codes: ")?;
    let bytes = line("traffic: ")?.split_once('(')?.1.split_once(')')?.0;
    let times: Vec<&str> = line("time for request:")?.split_whitespace().collect();
    let failed = number_before(requests, " failed")?
        + number_before(requests, " errored")?
        + number_before(requests, " timeout")?;
    let other = number_before(statuses, " 3xx")?
        + number_before(statuses, " 4xx")?
        + number_before(statuses, " 5xx")?;
    Some(Counted {
        requests: number_before(requests, " succeeded")? - other,
        bytes: bytes.parse().ok()?,
        seconds: milliseconds(finished.split_once(',')?.0)? / 1e3,
        errors: failed + other,
        median_ms: milliseconds(times.get(2)?)?,
        p99_ms: milliseconds(times.get(1)?)?,
        cpu_seconds: 0.0,
    })
}

/// The number in front of a word.
fn number_before(text: &str, word: &str) -> Option<f64> {
    text.split_once(word)?.0.rsplit(' ').next()?.parse().ok()
}

/// `42.48ms`, `1.01s`, `753us`, `1m2.5s` never at these lengths.
fn milliseconds(text: &str) -> Option<f64> {
    let (number, factor) = if let Some(number) = text.strip_suffix("us") {
        (number, 1e-3)
    } else if let Some(number) = text.strip_suffix("ms") {
        (number, 1.0)
    } else {
        (text.strip_suffix('s')?, 1e3)
    };
    Some(number.parse::<f64>().ok()? * factor)
}
