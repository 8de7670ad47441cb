//! A request that nobody sent: what would become of it, told by the very parts that would answer it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::header::{DATE, HOST};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};
use http_body::Body as _;

use super::gate::{Gate, Via};
use crate::config::Config;
use crate::observe::explain::{self, Lines, Printable, Reason};
use crate::observe::story::Story;
use crate::proxy::NotSent;
use crate::proxy::caller::Caller;
use crate::proxy::request_body::RequestBody;
use crate::rejection::Rejection;
use crate::static_files::body::Body;

/// Tells what the sites of a configuration would do with a request, without a server and without the request being sent: which site and
/// route it meets, which file is sent in which coding, what an application would be asked; as text for a person to read. Files are
/// looked at as they are now. Applications are not asked, so nothing is known of their servers' health.
///
/// The request's URI is absolute, with the scheme that the client comes by: `https://example.com/path?query`. `client` is whose connection
/// it comes over: `None`, somebody on this machine. A field of a trusted proxy counts as it does in a server.
///
/// Must be called within a tokio runtime.
///
/// ```
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let config = daemun::Config::load("daemun.toml")?;
/// let request = http::Request::get("https://example.com/app.js")
///     .header("accept-encoding", "br")
///     .body(())?;
/// println!("{}", daemun::rehearse(&config, request, None).await);
/// # Ok(())
/// # }
/// ```
pub async fn rehearse(config: &Config, request: Request<()>, client: Option<IpAddr>) -> String {
    let gate = Gate::new(&without_a_trace(config));
    let (mut parts, ()) = request.into_parts();
    let url = std::mem::take(&mut parts.uri);
    if let Some(authority) = url.authority()
        && !parts.headers.contains_key(HOST)
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        parts.headers.insert(HOST, host);
    }
    // As a browser sends it.
    let path = url.path_and_query().cloned();
    parts.uri = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    let peer = SocketAddr::new(client.unwrap_or(Ipv4Addr::LOCALHOST.into()), 0);
    let trusted = &config.trusted_proxies;
    let is_peer_trusted = trusted.trusts(Some(peer));
    let told = is_peer_trusted.then(|| trusted.client(Some(peer), &parts.headers));
    let by_scheme = url.scheme_str() == Some("https");
    let caller = Caller {
        peer: Some(peer),
        client: told.map_or(Some(peer), |told| told.address),
        is_peer_trusted,
        is_encrypted: told.and_then(|told| told.is_https).unwrap_or(by_scheme),
    };
    let story = Story::rehearsal(&parts.headers);
    let via = Via {
        caller: &caller,
        story: &story,
        as_lines: false,
    };
    let response = gate.answer(&parts, &mut RequestBody::Empty, via).await;
    let mut lines = Lines::default();
    let asked = url.to_string();
    lines.put(
        "asked",
        format_args!("{} {}", parts.method, Printable(asked.as_bytes())),
    );
    tell(&mut lines, &story, &response);
    lines.text
}

/// Nobody would expect files to be written.
fn without_a_trace(config: &Config) -> Config {
    let mut config = config.clone();
    let mut compression = (*config.compression).clone();
    compression.dictionaries.folder = None;
    config.compression = Arc::new(compression);
    config
}

fn tell(lines: &mut Lines, story: &Story, response: &Response<Body>) {
    let told = story.told();
    explain::story(lines, &told);
    if response.extensions().get::<NotSent>().is_some() {
        return lines.put("answer", "the application's (it was not asked)");
    }
    if let Some(rejection) = response.extensions().get::<Rejection>() {
        explain::refused(lines, *rejection);
    }
    lines.put("answer", Reason(response.status()));
    for (name, value) in response.headers() {
        if *name != DATE && *name != "x-request-id" {
            let value = Printable(value.as_bytes());
            lines.put("", format_args!("{name}: {value}"));
        }
    }
    if let Some(length) = response.body().size_hint().exact() {
        lines.put("body", format_args!("{length} bytes"));
    }
}
