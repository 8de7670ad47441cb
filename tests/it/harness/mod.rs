//! A real server on a port of its own, and a client that sees every byte.

mod app;
mod back;
mod check;
mod client;
mod dns;
mod docroot;
pub(crate) mod h2;
mod hyper_peer;
mod multipart;
mod program;
mod response;
mod server;
mod tls;

use std::time::{Duration, Instant};

pub(crate) use app::{Journal, Seen, app};
pub(crate) use back::{
    Back, Conversation, HELLO, Received, Refusing, forwarding, in_front, in_front_of, statuses,
};
pub(crate) use client::{Client, PATIENCE};
pub(crate) use dns::{Dns, Known};
pub(crate) use docroot::{
    A_JS, A_JS_BR, A_JS_GZ, A_JS_GZ_LEVEL_1, A_JS_ZST, Docroot, OTHER_JS, OTHER_JS_GZ, PUBLISHED,
    PUBLISHED_DATE, SECRET, pattern,
};
pub(crate) use h2::{H2Client, H2Outcome};
pub(crate) use hyper_peer::HyperPeer;
pub(crate) use multipart::parts;
pub(crate) use program::Program;
pub(crate) use response::Response;
pub(crate) use server::{TestServer, request};
pub(crate) use tls::{Authority, Pair, TlsClient, TlsServer};

/// Asks again and again until `holds` says yes; false when [`PATIENCE`] has run out.
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    holds()
}

/// As much of a request as a message about it needs.
pub(crate) fn shown(text: &str) -> String {
    text.chars()
        .take(300)
        .collect::<String>()
        .escape_debug()
        .to_string()
}
