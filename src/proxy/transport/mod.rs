//! Requests to the servers of an upstream, and their answers.
//!
//! 1. A connection is taken from the pool, or made: TCP or a Unix socket, and TLS over it.
//! 2. The request is sent, and the head of its final answer waited for.
//! 3. The answer's body comes as it is polled, and what is left of the request's body goes at the same time.
//! 4. A connection on which both are whole goes back to the pool; any other is closed.

mod body;
mod connect;
mod error;
mod exchange;
mod http2;
mod patience;
mod pool;
mod shards;
mod socket;
mod tls;
mod upgraded;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::body::Http1Body;
use self::connect::Connector;
use self::http2::Http2;
use self::pool::Pool;
use self::socket::Socket;
use crate::config::upstream::UpstreamConfig;
use crate::http1::upstream::{Connection, Exchanged, Limits, exchange as exchange_http1};

pub(crate) use self::body::AnswerBody;
pub(crate) use self::error::TransportError;
pub(crate) use self::exchange::TargetAddress;
pub(crate) use self::exchange::{Answer, Failure, FailureKind, Outgoing, Stage, Target};
#[cfg(feature = "opentelemetry")]
pub(crate) use self::tls::client_config;
pub(crate) use self::upgraded::Upgraded;

/// The way to the servers of one upstream; shared by all workers.
#[derive(Debug)]
pub(crate) struct Transport {
    connector: Connector,
    pool: Arc<Pool>,
    limits: Limits,
    http2: Http2,
}

impl Transport {
    /// Reads the files that the configuration of TLS names.
    pub(crate) fn new(config: &UpstreamConfig) -> Result<Self, TransportError> {
        let limits = Limits {
            head: config.header_size,
            first_byte: config.timeouts.first_byte,
            idle: config.timeouts.idle,
            keeps_alive: config.pool.size > 0,
        };
        Ok(Self {
            connector: Connector::new(config)?,
            pool: Pool::new(config.pool),
            limits,
            http2: Http2::new(config, limits),
        })
    }

    /// Sends the request to that server, and waits for the head of its final answer. Dropped before, it ends the exchange.
    pub(crate) async fn send(
        &self,
        target: &Target,
        request: &mut Outgoing<'_>,
    ) -> Result<Answer, Failure> {
        if target.protocol.is_http2 {
            // Apart, since its future is large and this one is not.
            return Box::pin(self.http2.send(&self.connector, target, request)).await;
        }
        loop {
            let pooled = if request.needs_new {
                None
            } else {
                self.pool.take(target)
            };
            let mut connecting = None;
            let (connection, idle) = if let Some((connection, idle)) = pooled {
                (connection, Some(idle))
            } else {
                let begin = Instant::now();
                // Boxed: what a handshake needs is not kept for every request.
                let socket = Box::pin(self.connector.connect(target)).await?;
                connecting = Some(begin.elapsed());
                (Connection::new(socket), None)
            };
            match exchange_http1(connection, request, self.limits).await {
                Ok(exchanged) => return Ok(self.answer(target, exchanged, connecting)),
                Err(mut failure) => {
                    failure.is_reused = idle.is_some();
                    if let (FailureKind::Closed, Some(idle)) = (failure.kind, idle) {
                        self.pool.was_closed(target, idle);
                        // It was closed in the moment between being looked at and being used.
                        if failure.stage == Stage::NotSent {
                            continue;
                        }
                    }
                    return Err(failure);
                }
            }
        }
    }

    fn answer(
        &self,
        target: &Target,
        exchanged: Exchanged<Socket>,
        connecting: Option<Duration>,
    ) -> Answer {
        let (head, body, upgraded) = match exchanged {
            Exchanged::Whole {
                head,
                body,
                connection,
            } => {
                if let Some(connection) = connection {
                    self.pool.put(target, connection, head.idle);
                }
                let body = if body.is_empty() {
                    AnswerBody::Empty
                } else {
                    AnswerBody::Held(body)
                };
                (head, body, None)
            }
            Exchanged::Streaming { head, body } => {
                let body = Http1Body {
                    streaming: body,
                    pool: Arc::clone(&self.pool),
                    target: target.clone(),
                    said: head.idle,
                };
                (head, AnswerBody::Http1(Box::new(body)), None)
            }
            Exchanged::Upgraded {
                head,
                stream,
                first,
            } => (head, AnswerBody::Empty, Some(Upgraded::new(stream, first))),
        };
        Answer {
            status: head.status,
            fields: head.fields,
            body,
            upgraded,
            connecting,
        }
    }
}
