//! Where the server listens, as people write it.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use super::error::{ConfigError, Problem, quoted};
use crate::header::networks::Networks;
use crate::server::tls::Tls;

/// An address to listen on: TCP, or a Unix socket.
///
/// Written `8080` or `localhost:8080` (this machine only), `:8080` or `*:8080` (every IPv4 interface), `127.0.0.1:8080`,
/// `[::1]:8080`, `unix:/run/daemun.sock`. Port 0 lets the system choose a free port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// A TCP socket.
    Tcp(SocketAddr),
    /// A Unix stream socket at this path; a path that begins with `@` is a name in Linux's abstract namespace.
    Unix(PathBuf),
    /// The sockets that systemd opened for this process: those of this name, or all that no other listener takes.
    Systemd(Option<String>),
}

/// A listener as configured: where it listens, and what its connections begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    pub(crate) address: ListenAddress,
    /// Connections must begin with a header of the PROXY protocol, from one of these.
    pub(crate) proxy_protocol: Option<Networks>,
    /// None: plain HTTP.
    pub(crate) tls: Option<Tls>,
    /// Of a unix socket's file.
    pub(crate) access: SocketAccess,
}

/// Whose a unix socket's file is, and who may connect. What is `None` stays as the system makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SocketAccess {
    pub(crate) mode: Option<u32>,
    pub(crate) owner: Option<u32>,
    pub(crate) group: Option<u32>,
}

impl Listen {
    /// Where it is to listen; port 0 stands for any free one.
    pub fn address(&self) -> &ListenAddress {
        &self.address
    }

    /// Whether it speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

impl From<ListenAddress> for Listen {
    /// Plain HTTP at this address.
    fn from(address: ListenAddress) -> Self {
        Self {
            address,
            proxy_protocol: None,
            tls: None,
            access: SocketAccess::default(),
        }
    }
}

impl Default for ListenAddress {
    /// `127.0.0.1:8080`: nothing is offered to the network unless asked for.
    fn default() -> Self {
        Self::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)))
    }
}

impl fmt::Display for ListenAddress {
    /// A form that [`FromStr`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Systemd(None) => f.write_str("systemd"),
            Self::Systemd(Some(name)) => write!(f, "systemd:{name}"),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text).map_err(ConfigError::from)
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl ListenAddress {
    /// [`FromStr`] with the problem still to be located in a file.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" | "@" => Err(refusal(text, "a path must follow `unix:`")),
                path => Ok(Self::Unix(PathBuf::from(path))),
            };
        }
        if let Some(name) = text.strip_prefix("systemd") {
            return match name.strip_prefix(':') {
                None if name.is_empty() => Ok(Self::Systemd(None)),
                Some(name) if !name.is_empty() => Ok(Self::Systemd(Some(name.to_owned()))),
                _ => Err(refusal(
                    text,
                    "the name of a socket unit's `FileDescriptorName` follows `systemd:`",
                )),
            };
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self::Tcp(address));
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self::Tcp((Ipv4Addr::LOCALHOST, port(text, text)?).into()));
        }
        if text.parse::<IpAddr>().is_ok() {
            return Err(refusal(text, "the port is missing"));
        }
        if text.contains("//") {
            return Err(refusal(text, "an address is not a URL"));
        }
        let Some((host, port_text)) = text.rsplit_once(':') else {
            return Err(refusal(
                text,
                "it is neither a port nor an address with one",
            ));
        };
        let ip = match host {
            "" | "*" => Ipv4Addr::UNSPECIFIED,
            "localhost" => Ipv4Addr::LOCALHOST,
            _ if host.contains(':') => {
                return Err(refusal(text, "an IPv6 address is written in brackets"));
            }
            _ if host.parse::<Ipv4Addr>().is_ok() => Ipv4Addr::LOCALHOST, // its port is wrong: `port` says how
            _ => {
                return Err(refusal(
                    text,
                    "names other than `localhost` are not looked up",
                ));
            }
        };
        Ok(Self::Tcp((ip, port(text, port_text)?).into()))
    }
}

fn port(text: &str, port: &str) -> Result<u16, Problem> {
    match port {
        "" => Err(refusal(text, "the port is missing")),
        // `u16` alone would take "+80".
        _ if port.bytes().all(|byte| byte.is_ascii_digit()) => port
            .parse()
            .map_err(|_| refusal(text, "a port is at most 65535")),
        _ => Err(refusal(text, "the port is not a number")),
    }
}

fn refusal(text: &str, why: &str) -> Problem {
    Problem::new(format!(
        "{} is not an address to listen on: {why}",
        quoted(text)
    ))
    .help("write `8080`, `:8080`, `127.0.0.1:8080`, `[::1]:8080` or `unix:/run/daemun.sock`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_is_read() {
        for (text, want) in [
            ("8080", "127.0.0.1:8080"),
            ("0", "127.0.0.1:0"),
            (":8080", "0.0.0.0:8080"),
            ("*:80", "0.0.0.0:80"),
            ("localhost:3000", "127.0.0.1:3000"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::1]:8080", "[::1]:8080"),
            ("[::]:80", "[::]:80"),
            ("unix:/run/daemun.sock", "unix:/run/daemun.sock"),
            ("unix:run/daemun.sock", "unix:run/daemun.sock"),
            ("unix:@daemun", "unix:@daemun"),
            ("systemd", "systemd"),
            ("systemd:web", "systemd:web"),
        ] {
            let address: ListenAddress = text.parse().expect(text);
            assert_eq!(address.to_string(), want, "{text}");
            assert_eq!(
                address.to_string().parse::<ListenAddress>().expect(want),
                address
            );
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, why) in [
            ("", "neither"),
            ("public", "neither"),
            ("99999", "65535"),
            ("127.0.0.1", "port is missing"),
            ("::1", "port is missing"),
            ("127.0.0.1:", "port is missing"),
            ("127.0.0.1:99999", "65535"),
            ("127.0.0.1:http", "not a number"),
            ("localhost:+80", "not a number"),
            ("::1:8080x", "brackets"),
            ("example.com:80", "not looked up"),
            ("http://localhost:80", "not a URL"),
            ("unix:", "must follow"),
            ("unix:@", "must follow"),
            ("systemd:", "FileDescriptorName"),
            ("systemdx", "FileDescriptorName"),
        ] {
            let error = text.parse::<ListenAddress>().expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
