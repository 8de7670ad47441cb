//! Who is chosen, by balance and by who knows the client.

use std::collections::HashMap;
use std::net::IpAddr;

use http::HeaderValue;
use http::header::COOKIE;

use super::*;
use crate::config::upstream::{HashKey, Sticky};

async fn counts(upstream: &Arc<Upstream>, times: usize) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for _ in 0..times {
        let lease = pick(upstream, &[]).await.unwrap();
        *counts.entry(lease.name().to_owned()).or_default() += 1;
    }
    counts
}

async fn pick_with(upstream: &Arc<Upstream>, cookie: &str, path: &str) -> Lease {
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, HeaderValue::from_str(cookie).unwrap());
    let asked = Asked {
        client: None,
        headers: &headers,
        path,
    };
    upstream.pick(&asked, &[]).await.unwrap()
}

#[tokio::test]
async fn round_robin_is_exact() {
    let mut servers = servers(3);
    servers[0].weight = 3;
    let upstream = upstream(UpstreamConfig {
        balance: Balance::RoundRobin,
        ..config(servers)
    });
    let counts = counts(&upstream, 50).await;
    assert_eq!(counts["10.0.0.1:80"], 30);
    assert_eq!(counts["10.0.0.2:80"], 10);
}

#[tokio::test]
async fn least_connections_fills_up_evenly() {
    for balance in [Balance::LeastConnections, Balance::PowerOfTwo] {
        let upstream = upstream(UpstreamConfig {
            balance,
            ..config(servers(2))
        });
        let mut leases = Vec::new();
        for _ in 0..10 {
            leases.push(pick(&upstream, &[]).await.unwrap());
        }
        let loads: Vec<_> = upstream
            .states()
            .iter()
            .map(|state| state.in_flight)
            .collect();
        assert_eq!(loads, [5, 5]);
        drop(leases);
        assert!(upstream.states().iter().all(|state| state.in_flight == 0));
    }
}

#[tokio::test]
async fn a_client_comes_back_by_its_address() {
    let upstream = upstream(UpstreamConfig {
        balance: Balance::Hash(HashKey::Client),
        ..config(servers(5))
    });
    let headers = HeaderMap::new();
    let mut used = HashMap::new();
    for number in 0..200_u8 {
        let of = async |client: IpAddr| {
            let asked = Asked {
                client: Some(client),
                headers: &headers,
                path: "/",
            };
            upstream.pick(&asked, &[]).await.unwrap().name().to_owned()
        };
        let v4 = std::net::Ipv4Addr::from([192, 0, 2, number]);
        let first = of(v4.into()).await;
        assert_eq!(of(v4.into()).await, first);
        assert_eq!(of(v4.to_ipv6_mapped().into()).await, first);
        *used.entry(first).or_insert(0) += 1;
    }
    assert_eq!(used.len(), 5, "{used:?}");
}

#[tokio::test]
async fn backups_get_what_no_other_can_take() {
    let mut servers = servers(3);
    servers[2].is_backup = true;
    let upstream = upstream(config(servers));
    assert_eq!(counts(&upstream, 50).await.get("10.0.0.3:80"), None);
    let mut tried = Vec::new();
    for _ in 0..2 {
        tried.push(pick(&upstream, &tried).await.unwrap().key());
    }
    let last = pick(&upstream, &tried).await.unwrap();
    assert_eq!(last.name(), "10.0.0.3:80");
    tried.push(last.key());
    let none = pick(&upstream, &tried).await.unwrap_err();
    assert_eq!(none, Unavailable::NoServer);
}

#[tokio::test]
async fn a_cookie_leads_back_and_is_told_once() {
    let upstream = upstream(UpstreamConfig {
        sticky: Some(Sticky::Cookie(Box::from("at"))),
        ..config(servers(3))
    });
    let first = pick(&upstream, &[]).await.unwrap();
    let line = first.sticky_cookie().unwrap();
    let pair = line.to_str().unwrap().split(';').next().unwrap();
    assert!(!pair.contains("10.0.0"));
    for _ in 0..20 {
        let again = pick_with(&upstream, pair, "/").await;
        assert_eq!(again.key(), first.key());
        assert_eq!(again.sticky_cookie(), None);
    }
    // It is left out: another one takes over, and says so.
    (0..3).for_each(|_| fail(&first));
    let other = pick_with(&upstream, pair, "/").await;
    assert_ne!(other.key(), first.key());
    assert!(other.sticky_cookie().is_some());
    let forged = pick_with(&upstream, "at=0123456789abcdef", "/").await;
    assert!(forged.sticky_cookie().is_some());
}

#[tokio::test]
async fn a_session_leads_back_by_the_id_at_its_end() {
    let mut servers = servers(3);
    for (number, server) in servers.iter_mut().enumerate() {
        server.id = Some(format!("node{number}").into());
    }
    let upstream = upstream(UpstreamConfig {
        sticky: Some(Sticky::Route(Box::from("JSESSIONID"))),
        ..config(servers)
    });
    for _ in 0..10 {
        let lease = pick_with(&upstream, "JSESSIONID=4711.node1", "/").await;
        assert_eq!(lease.name(), "10.0.0.2:80");
        assert_eq!(
            lease.sticky_cookie(),
            None,
            "the cookie is the application's"
        );
        let lease = pick_with(&upstream, "x=y", "/cart;jsessionid=4711.node2?a").await;
        assert_eq!(lease.name(), "10.0.0.3:80");
    }
}
