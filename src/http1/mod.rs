//! HTTP/1.1 (RFC 9112) as this server speaks it: every byte of a request's head is ours to judge, and idle connections hold no buffer.
//!
//! 1. [`head`]: bytes become a request, or a refusal; pure.
//! 2. [`server`]: a connection reads heads, has them answered, and writes the answers.
//! 3. [`response`]: the head of an answer as bytes; pure.
//!
//! It serves the sites of a configuration, whose answers have a known length and which leave request bodies unread. A router that a
//! program brought, and HTTP/2, are hyper's.

pub(crate) mod head;
mod response;
pub(crate) mod server;
