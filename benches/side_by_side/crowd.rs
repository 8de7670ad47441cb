//! Many connections at once: what an idle one costs in memory, and whether all are served.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Result;
use crate::contender::{Contender, Kind};
use crate::document_root::DocumentRoot;
use crate::options::Options;
use crate::process::Running;

/// Idle connections, each after one answer.
pub(crate) const IDLE: usize = 10_000;

/// Resident memory that Daemun may use for one of them, in KiB.
pub(crate) const IDLE_TARGET_KIB: f64 = 1.5;

/// Connections that are opened and used at once.
pub(crate) const CROWD: usize = 15_000;

/// Descriptors that this program and the servers need.
const DESCRIPTORS: usize = 18_000;

/// How long any step of a connection may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// One server's figures.
pub(crate) struct Crowd {
    pub(crate) contender: Contender,
    pub(crate) idle_kib: f64,
    /// Of [`CROWD`] connections with three requests each.
    pub(crate) errors: usize,
}

/// Measures Daemun and nginx, each alone.
pub(crate) fn measure(options: &Options, root: &DocumentRoot) -> Result<Vec<Crowd>> {
    raise_descriptors()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut all = Vec::new();
    let compared = |kind: &&Kind| matches!(kind, Kind::Daemun | Kind::Nginx);
    for kind in options.servers.iter().filter(compared) {
        let contender = Contender {
            is_crowded: true,
            ..Contender::plain(*kind)
        };
        let running = Running::start(contender, options, root)?;
        let idle_kib = runtime.block_on(idle(&running))?;
        drop(running);
        let running = Running::start(contender, options, root)?;
        let errors = runtime.block_on(crowd(running.address));
        all.push(Crowd {
            contender,
            idle_kib,
            errors,
        });
    }
    Ok(all)
}

/// Resident memory that one idle connection adds.
async fn idle(server: &Running) -> Result<f64> {
    // What is made once, for the first connections, is no cost of the others.
    let mut held = open(server.address, 100).await?;
    let before = server.resident_kib();
    held.extend(open(server.address, IDLE).await?);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = server.resident_kib();
    drop(held);
    Ok(after.saturating_sub(before) as f64 / IDLE as f64)
}

async fn open(server: SocketAddr, count: usize) -> Result<Vec<TcpStream>> {
    let mut held = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = TcpStream::connect(server).await?;
        exchange(&mut stream).await?;
        held.push(stream);
    }
    Ok(held)
}

/// Opens all, then has all ask at once, three times; the number of those to whom anything went wrong.
async fn crowd(server: SocketAddr) -> usize {
    let start = std::sync::Arc::new(tokio::sync::Barrier::new(CROWD));
    let clients: Vec<_> = (0..CROWD)
        .map(|_| {
            let start = std::sync::Arc::clone(&start);
            tokio::spawn(async move {
                let stream = timeout(PATIENCE, TcpStream::connect(server)).await;
                start.wait().await;
                let mut stream = stream??;
                for _ in 0..3 {
                    timeout(PATIENCE, exchange(&mut stream)).await??;
                }
                std::io::Result::Ok(())
            })
        })
        .collect();
    let mut errors = 0;
    for client in clients {
        if !matches!(client.await, Ok(Ok(()))) {
            errors += 1;
        }
    }
    errors
}

/// Asks for 1 KiB and reads the answer.
async fn exchange(stream: &mut TcpStream) -> std::io::Result<()> {
    stream
        .write_all(b"GET /1k.html HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    loop {
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            if !answer.starts_with(b"HTTP/1.1 200 ") {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            if answer.len() >= end + 4 + 1024 {
                return Ok(());
            }
        }
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The servers inherit it.
fn raise_descriptors() -> Result<()> {
    let status = Command::new("prlimit")
        .args(["--pid", &std::process::id().to_string()])
        .arg(format!("--nofile={DESCRIPTORS}"))
        .stdin(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(format!("{DESCRIPTORS} open files are needed; see ulimit -n").into());
    }
    Ok(())
}
