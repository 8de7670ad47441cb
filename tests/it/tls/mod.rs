//! TLS, as clients see it.

mod certificates;
mod client_certificates;
mod connections;
mod handshakes;
mod renewal;
mod sites;

/// For the commonest server of these tests.
const PAIR: &str = "[[certificate]]\ncert = \"$TLS/a.pem\"\nkey = \"$TLS/a.key\"\n";
