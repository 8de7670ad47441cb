//! A normal client beside a thousand slow ones.

use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::client::Client;
use crate::contender::{Contender, Kind};
use crate::document_root::DocumentRoot;
use crate::options::Options;
use crate::process::{Running, pinned};

/// The attacks of slowhttptest, each with what it is called.
pub(crate) const ATTACKS: &[(&str, &[&str])] = &[
    ("slow heads", &["-H", "-i", "1"]),
    ("slow bodies", &["-B", "-i", "1", "-s", "8192"]),
    ("ranges", &["-R", "-a", "10", "-b", "3000"]),
    (
        "slow reads",
        &["-X", "-n", "1", "-z", "16", "-w", "256", "-y", "1024"],
    ),
];

/// Connections of an attack.
const CONNECTIONS: &str = "1000";

/// What an attack may make of a normal client's 99th percentile.
pub(crate) const P99_TARGET: f64 = 2.0;

/// Between two requests of the normal client.
const PAUSE: Duration = Duration::from_millis(2);

/// One server's figures, in milliseconds.
pub(crate) struct Slow {
    pub(crate) contender: Contender,
    pub(crate) quiet_p99_ms: f64,
    /// One for each of [`ATTACKS`].
    pub(crate) attacked_p99_ms: Vec<f64>,
    pub(crate) errors: usize,
}

/// Measures Daemun and nginx, each alone.
pub(crate) fn measure(options: &Options, root: &DocumentRoot) -> Result<Vec<Slow>> {
    let mut all = Vec::new();
    let compared = |kind: &&Kind| matches!(kind, Kind::Daemun | Kind::Nginx);
    for kind in options.servers.iter().filter(compared) {
        let contender = Contender::plain(*kind);
        let running = Running::start(contender, options, root)?;
        let mut errors = 0;
        // The connections come and go in a few seconds; what follows is the attack itself.
        let time = Duration::from_secs((options.seconds * 3).into());
        let quiet_p99_ms = watch(running.address, time, &mut errors);
        let mut attacked_p99_ms = Vec::new();
        for (_, arguments) in ATTACKS {
            let attack = Attack::begin(arguments, running.address, time, options)?;
            std::thread::sleep(Duration::from_millis(1500));
            attacked_p99_ms.push(watch(running.address, time, &mut errors));
            drop(attack);
        }
        all.push(Slow {
            contender,
            quiet_p99_ms,
            attacked_p99_ms,
            errors,
        });
    }
    Ok(all)
}

/// The 99th percentile of what a normal client waits for its answers. Now and then it comes anew, as clients do.
fn watch(server: SocketAddr, time: Duration, errors: &mut usize) -> f64 {
    let until = Instant::now() + time;
    let (mut waits, mut client) = (Vec::new(), None);
    while Instant::now() < until {
        let begun = Instant::now();
        let answered = (|| {
            if waits.len() % 50 == 0 || client.is_none() {
                client = Some(Client::connect(server)?);
            }
            let client = client.as_mut().ok_or("connected above")?;
            Result::Ok(client.get("/1k.html", &[])?.status)
        })();
        if !matches!(answered, Ok(200)) {
            *errors += 1;
            client = None;
        }
        waits.push(begun.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(PAUSE);
    }
    waits.sort_by(f64::total_cmp);
    waits[waits.len() * 99 / 100]
}

/// slowhttptest on the load's core, stopped when this value goes away.
struct Attack(Child);

impl Attack {
    fn begin(
        arguments: &[&str],
        server: SocketAddr,
        time: Duration,
        options: &Options,
    ) -> Result<Self> {
        let child = pinned(options.load_core)
            .arg("slowhttptest")
            .args(arguments)
            .args(["-c", CONNECTIONS, "-r", CONNECTIONS, "-v", "0", "-p", "30"])
            .args(["-l", &(time.as_secs() + 5).to_string()])
            .args(["-u", &format!("http://{server}/100k.js")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
