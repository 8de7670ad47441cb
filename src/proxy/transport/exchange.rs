//! What goes to a server and what comes back: the words between who forwards and who transports.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::body::AnswerBody;
use super::upgraded::Upgraded;
use crate::config::upstream::Protocol;
use crate::proxy::fields::{Fields, WriteFields};
use crate::proxy::request_body::RequestBody;

/// Where a server is, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) address: TargetAddress,
    pub(crate) protocol: Protocol,
    /// The host as configured, which its certificate is for.
    pub(crate) host: Arc<str>,
    /// Host and port as configured, `localhost` for a Unix socket: for requests of the proxy's own.
    pub(crate) authority: HeaderValue,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TargetAddress {
    Socket(SocketAddr),
    Unix(Arc<Path>),
}

impl Hash for Target {
    /// Two servers at one address are rare.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address.hash(state);
    }
}

impl fmt::Display for TargetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A request for a server.
#[allow(clippy::struct_excessive_bools)]
pub(crate) struct Outgoing<'a> {
    pub(crate) method: &'a Method,
    /// Path and query, or `*`.
    pub(crate) path: &'a str,
    /// `Host`, or `:authority`.
    pub(crate) authority: &'a [u8],
    /// What HTTP/2 is told as the scheme.
    pub(crate) is_https: bool,
    /// All fields but `Host` and those of the hop: `Content-Length`, `Transfer-Encoding`, `Connection`, `TE`, `Upgrade`, `Expect`, `Trailer`.
    pub(crate) fields: &'a dyn WriteFields,
    /// Read only once the head was sent. What is still to be sent when the answer's head is there is taken out of it, and sent while the
    /// answer's body is polled.
    pub(crate) body: &'a mut RequestBody,
    /// Whether the client announced a body; then an empty one is announced as well.
    pub(crate) has_body: bool,
    /// Whether the client waits for a 100: the body is held back until the server asks for it, or it comes of itself.
    pub(crate) expects_continue: bool,
    /// Whether fields after the answer's body are wanted.
    pub(crate) takes_trailers: bool,
    /// Whether a connection of the pool will not do: one has failed already.
    pub(crate) needs_new: bool,
    /// The protocols to go over to; by HTTP/1.1 only.
    pub(crate) upgrade: Option<&'a [u8]>,
    /// Told of each interim answer but 101.
    pub(crate) interim: &'a mut (dyn FnMut(StatusCode, &HeaderMap) + Send),
}

/// The final answer of a server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) fields: Fields,
    pub(crate) body: AnswerBody,
    /// With a 101: the connection from now on.
    pub(crate) upgraded: Option<Upgraded>,
    /// How long the connection took to make, if it was made for this request.
    pub(crate) connecting: Option<Duration>,
}

/// Why there is none.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) stage: Stage,
    /// For the log.
    pub(crate) error: io::Error,
    /// The connection had been waiting for this request: that it was [closed](FailureKind::Closed) tells nothing of the server.
    pub(crate) is_reused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FailureKind {
    /// No connection came about.
    Refused,
    ConnectTimeout,
    /// No connection came about that could be trusted.
    Tls,
    /// The server closed the connection before the first byte of an answer.
    Closed,
    /// The answer did not come, or go on, in time.
    TimedOut,
    /// What came is no answer.
    Malformed,
    /// The answer's head is larger than it may be.
    TooLarge,
    /// The server said that it has not looked at the request and will not (RFC 9113 §8.7).
    Rejected,
    /// The client's body ended otherwise than it was promised.
    ClientBody,
    /// This server's protocol cannot carry the request.
    Unsupported,
    Io,
}

/// How far it had come by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// No byte of the request was sent, or the server said that it was not looked at.
    NotSent,
    /// Nothing of the client's body was read.
    HeadSent,
    /// Some of the client's body is gone.
    BodyRead,
    /// Some of an answer came.
    Answered,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, stage: Stage, error: impl Into<io::Error>) -> Self {
        Self {
            kind,
            stage,
            error: error.into(),
            is_reused: false,
        }
    }
}
