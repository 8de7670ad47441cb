use std::sync::Arc;

use http::{HeaderValue, Request};

use super::*;
use crate::config::upstream::{HostPolicy, UpstreamConfig};

const PEER: &str = "192.0.2.7:4711";

fn upstream() -> Arc<UpstreamConfig> {
    use crate::config::upstream::{
        Balance, Ejection, PoolConfig, QueueConfig, Timeouts, UpstreamTls,
    };
    let zero = Duration::ZERO;
    Arc::new(UpstreamConfig {
        name: "app".into(),
        servers: Vec::new(),
        balance: Balance::PowerOfTwo,
        sticky: None,
        slow_start: zero,
        health: None,
        ejection: Ejection {
            after: 0,
            time: zero,
            most: zero,
        },
        timeouts: Timeouts {
            connect: zero,
            first_byte: zero,
            idle: zero,
            tunnel_idle: zero,
        },
        pool: PoolConfig {
            size: 0,
            idle: zero,
        },
        queue: QueueConfig {
            size: 0,
            timeout: zero,
        },
        retries: false,
        tls: UpstreamTls {
            ca: None,
            verify: true,
            server_name: None,
            client: None,
        },
        header_size: 0,
        resolvers: Vec::new(),
    })
}

fn config() -> ProxyConfig {
    ProxyConfig {
        upstream: upstream(),
        files: None,
        rewrite_prefix: None,
        host: HostPolicy::Client,
        encoded_slashes: false,
        forwarded: false,
        request_headers: Vec::new(),
        hide_headers: Vec::new(),
        intercept: Vec::new(),
        accel: None,
        compress: None,
    }
}

fn stranger() -> Caller {
    Caller {
        peer: PEER.parse().ok(),
        client: PEER.parse().ok(),
        is_peer_trusted: false,
        is_encrypted: false,
    }
}

/// The proxy 10.0.0.1, which speaks for 198.51.100.4.
fn trusted() -> Caller {
    Caller {
        peer: "10.0.0.1:1".parse().ok(),
        client: "198.51.100.4:0".parse().ok(),
        is_peer_trusted: true,
        is_encrypted: true,
    }
}

fn request(lines: &[(&str, &str)]) -> Parts {
    let mut parts = Request::get("/x").body(()).unwrap().into_parts().0;
    parts
        .headers
        .append("host", HeaderValue::from_static("shop.test"));
    for (name, value) in lines {
        parts.headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    parts
}

/// The lines that a server gets, without those that are different each time.
fn written(parts: &Parts, caller: Caller, config: &ProxyConfig, prefix: &str) -> Vec<String> {
    let mut out = Vec::new();
    let id = RequestId::of(&parts.headers);
    let forwarded = Forwarded::new(parts, caller, config, (prefix, &id));
    forwarded.write(&mut out);
    let mut again = Vec::new();
    forwarded.write(&mut again);
    assert_eq!(out, again, "another attempt says the same");
    let text = String::from_utf8_lossy(&out).into_owned();
    let mut lines: Vec<_> = text
        .strip_suffix("\r\n")
        .unwrap()
        .split("\r\n")
        .map(str::to_owned)
        .collect();
    let before = lines.len();
    lines.retain(|line| {
        !line.starts_with("x-request-id: ") && !line.starts_with("x-request-start: ")
    });
    assert_eq!(before - lines.len(), 2, "{text}");
    lines
}

/// What anybody's request without fields gets.
const OWN: [&str; 6] = [
    "x-forwarded-for: 192.0.2.7",
    "x-real-ip: 192.0.2.7",
    "x-forwarded-proto: http",
    "x-forwarded-host: shop.test",
    "x-forwarded-port: 80",
    "via: 1.1 daemun",
];

/// What is added or changed by such lines.
fn from_stranger(lines: &[(&str, &str)]) -> Vec<String> {
    written(&request(lines), stranger(), &config(), "")
        .into_iter()
        .filter(|line| !OWN.contains(&line.as_str()))
        .collect()
}

#[test]
fn who_asks_is_told() {
    assert_eq!(written(&request(&[]), stranger(), &config(), ""), OWN);
    let encrypted = Caller {
        is_encrypted: true,
        peer: "[::ffff:192.0.2.7]:1".parse().ok(),
        client: "[::ffff:192.0.2.7]:1".parse().ok(),
        ..stranger()
    };
    let mut parts = request(&[]);
    parts
        .headers
        .insert("host", HeaderValue::from_static("[::1]:8443"));
    assert_eq!(
        written(&parts, encrypted, &config(), "/caf%C3%A9"),
        [
            "x-forwarded-for: 192.0.2.7",
            "x-real-ip: 192.0.2.7",
            "x-forwarded-proto: https",
            "x-forwarded-host: [::1]:8443",
            "x-forwarded-port: 8443",
            "x-forwarded-prefix: /caf%C3%A9",
            "via: 1.1 daemun",
        ]
    );
    // By a socket that tells nobody's address.
    assert_eq!(
        written(&request(&[]), Caller::default(), &config(), ""),
        OWN[2..]
    );
}

#[test]
fn what_a_stranger_says_of_others_is_dropped() {
    for name in [
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Forwarded-Server",
        "X-Forwarded-User",
        "X-Forwarded-",
        "X-Real-IP",
        "Forwarded",
        "X-Original-URL",
        "X-Original-URI",
        "X-Original-Host",
        "X-Rewrite-URL",
        "X-Client-IP",
        "Client-IP",
        "True-Client-IP",
        "CF-Connecting-IP",
        "X-Cluster-Client-IP",
        "Fastly-Client-IP",
        "X-Request-Start",
        // Names that CGI, or PHP, could take for these, where odd names are let through at all.
        "X_Forwarded_For",
        "X.Forwarded.For",
        "x-forwarded_for",
        "X_Real_IP",
        "Proxy",
        "P_roxy_",
        "X_Original_URL",
        "Transfer_Encoding",
        "Content_Length",
    ] {
        let said = from_stranger(&[(name, "203.0.113.9"), (name, "203.0.113.10")]);
        let expected: &[&str] = match name {
            "P_roxy_" => &["p_roxy_: 203.0.113.9", "p_roxy_: 203.0.113.10"],
            _ => &[],
        };
        assert_eq!(said, expected, "{name}");
    }
}

#[test]
fn what_a_trusted_peer_says_goes_on_and_the_peer_is_added() {
    let parts = request(&[
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-For", "198.51.100.4"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "www.shop.test"),
        ("X-Forwarded-Port", "8443"),
        ("X-Forwarded-Prefix", "/outer/"),
        ("X-Real-IP", "10.9.9.9"),
        ("X-Original-URL", "/y"),
        ("Forwarded", "for=198.51.100.4"),
        ("X-Request-Start", "t=1.000"),
        ("Via", "1.0 fred"),
        ("Via", "1.1 p.example.net"),
    ]);
    let mut out = Vec::new();
    Forwarded::new(&parts, trusted(), &config(), ("/app", &RequestId::new())).write(&mut out);
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with("x-request-id"))
        .collect();
    assert_eq!(
        lines,
        [
            "x-original-url: /y",
            "x-request-start: t=1.000",
            "x-forwarded-for: 203.0.113.9, 198.51.100.4, 10.0.0.1",
            "x-real-ip: 198.51.100.4",
            "x-forwarded-proto: https",
            "x-forwarded-host: www.shop.test",
            "x-forwarded-port: 8443",
            "x-forwarded-prefix: /outer/app",
            "forwarded: for=198.51.100.4",
            "via: 1.0 fred, 1.1 p.example.net, 1.1 daemun",
        ]
    );
}

#[test]
fn a_trusted_peer_that_says_little_is_added_to_what_is_known() {
    let addresses = |lines: &[(&str, &str)], caller| {
        written(&request(lines), caller, &config(), "")
            .into_iter()
            .find_map(|line| Some(line.strip_prefix("x-forwarded-for: ")?.to_owned()))
    };
    let itself = Caller {
        client: trusted().peer,
        ..trusted()
    };
    let by_socket = Caller {
        peer: None,
        ..trusted()
    };
    for (lines, caller, expected) in [
        (&[][..], itself, Some("10.0.0.1")),
        (
            &[("Forwarded", "for=198.51.100.4")],
            trusted(),
            Some("198.51.100.4, 10.0.0.1"),
        ),
        (
            &[("X-Forwarded-For", "unknown")],
            itself,
            Some("unknown, 10.0.0.1"),
        ),
        (
            &[("X-Forwarded-For", "198.51.100.4")],
            by_socket,
            Some("198.51.100.4"),
        ),
    ] {
        assert_eq!(addresses(lines, caller).as_deref(), expected, "{lines:?}");
    }
}

#[test]
fn forwarded_is_made_when_it_is_asked_for() {
    let config = ProxyConfig {
        forwarded: true,
        ..config()
    };
    let made = |lines: &[(&str, &str)], caller| {
        written(&request(lines), caller, &config, "")
            .into_iter()
            .find_map(|line| Some(line.strip_prefix("forwarded: ")?.to_owned()))
            .unwrap()
    };
    let by_6 = Caller {
        client: "[2001:db8::1]:9".parse().ok(),
        ..stranger()
    };
    let spoofed = &[("Forwarded", "for=203.0.113.9")];
    for (caller, expected) in [
        (stranger(), "for=192.0.2.7;proto=http;host=\"shop.test\""),
        (by_6, "for=\"[2001:db8::1]\";proto=http;host=\"shop.test\""),
        (
            Caller::default(),
            "for=unknown;proto=http;host=\"shop.test\"",
        ),
        (
            trusted(),
            "for=203.0.113.9, for=10.0.0.1;proto=https;host=\"shop.test\"",
        ),
    ] {
        assert_eq!(made(spoofed, caller), expected);
    }
}

#[test]
fn fields_of_the_connection_stay_behind() {
    for lines in [
        &[("Connection", "keep-alive"), ("Keep-Alive", "timeout=5")][..],
        &[
            ("Connection", "close, X-Auth"),
            ("X-Auth", "1"),
            ("x-auth", "2"),
        ],
        // All lines, any case, and what is empty.
        &[
            ("Connection", "a"),
            ("Connection", ",, X-AUTH ,b"),
            ("A", "1"),
            ("B", "1"),
            ("x-auth", "1"),
        ],
        &[
            ("Connection", "cookie"),
            ("Cookie", "a=1"),
            ("Cookie", "b=2"),
        ],
        &[
            ("Connection", "upgrade"),
            ("Upgrade", "h2c"),
            ("HTTP2-Settings", "x"),
        ],
        &[
            ("Connection", "Upgrade, HTTP2-Settings"),
            ("HTTP2-Settings", "x"),
            ("Upgrade", "h2c"),
        ],
        &[
            ("TE", "trailers, gzip"),
            ("Trailer", "X"),
            ("Expect", "100-continue"),
        ],
        &[
            ("Proxy-Connection", "keep-alive"),
            ("Proxy-Authorization", "Basic eA=="),
        ],
        &[("Proxy-Anything", "x"), ("Proxy", "http://evil.test")],
        &[("Content-Length", "5"), ("Transfer-Encoding", "chunked")],
    ] {
        assert_eq!(from_stranger(lines), <[&str; 0]>::default(), "{lines:?}");
    }
}

#[test]
fn no_client_can_have_the_proxy_s_own_fields_removed() {
    // CVE-2021-32813, CVE-2022-31813, CVE-2024-45410.
    let listed = "close, X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port, X-Real-Ip, Via, X-Request-Id, X-Request-Start, X-Tenant, X-Auth";
    let parts = request(&[
        ("Connection", listed),
        ("X-Auth", "admin"),
        ("X-Request-Id", "7"),
    ]);
    let config = ProxyConfig {
        request_headers: vec![(
            HeaderName::from_static("x-tenant"),
            HeaderValue::from_static("a"),
        )],
        ..config()
    };
    let mut expected = OWN.to_vec();
    expected.push("x-tenant: a");
    assert_eq!(written(&parts, stranger(), &config, ""), expected);
    // Nor those that a trusted peer vouches for.
    let parts = request(&[
        ("Connection", "X-Forwarded-For, X-Original-Url"),
        ("X-Forwarded-For", "198.51.100.4"),
        ("X-Original-URL", "/y"),
    ]);
    let lines = written(&parts, trusted(), &config, "");
    assert!(lines.contains(&"x-forwarded-for: 198.51.100.4, 10.0.0.1".to_owned()));
    assert!(lines.contains(&"x-original-url: /y".to_owned()));
}

#[test]
fn everything_else_goes_on_as_it_came() {
    let lines = [
        ("accept", "*/*"),
        ("authorization", "Basic eA=="),
        ("x-a", "1"),
        ("x-a", "2"),
        ("x-empty", ""),
        ("content-type", "text/plain"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("range", "bytes=0-1"),
        ("cookie", "a=1; b=2"),
        ("x-odd_name", "{env.SECRET}"),
        ("x-latin", "caf\u{e9}"),
        ("max-forwards", "0"),
    ];
    let expected: Vec<_> = lines
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    assert_eq!(from_stranger(&lines), expected);
}

#[test]
fn crumbs_of_a_cookie_are_joined() {
    let lines = [("cookie", "a=1"), ("accept", "*/*"), ("cookie", "b=2; c=3")];
    assert_eq!(
        from_stranger(&lines),
        ["accept: */*", "cookie: a=1; b=2; c=3"]
    );
}

#[test]
fn configured_fields_are_set_over_all_others() {
    let field = |name, value| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    let config = ProxyConfig {
        request_headers: vec![
            field("x-tenant", "a"),
            field("x-forwarded-proto", "https"),
            field("accept-encoding", ""),
            field("content-length", "0"),
            field("cookie", "c=1"),
        ],
        ..config()
    };
    let parts = request(&[
        ("X-Tenant", "b"),
        ("x-tenant", "c"),
        ("Accept-Encoding", "br"),
        ("Cookie", "a=1"),
        ("Cookie", "b=1"),
    ]);
    let mut expected = OWN.to_vec();
    expected.retain(|line| !line.starts_with("x-forwarded-proto"));
    expected.extend(["x-tenant: a", "x-forwarded-proto: https", "cookie: c=1"]);
    assert_eq!(written(&parts, stranger(), &config, ""), expected);
}

#[test]
fn via_names_the_protocol_it_came_by() {
    for (version, expected) in [
        (Version::HTTP_10, "via: 1.0 daemun"),
        (Version::HTTP_11, "via: 1.1 daemun"),
        (Version::HTTP_2, "via: 2 daemun"),
    ] {
        let mut parts = request(&[]);
        parts.version = version;
        let lines = written(&parts, stranger(), &config(), "");
        assert_eq!(lines.last().unwrap(), expected);
    }
}

#[test]
fn max_forwards_counts_for_options() {
    // RFC 9110 §7.6.2: other methods' may be ignored.
    for (value, left, sent) in [
        ("0", Some(0), Some("max-forwards: 0")),
        ("1", Some(1), Some("max-forwards: 0")),
        ("10", Some(10), Some("max-forwards: 9")),
        (
            "99999999999999999999999",
            Some(u64::MAX),
            Some("max-forwards: 18446744073709551614"),
        ),
        ("x", None, None),
        ("-1", None, None),
        ("", None, None),
    ] {
        let mut parts = request(&[("Max-Forwards", value)]);
        parts.method = Method::OPTIONS;
        assert_eq!(max_forwards(&parts), left);
        let lines = written(&parts, stranger(), &config(), "");
        let found = lines.iter().find(|line| line.starts_with("max"));
        assert_eq!(found.map(String::as_str), sent);
    }
}

#[test]
fn the_target_s_authority_is_the_host() {
    let mut parts = request(&[]);
    parts.uri = "http://shop.test:81/x".parse().unwrap();
    let config = config();
    let id = RequestId::new();
    let forwarded = Forwarded::new(&parts, stranger(), &config, ("", &id));
    assert_eq!(forwarded.host(), b"shop.test:81");
    let lines = written(&parts, stranger(), &config, "");
    assert!(lines.contains(&"x-forwarded-host: shop.test:81".to_owned()));
    assert!(lines.contains(&"x-forwarded-port: 81".to_owned()));
}

#[test]
fn when_it_came_is_told_in_seconds() {
    let parts = request(&[("X-Request-Start", "t=1")]);
    let mut out = Vec::new();
    let id = RequestId::new();
    Forwarded::new(&parts, stranger(), &config(), ("", &id)).write(&mut out);
    let text = String::from_utf8(out).unwrap();
    let start = text
        .lines()
        .find_map(|line| line.strip_prefix("x-request-start: t="))
        .unwrap();
    let (seconds, millis) = start.split_once('.').unwrap();
    assert!(seconds.parse::<u64>().unwrap() > 1_700_000_000);
    assert_eq!(millis.len(), 3);
}

#[test]
fn trailers_are_taken_by_who_says_so() {
    for (value, expected) in [
        ("trailers", true),
        ("gzip;q=0.5, Trailers", true),
        ("trailers;q=0.5", true),
        ("", false),
        ("gzip", false),
        ("xtrailers", false),
    ] {
        assert_eq!(takes_trailers(&request(&[("TE", value)]).headers), expected);
    }
}

#[test]
fn an_upgrade_is_to_what_may_pass() {
    type Lines = &'static [(&'static str, &'static str)];
    let cases: &[(Lines, Option<&str>)] = &[
        (
            &[("Connection", "Upgrade"), ("Upgrade", "websocket")],
            Some("websocket"),
        ),
        (
            &[
                ("Connection", "keep-alive, upgrade"),
                ("Upgrade", "WebSocket"),
            ],
            Some("WebSocket"),
        ),
        (
            &[("Connection", "upgrade"), ("Upgrade", "h2c, websocket")],
            Some("websocket"),
        ),
        (&[("Connection", "upgrade"), ("Upgrade", "h2c")], None),
        (&[("Connection", "upgrade"), ("Upgrade", "H2C")], None),
        (
            &[("Connection", "upgrade"), ("Upgrade", "HTTP/2.0, TLS/1.2")],
            None,
        ),
        (&[("Connection", "upgrade"), ("Upgrade", "")], None),
        (&[("Connection", "upgrade")], None),
        (&[("Upgrade", "websocket")], None),
        (&[("Connection", "close"), ("Upgrade", "websocket")], None),
    ];
    for (lines, expected) in cases {
        let mut parts = request(lines);
        assert_eq!(upgrade(&parts), expected.map(str::as_bytes), "{lines:?}");
        parts.version = Version::HTTP_10;
        assert_eq!(upgrade(&parts), None);
    }
}

#[test]
fn what_is_not_believed_before_a_body_is_not_believed_behind_it() {
    let parts = request(&[
        ("X-Sum", "1"),
        ("X-Sum", "2"),
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-For", "203.0.113.10"),
        ("x_real_ip", "203.0.113.9"),
        ("Forwarded", "for=203.0.113.9"),
        ("Cookie", "a=1"),
        ("X-Request-Id", "1"),
        ("Grpc-Status", "0"),
    ]);
    let mut trailers = parts.headers;
    keep_trailers(&mut trailers);
    let mut out = Vec::new();
    for (name, value) in &trailers {
        out.put(name.as_str().as_bytes(), value.as_bytes());
    }
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "x-sum: 1\r\nx-sum: 2\r\ngrpc-status: 0\r\n"
    );
}
