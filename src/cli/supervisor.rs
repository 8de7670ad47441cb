//! What a supervisor (systemd) is told of the server's life (`sd_notify(3)`): datagrams of `NAME=value` lines to the socket that
//! `NOTIFY_SOCKET` names.
//!
//! Nothing is told when nobody asked, and nothing depends on whether it is heard.

use std::convert::Infallible;
use std::env;
use std::io;
use std::process;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use socket2::{Domain, SockAddr, Socket, Type};

/// A moment that a supervisor waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// Connections are taken: at the start, and after a reload.
    Ready,
    /// The configuration is being read again; [`Moment::Ready`] follows, whatever comes of it.
    Reloading,
    /// The drain has begun.
    Stopping,
    /// This process goes on with the service.
    MainProcess(u32),
}

pub(super) fn tell(moment: Moment) {
    say(&match moment {
        Moment::Ready => "READY=1\nSTATUS=Serving".to_owned(),
        Moment::Reloading => format!(
            "RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=Reading the configuration",
            monotonic_micros()
        ),
        Moment::Stopping => "STOPPING=1\nSTATUS=Waiting for open responses to end".to_owned(),
        Moment::MainProcess(id) => format!("MAINPID={id}"),
    });
}

/// Gives signs of life for as long as the runtime that waits for signals and workers gets to run; never ends.
pub(super) async fn keep_watch() -> Infallible {
    let Some(patience) = watchdog(|name| env::var(name).ok(), process::id()) else {
        return std::future::pending().await;
    };
    loop {
        say("WATCHDOG=1");
        tokio::time::sleep(patience / 2).await;
    }
}

fn say(what: &str) {
    /// Opened once: later it may be out of reach.
    static SUPERVISOR: OnceLock<Option<(Socket, SockAddr)>> = OnceLock::new();
    let supervisor = SUPERVISOR.get_or_init(|| {
        let address = env::var("NOTIFY_SOCKET").ok()?;
        connect(&address)
            .inspect_err(
                |error| tracing::warn!(%error, "cannot tell the supervisor anything at {address}"),
            )
            .ok()
    });
    if let Some((socket, address)) = supervisor
        && let Err(error) = socket.send_to(what.as_bytes(), address)
    {
        tracing::debug!(%error, "the supervisor was not told {what:?}");
    }
}

/// A path, or `@` and a name in the abstract namespace.
fn connect(address: &str) -> io::Result<(Socket, SockAddr)> {
    let address = match address.strip_prefix('@') {
        Some(name) => SockAddr::unix(format!("\0{name}"))?,
        None if address.starts_with('/') => SockAddr::unix(address)?,
        None => return Err(io::ErrorKind::Unsupported.into()),
    };
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    // A supervisor that does not listen must not hold up the service.
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

/// The patience of a watchdog that watches this process (`sd_watchdog_enabled(3)`).
fn watchdog(variable: impl Fn(&str) -> Option<String>, own: u32) -> Option<Duration> {
    if variable("WATCHDOG_PID").is_some_and(|id| id.parse() != Ok(own)) {
        return None;
    }
    let micros = variable("WATCHDOG_USEC")?.parse().ok()?;
    (micros > 0).then(|| Duration::from_micros(micros))
}

fn monotonic_micros() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_this_process_s_own() {
        for (micros, id, want) in [
            (None, None, None),
            (Some("30000000"), None, Some(30)),
            (Some("30000000"), Some("7"), Some(30)),
            (Some("30000000"), Some("8"), None),
            (Some("30000000"), Some("x"), None),
            (Some("0"), Some("7"), None),
            (Some("x"), None, None),
            (None, Some("7"), None),
        ] {
            let variable = |name: &str| match name {
                "WATCHDOG_USEC" => micros.map(str::to_owned),
                "WATCHDOG_PID" => id.map(str::to_owned),
                _ => None,
            };
            assert_eq!(
                watchdog(variable, 7),
                want.map(Duration::from_secs),
                "{micros:?} {id:?}"
            );
        }
    }
}
