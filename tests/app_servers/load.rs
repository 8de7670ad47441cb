//! Constant load that counts what goes wrong.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::client::{Answer, Client};

/// How long a count may take to rise.
const PATIENCE: Duration = Duration::from_secs(30);

/// Connections that ask one thing after another, until the end.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

/// A method, a path, and a body.
pub(crate) type Ask = (&'static str, &'static str, &'static [u8]);

impl Load {
    /// `connections` of them, each with all of `asks` in turn; whatever `is_right` does not accept is a failure.
    pub(crate) fn start(
        address: SocketAddr,
        connections: usize,
        asks: &'static [Ask],
        is_right: fn(&Answer) -> bool,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU64::new(0));
        let threads = (0..connections)
            .map(|_| {
                let stop = Arc::clone(&stop);
                let answered = Arc::clone(&answered);
                thread::spawn(move || ask_on(address, asks, is_right, &stop, &answered))
            })
            .collect();
        Self {
            stop,
            answered,
            threads,
        }
    }

    /// Goes on until that many more were answered.
    pub(crate) fn go_on(&self, more: u64) {
        let until = self.answered.load(Ordering::Relaxed) + more;
        let deadline = Instant::now() + PATIENCE;
        while self.answered.load(Ordering::Relaxed) < until {
            assert!(Instant::now() < deadline, "the load has come to a halt");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it, and panics if anything went wrong.
    pub(crate) fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let failures: Vec<String> = self
            .threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("it does not panic"))
            .collect();
        let answered = self.answered.load(Ordering::Relaxed);
        assert!(
            failures.is_empty(),
            "{} of {} failed: {:#?}",
            failures.len(),
            answered + failures.len() as u64,
            &failures[..failures.len().min(10)]
        );
        answered
    }
}

fn ask_on(
    address: SocketAddr,
    asks: &[Ask],
    is_right: fn(&Answer) -> bool,
    stop: &AtomicBool,
    answered: &AtomicU64,
) -> Vec<String> {
    let began = Instant::now();
    let mut client = Client::new(address);
    let mut failures = Vec::new();
    for (method, path, body) in asks.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let failure = match client.request(method, path, &[], body) {
            Ok(answer) if is_right(&answer) => {
                answered.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            Ok(answer) => format!(
                "{} {:?}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            ),
            Err(error) => error.to_string(),
        };
        failures.push(format!("{:?}: {method} {path}: {failure}", began.elapsed()));
        client = Client::new(address);
        thread::sleep(Duration::from_millis(10));
    }
    failures
}
