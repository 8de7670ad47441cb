//! Requests in sum.

use serde::{Deserialize, Serialize};

/// Requests of some time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Traffic {
    /// The time that this is about.
    pub seconds: f64,
    /// Requests that ended in it.
    pub requests: u64,
    /// Bytes of bodies that were sent.
    pub bytes: u64,
    /// Answers by status.
    pub statuses: Statuses,
    /// Answers that did not get whole to the client, for whatever reason.
    pub aborted: u64,
    /// How long requests took, from their first byte to the last byte of the answer.
    pub latency: Latency,
}

/// How many answers had a status of each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Statuses {
    /// Informational; in the end only 101, a switch of protocols.
    pub informational: u64,
    /// 2xx
    pub success: u64,
    /// 3xx
    pub redirection: u64,
    /// 4xx; clients that left before they were answered (499) among them.
    pub client_error: u64,
    /// 5xx
    pub server_error: u64,
}

/// Quantiles of times, in seconds; true to about a tenth. None, where there was no request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Latency {
    /// Half of the requests were as fast.
    pub p50: Option<f64>,
    /// 90 of 100 were.
    pub p90: Option<f64>,
    /// 99 of 100 were.
    pub p99: Option<f64>,
    /// All were.
    pub max: Option<f64>,
}

/// Five seconds of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Moment {
    /// When it began, in seconds since 1970.
    pub start: f64,
    /// How long it lasted: five seconds, but for the last one.
    pub seconds: f64,
    /// Requests that ended in it.
    pub requests: u64,
    /// Of those, with a status from 500 on.
    pub server_errors: u64,
    /// Bytes of bodies.
    pub bytes: u64,
    /// Quantiles of their times.
    pub latency: Latency,
}

/// The requests of one route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RouteTraffic {
    /// The first host of the site, `*` for one of every host; empty: no site was found, or a program's own router answered.
    pub site: String,
    /// The path of the route as configured; empty: none of the site's routes, its files answered.
    pub route: String,
    /// The application that it leads to.
    pub upstream: Option<String>,
    /// Since the start. Its quantiles are estimates from the counts of `/metrics`, and its longest time is not known.
    pub traffic: Traffic,
}
