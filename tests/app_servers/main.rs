//! In front of real application servers: each is started on the loopback device, and used through the program as its own
//! users would use it.
//!
//! `.ci/parts` installs the servers. `DAEMUN_LONG=1` has the tests take the time that the real thing takes (minutes where a
//! few seconds do by default); `DAEMUN=FILE` tests another build of the program.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod client;
mod curl;
mod daemun;
mod load;
mod parts;
mod ports;
mod process;

mod examples;
mod grpc;
mod nghttpd;
mod node;
mod node_restarts;
mod passenger;
mod php;
mod puma;
mod python;
mod servlet;
mod tomcat;
mod websocket;
mod wildfly;
