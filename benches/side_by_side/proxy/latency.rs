//! What a proxy adds to the time of an answer at a constant rate, far from what it can do at most.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::gateway;
use super::upstream::Upstream;
use crate::Result;
use crate::client::Client;
use crate::contender::{Contender, Kind};
use crate::document_root::DocumentRoot;
use crate::load;
use crate::measure::median;
use crate::options::Options;
use crate::process::{Running, own};

/// The first argument that makes this program the load.
pub(crate) const WORD: &str = "constant-load";

/// Requests a second.
pub(crate) const RATE: u32 = 1_000;

/// Connections that take turns, so that a late answer does not hold up the next request.
const CONNECTIONS: u32 = 10;

/// What is asked for.
const PATH: &str = "/1k.html";

/// One server's figures in milliseconds, each the median over the rounds.
pub(crate) struct Latency {
    /// None: the upstream itself, without a proxy.
    pub(crate) contender: Option<Contender>,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
    /// More than the upstream alone took in the same round.
    pub(crate) added_median_ms: f64,
    pub(crate) added_p99_ms: f64,
    /// To nginx in the same round, of the 99th percentile.
    pub(crate) ratio: f64,
    pub(crate) errors: f64,
}

/// What was measured of one server, turn by turn.
#[derive(Default)]
struct Turns {
    median_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    errors: f64,
}

/// Measures the upstream alone and every proxy, in turns.
pub(crate) fn measure(options: &Options, root: &DocumentRoot) -> Result<Vec<Latency>> {
    let upstream = Upstream::start(options, root)?;
    let forwards = upstream.forwards(options);
    let mut all = vec![(None, upstream.address(), Turns::default())];
    let mut running = Vec::new();
    for contender in gateway::contenders(&options.proxies, Some(forwards)) {
        match Running::start(contender, options, root) {
            Ok(server) => {
                all.push((Some(contender), server.address, Turns::default()));
                running.push(server);
            }
            Err(error) => println!("proxy-latency: not measured: {error}"),
        }
    }
    for (_, address, _) in &all {
        turn(*address, options.warm_up.max(1), options)?;
    }
    for _ in 0..options.rounds {
        for (_, address, turns) in &mut all {
            let counted = turn(*address, options.seconds, options)?;
            turns.median_ms.push(counted.median_ms);
            turns.p99_ms.push(counted.p99_ms);
            turns.errors += counted.errors;
        }
    }
    Ok(figures(&all))
}

fn turn(server: SocketAddr, seconds: u32, options: &Options) -> Result<load::Counted> {
    let mut command = own(options.load_core, WORD)?;
    command.args([server.to_string(), seconds.to_string()]);
    load::run_own(command)
}

fn figures(all: &[(Option<Contender>, SocketAddr, Turns)]) -> Vec<Latency> {
    let direct = &all[0].2;
    let is_nginx =
        |contender: &Option<Contender>| contender.is_some_and(|it| it.kind == Kind::Nginx);
    let nginx = all.iter().find(|(contender, ..)| is_nginx(contender));
    let (_, _, nginx) = nginx.unwrap_or(&all[0]);
    let by_round = |own: &[f64], other: &[f64], compare: fn(f64, f64) -> f64| {
        let rounds = own.iter().zip(other);
        median(rounds.map(|(own, other)| compare(*own, *other)).collect()).unwrap_or_default()
    };
    let less = |own: f64, other: f64| own - other;
    let figures = |(contender, _, turns): &(Option<Contender>, SocketAddr, Turns)| Latency {
        contender: *contender,
        median_ms: median(turns.median_ms.clone()).unwrap_or_default(),
        p99_ms: median(turns.p99_ms.clone()).unwrap_or_default(),
        added_median_ms: by_round(&turns.median_ms, &direct.median_ms, less),
        added_p99_ms: by_round(&turns.p99_ms, &direct.p99_ms, less),
        ratio: by_round(&turns.p99_ms, &nginx.p99_ms, |own, other| own / other),
        errors: turns.errors,
    };
    all.iter().map(figures).collect()
}

/// Asks at the times that the rate gives, whether or not the answers before have come, and says what each answer took.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [server, seconds] = arguments else {
        return Err("an address and seconds are needed".into());
    };
    let (server, seconds): (SocketAddr, u32) = (server.parse()?, seconds.parse()?);
    let begin = Instant::now() + Duration::from_millis(50);
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|first| {
            let times = (first..RATE * seconds).step_by(CONNECTIONS as usize);
            let times = times.map(move |turn| begin + Duration::from_secs(1) * turn / RATE);
            std::thread::spawn(move || ask(server, times))
        })
        .collect();
    let (mut errors, mut waits) = (0, Vec::new());
    for client in clients {
        let (failed, some) = client.join().map_err(|_| "a client panicked")?;
        errors += failed;
        waits.extend(some);
    }
    load::say(0, begin.elapsed().as_secs_f64(), errors, waits);
    Ok(())
}

/// Requests that failed, and what the others took.
fn ask(server: SocketAddr, times: impl Iterator<Item = Instant>) -> (usize, Vec<Duration>) {
    let (mut errors, mut waits, mut client) = (0, Vec::new(), Client::connect(server).ok());
    for time in times {
        // Who slept too long is the client, and that is no fault of the server; when the answer before came too late to ask in time, it is.
        let pause = time.saturating_duration_since(Instant::now());
        std::thread::sleep(pause);
        let begun = if pause.is_zero() {
            time
        } else {
            Instant::now()
        };
        let answered = (|| {
            if client.is_none() {
                client = Some(Client::connect(server)?);
            }
            let client = client.as_mut().ok_or("connected above")?;
            Result::Ok(client.get(PATH, &[])?.status)
        })();
        if matches!(answered, Ok(200)) {
            waits.push(begun.elapsed());
        } else {
            errors += 1;
            client = None;
        }
    }
    (errors, waits)
}
