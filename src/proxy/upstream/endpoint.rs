//! Where the servers of an upstream are: as configured, or what a name has come to.

use std::cmp::Ordering;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderValue;

use crate::config::upstream::{Protocol, ServerAddress, ServerConfig};
use crate::proxy::transport::{Target, TargetAddress};

/// One address, and what is to be told there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) address: TargetAddress,
    pub(super) host: Arc<str>,
    /// None: a Unix socket.
    pub(super) port: Option<u16>,
    pub(super) weight: u32,
    pub(super) is_backup: bool,
}

impl Endpoint {
    /// Where the configuration says it itself; none for what is to be resolved.
    pub(super) fn configured(config: &ServerConfig) -> Option<Self> {
        let (address, host, port) = match &config.address {
            ServerAddress::Socket(socket) => {
                let host = socket.ip().to_string();
                (TargetAddress::Socket(*socket), host, Some(socket.port()))
            }
            ServerAddress::Unix(path) => {
                let address = TargetAddress::Unix(Arc::from(path.as_path()));
                (address, String::from("localhost"), None)
            }
            ServerAddress::Name { .. } | ServerAddress::Service(_) => return None,
        };
        Some(Self {
            address,
            host: Arc::from(host),
            port,
            weight: config.weight,
            is_backup: config.is_backup,
        })
    }

    /// An address of a host.
    pub(super) fn resolved(config: &ServerConfig, host: &Arc<str>, ip: IpAddr, port: u16) -> Self {
        Self {
            address: TargetAddress::Socket(SocketAddr::new(ip, port)),
            host: Arc::clone(host),
            port: Some(port),
            weight: config.weight,
            is_backup: config.is_backup,
        }
    }

    pub(super) fn ip(&self) -> Option<IpAddr> {
        match &self.address {
            TargetAddress::Socket(socket) => Some(socket.ip()),
            TargetAddress::Unix(_) => None,
        }
    }

    /// Any order, as long as it is one.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let key = |of: &Self| (of.is_backup, of.ip(), of.port, of.weight);
        let by_key = key(self).cmp(&key(other));
        by_key.then_with(|| self.host.cmp(&other.host))
    }

    pub(super) fn target(&self, protocol: Protocol) -> Target {
        Target {
            address: self.address.clone(),
            protocol,
            host: Arc::clone(&self.host),
            authority: self.authority(protocol),
        }
    }

    /// `Host` of this server: without the port that goes without saying (RFC 9110 §4.2).
    fn authority(&self, protocol: Protocol) -> HeaderValue {
        let host = match self.host.parse() {
            Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
            _ => self.host.to_string(),
        };
        let default = if protocol.is_tls { 443 } else { 80 };
        let authority = match self.port {
            Some(port) if port != default => format!("{host}:{port}"),
            _ => host,
        };
        // Hosts are letters, digits, dots and hyphens, by the configuration or the name servers.
        HeaderValue::try_from(authority).unwrap_or_else(|_| HeaderValue::from_static("localhost"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn servers_are_told_the_name_that_they_are_configured_by() {
        let name = |host: &str, port| Endpoint {
            address: TargetAddress::Socket(SocketAddr::from(([10, 0, 0, 1], port))),
            host: Arc::from(host),
            port: Some(port),
            weight: 1,
            is_backup: false,
        };
        let configured = |address| {
            let config = ServerConfig {
                address,
                protocol: Protocol {
                    is_tls: false,
                    is_http2: false,
                },
                weight: 1,
                is_backup: false,
                max_connections: 0,
                id: None,
            };
            Endpoint::configured(&config).unwrap()
        };
        let socket = |text: &str| configured(ServerAddress::Socket(text.parse().unwrap()));
        let unix = configured(ServerAddress::Unix(PathBuf::from("/run/shop.sock")));
        for (endpoint, is_tls, expected) in [
            (name("app.internal", 8080), false, "app.internal:8080"),
            (name("app.internal", 80), false, "app.internal"),
            (name("app.internal", 80), true, "app.internal:80"),
            (name("app.internal", 443), true, "app.internal"),
            (socket("127.0.0.1:3000"), false, "127.0.0.1:3000"),
            (socket("[::1]:3000"), false, "[::1]:3000"),
            (unix, false, "localhost"),
        ] {
            let protocol = Protocol {
                is_tls,
                is_http2: false,
            };
            let target = endpoint.target(protocol);
            assert_eq!(target.authority, expected);
            assert!(!target.host.contains('['));
        }
    }
}
