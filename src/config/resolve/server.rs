//! Servers of upstreams, as people write them: pure.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use super::absolute;
use crate::{
    config::{
        error::{Problem, nearest, quoted},
        upstream::{Protocol, ServerAddress},
    },
    header::host::{Host, HostError},
};

/// Schemes, what is spoken by each, and its port.
const SCHEMES: [(&str, Protocol, u16); 4] = [
    ("http", Protocol::HTTP, 80),
    ("https", Protocol::HTTPS, 443),
    ("h2c", Protocol::H2C, 80),
    ("h2", Protocol::H2, 443),
];

/// What others call them.
const OTHER_SCHEMES: [(&str, &str); 6] = [
    ("ws", "http"),
    ("wss", "https"),
    ("grpc", "h2c"),
    ("grpcs", "h2"),
    ("http2", "h2"),
    ("tcp", "http"),
];

/// Whether a route names a server by itself, and not an upstream.
pub(super) fn is_url(text: &str) -> bool {
    text.contains("://") || text.starts_with("unix:")
}

/// A server as its URL; the path of a socket is relative to the current folder here, as all that is given in code.
pub(in crate::config) fn server_url(text: &str) -> String {
    match text.strip_prefix("unix:") {
        Some(path) if !path.is_empty() && !path.starts_with(['@', '/']) => {
            format!("unix:{}", absolute(Path::new(path)).display())
        }
        None if !is_url(text) => format!("http://{text}"),
        _ => text.to_owned(),
    }
}

/// Reads `http://127.0.0.1:3000` and all the other forms. The path of a Unix socket is given as it was written.
pub(super) fn parse(text: &str) -> Result<(ServerAddress, Protocol), Problem> {
    if let Some(path) = text.strip_prefix("unix:") {
        return match path {
            "" => Err(refusal(text, "a path must follow `unix:`")),
            _ if path.starts_with('@') => Err(refusal(
                text,
                "an abstract socket has no path to be reached by",
            )),
            _ if path.starts_with("//") => Err(Problem::new(format!(
                "{} is not a server: a path follows `unix:` at once",
                quoted(text)
            ))
            .help(format!("write `unix:/{}`", path.trim_start_matches('/')))),
            path => Ok((ServerAddress::Unix(PathBuf::from(path)), Protocol::HTTP)),
        };
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        let (address, has_port) = authority(text, text, 80)?;
        return if has_port {
            Ok((address, Protocol::HTTP))
        } else {
            Err(refusal(text, "the port is missing"))
        };
    };
    if scheme == "srv" {
        return service(text, rest).map(|address| (address, Protocol::HTTP));
    }
    let Some((_, protocol, port)) = SCHEMES.iter().find(|(known, ..)| *known == scheme) else {
        return Err(unknown_scheme(text, scheme, rest));
    };
    let (address, _) = authority(text, rest, *port)?;
    Ok((address, *protocol))
}

/// A host and its port, and whether the port was written.
fn authority(text: &str, rest: &str, port: u16) -> Result<(ServerAddress, bool), Problem> {
    no_more_than_a_server(text, rest)?;
    let host = Host::parse(rest.as_bytes()).map_err(|error| not_a_host(text, rest, error))?;
    let has_port = host.port().is_some();
    let port = host.port().unwrap_or(port);
    let bare = host.name().trim_matches(['[', ']']);
    let address = match bare.parse::<IpAddr>() {
        Ok(ip) => ServerAddress::Socket((ip, port).into()),
        Err(_) => ServerAddress::Name {
            host: bare.into(),
            port,
        },
    };
    Ok((address, has_port))
}

/// RFC 2782: `_service._protocol.name`; other directories have names of other forms.
fn service(text: &str, rest: &str) -> Result<ServerAddress, Problem> {
    no_more_than_a_server(text, rest)?;
    let name = Host::parse(rest.as_bytes()).map_err(|error| not_a_host(text, rest, error))?;
    if name.is_address() {
        return Err(refusal(text, "an address is not the name of a service"));
    }
    if name.port().is_some() {
        return Err(refusal(
            text,
            "the name servers tell the port of a service; leave it out",
        ));
    }
    Ok(ServerAddress::Service(name.name().into()))
}

/// What other servers take behind a host means something here that is said elsewhere.
fn no_more_than_a_server(text: &str, rest: &str) -> Result<(), Problem> {
    let Some(at) = rest.find(['/', '?', '#', '@']) else {
        return Ok(());
    };
    let (host, more) = rest.split_at(at);
    let server = &text[..text.len() - more.len()];
    Err(match more {
        _ if host.is_empty() => refusal(text, "the host is missing"),
        "/" => Problem::new(format!(
            "{} has a path, and a server has none",
            quoted(text)
        ))
        .help(format!(
            "write `{server}`; to have a route's prefix taken off, `strip_prefix = true`"
        )),
        _ if more.starts_with('/') => Problem::new(format!(
            "{} has a path, and a server has none",
            quoted(text)
        ))
        .help(format!(
            "write `{server}`, and in the route `rewrite_prefix = \"{more}\"`"
        )),
        _ if more.starts_with('@') => Problem::new(format!(
            "{} is not a server: a name and a password do not belong in it",
            quoted(text)
        ))
        .help("set `Authorization` in [site.route.request_headers]"),
        _ => refusal(text, "a server has neither a query nor a fragment"),
    })
}

fn not_a_host(text: &str, rest: &str, error: HostError) -> Problem {
    if rest.bytes().all(|byte| byte.is_ascii_digit()) && !rest.is_empty() {
        return Problem::new(format!(
            "{} is not a server: the host is missing",
            quoted(text)
        ))
        .help(format!("for this machine write `127.0.0.1:{rest}`"));
    }
    if rest.is_empty() || rest.starts_with(':') && rest.matches(':').count() == 1 {
        return refusal(text, "the host is missing");
    }
    if rest.matches(':').count() > 1 && !rest.starts_with('[') {
        return refusal(text, "an IPv6 address is written in brackets");
    }
    if !rest.is_ascii() {
        return refusal(
            text,
            "a name beyond ASCII is written in its other form, `xn--…`",
        );
    }
    refusal(text, &error.to_string())
}

fn unknown_scheme(text: &str, scheme: &str, rest: &str) -> Problem {
    let other = OTHER_SCHEMES.iter().find(|(name, _)| *name == scheme);
    let known = SCHEMES.iter().map(|(name, ..)| *name);
    let meant = other
        .map(|(_, known)| *known)
        .or_else(|| nearest(scheme, known.chain(["unix", "srv"])));
    let problem = Problem::new(format!(
        "{} is not a server: `{scheme}` is not a known scheme",
        quoted(text)
    ));
    match meant {
        Some("unix") => problem.help(format!("write `unix:{rest}`")),
        Some(known) => problem.help(format!("write `{known}://{rest}`")),
        None => problem.help(HELP),
    }
}

const HELP: &str = "write `http://127.0.0.1:3000`, `https://app.internal`, `h2c://127.0.0.1:50051`, `unix:/run/app.sock` or `srv://_http._tcp.example.com`";

fn refusal(text: &str, why: &str) -> Problem {
    Problem::new(format!("{} is not a server: {why}", quoted(text))).help(HELP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_is_read() {
        let name = |host: &str, port| ServerAddress::Name {
            host: host.into(),
            port,
        };
        let socket = |text: &str| ServerAddress::Socket(text.parse().expect(text));
        for (text, address, protocol) in [
            ("127.0.0.1:3000", socket("127.0.0.1:3000"), Protocol::HTTP),
            ("localhost:3000", name("localhost", 3000), Protocol::HTTP),
            ("[::1]:3000", socket("[::1]:3000"), Protocol::HTTP),
            ("http://127.0.0.1", socket("127.0.0.1:80"), Protocol::HTTP),
            ("http://my_app:81", name("my_app", 81), Protocol::HTTP),
            (
                "https://App.internal",
                name("app.internal", 443),
                Protocol::HTTPS,
            ),
            ("https://[::1]", socket("[::1]:443"), Protocol::HTTPS),
            ("h2c://a:50051", name("a", 50051), Protocol::H2C),
            ("h2://a", name("a", 443), Protocol::H2),
            (
                "unix:/run/app.sock",
                ServerAddress::Unix("/run/app.sock".into()),
                Protocol::HTTP,
            ),
            (
                "unix:app.sock",
                ServerAddress::Unix("app.sock".into()),
                Protocol::HTTP,
            ),
            (
                "srv://_http._tcp.example.com",
                ServerAddress::Service("_http._tcp.example.com".into()),
                Protocol::HTTP,
            ),
        ] {
            let read = parse(text).unwrap_or_else(|problem| panic!("{text}: {problem:?}"));
            assert_eq!(read, (address, protocol), "{text}");
        }
    }

    #[test]
    fn what_is_no_server_says_why() {
        for (text, why) in [
            ("", "host is missing"),
            ("3000", "127.0.0.1:3000"),
            (":3000", "host is missing"),
            ("http://", "host is missing"),
            ("http:///x", "host is missing"),
            ("http://:80", "host is missing"),
            ("app", "port is missing"),
            ("127.0.0.1", "port is missing"),
            ("::1:3000", "brackets"),
            ("http://a:0", "1 to 65535"),
            ("http://a:99999", "1 to 65535"),
            ("http://a b", "character"),
            ("http://a..b", "label"),
            ("http://1.2.3", "IP address"),
            ("http://b\u{fc}cher.example", "xn--"),
            ("http://a/", "strip_prefix"),
            ("http://a/v2/", "rewrite_prefix = \\\"/v2/\\\""),
            ("http://a?x", "query"),
            ("http://u:p@a", "password"),
            ("ws://a", "write `http://a`"),
            ("grpc://a", "write `h2c://a`"),
            ("htp://a", "write `http://a`"),
            ("unixx:///a", "write `unix:/a`"),
            ("gopher://a", "known scheme"),
            ("unix:", "must follow"),
            ("unix:@app", "no path"),
            ("unix:///run/app.sock", "at once"),
            ("srv://127.0.0.1", "service"),
            ("srv://_http._tcp.example.com:80", "leave it out"),
        ] {
            let problem = parse(text).expect_err(text);
            assert!(format!("{problem:?}").contains(why), "{text}: {problem:?}");
        }
    }
}
