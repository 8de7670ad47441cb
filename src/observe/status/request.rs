//! One request, in a line.

use serde::{Deserialize, Serialize};

/// A request that has ended. `daemun explain` tells more, as long as it is remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RequestSummary {
    /// What it is known by: `X-Request-Id`.
    pub id: String,
    /// When it came, in seconds since 1970.
    pub time: f64,
    /// The client's address; empty: a Unix socket.
    pub client: String,
    /// `GET`
    pub method: String,
    /// As the client named it.
    pub host: String,
    /// Path and query, as sent; cut where it is very long.
    pub target: String,
    /// `HTTP/1.1`, `HTTP/2.0`
    pub protocol: String,
    /// Of the answer; 499: the client left before there was one.
    pub status: u16,
    /// Bytes of the body that were sent.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// The first host of its site.
    pub site: String,
    /// The path of its route as configured.
    pub route: String,
    /// The server of an application that answered it, or was asked last.
    pub server: Option<String>,
    /// Why it was refused, in a word; see [`Rejection::reason`](crate::Rejection::reason).
    pub refused: Option<String>,
    /// The answer did not get whole to the client.
    pub is_aborted: bool,
}
