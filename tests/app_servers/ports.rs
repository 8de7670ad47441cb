//! Ports for the servers.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below 32768, where Linux begins to hand out ports to those who connect: thousands of connections under load cannot take
/// one between the moment it is found free here and the moment its server binds it, nor while that server restarts.
const FIRST: u16 = 18_000;
const COUNT: u16 = 13_000;

/// A port that is free, and is given out once.
pub(crate) fn free() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Another run of the tests at the same time begins elsewhere.
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    for _ in 0..COUNT {
        let next = (start + GIVEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = FIRST + next;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free")
}
