//! The listeners of a configuration: bound, or taken over from systemd (`sd_listen_fds(3)`).
//!
//! 1. What was passed on, with its names.
//! 2. Each goes to the listener that names it, or has its address, or takes what is left.
//! 3. A listener that got none binds its address.

use std::env;

use daemun::{Config, InheritedSocket, ListenAddress, Listener, ServeError};
use listenfd::ListenFd;

/// Sockets that systemd opened for this process.
pub(super) struct PassedSockets(Vec<Passed>);

struct Passed {
    name: String,
    socket: InheritedSocket,
}

impl PassedSockets {
    /// To be called before there are threads: it takes the variables out of the environment, so that no child believes they are its own.
    pub(super) fn take() -> Self {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').map(str::to_owned);
        let mut descriptors = ListenFd::from_env();
        let sockets = (0..descriptors.len()).filter_map(|index| {
            let name = names.next().unwrap_or_default();
            let socket = take(&mut descriptors, index);
            if socket.is_none() {
                tracing::warn!(
                    "systemd passed on something that is no TCP or Unix stream socket: {name}"
                );
            }
            socket.map(|socket| Passed { name, socket })
        });
        Self(sockets.collect())
    }

    /// The listeners of the configuration, all of which accept connections from now on.
    pub(super) fn listen(self, config: &Config) -> Result<Vec<Listener>, ServeError> {
        let configured = config.listen();
        let mut shares: Vec<Vec<InheritedSocket>> = Vec::new();
        shares.resize_with(configured.len(), Vec::new);
        for Passed { name, socket } in self.0 {
            let address = socket.local_address().ok();
            let place = |wanted: &ListenAddress| {
                configured
                    .iter()
                    .position(|listen| listen.address() == wanted)
            };
            let taker = place(&ListenAddress::Systemd(Some(name.clone())))
                .or_else(|| place(address.as_ref()?))
                .or_else(|| place(&ListenAddress::Systemd(None)));
            match (taker, address) {
                (Some(place), _) => shares[place].push(socket),
                (None, Some(address)) => tracing::warn!(
                    "systemd passed on the socket {name} at {address}, which no [[listen]] names: nobody answers there"
                ),
                (None, None) => {
                    tracing::warn!("systemd passed on a socket without an address: {name}");
                }
            }
        }
        let mut listeners = Vec::new();
        for (listen, sockets) in configured.iter().zip(shares) {
            if sockets.is_empty() {
                listeners.push(Listener::bind(listen)?);
            }
            for socket in sockets {
                listeners.push(Listener::inherit(listen, socket)?);
            }
        }
        Ok(listeners)
    }
}

fn take(descriptors: &mut ListenFd, index: usize) -> Option<InheritedSocket> {
    // Each is asked for its kind, and stays where it is if it is another.
    if let Ok(Some(tcp)) = descriptors.take_tcp_listener(index) {
        return Some(tcp.into());
    }
    let unix = descriptors.take_unix_listener(index).ok().flatten();
    unix.map(InheritedSocket::from)
}
