//! What a small file waits while pages are coded that nobody has asked for before.
//!
//! 1. A server that has coded nothing; everything it will send is uncompressed for the client that watches.
//! 2. Quiet: the watching client asks for the small file at a steady pace, for the length of a turn.
//! 3. Busy: it does the same while another client asks for the cold pages, one after the other, until it has them all.
//! 4. Some of the pages are asked for again and compared with their files.

use std::fs;
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Result;
use crate::client::{Answer, Client};
use crate::contender::{Codes, Contender, Kind};
use crate::document_root::{COLD_COUNT, DocumentRoot, cold_path};
use crate::load::{self, Counted};
use crate::measure::median;
use crate::options::Options;
use crate::process::{Running, own};

/// The first argument that makes this program the clients.
pub(crate) const WORD: &str = "cold-clients";

/// What coding may make of the 99th percentile.
pub(crate) const P99_TARGET: f64 = 2.0;

/// What the small file is.
const PATH: &str = "/1k.html";

/// Between two requests for it.
const PAUSE: Duration = Duration::from_millis(1);

/// What is coded with, in turns of a server of its own: nginx has gzip only.
const CODINGS: &[(Kind, &str)] = &[
    (Kind::Nginx, "gzip"),
    (Kind::Daemun, "gzip"),
    (Kind::Daemun, "zstd"),
    (Kind::Daemun, "br"),
];

/// One server's figures with one coding, medians over the rounds.
pub(crate) struct Cold {
    pub(crate) contender: Contender,
    coding: &'static str,
    pub(crate) quiet: Waits,
    pub(crate) busy: Waits,
    /// Of the 99th percentiles in the same round.
    pub(crate) ratio: f64,
    /// What all the pages took.
    pub(crate) seconds: f64,
    /// What all the pages were, coded.
    pub(crate) bytes: f64,
    pub(crate) errors: f64,
}

/// What the small file was waited for.
pub(crate) struct Waits {
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Cold {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.contender.name(), self.coding)
    }
}

/// Measures Daemun and nginx, each alone.
pub(crate) fn measure(options: &Options, root: &DocumentRoot) -> Result<Vec<Cold>> {
    root.add_cold_pages()?;
    let compared = |(kind, _): &&(Kind, &str)| options.servers.contains(kind);
    let chosen: Vec<_> = CODINGS.iter().filter(compared).collect();
    let mut rounds: Vec<Vec<[Counted; 2]>> = chosen.iter().map(|_| Vec::new()).collect();
    for _ in 0..options.rounds {
        for ((kind, coding), rounds) in chosen.iter().zip(&mut rounds) {
            rounds.push(round(*kind, coding, options, root)?);
        }
    }
    let all = chosen.iter().zip(rounds);
    Ok(all
        .map(|((kind, coding), rounds)| figures(*kind, coding, &rounds))
        .collect())
}

/// Quiet and busy, on a new server.
fn round(kind: Kind, coding: &str, options: &Options, root: &DocumentRoot) -> Result<[Counted; 2]> {
    let contender = Contender {
        codes: Codes::Itself,
        ..Contender::plain(kind)
    };
    let running = Running::start(contender, options, root)?;
    let clients = |arguments: &[&str]| {
        let mut command = own(options.load_core, WORD)?;
        command.arg(running.address.to_string()).args(arguments);
        load::run_own(command)
    };
    // The first answers to a new connection are a little later than the others.
    clients(&["quiet", "1"])?;
    let quiet = clients(&["quiet", &options.seconds.to_string()])?;
    let busy = clients(&["busy", coding])?;
    check(running.address, coding, root)?;
    Ok([quiet, busy])
}

fn figures(kind: Kind, coding: &'static str, rounds: &[[Counted; 2]]) -> Cold {
    let over = |look: &dyn Fn(&[Counted; 2]) -> f64| {
        median(rounds.iter().map(look).collect()).unwrap_or_default()
    };
    let waits = |which: usize| Waits {
        median_ms: over(&|round| round[which].median_ms),
        p99_ms: over(&|round| round[which].p99_ms),
    };
    Cold {
        contender: Contender::plain(kind),
        coding,
        quiet: waits(0),
        busy: waits(1),
        ratio: over(&|[quiet, busy]| busy.p99_ms / quiet.p99_ms),
        seconds: over(&|[_, busy]| busy.seconds),
        bytes: over(&|[_, busy]| busy.bytes),
        errors: rounds.iter().flatten().map(|turn| turn.errors).sum(),
    }
}

fn check(server: SocketAddr, coding: &str, root: &DocumentRoot) -> Result<()> {
    let mut client = Client::connect(server)?;
    for index in (0..COLD_COUNT).step_by(COLD_COUNT / 20) {
        let path = cold_path(index);
        let answer = client.get(&path, &[("Accept-Encoding", coding)])?;
        if decoded(&answer, coding)? != fs::read(root.file(&path))? {
            return Err(format!("{path}: the {coding} of something else").into());
        }
    }
    Ok(())
}

fn decoded(answer: &Answer, coding: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match coding {
        "gzip" => flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut bytes)?,
        "zstd" => zstd::Decoder::new(&answer.body[..])?.read_to_end(&mut bytes)?,
        _ => brotli_decompressor::Decompressor::new(&answer.body[..], 4096)
            .read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

/// The clients: says what the small file was waited for.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [server, how, what] = arguments else {
        return Err("an address, quiet and seconds or busy and a coding are needed".into());
    };
    let server: SocketAddr = server.parse()?;
    if how == "quiet" {
        let until = Instant::now() + Duration::from_secs(what.parse()?);
        let (waits, errors) = watch(server, &|| Instant::now() < until)?;
        load::say(0, what.parse()?, errors, waits);
        return Ok(());
    }
    let is_over = AtomicBool::new(false);
    let begun = Instant::now();
    std::thread::scope(|threads| {
        let watching = threads.spawn(|| {
            watch(server, &|| !is_over.load(Ordering::Relaxed)).map_err(|error| error.to_string())
        });
        let (bytes, failed) = ask_for_all(server, what);
        let seconds = begun.elapsed().as_secs_f64();
        is_over.store(true, Ordering::Relaxed);
        let (waits, errors) = watching.join().map_err(|_| "a client panicked")??;
        load::say(bytes, seconds, errors + failed, waits);
        Ok(())
    })
}

/// What each answer was waited for, and how many were wrong.
fn watch(server: SocketAddr, goes_on: &dyn Fn() -> bool) -> Result<(Vec<Duration>, usize)> {
    let mut client = Client::connect(server)?;
    let (mut waits, mut errors) = (Vec::new(), 0);
    while goes_on() {
        let begun = Instant::now();
        let answer = client.get(PATH, &[])?;
        waits.push(begun.elapsed());
        errors += usize::from(answer.status != 200 || answer.body.len() != 1024);
        std::thread::sleep(PAUSE);
    }
    Ok((waits, errors))
}

/// How many bytes came, and how many answers were not coded as asked.
fn ask_for_all(server: SocketAddr, coding: &str) -> (usize, usize) {
    let (mut bytes, mut failed) = (0, 0);
    let mut client = None;
    for index in 0..COLD_COUNT {
        let answered = (|| {
            if client.is_none() {
                client = Some(Client::connect(server)?);
            }
            let client = client.as_mut().ok_or("connected above")?;
            client.get(&cold_path(index), &[("Accept-Encoding", coding)])
        })();
        match answered {
            Ok(answer) if answer.field("content-encoding") == Some(coding) => {
                bytes += answer.body.len();
            }
            Ok(_) => failed += 1,
            Err(_) => {
                failed += 1;
                client = None;
            }
        }
    }
    (bytes, failed)
}
