//! Where names lead, now and later.
//!
//! 1. The hosts file, then name servers are asked; for a service, first for its hosts (RFC 2782).
//! 2. What they say holds as long as they say, but at least a second.
//! 3. A name that cannot be resolved stays where it was; it is asked for again soon, and then less often.

use std::collections::BTreeMap;
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::endpoint::Endpoint;
use super::group::Group;
use super::names::{Names, Service};
use crate::config::upstream::{ServerAddress, ServerConfig};

const LEAST_PAUSE: Duration = Duration::from_secs(1);
/// What the hosts file or a far too long life promise is looked at again, too.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
const LONGEST_PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);
const LONGEST_LOOKUP: Duration = Duration::from_secs(15);

/// Endpoints, and how long they hold.
type Resolved = (Vec<Endpoint>, Duration);

/// Resolves a configured server again and again, until dropped.
pub(super) async fn keep(group: Arc<Group>, origin: usize) {
    let server = &group.config.servers[origin];
    let mut failures = 0;
    loop {
        let resolved = timeout(LONGEST_LOOKUP, resolve(&group, server, origin)).await;
        let resolved = resolved.unwrap_or_else(|_| Err(String::from("no answer in time")));
        let pause = match resolved {
            Ok((endpoints, life)) => {
                group.settle(origin, Some(endpoints));
                failures = 0;
                life.clamp(LEAST_PAUSE, LONGEST_PAUSE)
            }
            Err(why) => {
                let upstream = &*group.config.name;
                tracing::warn!(upstream, name = ?server.address, why, "a name cannot be resolved");
                group.settle(origin, None);
                failures += 1;
                pause_after(failures)
            }
        };
        sleep(pause).await;
    }
}

/// After that many failures in a row.
fn pause_after(failures: u32) -> Duration {
    let doubled = failures.saturating_sub(1).min(8);
    (LEAST_PAUSE * 2_u32.pow(doubled)).min(LONGEST_PAUSE_AFTER_FAILURE)
}

async fn resolve(group: &Group, server: &ServerConfig, origin: usize) -> Result<Resolved, String> {
    // Made anew each time: what the system says of name servers and hosts may have changed.
    let names = Names::new(&group.config.resolvers)?;
    let (mut endpoints, life) = match &server.address {
        ServerAddress::Name { host, port } => {
            let (ips, life) = names.addresses(host).await?;
            let host = Arc::from(&**host);
            let ips = reachable(ips, has_way_to).into_iter();
            let endpoint = |ip| Endpoint::resolved(server, &host, ip, *port);
            (ips.map(endpoint).collect(), life)
        }
        ServerAddress::Service(name) => {
            let (services, life) = names.services(name).await?;
            let before = group.endpoints(origin);
            let (endpoints, least) = hosts(&names, server, &services, &before).await;
            (endpoints, life.min(least))
        }
        ServerAddress::Socket(_) | ServerAddress::Unix(_) => return Err(String::from("no name")),
    };
    // Name servers change the order from answer to answer.
    endpoints.sort_by(Endpoint::order);
    endpoints.dedup();
    if endpoints.is_empty() {
        return Err(String::from("it has no addresses"));
    }
    Ok((endpoints, life))
}

/// The addresses of all hosts of a service. A host that cannot be resolved stays where it was.
async fn hosts(
    names: &Names,
    server: &ServerConfig,
    services: &[Service],
    before: &[Endpoint],
) -> Resolved {
    let mut endpoints = Vec::new();
    let mut least = LONGEST_PAUSE;
    let mut known = BTreeMap::new();
    for (service, weight, is_backup) in ranked(services) {
        let host: Arc<str> = Arc::from(&*service.host);
        if !known.contains_key(&host) {
            let ips = match names.addresses(&host).await {
                Ok((ips, life)) => {
                    least = least.min(life);
                    reachable(ips, has_way_to)
                }
                Err(why) => {
                    tracing::warn!(%host, why, "a host of a service cannot be resolved");
                    least = LEAST_PAUSE;
                    let of_host = before.iter().filter(|endpoint| endpoint.host == host);
                    of_host.filter_map(Endpoint::ip).collect()
                }
            };
            known.insert(Arc::clone(&host), ips);
        }
        for &ip in &known[&host] {
            endpoints.push(Endpoint {
                weight,
                is_backup: server.is_backup || is_backup,
                ..Endpoint::resolved(server, &host, ip, service.port)
            });
        }
    }
    (endpoints, least)
}

/// With its weight, at least 1, and whether there are others that come before it.
fn ranked(services: &[Service]) -> impl Iterator<Item = (&Service, u32, bool)> {
    let first = services.iter().map(|service| service.priority).min();
    services.iter().map(move |service| {
        let weight = u32::from(service.weight).max(1);
        (service, weight, Some(service.priority) != first)
    })
}

/// A host with addresses of both families may have some to which there is no way from here; if there is none to any, all stay.
fn reachable(mut ips: Vec<IpAddr>, has_way_to: impl Fn(IpAddr) -> bool) -> Vec<IpAddr> {
    let is_mixed = ips.iter().any(IpAddr::is_ipv4) && ips.iter().any(IpAddr::is_ipv6);
    if is_mixed && ips.iter().any(|&ip| has_way_to(ip)) {
        ips.retain(|&ip| has_way_to(ip));
    }
    ips
}

/// Whether this system has a route there. Nothing is sent.
fn has_way_to(ip: IpAddr) -> bool {
    let any: IpAddr = match ip {
        IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    UdpSocket::bind((any, 0)).is_ok_and(|socket| socket.connect((ip, 53)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_after_failures_grow() {
        let seconds = [1, 2, 4, 8, 16, 30, 30];
        for (failures, expected) in (1..).zip(seconds) {
            assert_eq!(pause_after(failures), Duration::from_secs(expected));
        }
        assert_eq!(pause_after(u32::MAX), Duration::from_secs(30));
    }

    #[test]
    fn addresses_without_a_way_are_left_out_if_there_are_others() {
        let v4 = IpAddr::from([10, 0, 0, 1]);
        let v6 = IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, 1]);
        for (ips, ways, expected) in [
            (&[v4, v6][..], &[v4][..], &[v4][..]),
            (&[v4, v6], &[v4, v6], &[v4, v6]),
            (&[v4, v6], &[], &[v4, v6]),
            (&[v6], &[], &[v6]),
        ] {
            let found = reachable(ips.to_vec(), |ip| ways.contains(&ip));
            assert_eq!(found, expected);
        }
        assert!(has_way_to(IpAddr::from([127, 0, 0, 1])));
    }

    #[test]
    fn the_least_priority_comes_first_and_the_others_are_backups() {
        let service = |priority, weight| Service {
            host: Box::from("app"),
            port: 80,
            priority,
            weight,
        };
        let services = [service(20, 5), service(10, 3), service(10, 0)];
        let ranked: Vec<_> = ranked(&services)
            .map(|(_, weight, backup)| (weight, backup))
            .collect();
        assert_eq!(ranked, [(5, true), (3, false), (1, false)]);
    }
}
