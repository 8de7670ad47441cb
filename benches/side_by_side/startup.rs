//! What a server costs before it has done anything: memory, and the time until it answers.

use std::time::{Duration, Instant};

use crate::Result;
use crate::client::Client;
use crate::contender::{Contender, Kind};
use crate::document_root::DocumentRoot;
use crate::measure::median;
use crate::options::Options;
use crate::process::Running;

/// How often each server is started.
const STARTS: usize = 10;

/// How long a server may take to its first answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Resident memory that Daemun may use with an empty cache, in KiB.
pub(crate) const RESIDENT_TARGET_KIB: u64 = 12 * 1024;

/// Time from exec to the first byte of an answer that Daemun may take, in milliseconds.
pub(crate) const FIRST_BYTE_TARGET_MS: f64 = 30.0;

/// One server's figures.
pub(crate) struct Startup {
    pub(crate) contender: Contender,
    /// Of all its processes, after the start and before the first request.
    pub(crate) resident_kib: u64,
    /// Median, with about a millisecond of `taskset` and `setpriv` in it.
    pub(crate) first_byte_ms: f64,
}

/// Measures each server alone.
pub(crate) fn measure(options: &Options, root: &DocumentRoot) -> Result<Vec<Startup>> {
    let mut all = Vec::new();
    let same_start = |kind: &&Kind| **kind != Kind::NginxUncorked;
    for kind in options.servers.iter().filter(same_start) {
        let contender = Contender::plain(*kind);
        let running = match Running::start(contender, options, root) {
            Ok(running) => running,
            // A peer that does not start costs its own figures, not those of the others.
            Err(error) if *kind != Kind::Daemun => {
                println!("startup: not measured: {error}");
                continue;
            }
            Err(error) => return Err(error),
        };
        // Threads and workers that start lazily have started by then.
        std::thread::sleep(Duration::from_millis(300));
        let resident_kib = running.resident_kib();
        drop(running);
        let times = (0..STARTS)
            .map(|_| first_byte(contender, options, root))
            .collect::<Result<Vec<f64>>>()?;
        let first_byte_ms = median(times).ok_or("no start was measured")?;
        all.push(Startup {
            contender,
            resident_kib,
            first_byte_ms,
        });
    }
    Ok(all)
}

/// Milliseconds from starting a server to its first answer.
fn first_byte(contender: Contender, options: &Options, root: &DocumentRoot) -> Result<f64> {
    let begin = Instant::now();
    let running = Running::spawn(contender, options, root)?;
    while begin.elapsed() < PATIENCE {
        if let Ok(mut client) = Client::connect(running.address) {
            let answer = client.get("/1k.html", &[])?;
            let elapsed = begin.elapsed().as_secs_f64() * 1e3;
            return if answer.status == 200 {
                Ok(elapsed)
            } else {
                Err(format!("status {}", answer.status).into())
            };
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Err(format!("{} did not answer", contender.name()).into())
}
