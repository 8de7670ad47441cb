//! What systemd is told of the service (`sd_notify(3)`): datagrams of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names.
//!
//! Nothing is told when nobody asked, and nothing depends on whether it is heard.

use std::env;
use std::io;
use std::process;
use std::time::Duration;

use daemun::Config;
use rustix::time::{ClockId, clock_gettime};
use socket2::{Domain, SockAddr, Socket, Type};

/// Who is told, if anybody.
#[derive(Debug)]
pub(super) struct Notifier {
    supervisor: Option<(Socket, SockAddr)>,
    /// How long it waits for a sign of life before it starts the service again.
    patience: Option<Duration>,
}

impl Notifier {
    pub(super) fn from_environment() -> Self {
        let supervisor = env::var("NOTIFY_SOCKET").ok().and_then(|address| {
            connect(&address)
                .inspect_err(|error| {
                    tracing::warn!(%error, "cannot tell systemd anything at {address}");
                })
                .ok()
        });
        Self {
            supervisor,
            patience: watchdog(|name| env::var(name).ok(), process::id()),
        }
    }

    /// Listeners are bound, and connections are served as this configuration says.
    pub(super) fn ready(&self, config: &Config) {
        self.tell(&format!("READY=1\nSTATUS=Serving {}", config.summary()));
    }

    /// The configuration is read again; [`Notifier::ready`] must follow, however that ends.
    #[allow(dead_code, reason = "for those who reload")]
    pub(super) fn reloading(&self) {
        self.tell(&format!(
            "RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=Reading the configuration",
            monotonic_micros()
        ));
    }

    /// The service goes on in another process.
    #[allow(dead_code, reason = "for those who hand over")]
    pub(super) fn main_process(&self, id: u32) {
        self.tell(&format!("MAINPID={id}"));
    }

    /// No new connections; open responses are finished.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=Waiting for open responses to end");
    }

    /// Gives signs of life for as long as the runtime that waits for signals and workers gets to run; never ends.
    pub(super) async fn keep_watch(&self) {
        let Some(patience) = self.patience else {
            return std::future::pending().await;
        };
        loop {
            self.tell("WATCHDOG=1");
            tokio::time::sleep(patience / 2).await;
        }
    }

    fn tell(&self, what: &str) {
        let Some((socket, address)) = &self.supervisor else {
            return;
        };
        if let Err(error) = socket.send_to(what.as_bytes(), address) {
            tracing::debug!(%error, "systemd was not told {what:?}");
        }
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
