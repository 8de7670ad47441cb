//! What a server would be asked, for a request that nobody sent: it is told, and nobody is asked.

use http::Response;

use super::answer::target;
use super::fields::WriteFields as _;
use super::request::{Forwarded, asked_host};
use super::{Asking, Forwarder, Outcome};
use crate::config::upstream::{
    Balance, HashKey, HostPolicy, ServerAddress, ServerConfig, Sticky, UpstreamConfig,
};
use crate::static_files::body::Body;

/// In the extensions of a response: it is none, the application's would be there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotSent;

impl Forwarder {
    pub(super) fn rehearse(&self, asking: &Asking<'_>) -> Outcome {
        let prefix = asking.outer.trim_end_matches('/');
        let named = (prefix, &asking.story.id);
        let forwarded = Forwarded::new(asking.parts, *asking.caller, &self.config, named);
        let mut lines = Vec::new();
        forwarded.write(&mut lines);
        let upstream = self.upstream.config();
        asking.story.forward(|told| {
            told.target = target(asking).into();
            told.host = self.host(asking).into();
            told.fields = String::from_utf8_lossy(&lines)
                .lines()
                .map(str::to_owned)
                .collect();
            told.servers = upstream.servers.iter().map(server).collect();
            told.choice = Some(choice(upstream).into());
        });
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(NotSent);
        Outcome::Answered(Box::new(response))
    }

    fn host(&self, asking: &Asking<'_>) -> String {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        match &self.config.host {
            HostPolicy::Client => text(asked_host(asking.parts)),
            HostPolicy::Fixed(host) => text(host.as_bytes()),
            HostPolicy::Server => "that the server is configured by".to_owned(),
        }
    }
}

fn server(config: &ServerConfig) -> String {
    let protocol = match (config.protocol.is_tls, config.protocol.is_http2) {
        (false, false) => "HTTP/1.1",
        (true, false) => "HTTP/1.1 over TLS",
        (false, true) => "HTTP/2",
        (true, true) => "HTTP/2 over TLS",
    };
    let mut text = match &config.address {
        ServerAddress::Socket(address) => address.to_string(),
        ServerAddress::Name { host, port } => format!("{host}:{port}"),
        ServerAddress::Service(name) => format!("{name} (a service, by its SRV records)"),
        ServerAddress::Unix(path) => format!("unix:{}", path.display()),
    };
    text.push_str(", by ");
    text.push_str(protocol);
    if config.weight != 1 {
        text.push_str(", weight ");
        text.push_str(&config.weight.to_string());
    }
    if config.is_backup {
        text.push_str(", a backup: only where no other is fit");
    }
    text
}

/// How one of them is chosen.
fn choice(upstream: &UpstreamConfig) -> String {
    let balance = match &upstream.balance {
        Balance::PowerOfTwo => "the less busy one of two taken at random".to_owned(),
        Balance::RoundRobin => "in turns".to_owned(),
        Balance::LeastConnections => "the least busy one".to_owned(),
        Balance::Hash(HashKey::Client) => "by the client's address".to_owned(),
        Balance::Hash(HashKey::Header(name)) => format!("by the field {name}"),
        Balance::Hash(HashKey::Cookie(name)) => format!("by the cookie {name}"),
        Balance::Hash(HashKey::Path) => "by the path".to_owned(),
    };
    match &upstream.sticky {
        Some(Sticky::Cookie(name)) => {
            format!("the one that the client's cookie {name} names, else {balance}")
        }
        Some(Sticky::Route(name)) => {
            format!("the one that the application's {name} names, else {balance}")
        }
        None => balance,
    }
}
