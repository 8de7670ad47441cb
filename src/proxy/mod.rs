//! A request is forwarded to a server of an upstream, and what it answers goes back.
//!
//! 1. The path is in its normal form, by which the route was found.
//! 2. A server is picked, and a connection to it taken from the pool or made.
//! 3. The request goes on without what concerned the hop before, with who asked.
//! 4. What came back goes to the client without what concerned this hop; or another server is tried; or it is told whose fault it was.

pub(crate) mod accel;
pub(crate) mod caller;
pub(crate) mod far_end;
pub(crate) mod fields;
pub(crate) mod mount;
pub(crate) mod request;
pub(crate) mod request_body;
pub(crate) mod request_id;
pub(crate) mod response;
pub(crate) mod target;
pub(crate) mod transport;
pub(crate) mod tunnel;
