//! What is told at the start: what is served, and where it is to be found.
//!
//! A terminal gets something that a person likes to read; anything else gets one plain line for each listener, which scripts rely on:
//! `listening on http://127.0.0.1:8080/`.

use std::{
    fmt::Write as _,
    io::IsTerminal as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::Path,
};

use daemun::{Config, ListenAddress, Listener};

/// Where a listener is, and what it speaks there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spoken {
    scheme: &'static str,
    address: ListenAddress,
}

/// Each once: handed over from another process, one may have several sockets.
pub(super) fn spoken(listeners: &[Listener]) -> Vec<Spoken> {
    let mut all: Vec<Spoken> = Vec::new();
    for listener in listeners {
        let spoken = Spoken {
            scheme: if listener.is_tls() { "https" } else { "http" },
            address: listener.local_address(),
        };
        if !all.contains(&spoken) {
            all.push(spoken);
        }
    }
    all
}

/// Tells it on standard error: standard output is the access log's.
pub(super) fn tell(
    config: &Config,
    (addresses, admin): (&[Spoken], &[Spoken]),
    file: Option<&Path>,
) {
    let terminal = std::io::stderr().is_terminal();
    let has_color = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let text = if terminal {
        friendly(config, (addresses, admin), file, has_color)
    } else {
        plain(config, addresses, admin)
    };
    eprint!("{text}");
}

/// The URL for a person on this machine, if there is one.
pub(super) fn local_url(addresses: &[Spoken]) -> Option<String> {
    addresses
        .iter()
        .find_map(|Spoken { scheme, address }| match address {
            ListenAddress::Tcp(tcp) => Some(url(scheme, &host_to_open(tcp.ip()), tcp.port())),
            ListenAddress::Unix(_) | ListenAddress::Systemd(_) => None,
        })
}

fn plain(config: &Config, addresses: &[Spoken], admin: &[Spoken]) -> String {
    let mut text = String::new();
    for docroot in config.docroots() {
        let _ = writeln!(text, "serving {}", docroot.display());
    }
    for (path, upstream) in config.forwards() {
        let _ = writeln!(text, "forwarding {path} to {upstream}");
    }
    // First: who waits for the listeners knows that there is nothing more to come.
    for (what, addresses) in [("admin", admin), ("listening", addresses)] {
        for Spoken { scheme, address } in addresses {
            let _ = match address {
                ListenAddress::Tcp(tcp) => writeln!(text, "{what} on {scheme}://{tcp}/"),
                ListenAddress::Unix(_) | ListenAddress::Systemd(_) => {
                    writeln!(text, "{what} on {address}")
                }
            };
        }
    }
    text
}

fn friendly(
    config: &Config,
    (addresses, admin): (&[Spoken], &[Spoken]),
    file: Option<&Path>,
    has_color: bool,
) -> String {
    let (bold, link, dim, off) = if has_color {
        ("\x1b[1m", "\x1b[36m", "\x1b[2m", "\x1b[0m")
    } else {
        ("", "", "", "")
    };
    let mut text = format!(
        "\n  {bold}Daemun{off} {dim}{}{off}\n\n",
        env!("CARGO_PKG_VERSION")
    );
    let mut tell = |label: &str, value: &str, style: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {label:<9}{style}{value}{off}");
    };
    if let Some(file) = file {
        tell(
            "Config",
            &format!("{} ({})", file.display(), config.summary()),
            "",
        );
    }
    for (position, docroot) in config.docroots().iter().enumerate() {
        tell(
            if position == 0 { "Serving" } else { "" },
            &docroot.display().to_string(),
            "",
        );
    }
    for (position, (path, upstream)) in config.forwards().iter().enumerate() {
        let label = if position == 0 { "Forward" } else { "" };
        tell(label, &format!("{path} → {upstream}"), "");
    }
    for Spoken { scheme, address } in addresses {
        match address {
            ListenAddress::Tcp(tcp) => {
                for (label, host) in hosts(*tcp) {
                    tell(label, &url(scheme, &host, tcp.port()), link);
                }
            }
            ListenAddress::Unix(path) => tell("Socket", &path.display().to_string(), ""),
            ListenAddress::Systemd(_) => tell("Socket", &address.to_string(), ""),
        }
    }
    for Spoken { scheme, address } in admin {
        match address {
            ListenAddress::Tcp(tcp) => {
                let url = url(scheme, &host_to_open(tcp.ip()), tcp.port());
                tell("Admin", &url, link);
            }
            other => tell("Admin", &other.to_string(), ""),
        }
    }
    let _ = writeln!(text, "\n  {dim}Press Ctrl+C to stop{off}\n");
    text
}

/// The hosts that lead to a listener, each with who can use it.
fn hosts(address: SocketAddr) -> Vec<(&'static str, String)> {
    let ip = address.ip();
    if ip.is_loopback() {
        return vec![("Local", host_to_open(ip))];
    }
    if !ip.is_unspecified() {
        return vec![("Network", host_to_open(ip))];
    }
    let mut hosts = vec![("Local", "localhost".to_owned())];
    match outgoing(ip.is_ipv6()) {
        Some(outgoing) => hosts.push(("Network", host_to_open(outgoing))),
        None => hosts.push(("Network", "every address of this machine".to_owned())),
    }
    hosts
}

/// The host to write in a URL. Browsers treat `localhost` as secure, and a person can remember it.
fn host_to_open(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(Ipv4Addr::LOCALHOST | Ipv4Addr::UNSPECIFIED)
        | IpAddr::V6(Ipv6Addr::UNSPECIFIED) => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn url(scheme: &str, host: &str, port: u16) -> String {
    match (scheme, port) {
        ("http", 80) | ("https", 443) => format!("{scheme}://{host}/"),
        _ => format!("{scheme}://{host}:{port}/"),
    }
}

/// The address that this machine would speak from to the rest of the world: the one that others in its network likely reach it by.
/// Connecting a UDP socket sends nothing; the system only picks a route.
fn outgoing(v6: bool) -> Option<IpAddr> {
    // Addresses set aside for documentation (RFC 5737, RFC 3849): nobody is there.
    let (any, somewhere): (SocketAddr, SocketAddr) = if v6 {
        (
            (Ipv6Addr::UNSPECIFIED, 0).into(),
            (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into(),
        )
    } else {
        (
            (Ipv4Addr::UNSPECIFIED, 0).into(),
            (Ipv4Addr::new(192, 0, 2, 1), 9).into(),
        )
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(somewhere).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
}
