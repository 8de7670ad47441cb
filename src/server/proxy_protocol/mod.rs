//! The PROXY protocol: before all else on a connection, a trusted proxy says who it speaks for.
//!
//! 1. Is the peer one that may speak for others? If not, the connection is closed.
//! 2. Read until the header is whole ([`parse`]); a connection without one is closed.
//! 3. Its source is the peer from now on; what was read beyond the header is read again by what comes next ([`Prefixed`]).

mod crc32c;
pub(crate) mod parse;
mod prefixed;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt as _;
use tokio::time;

use parse::{Malformed, Parsed, Source, parse};
use prefixed::Prefixed;

use super::peer::Peer;
use super::prologue::Stream;
use crate::header::networks::Networks;

/// Most headers are shorter; longer ones are read piece by piece.
const FIRST_READ: usize = 512;

/// Why a connection did not get beyond its header.
#[derive(Debug)]
pub(super) enum Refused {
    NotTrusted,
    Malformed(Malformed),
    Ended,
    TimedOut,
    Io(io::Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTrusted => {
                f.write_str("the peer may not speak for others: see `proxy_protocol_from`")
            }
            Self::Malformed(why) => write!(f, "the header of the PROXY protocol: {why}"),
            Self::Ended => f.write_str("it ended in the header of the PROXY protocol"),
            Self::TimedOut => f.write_str("the header of the PROXY protocol did not come in time"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

/// Reads the header; on success, `peer` is who the proxy speaks for.
pub(super) async fn receive<S: Stream>(
    mut stream: S,
    peer: &mut Peer,
    trusted: &Networks,
    timeout: Duration,
) -> Result<Prefixed<S>, Refused> {
    // Who can open a unix socket was decided by its mode.
    if peer.ip().is_some_and(|ip| !trusted.contains(ip)) {
        return Err(Refused::NotTrusted);
    }
    let (source, rest) = time::timeout(timeout, read(Pin::new(&mut stream)))
        .await
        .map_err(|_| Refused::TimedOut)??;
    match source {
        Source::Proxy => {}
        Source::Unknown => peer.is_unknown = true,
        Source::Address(address) => peer.address = Some(address),
    }
    Ok(Prefixed::new(rest, stream))
}

/// The source, and what was read beyond the header.
async fn read<S: Stream>(mut stream: Pin<&mut S>) -> Result<(Source, Bytes), Refused> {
    let mut received = BytesMut::with_capacity(FIRST_READ);
    loop {
        match stream.read_buf(&mut received).await {
            Ok(0) => return Err(Refused::Ended),
            Ok(_) => {}
            Err(error) => return Err(Refused::Io(error)),
        }
        match parse(&received) {
            Parsed::Header { source, consumed } => {
                return Ok((source, received.split_off(consumed).freeze()));
            }
            Parsed::Malformed(why) => return Err(Refused::Malformed(why)),
            Parsed::Incomplete => received.reserve(FIRST_READ),
        }
    }
}
