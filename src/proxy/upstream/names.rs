//! Lookups of names.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_resolver::config::{
    LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Hosts, TokioResolver, system_conf};

/// The hosts file, and name servers.
pub(super) struct Names {
    hosts: Hosts,
    resolver: TokioResolver,
}

/// A host of a service (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) host: Box<str>,
    pub(super) port: u16,
    pub(super) priority: u16,
    pub(super) weight: u16,
}

/// The hosts file says nothing of time.
const LIFE_IN_HOSTS: Duration = Duration::from_secs(30);

impl Names {
    /// Asks these name servers; none: those that the system asks.
    pub(super) fn new(servers: &[SocketAddr]) -> Result<Self, String> {
        let (config, mut options) = match servers {
            // Without any, `localhost` and the hosts file are still there.
            [] => system_conf::read_system_conf().unwrap_or_default(),
            _ => (asking(servers), ResolverOpts::default()),
        };
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        // As the system does: who is in the hosts file, in whichever family, is not asked for anywhere else.
        options.use_hosts_file = ResolveHosts::Never;
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        Ok(Self {
            hosts: Hosts::from_system().unwrap_or_default(),
            resolver: builder.with_options(options).build().map_err(text)?,
        })
    }

    /// The addresses of a host, and how long they hold.
    pub(super) async fn addresses(&self, host: &str) -> Result<(Vec<IpAddr>, Duration), String> {
        let name = Name::from_utf8(host).map_err(text)?;
        let in_hosts = [RecordType::A, RecordType::AAAA]
            .into_iter()
            .filter_map(|kind| {
                self.hosts
                    .lookup_static_host(&Query::query(name.clone(), kind))
            });
        let ips: Vec<_> = in_hosts
            .flat_map(|lookup| lookup.answers().to_vec())
            .filter_map(|record| record.data.ip_addr())
            .collect();
        if !ips.is_empty() {
            return Ok((ips, LIFE_IN_HOSTS));
        }
        let found = self.resolver.lookup_ip(name).await.map_err(text)?;
        Ok((found.iter().collect(), life(found.valid_until())))
    }

    /// The hosts of a service, and how long they hold.
    pub(super) async fn services(&self, name: &str) -> Result<(Vec<Service>, Duration), String> {
        let found = self.resolver.srv_lookup(name).await.map_err(text)?;
        let records = found.answers().iter();
        let services = records.filter_map(|record| match &record.data {
            // The root: there is decidedly no such service.
            RData::SRV(service) if !service.target.is_root() => Some(Service {
                host: host_of(&service.target),
                port: service.port,
                priority: service.priority,
                weight: service.weight,
            }),
            _ => None,
        });
        Ok((services.collect(), life(found.valid_until())))
    }
}

fn asking(servers: &[SocketAddr]) -> ResolverConfig {
    let server = |address: &SocketAddr| {
        let mut server = NameServerConfig::udp_and_tcp(address.ip());
        for connection in &mut server.connections {
            connection.port = address.port();
        }
        server
    };
    ResolverConfig::from_name_servers(servers.iter().map(server).collect())
}

/// As certificates name it: without the dot at its end.
fn host_of(name: &Name) -> Box<str> {
    let name = name.to_ascii();
    Box::from(name.strip_suffix('.').unwrap_or(&name))
}

fn life(valid_until: Instant) -> Duration {
    valid_until.saturating_duration_since(Instant::now())
}

fn text(error: impl Display) -> String {
    error.to_string()
}
