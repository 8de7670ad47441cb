//! Resolved upstreams, and the routes that lead to them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};

use super::CompressionConfig;
pub(crate) use crate::proxy::target::Dialect;
use crate::static_files::Settings;

/// An application, and the servers that it runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UpstreamConfig {
    pub(crate) name: Arc<str>,
    /// At least one.
    pub(crate) servers: Vec<ServerConfig>,
    pub(crate) balance: Balance,
    pub(crate) sticky: Option<Sticky>,
    /// How long a server that has come (back) takes to get its full share. Zero: it gets it at once.
    pub(crate) slow_start: Duration,
    pub(crate) health: Option<HealthCheck>,
    pub(crate) ejection: Ejection,
    pub(crate) timeouts: Timeouts,
    pub(crate) pool: PoolConfig,
    pub(crate) queue: QueueConfig,
    /// Whether a failed attempt may be made again elsewhere, within about a fifth of the requests.
    pub(crate) retries: bool,
    pub(crate) tls: UpstreamTls,
    /// Most bytes in the head of an answer.
    pub(crate) header_size: usize,
    /// Name servers to ask. Empty: those of the system.
    pub(crate) resolvers: Vec<SocketAddr>,
}

/// One of the servers of an upstream, as configured; a name may come to several addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerConfig {
    pub(crate) address: ServerAddress,
    pub(crate) protocol: Protocol,
    /// 1 to 1000.
    pub(crate) weight: u32,
    /// Gets requests only while no other server can be had.
    pub(crate) is_backup: bool,
    /// Requests at a time. 0: any number.
    pub(crate) max_connections: usize,
    /// What session cookies name it by, such as Tomcat's `jvmRoute`.
    pub(crate) id: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ServerAddress {
    Socket(SocketAddr),
    /// Resolved, and again when what was learnt has aged.
    Name {
        host: Box<str>,
        port: u16,
    },
    /// A service (RFC 2782): hosts, ports and weights are the name servers' to say.
    Service(Box<str>),
    Unix(PathBuf),
}

/// What is spoken with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Protocol {
    pub(crate) is_tls: bool,
    pub(crate) is_http2: bool,
}

impl UpstreamConfig {
    /// With all defaults.
    pub(crate) fn new(name: impl Into<Arc<str>>, servers: Vec<ServerConfig>) -> Self {
        Self {
            name: name.into(),
            servers,
            balance: Balance::PowerOfTwo,
            sticky: None,
            slow_start: Duration::ZERO,
            health: None,
            ejection: Ejection::default(),
            timeouts: Timeouts::default(),
            pool: PoolConfig::default(),
            queue: QueueConfig::default(),
            retries: true,
            tls: UpstreamTls::default(),
            header_size: 256 << 10,
            resolvers: Vec::new(),
        }
    }
}

impl ProxyConfig {
    /// With all defaults.
    pub(crate) fn new(upstream: UpstreamConfig) -> Self {
        Self {
            upstream: Arc::new(upstream),
            files: None,
            rewrite_prefix: None,
            host: HostPolicy::Client,
            encoded_slashes: false,
            forwarded: false,
            request_headers: Vec::new(),
            hide_headers: Vec::new(),
            intercept: Vec::new(),
            accel: None,
            compress: None,
        }
    }
}

impl ServerConfig {
    /// With all defaults.
    pub(crate) fn new(address: ServerAddress, protocol: Protocol) -> Self {
        Self {
            address,
            protocol,
            weight: 1,
            is_backup: false,
            max_connections: 0,
            id: None,
        }
    }
}

impl Protocol {
    pub(crate) const HTTP: Self = Self {
        is_tls: false,
        is_http2: false,
    };
    pub(crate) const HTTPS: Self = Self {
        is_tls: true,
        is_http2: false,
    };
    /// HTTP/2 without TLS.
    pub(crate) const H2C: Self = Self {
        is_tls: false,
        is_http2: true,
    };
    /// HTTP/2 over TLS.
    pub(crate) const H2: Self = Self {
        is_tls: true,
        is_http2: true,
    };
}

impl HealthCheck {
    /// With all defaults.
    pub(crate) fn new(path: impl Into<Box<str>>) -> Self {
        Self {
            path: path.into(),
            host: None,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            rise: 2,
            fall: 3,
            statuses: vec![(200, 399)],
            body: None,
        }
    }
}

impl Default for Ejection {
    fn default() -> Self {
        Self {
            after: 3,
            time: Duration::from_secs(5),
            most: Duration::from_secs(5 * 60),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            tunnel_idle: Duration::from_secs(60 * 60),
        }
    }
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            size: 64,
            idle: Duration::from_secs(60),
        }
    }
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            size: 1_000,
            timeout: Duration::from_secs(10),
        }
    }
}

impl Default for UpstreamTls {
    fn default() -> Self {
        Self {
            ca: None,
            verify: true,
            server_name: None,
            client: None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Balance {
    /// Of two servers taken at random, the one with fewer requests under way for its weight.
    PowerOfTwo,
    RoundRobin,
    LeastConnections,
    /// The same key, the same server, as long as it is there.
    Hash(HashKey),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HashKey {
    Client,
    Header(HeaderName),
    Cookie(Box<str>),
    Path,
}

/// How a client comes back to the server that knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sticky {
    /// By a cookie of the proxy's own, with this name.
    Cookie(Box<str>),
    /// By the application's cookie or path parameter of this name (`JSESSIONID`, `;jsessionid=`): what follows its last dot is a server's `id`.
    Route(Box<str>),
}

/// Asks each server by itself whether it is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HealthCheck {
    /// Path and query.
    pub(crate) path: Box<str>,
    /// `Host`. None: the server's own name.
    pub(crate) host: Option<HeaderValue>,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    /// Checks in a row that must pass, or fail, to change the verdict; at least 1.
    pub(crate) rise: u32,
    pub(crate) fall: u32,
    /// Statuses that pass, from the first to the last of each.
    pub(crate) statuses: Vec<(u16, u16)>,
    /// What the first 64 KiB of the body must contain.
    pub(crate) body: Option<Box<str>>,
}

/// When a server is left out for what became of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ejection {
    /// Failures in a row. 0: never.
    pub(crate) after: u32,
    /// For how long the first time; longer each time, up to `most`.
    pub(crate) time: Duration,
    pub(crate) most: Duration,
}

/// Zero: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// A connection, its TLS handshake included.
    pub(crate) connect: Duration,
    /// From the last byte of the request that was sent to the first of the answer.
    pub(crate) first_byte: Duration,
    /// Between two bytes, either way.
    pub(crate) idle: Duration,
    /// Between two bytes of a tunnel, in either direction.
    pub(crate) tunnel_idle: Duration,
}

/// Connections that wait for the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolConfig {
    /// Of each worker, for each server. 0: none is kept.
    pub(crate) size: usize,
    /// How long one may wait.
    pub(crate) idle: Duration,
}

/// Requests that wait for a server to have room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueConfig {
    pub(crate) size: usize,
    pub(crate) timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UpstreamTls {
    /// Authorities to trust, in PEM. None: the system's.
    pub(crate) ca: Option<PathBuf>,
    /// Whether certificates are verified.
    pub(crate) verify: bool,
    /// The name asked for (SNI) and expected. None: the host of the server's address.
    pub(crate) server_name: Option<Box<str>>,
    /// Certificate chain and key to show, in PEM.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
}

impl UpstreamTls {
    /// Every file that is read for it.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let pair = self.client.iter().flat_map(|(cert, key)| [cert, key]);
        self.ca.iter().chain(pair).map(PathBuf::as_path)
    }
}

/// How a route forwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProxyConfig {
    pub(crate) upstream: Arc<UpstreamConfig>,
    /// Files that are tried first.
    pub(crate) files: Option<Settings>,
    /// What takes the place of the route's prefix, with a slash at its end: `/` for `strip_prefix`. None: the path goes on as it is.
    pub(crate) rewrite_prefix: Option<Box<str>>,
    pub(crate) host: HostPolicy,
    /// Whether `%2F` and `%5C` in paths go on; otherwise they are refused.
    pub(crate) encoded_slashes: bool,
    /// Whether `Forwarded` (RFC 7239) is sent as well.
    pub(crate) forwarded: bool,
    /// Set on each request, over what the client sent.
    pub(crate) request_headers: Vec<(HeaderName, HeaderValue)>,
    /// Fields of answers that clients do not get.
    pub(crate) hide_headers: Vec<HeaderName>,
    /// Statuses whose answers are replaced by the site's page.
    pub(crate) intercept: Vec<StatusCode>,
    /// Where the application may have files sent from, by `X-Accel-Redirect` or `X-Sendfile`.
    pub(crate) accel: Option<Accel>,
    /// How compressible answers are compressed. None: they are not.
    pub(crate) compress: Option<Arc<CompressionConfig>>,
}

/// Which `Host` a server is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostPolicy {
    /// The one that the client asked for.
    Client,
    /// That of the server's address.
    Server,
    Fixed(HeaderValue),
}

impl Dialect {
    pub(crate) const NAMES: [(&str, Self); 2] =
        [("plain", Self::Plain), ("servlet", Self::Servlet)];
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accel {
    pub(crate) files: Settings,
    /// What `X-Accel-Redirect` paths begin with, with a slash at its end; it is taken off.
    pub(crate) prefix: Box<str>,
}
