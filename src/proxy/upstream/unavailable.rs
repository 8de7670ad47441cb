//! Why a request gets no server.

use std::fmt;

/// All of them are a 503, with `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// There is none, or none that is well, or none that was not tried.
    NoServer,
    /// All have as many requests as they may, and so has the queue.
    QueueFull,
    /// It waited as long as one may.
    QueueTimeout,
}

impl Unavailable {
    /// In words.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::NoServer => "no server is available",
            Self::QueueFull => "all servers are busy, and the queue is full",
            Self::QueueTimeout => "all servers were busy for too long",
        }
    }

    /// Seconds.
    pub(crate) fn retry_after(self) -> u64 {
        match self {
            Self::NoServer => 5,
            Self::QueueFull | Self::QueueTimeout => 2,
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why())
    }
}

impl std::error::Error for Unavailable {}
