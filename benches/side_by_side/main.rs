//! Daemun beside nginx and other servers, on this machine, in one command:
//!
//! ```sh
//! cargo bench --bench side_by_side                      # every case, Daemun and nginx
//! cargo bench --bench side_by_side -- 1k 304            # two cases
//! cargo bench --bench side_by_side -- --peer serve-dir --rounds 3 --json figures.json
//! cargo bench --bench side_by_side -- --help
//! ```
//!
//! 1. Tools: nginx, `HAProxy`, wrk, h2load and slowhttptest, installed from Debian's packages when they are missing.
//! 2. Document root: made in a temporary folder, the same bytes at every run.
//! 3. For each case: its servers are started on one core, every answer is checked against the files, then
//!    wrk (h2load for HTTP/2 and TLS) loads them in turn from another core (A, B, A, B …).
//! 4. Memory after start, and the time from exec to the first byte of an answer; ten thousand idle connections and fifteen thousand
//!    busy ones; a normal client beside a thousand slow ones.
//! 5. Content codings: pages that each server codes, or has coded beside them; and what a small file waits while a thousand are coded.
//! 6. Proxies: `HAProxy` beside both. Requests through each to one upstream, which has the load's core; WebSocket; what a proxy adds to
//!    the time of an answer at a constant rate. When it is asked for, minutes of mixed requests, and what they leave behind.
//! 7. Report: a table with medians, ratios and targets, and on request the same as JSON.
//!
//! A missed target is reported; a wrong answer or an error under load fails the run.

// Counts of requests, bytes and ticks: far below 2^52.
#![allow(clippy::cast_precision_loss)]

mod cases;
mod certificate;
mod check;
mod client;
mod cold;
mod contender;
mod crowd;
mod document_root;
mod load;
mod measure;
mod multiplexed;
mod options;
mod process;
mod prose;
mod proxy;
mod report;
mod serve_dir;
mod slow;
mod startup;
mod tools;

use std::process::ExitCode;

use crate::document_root::DocumentRoot;
use crate::options::{Extra, Options, Parsed};
use crate::proxy::{latency, soak};
use crate::report::Report;

/// What went wrong, in words for the person at the terminal.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // This same program is the ServeDir peer, and the proxies' upstream and load: it starts itself again with a word.
    let finished = match arguments.split_first() {
        Some((word, rest)) if word == serve_dir::WORD => serve_dir::run(rest).map(|()| true),
        Some((word, rest)) if word == cold::WORD => cold::run(rest).map(|()| true),
        Some((word, rest)) if proxy::is_part(word) => proxy::run_part(word, rest).map(|()| true),
        _ => run(&arguments),
    };
    match finished {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("side_by_side: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what was asked for; `false` when a server answered wrongly.
fn run(arguments: &[String]) -> Result<bool> {
    let options = match Options::parse(arguments)? {
        Parsed::Run(options) => options,
        Parsed::Say(text) => {
            print!("{text}");
            return Ok(true);
        }
    };
    tools::check_cores(&options)?;
    tools::install_missing(&options)?;
    let root = DocumentRoot::make()?;
    let mut report = Report::begin(&options);
    for case in &options.cases {
        report.add_case(case, &measure::case(case, &options, &root)?);
    }
    if options.measures(Extra::Startup) {
        report.add_startup(startup::measure(&options, &root)?);
    }
    if options.measures(Extra::Crowd) {
        report.add_crowd(&crowd::measure(&options, &root)?);
    }
    if options.measures(Extra::Slow) {
        report.add_slow(&slow::measure(&options, &root)?);
    }
    if options.measures(Extra::Cold) {
        report.add_cold(&cold::measure(&options, &root)?);
    }
    if options.measures(Extra::Latency) {
        report.add_latency(&latency::measure(&options, &root)?);
    }
    if options.measures(Extra::Soak) {
        report.add_soak(&soak::measure(&options, &root)?);
    }
    report.finish(&options)
}
