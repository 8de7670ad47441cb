//! What is told of a running server as a whole: the status page, `daemun top`, `daemun status` and `GET /status` all show this.
//!
//! Times are seconds since 1970 (UTC) where something happened at them, and seconds where something took them.

mod request;
mod traffic;
mod upstream;

use serde::{Deserialize, Serialize};

pub use self::request::RequestSummary;
pub use self::traffic::{Latency, Moment, RouteTraffic, Statuses, Traffic};
pub use self::upstream::{ServerStatus, UpstreamStatus};

/// A server at one moment. It is written as JSON, and read again by the commands that show it: fields may be added, and are
/// then at their defaults for whoever reads an older one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Status {
    /// Of the program.
    pub version: String,
    /// Of the process.
    pub pid: u32,
    /// The moment that all of this is about.
    pub now: f64,
    /// When the server began to serve.
    pub started: f64,
    /// Where it listens, as in the configuration: `0.0.0.0:80`, `unix:/run/daemun.sock`.
    pub listeners: Vec<String>,
    /// Threads that serve connections.
    pub workers: usize,
    /// Whether it takes requests: see [`Readiness`].
    pub readiness: Readiness,
    /// The configuration and its reloads.
    pub configuration: ConfigurationStatus,
    /// Requests are neither counted nor remembered, as the configuration wants it: what is told of them is what was before.
    pub is_uncounted: bool,
    /// All requests since the start.
    pub total: Traffic,
    /// Those of the last ten seconds.
    pub last_10s: Traffic,
    /// Those of the last five minutes.
    pub last_5m: Traffic,
    /// The last five minutes, in steps of five seconds, oldest first; the last step is not over yet.
    pub history: Vec<Moment>,
    /// Requests being answered at the moment.
    pub in_flight: u64,
    /// By site and route, since the start; those with most requests first.
    pub routes: Vec<RouteTraffic>,
    /// Refused requests since the start by their reason (see [`Rejection::reason`](crate::Rejection::reason)), most frequent first.
    pub refused: Vec<(String, u64)>,
    /// Connections of clients.
    pub connections: ConnectionStatus,
    /// Files in memory.
    pub cache: CacheStatus,
    /// Content codings made by the server itself.
    pub coding: CodingStatus,
    /// The applications, in the order of the configuration.
    pub upstreams: Vec<UpstreamStatus>,
    /// Of listeners with TLS.
    pub certificates: Vec<CertificateStatus>,
    /// The slowest requests of the last minutes, slowest first.
    pub slowest: Vec<RequestSummary>,
    /// Requests of the last minutes that failed: answered with a status from 500 on, broken off, or refused; newest first.
    pub failing: Vec<RequestSummary>,
    /// What the process takes of the machine.
    pub process: ProcessStatus,
}

/// Whether the server takes requests, and what stands against it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Readiness {
    /// It listens, is not on its way out, and each route to an application finds a server that is not known to be out.
    pub is_ready: bool,
    /// Why not, one sentence each; empty when it is.
    pub reasons: Vec<String>,
    /// It was told to stop: answers under way are finished.
    pub is_draining: bool,
}

/// Which configuration counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ConfigurationStatus {
    /// The file, where there is one.
    pub file: Option<String>,
    /// Since when it counts.
    pub since: f64,
    /// `1 site, 3 routes, 2 listeners`.
    pub summary: String,
    /// Reloads that took.
    pub reloads: u64,
    /// Reloads that were refused, by which nothing changed.
    pub failed_reloads: u64,
    /// Why the last reload was refused; none, when it took, or there was none.
    pub last_error: Option<String>,
}

/// Connections of clients, over all listeners.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ConnectionStatus {
    /// At the moment.
    pub open: u64,
    /// The most that may be open; more wait in the system's queue.
    pub limit: u64,
    /// Since the start.
    pub accepted: u64,
    /// Closed at once, as their client had too many (`limits.connections_per_client`).
    pub refused: u64,
    /// TLS handshakes that were done.
    pub handshakes: u64,
    /// Of those, with a session from before.
    pub resumed: u64,
    /// TLS handshakes that came to nothing.
    pub failed_handshakes: u64,
}

/// The representation cache.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CacheStatus {
    /// Requests for files that were held and still the ones on the disk.
    pub hits: u64,
    /// Requests for files that had to be opened.
    pub misses: u64,
    /// Representations that gave way to others.
    pub evictions: u64,
    /// Representations held: files, and codings of files.
    pub entries: u64,
    /// Bytes held.
    pub bytes: u64,
    /// The most that may be held, in bytes.
    pub capacity: u64,
}

/// Content codings made by the server: `br`, `zstd`, `gzip`, `dcb`, `dcz`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CodingStatus {
    /// Files coded, each coding of each file once.
    pub made: u64,
    /// Those that were not worth it, or failed.
    pub given_up: u64,
    /// Jobs that wait or are under way.
    pub waiting: u64,
    /// Bytes that went in.
    pub bytes_in: u64,
    /// Bytes that came out.
    pub bytes_out: u64,
    /// Time of threads that it took.
    pub seconds: f64,
}

/// A certificate that a listener shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CertificateStatus {
    /// The names that it is for.
    pub names: Vec<String>,
    /// From when on it is valid.
    pub not_before: f64,
    /// Until when.
    pub not_after: f64,
}

/// What the process takes. Zero where the system does not tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ProcessStatus {
    /// Seconds of processors, in the program and in the kernel for it.
    pub cpu_seconds: f64,
    /// Memory in use, in bytes.
    pub resident_bytes: u64,
    /// Descriptors in use.
    pub open_descriptors: u64,
    /// Descriptors that it may have.
    pub most_descriptors: u64,
    /// Threads.
    pub threads: u64,
    /// When it began.
    pub started: f64,
}
