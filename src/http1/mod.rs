//! HTTP/1.1 (RFC 9112) as this server speaks it: every byte of a request is ours to judge, and idle connections hold no buffer.
//!
//! 1. [`head`]: bytes become a request, or a refusal; pure.
//! 2. [`server`]: a connection reads heads and has them answered ([`exchange`]); for the plainest of requests ([`plain`], pure) the answer may be
//!    ready ([`express`]).
//! 3. [`intake`]: the body of a request comes as its handler asks for it ([`body`]), by its length or in chunks ([`chunked`], pure).
//! 4. [`transmission`]: the answer leaves, head and body in one call where they fit; [`response`] is its head as bytes, pure.
//! 5. [`upstream`]: the same from the other side, a request to a server and its answer.
//!
//! HTTP/2 is hyper's, and so are connections on which a program's own router is asked for an upgrade: its handlers know hyper's types.

mod body;
pub(crate) mod chunked;
mod clock;
mod exchange;
mod express;
pub(crate) mod head;
mod intake;
mod interim;
pub(crate) mod plain;
mod response;
pub(crate) mod server;
mod transmission;
pub(crate) mod upstream;
mod wire;

pub(crate) use body::{Channel, Incoming};
pub(crate) use express::Ready;
pub use interim::Interim;
