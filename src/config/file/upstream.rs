//! An upstream and its servers.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::{Number, Size, Switch, Text, Texts, Time};

/// `[upstream.NAME]`: an application, and the servers that it runs on. Routes name it.
///
/// A server is written `"http://127.0.0.1:3000"` (or `"127.0.0.1:3000"`), `"https://app.internal"`, `"h2c://127.0.0.1:50051"` (HTTP/2
/// without TLS), `"h2://app.internal"` (HTTP/2 over TLS), `"unix:/run/app.sock"`, relative to the configuration file, or
/// `"srv://_http._tcp.example.com"` (what the name servers say of that service, RFC 2782). Names are looked up again as they age; one that
/// is unknown at the start is no reason not to start. A route can also name one server by itself: `upstream = "http://127.0.0.1:3000"`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Upstream {
    /// The servers. Those that need more than an address are written as `[[upstream.NAME.server]]`, instead of these or beside them.
    /// Default: none; there must be at least one of either kind.
    pub(crate) servers: Vec<Text>,
    /// Who gets the next request. `"two-choices"`: of two servers taken at random, the one with fewer requests under way; `"round-robin"`:
    /// one after the other; `"least-connections"`: the one with the fewest requests under way. All of them heed weights. `"hash:client"`,
    /// `"hash:path"`, `"hash:header=X-User"`, `"hash:cookie=uid"`: the same client address, path or value, the same server; when a server
    /// comes or goes, few others move.
    /// Default: `"two-choices"`.
    pub(crate) balance: Option<Text>,
    /// The name of a cookie that is set to bring a client back to the server it had first.
    /// Default: none.
    pub(crate) sticky_cookie: Option<Text>,
    /// The name of the application's own session cookie or path parameter (`"JSESSIONID"` stands for `;jsessionid=` as well): what follows
    /// the last dot of its value is the `id` of a server, which gets the request. Tomcat calls it `jvmRoute`, WildFly `instance-id`.
    /// Default: none.
    pub(crate) sticky_route: Option<Text>,
    /// How long a server that has come, or come back, takes to get its full share of the requests.
    /// Default: `"0s"`, it gets it at once.
    pub(crate) slow_start: Option<Time>,
    /// How long a connection to a server may take to come about, its TLS handshake included. `"0s"`, here and below: any time.
    /// Default: `"5s"`.
    pub(crate) connect_timeout: Option<Time>,
    /// How long a server may take for the first byte of its answer, once it has the request.
    /// Default: `"60s"`.
    pub(crate) first_byte_timeout: Option<Time>,
    /// How long a server may pause within its answer, and how long it may take nothing of a request that is waiting for it.
    /// Default: `"60s"`.
    pub(crate) idle_timeout: Option<Time>,
    /// How long nothing may be sent through a tunnel (a WebSocket, another upgrade), in either direction.
    /// Default: `"1h"`.
    pub(crate) tunnel_timeout: Option<Time>,
    /// Most bytes in the head of an answer; at least 8 KiB, at most 16 MiB. More is answered with 502.
    /// Default: `"256KiB"`.
    pub(crate) header_size: Option<Size>,
    /// Most connections that each worker keeps open to each server for later requests. `0`: none is used twice.
    /// Default: `64`.
    pub(crate) pool_size: Option<Number>,
    /// How long such a connection may wait; less when the server says, or shows, that it closes them sooner.
    /// Default: `"60s"`.
    pub(crate) pool_idle: Option<Time>,
    /// Most requests that wait while all servers have as many as their `max_connections`; more are answered with 503.
    /// Default: `1000`.
    pub(crate) queue_size: Option<Number>,
    /// How long a request may wait for that; then it is answered with 503.
    /// Default: `"10s"`.
    pub(crate) queue_timeout: Option<Time>,
    /// Whether a request that failed is tried once more at another server: when nothing of it was sent; or when it can do no harm twice
    /// (`GET`, `HEAD` …) and nothing came back. About a fifth of the
    /// requests are at most, so that a failure does not grow by it; those on a connection that the server had closed meanwhile come on top.
    /// Default: `true`.
    pub(crate) retries: Option<bool>,
    /// Failures in a row (no connection, no answer, a broken one) after which a server is left out for some time; never the last that is
    /// left. `0`: never.
    /// Default: `3`.
    pub(crate) max_failures: Option<Number>,
    /// How long it is left out the first time; each time twice as long as before.
    /// Default: `"5s"`.
    pub(crate) ejection_time: Option<Time>,
    /// The longest time that it is left out.
    /// Default: `"5m"`.
    pub(crate) ejection_most: Option<Time>,
    /// Path, and perhaps query, by which each server is asked again and again whether it is well: `"/healthz"`. One that is not gets no
    /// requests; when none is, requests are answered with 503.
    /// Default: none; servers are not asked.
    pub(crate) health_path: Option<Text>,
    /// How often it is asked, give or take a tenth.
    /// Default: `"5s"`.
    pub(crate) health_interval: Option<Time>,
    /// How long a server may take for the whole answer.
    /// Default: `"2s"`.
    pub(crate) health_timeout: Option<Time>,
    /// How many good answers in a row bring a server back.
    /// Default: `2`.
    pub(crate) health_rise: Option<Number>,
    /// How many bad ones take it out.
    /// Default: `3`.
    pub(crate) health_fall: Option<Number>,
    /// The statuses of good answers: `["200", "204"]`, `["200-299"]`.
    /// Default: `["200-399"]`.
    pub(crate) health_status: Option<Texts>,
    /// A text that good answers hold, in the first 64 KiB of their body.
    /// Default: none; any body will do.
    pub(crate) health_body: Option<Text>,
    /// The `Host` to ask with.
    /// Default: that of the server's address.
    pub(crate) health_host: Option<Text>,
    /// The certificates of the authorities that issue those of the servers, in PEM; relative to the configuration file.
    /// Default: those that the system trusts.
    pub(crate) tls_ca: Option<Text>,
    /// Whether the servers' certificates are verified. Without it anybody on the way can read and change what is sent.
    /// Default: `true`.
    pub(crate) tls_verify: Option<Switch>,
    /// The name to ask the servers for (SNI), which their certificates must be for.
    /// Default: the host of the server's address.
    pub(crate) tls_server_name: Option<Text>,
    /// The certificate, with its chain, to show to servers that ask for one, in PEM; relative to the configuration file.
    /// Default: none.
    pub(crate) tls_cert: Option<Text>,
    /// The private key of `tls_cert`, in PEM and without a passphrase.
    /// Default: none.
    pub(crate) tls_key: Option<Text>,
    pub(crate) server: Vec<Server>,
}

/// `[[upstream.NAME.server]]`: a server of the upstream above it, with what is to be said of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// Where it is, written as in `servers`.
    /// Required.
    pub(crate) address: Text,
    /// Its share: with 2 it gets twice as many requests as with 1. At most 1000. Not for `srv://`, whose weights the
    /// name servers tell.
    /// Default: `1`.
    pub(crate) weight: Option<Number>,
    /// Whether it gets requests only while none of the others can be had.
    /// Default: `false`.
    pub(crate) backup: Option<Switch>,
    /// Most requests under way at it. When all servers have as many as they may, requests wait (`queue_size`). `0`: any number.
    /// Default: `0`.
    pub(crate) max_connections: Option<Number>,
    /// What the application's sessions name it by, see `sticky_route`.
    /// Default: none.
    pub(crate) id: Option<Text>,
}

/// All upstreams with their names, in the order of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upstreams(pub(crate) Vec<(Text, Spanned<Upstream>)>);

impl<'de> Deserialize<'de> for Upstreams {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Upstreams;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Upstreams, A::Error> {
                let mut upstreams: Vec<(Text, Spanned<Upstream>)> = Vec::new();
                while let Some(upstream) = map.next_entry()? {
                    upstreams.push(upstream);
                }
                upstreams.sort_by_key(|(name, _)| name.span().start);
                Ok(Upstreams(upstreams))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}
