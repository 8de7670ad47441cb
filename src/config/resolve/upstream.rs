//! Upstreams.
//!
//! 1. The name servers, which all upstreams share.
//! 2. Each upstream: its servers, what is said of them, how they are reached.
//! 3. What routes name: one of these, or a server by itself.

use std::{net::IpAddr, net::SocketAddr, ops::Range, sync::Arc};

use toml::Spanned;

use super::{Judge, server, span};
use crate::config::{
    error::{Problem, nearest, quoted},
    file::{self, Server, Text},
    upstream::{PoolConfig, QueueConfig, ServerAddress, ServerConfig, Timeouts, UpstreamConfig},
};

/// The port of DNS (RFC 1035 §4.2).
const DNS: u16 = 53;

const MOST_WEIGHT: i64 = 1_000;
const LEAST_HEADER_SIZE: u64 = 8 << 10;
const MOST_HEADER_SIZE: u64 = 16 << 20;

/// What routes can name.
#[derive(Default)]
pub(super) struct Upstreams {
    resolvers: Vec<SocketAddr>,
    named: Vec<Arc<UpstreamConfig>>,
    /// Of one server each, named by what was written.
    urls: Vec<Arc<UpstreamConfig>>,
}

impl Upstreams {
    pub(super) fn into_named(self) -> Vec<Arc<UpstreamConfig>> {
        self.named
    }
}

impl Judge<'_> {
    /// Steps 1 and 2.
    pub(super) fn upstreams(&mut self, resolvers: &[Text], written: &file::Upstreams) {
        for text in resolvers {
            let resolver = self.located(text, resolver(text.get_ref()));
            self.upstreams.resolvers.extend(resolver);
        }
        for (name, upstream) in &written.0 {
            self.upstream_name(name);
            let config = self.upstream(name, upstream);
            self.upstreams.named.push(Arc::new(config));
        }
    }

    fn upstream_name(&mut self, written: &Text) {
        let name = written.get_ref();
        let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || !name.bytes().all(is_bare) {
            let problem = Problem::new(format!("{} is not the name of an upstream", quoted(name)));
            self.wrong(
                written,
                problem.help("a name is letters, digits, `-` and `_`"),
            );
        }
    }

    fn upstream(&mut self, name: &Text, written: &Spanned<file::Upstream>) -> UpstreamConfig {
        let upstream = written.get_ref();
        let default = UpstreamConfig::new(name.get_ref().as_str(), Vec::new());
        let servers = self.servers(name, upstream);
        let tls = self.upstream_tls(upstream, &servers);
        UpstreamConfig {
            balance: (self.balance(upstream.balance.as_ref())).unwrap_or(default.balance),
            sticky: self.sticky(upstream),
            slow_start: (self.time(upstream.slow_start.as_ref())).unwrap_or(default.slow_start),
            health: self.health(upstream),
            ejection: self.ejection(upstream),
            timeouts: self.timeouts(upstream),
            pool: self.pool(upstream),
            queue: self.queue(upstream),
            retries: upstream.retries.unwrap_or(default.retries),
            tls,
            header_size: (upstream.header_size.as_ref())
                .and_then(|size| self.header_size(size, LEAST_HEADER_SIZE..=MOST_HEADER_SIZE))
                .unwrap_or(default.header_size),
            resolvers: self.upstreams.resolvers.clone(),
            servers,
            name: default.name,
        }
    }

    fn servers(&mut self, name: &Text, written: &file::Upstream) -> Vec<ServerConfig> {
        let mut servers: Vec<(ServerConfig, Range<usize>)> = Vec::new();
        for text in &written.servers {
            let server = self.server(text);
            self.add_server(server, text, &mut servers);
        }
        let mut ids: Vec<&Text> = Vec::new();
        for detailed in &written.server {
            let server = self.detailed_server(detailed);
            self.add_server(server, &detailed.address, &mut servers);
            if let Some(id) = &detailed.id {
                self.no_id_twice(id, &ids);
                ids.push(id);
            }
        }
        if written.servers.is_empty() && written.server.is_empty() {
            let problem = Problem::new(format!("the upstream `{}` has no servers", name.get_ref()));
            self.wrong(
                name,
                problem.help("add `servers = [\"http://127.0.0.1:3000\"]`"),
            );
        }
        let backups = || {
            let switches = written.server.iter().map(|server| server.backup.as_ref());
            switches.map(|switch| switch.filter(|on| *on.get_ref()))
        };
        if let Some(Some(first)) = backups().next()
            && written.servers.is_empty()
            && backups().all(|backup| backup.is_some())
        {
            let problem = Problem::new(format!(
                "all servers of the upstream `{}` are backups",
                name.get_ref()
            ));
            self.wrong(first, problem.help("leave `backup` out of one at least"));
        }
        servers.into_iter().map(|(server, _)| server).collect()
    }

    fn server(&mut self, written: &Text) -> Option<ServerConfig> {
        let (address, protocol) = self.located(written, server::parse(written.get_ref()))?;
        let address = match address {
            ServerAddress::Unix(path) => ServerAddress::Unix(self.base.join(path)),
            other => other,
        };
        Some(ServerConfig::new(address, protocol))
    }

    fn detailed_server(&mut self, written: &Server) -> Option<ServerConfig> {
        let weight = (written.weight.as_ref())
            .and_then(|number| self.count(number, "weight", 1..=MOST_WEIGHT));
        let max_connections = (written.max_connections.as_ref())
            .and_then(|number| self.number(number, "max_connections", 0..=1_000_000));
        let id = (written.id.as_ref()).and_then(|text| self.located(text, id(text.get_ref())));
        let server = self.server(&written.address)?;
        if matches!(server.address, ServerAddress::Service(_)) {
            self.orphans_of_another(
                [("weight", span(written.weight.as_ref()))],
                "does nothing here: the name servers tell the weights of a service",
                "remove it",
            );
        }
        Some(ServerConfig {
            weight: weight.unwrap_or(server.weight),
            is_backup: written.backup.as_ref().is_some_and(|on| *on.get_ref()),
            max_connections: max_connections.unwrap_or(server.max_connections),
            id,
            ..server
        })
    }

    /// Unless it is wrong, or there already.
    fn add_server(
        &mut self,
        server: Option<ServerConfig>,
        written: &Text,
        servers: &mut Vec<(ServerConfig, Range<usize>)>,
    ) {
        let Some(server) = server else { return };
        let is_same = |(other, _): &&(ServerConfig, _)| other.address == server.address;
        if let Some((_, first)) = servers.iter().find(is_same) {
            let problem = Problem::new(format!("the server `{}` is there twice", written.get_ref()))
                .first(first.clone())
                .help("remove one of the two; for a greater share, give it a `weight` in [[upstream.NAME.server]]");
            self.wrong(written, problem);
        }
        servers.push((server, written.span()));
    }

    fn no_id_twice(&mut self, id: &Text, others: &[&Text]) {
        if let Some(first) = others.iter().find(|other| other.get_ref() == id.get_ref()) {
            let problem = Problem::new(format!("two servers have the id `{}`", id.get_ref()))
                .first(first.span())
                .help("a session names one server: give each an id of its own");
            self.wrong(id, problem);
        }
    }

    fn timeouts(&mut self, written: &file::Upstream) -> Timeouts {
        let mut timeouts = Timeouts::default();
        for (written, timeout) in [
            (&written.connect_timeout, &mut timeouts.connect),
            (&written.first_byte_timeout, &mut timeouts.first_byte),
            (&written.idle_timeout, &mut timeouts.idle),
            (&written.tunnel_timeout, &mut timeouts.tunnel_idle),
        ] {
            *timeout = self.time(written.as_ref()).unwrap_or(*timeout);
        }
        timeouts
    }

    fn pool(&mut self, written: &file::Upstream) -> PoolConfig {
        let default = PoolConfig::default();
        let size = (written.pool_size.as_ref())
            .and_then(|number| self.number(number, "pool_size", 0..=10_000));
        if size == Some(0) {
            self.orphans_of_another(
                [("pool_idle", span(written.pool_idle.as_ref()))],
                "does nothing: with `pool_size = 0`, no connection waits",
                "remove one of the two",
            );
            return PoolConfig { size: 0, ..default };
        }
        let why = "no connection would be used twice; for that write `pool_size = 0`";
        PoolConfig {
            size: size.unwrap_or(default.size),
            idle: self
                .time_above_zero(written.pool_idle.as_ref(), why)
                .unwrap_or(default.idle),
        }
    }

    fn queue(&mut self, written: &file::Upstream) -> QueueConfig {
        let default = QueueConfig::default();
        let limits = (written.server.iter()).filter_map(|server| server.max_connections.as_ref());
        if limits.into_iter().all(|limit| *limit.get_ref() == 0) {
            let keys = [
                ("queue_size", span(written.queue_size.as_ref())),
                ("queue_timeout", span(written.queue_timeout.as_ref())),
            ];
            self.orphans_of_another(
                keys,
                "does nothing: no server has `max_connections` that requests would wait for",
                "write servers as [[upstream.NAME.server]] with `max_connections`, or remove it",
            );
        }
        let size = (written.queue_size.as_ref())
            .and_then(|number| self.number(number, "queue_size", 0..=1_000_000));
        let why = "no request would wait; for that write `queue_size = 0`";
        QueueConfig {
            size: size.unwrap_or(default.size),
            timeout: self
                .time_above_zero(written.queue_timeout.as_ref(), why)
                .unwrap_or(default.timeout),
        }
    }

    /// Step 3. What is not there is told of.
    pub(super) fn named_upstream(&mut self, written: &Text) -> Arc<UpstreamConfig> {
        let standing_in = || Arc::new(UpstreamConfig::new(written.get_ref().as_str(), Vec::new()));
        self.find_upstream(written).unwrap_or_else(standing_in)
    }

    fn find_upstream(&mut self, written: &Text) -> Option<Arc<UpstreamConfig>> {
        let text = written.get_ref();
        let find = |known: &[Arc<UpstreamConfig>]| {
            known.iter().find(|known| *known.name == **text).cloned()
        };
        if !server::is_url(text) {
            let found = find(&self.upstreams.named);
            return found.or_else(|| {
                let problem = self.unknown_upstream(text);
                self.wrong(written, problem);
                None
            });
        }
        if let Some(found) = find(&self.upstreams.urls) {
            return Some(found);
        }
        let server = self.server(written)?;
        let upstream = Arc::new(UpstreamConfig {
            resolvers: self.upstreams.resolvers.clone(),
            ..UpstreamConfig::new(text.as_str(), vec![server])
        });
        self.upstreams.urls.push(Arc::clone(&upstream));
        Some(upstream)
    }

    fn unknown_upstream(&self, text: &str) -> Problem {
        let problem = Problem::new(format!("there is no upstream {}", quoted(text)));
        let names = || self.upstreams.named.iter().map(|known| &*known.name);
        if let Some(name) = nearest(text, names()) {
            return problem.help(format!("did you mean `{name}`?"));
        }
        if text.starts_with('/') {
            return problem.help(format!("for a Unix socket write `unix:{text}`"));
        }
        if text.contains([':', '.', '/']) {
            // A server by itself, as it would be in `servers`.
            return match server::parse(text) {
                Ok(_) => problem.help(format!("for a server by itself write `http://{text}`")),
                Err(_) => problem.help("for a server by itself write its URL, such as `http://127.0.0.1:3000`; for several, the name of an [upstream.NAME]"),
            };
        }
        let known: Vec<String> = names().map(|name| format!("`{name}`")).collect();
        let add =
            format!("add\n\n    [upstream.{text}]\n    servers = [\"http://127.0.0.1:3000\"]");
        problem.help(if known.is_empty() {
            add
        } else {
            format!("known are {}; or {add}", known.join(", "))
        })
    }
}

fn resolver(text: &str) -> Result<SocketAddr, Problem> {
    let address = match text.parse::<IpAddr>() {
        Ok(ip) => Some(SocketAddr::new(ip, DNS)),
        Err(_) => text.parse().ok(),
    };
    address
        .filter(|address| address.port() != 0)
        .ok_or_else(|| {
            Problem::new(format!(
                "{} is not the address of a name server",
                quoted(text)
            ))
            .help("write `192.0.2.53`, `127.0.0.1:5353` or `[::1]:53`")
        })
}

/// What session cookies can hold behind their last dot.
fn id(text: &str) -> Result<Box<str>, Problem> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if text.is_empty() || !text.bytes().all(is_letter) {
        return Err(Problem::new(format!(
            "{} cannot be what sessions name a server by",
            quoted(text)
        ))
        .help("an id is letters, digits, `-` and `_`, such as `node1`"));
    }
    Ok(text.into())
}
