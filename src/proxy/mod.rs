//! A request is forwarded to a server of an upstream, and what it answers goes back.
//!
//! 1. The path is in its normal form, by which the route was found.
//! 2. A server is picked, and a connection to it taken from the pool or made.
//! 3. The request goes on without what concerned the hop before, with who asked.
//! 4. What came back goes to the client without what concerned this hop; or another server is tried; or it is told whose fault it was.

pub(crate) mod accel;
mod answer;
mod attempt;
pub(crate) mod caller;
mod failure;
pub(crate) mod far_end;
pub(crate) mod fields;
pub(crate) mod mount;
mod rehearsal;
pub(crate) mod request;
pub(crate) mod request_body;
pub(crate) mod response;
mod service;
mod switch;
pub(crate) mod target;
mod traced;
pub(crate) mod transport;
pub(crate) mod tunnel;
pub(crate) mod upstream;

pub(crate) use rehearsal::NotSent;
pub use service::{Proxy, Upstream};
pub use upstream::{ServerState, State};

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::config::upstream::ProxyConfig;
use crate::observe::story::Story;
use crate::static_files::Refusal;
use crate::static_files::body::Body;
use caller::Caller;

/// Forwards to an upstream, as a route says.
#[derive(Clone, Debug)]
pub(crate) struct Forwarder {
    upstream: Arc<upstream::Upstream>,
    config: Arc<ProxyConfig>,
}

impl Forwarder {
    pub(crate) fn new(upstream: Arc<upstream::Upstream>, config: &ProxyConfig) -> Self {
        let config = Arc::new(config.clone());
        Self { upstream, config }
    }
}

/// A request to be forwarded.
pub(crate) struct Asking<'a> {
    pub(crate) parts: &'a Parts,
    /// The path as the server gets it, without the query.
    pub(crate) path: &'a str,
    /// What the client's path begins with in the place of what the server's does, both with a slash at their end, as they are sent.
    pub(crate) outer: &'a str,
    pub(crate) inner: &'a str,
    pub(crate) caller: &'a Caller,
    /// What is told of the request.
    pub(crate) story: &'a Story,
    /// Whether the fields of the answer may stand as lines in its body.
    pub(crate) as_lines: bool,
}

/// What came of it.
pub(crate) enum Outcome {
    Answered(Box<Response<Body>>),
    Refused(Refusal),
    /// The answer has a status whose page is the site's to show; with a field that goes with it.
    Intercepted(StatusCode, Option<(HeaderName, HeaderValue)>),
    /// The application wants this file sent, a path beneath the allowed root; with its fields.
    File {
        path: String,
        fields: HeaderMap,
    },
}
