//! What minutes of mixed requests, many of them broken off by one side or the other, leave behind in a proxy.

use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::gateway;
use super::mixed;
use super::upstream::Upstream;
use crate::Result;
use crate::contender::Contender;
use crate::document_root::DocumentRoot;
use crate::load;
use crate::options::Options;
use crate::process::{Running, own};

/// What memory may grow to, from what it is after the warm-up.
pub(crate) const GROWTH_TARGET: f64 = 1.1;

/// Descriptors that may be open after the soak beyond those before it: connections to the upstream that are kept.
pub(crate) const DESCRIPTORS_TARGET: usize = 16;

/// The warm-up: memory for what goes on at a time is taken in it.
const WARM_UP: Duration = Duration::from_secs(30);

/// After a load, until what it left behind is looked at.
const SETTLE: Duration = Duration::from_secs(3);

/// Between two looks at the memory during the soak.
const LOOK: Duration = Duration::from_secs(5);

/// One server's figures.
pub(crate) struct Soak {
    pub(crate) contender: Contender,
    /// After the warm-up.
    pub(crate) before: Left,
    pub(crate) most_kib: u64,
    pub(crate) after: Left,
    /// Answers that came whole.
    pub(crate) answers: f64,
    /// Requests that should have been answered and were not; this many of them in the soak.
    pub(crate) errors: f64,
}

/// What a server holds when nobody asks for anything.
#[derive(Clone, Copy)]
pub(crate) struct Left {
    pub(crate) resident_kib: u64,
    pub(crate) descriptors: usize,
}

impl Left {
    fn by(server: &Running) -> Self {
        Self {
            resident_kib: server.resident_kib(),
            descriptors: server.descriptors(),
        }
    }
}

/// Soaks every proxy, all at the same time: it is not their speed that counts.
pub(crate) fn measure(options: &Options, root: &DocumentRoot) -> Result<Vec<Soak>> {
    let upstream = Upstream::start(options, root)?;
    let forwards = upstream.forwards(options);
    let mut servers = Vec::new();
    for contender in gateway::contenders(&options.proxies, Some(forwards)) {
        match Running::start(contender, options, root) {
            Ok(running) => servers.push(running),
            Err(error) => println!("proxy-soak: not measured: {error}"),
        }
    }
    let time = Duration::from_secs(60) * options.minutes.max(1);
    soak(&servers, WARM_UP.min(time / 10), options)?;
    let before: Vec<Left> = servers.iter().map(Left::by).collect();
    let soaked = soak(&servers, time, options)?;
    let figures = servers.iter().zip(before).zip(soaked);
    let figures = figures.map(|((server, before), (counted, most_kib))| Soak {
        contender: server.contender,
        before,
        most_kib,
        after: Left::by(server),
        answers: counted.requests,
        errors: counted.errors,
    });
    Ok(figures.collect())
}

/// Loads all servers for so long: what each has answered, and the most memory that it was seen to have.
fn soak(
    servers: &[Running],
    time: Duration,
    options: &Options,
) -> Result<Vec<(load::Counted, u64)>> {
    let mut loads = Vec::new();
    for server in servers {
        loads.push(Load::begin(server.address, time, options)?);
    }
    let end = Instant::now() + time;
    let mut most = vec![0; servers.len()];
    while Instant::now() < end {
        std::thread::sleep(LOOK.min(end.saturating_duration_since(Instant::now())));
        for (server, most) in servers.iter().zip(&mut most) {
            *most = server.resident_kib().max(*most);
        }
    }
    let ended: Result<Vec<_>> = loads.into_iter().map(Load::end).collect();
    std::thread::sleep(SETTLE);
    Ok(ended?.into_iter().zip(most).collect())
}

/// The load of one server on the load's core, stopped when this value goes away.
struct Load(Option<Child>);

impl Load {
    fn begin(server: SocketAddr, time: Duration, options: &Options) -> Result<Self> {
        let child = own(options.load_core, mixed::WORD)?
            .args([server.to_string(), time.as_secs().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self(Some(child)))
    }

    fn end(mut self) -> Result<load::Counted> {
        let child = self.0.take().ok_or("ended twice")?;
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        load::counted(&said).ok_or_else(|| format!("soak: {said}").into())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
