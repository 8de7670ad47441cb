//! The parts together: servers that come, go, fail and recover.

mod balance;
mod checks;
mod failures;
mod name_server;
mod names;
mod waiting;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::*;
use crate::config::upstream::{
    Balance, Ejection, PoolConfig, Protocol, QueueConfig, ServerAddress, ServerConfig, Timeouts,
    UpstreamConfig, UpstreamTls,
};
use crate::proxy::transport::FailureKind;

fn config(servers: Vec<ServerConfig>) -> UpstreamConfig {
    let second = Duration::from_secs(1);
    UpstreamConfig {
        name: Arc::from("shop"),
        servers,
        balance: Balance::PowerOfTwo,
        sticky: None,
        slow_start: Duration::ZERO,
        health: None,
        ejection: Ejection {
            after: 3,
            time: second * 5,
            most: second * 300,
        },
        timeouts: Timeouts {
            connect: second * 5,
            first_byte: second * 60,
            idle: second * 60,
            tunnel_idle: second * 3600,
        },
        pool: PoolConfig {
            size: 64,
            idle: second * 60,
        },
        queue: QueueConfig {
            size: 100,
            timeout: second * 10,
        },
        retries: true,
        tls: UpstreamTls {
            ca: None,
            verify: true,
            server_name: None,
            client: None,
        },
        header_size: 256 << 10,
        resolvers: Vec::new(),
    }
}

fn server(address: ServerAddress) -> ServerConfig {
    ServerConfig {
        address,
        protocol: Protocol {
            is_tls: false,
            is_http2: false,
        },
        weight: 1,
        is_backup: false,
        max_connections: 0,
        id: None,
    }
}

/// 10.0.0.1:80 and so on.
fn numbered(number: u8) -> ServerConfig {
    server(ServerAddress::Socket(SocketAddr::from((
        [10, 0, 0, number],
        80,
    ))))
}

fn servers(count: u8) -> Vec<ServerConfig> {
    (1..=count).map(numbered).collect()
}

fn upstream(config: UpstreamConfig) -> Arc<Upstream> {
    Upstream::new(config).unwrap()
}

async fn pick(upstream: &Arc<Upstream>, tried: &[ServerKey]) -> Result<Lease, Unavailable> {
    let headers = HeaderMap::new();
    let asked = Asked {
        client: None,
        headers: &headers,
        path: "/",
    };
    upstream.pick(&asked, tried).await
}

fn fail(lease: &Lease) {
    let error = io::Error::from(io::ErrorKind::ConnectionRefused);
    lease.failed(FailureKind::Refused, &error);
}

fn state(upstream: &Upstream, name: &str) -> State {
    let states = upstream.states();
    let found = states.iter().find(|state| &*state.name == name);
    found
        .unwrap_or_else(|| panic!("{name} in {states:?}"))
        .state
}

fn names(upstream: &Upstream) -> Vec<String> {
    let states = upstream.states().into_iter();
    states.map(|state| state.name.into_string()).collect()
}

/// Waits, in real time, until that is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not in 20 s: {what}");
}
