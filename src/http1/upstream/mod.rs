//! HTTP/1.1 as it is spoken with servers: one request and its answer on a connection.
//!
//! 1. [`request`]: the head of the request as bytes, pure; it leaves in one call, and the body after it as the client sends it ([`sending`]).
//! 2. [`answer`]: bytes become the head of an answer, or are none; pure. Interim ones are told of on the way ([`exchange`]).
//! 3. A small answer is there with its head. The body of any other comes as it is polled, and the rest of the request goes meanwhile
//!    ([`streaming`]).
//! 4. A connection on which both are whole, and nothing came after, may be used again; any other is closed by being dropped.

mod answer;
mod exchange;
mod request;
mod sending;
mod streaming;
mod timer;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use self::exchange::{Exchanged, exchange};
pub(crate) use self::streaming::Streaming;
pub(crate) use self::timer::Timer;

/// A connection to a server, between two exchanges.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    pub(crate) stream: S,
    timer: Timer,
}

impl<S> Connection<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            timer: Timer::default(),
        }
    }
}

/// What a server may take. Times of zero: any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes in a head.
    pub(crate) head: usize,
    /// From the last byte of the request to the first of the answer.
    pub(crate) first_byte: Duration,
    /// Between two bytes.
    pub(crate) idle: Duration,
    /// Whether the connection may be used again.
    pub(crate) keeps_alive: bool,
}
