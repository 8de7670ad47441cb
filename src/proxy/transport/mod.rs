//! Requests to the servers of an upstream, and their answers.
//!
//! 1. A connection is taken from the pool, or made: TCP or a Unix socket, and TLS over it.
//! 2. The request is sent, and the head of its final answer waited for.
//! 3. The answer's body comes as it is polled, and what is left of the request's body goes at the same time.
//! 4. A connection on which both are whole goes back to the pool; any other is closed.

pub(crate) mod body;
mod error;
mod exchange;
mod socket;
mod upgraded;

use crate::config::upstream::UpstreamConfig;

// Not all are named outside yet.
#[allow(unused_imports)]
pub(crate) use self::body::AnswerBody;
pub(crate) use self::error::TransportError;
#[allow(unused_imports)]
pub(crate) use self::exchange::{
    Answer, Failure, FailureKind, Outgoing, Stage, Target, TargetAddress,
};
#[allow(unused_imports)]
pub(crate) use self::upgraded::Upgraded;

/// The way to the servers of one upstream; shared by all workers.
#[derive(Debug)]
pub(crate) struct Transport {}

impl Transport {
    /// Reads the files that the configuration of TLS names.
    #[allow(clippy::unnecessary_wraps)]
    pub(crate) fn new(_config: &UpstreamConfig) -> Result<Self, TransportError> {
        Ok(Self {})
    }

    /// Sends the request to that server, and waits for the head of its final answer. Dropped before, it ends the exchange.
    #[allow(clippy::unused_async)]
    pub(crate) async fn send(
        &self,
        _target: &Target,
        _request: &mut Outgoing<'_>,
    ) -> Result<Answer, Failure> {
        let error = std::io::Error::from(std::io::ErrorKind::Unsupported);
        Err(Failure::new(
            FailureKind::Unsupported,
            Stage::NotSent,
            error,
        ))
    }
}
