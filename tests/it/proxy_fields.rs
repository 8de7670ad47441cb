//! The fields of a request on their way to an application, and of its answer on their way back (RFC 9110 §7.6).

use crate::harness::{
    Back, Docroot, H2Client, H2Outcome, Received, TestServer, forwarding, in_front, in_front_of,
    request,
};

/// What an application gets of a request with these fields.
fn got(fields: &[&str]) -> Received {
    let back = Back::hello();
    in_front_of(&back).get("/x", fields).expect(200);
    back.only()
}

#[test]
fn who_asks_is_told() {
    let received = got(&["Host: shop.test:8080"]);
    for (name, expected) in [
        ("Host", "shop.test:8080"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "shop.test:8080"),
        ("X-Forwarded-Port", "8080"),
        ("Via", "1.1 daemun"),
    ] {
        assert_eq!(received.value(name), Some(expected), "{name}: {received:?}");
    }
    assert!(!received.has("X-Forwarded-Prefix") && !received.has("Forwarded"));
    let id = received.value("X-Request-Id").unwrap();
    assert!(
        id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    let start = received.value("X-Request-Start").unwrap();
    let (seconds, millis) = start.strip_prefix("t=").unwrap().split_once('.').unwrap();
    assert!(
        seconds.parse::<u64>().is_ok() && millis.len() == 3,
        "{start}"
    );
}

#[test]
fn nothing_that_a_stranger_says_of_others_reaches_an_application() {
    let mut spoofed = Vec::new();
    for name in [
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Real-IP",
        "Forwarded",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Request-Start",
        // Other ways to write these, for applications behind the names of CGI.
        "X_Forwarded_For",
        "X.Forwarded.For",
        "X_Real_IP",
        "Remote_User",
        "remote.user",
        "Proxy",
        "Pr_oxy",
    ] {
        spoofed.push(format!("{name}: spoofed"));
        spoofed.push(format!("{name}: spoofed too"));
    }
    let fields: Vec<_> = spoofed.iter().map(String::as_str).collect();
    let received = got(&fields);
    for (name, value) in &received.fields {
        assert!(!value.contains("spoofed"), "{name}: {value}");
    }
    assert_eq!(received.value("X-Forwarded-For"), Some("127.0.0.1"));
}

#[test]
fn the_proxy_s_own_fields_cannot_be_listed_away() {
    // CVE-2021-32813, CVE-2022-31813, CVE-2024-45410.
    let received = got(&[
        "Connection: close, X-Forwarded-For, X-Forwarded-Proto",
        "Connection: X-Forwarded-Host, X-Real-IP, Via, X-Request-Id, X-Auth, Host",
        "X-Auth: admin",
    ]);
    for name in [
        "Host",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Real-IP",
        "Via",
        "X-Request-Id",
    ] {
        assert!(received.value(name).is_some(), "{name}: {received:?}");
    }
    assert!(!received.has("X-Auth"), "{received:?}");
}

#[test]
fn fields_of_the_connection_stay_behind() {
    let received = got(&[
        "Connection: keep-alive, X-Hop",
        "X-Hop: 1",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "Proxy-Authorization: Basic eA==",
        "Proxy-Authenticate: Basic",
        "Trailer: X",
        "TE: gzip",
        "Upgrade: websocket",
        "HTTP2-Settings: x",
        "Accept: */*",
    ]);
    for name in [
        "X-Hop",
        "Keep-Alive",
        "Proxy-Connection",
        "Proxy-Authorization",
        "Proxy-Authenticate",
        "Trailer",
        "TE",
        "Upgrade",
        "HTTP2-Settings",
    ] {
        assert!(!received.has(name), "{name}: {received:?}");
    }
    assert_eq!(received.value("Accept"), Some("*/*"));
    let options = received.value("Connection").unwrap_or_default();
    assert!(!options.contains("X-Hop"), "{received:?}");
}

#[test]
fn trailers_are_asked_for_by_who_takes_them() {
    let received = got(&["TE: trailers, gzip", "Connection: TE"]);
    assert_eq!(received.value("TE"), Some("trailers"));
    let options = received.value("Connection").unwrap_or_default();
    assert!(options.eq_ignore_ascii_case("te"), "{received:?}");
}

#[test]
fn everything_else_goes_on_as_it_came() {
    let fields = [
        "Authorization: Basic eA==",
        "Cookie: a=1; b=2",
        "X-A: 1",
        "X-A: 2",
        "X-Empty:",
        "X-Latin: caf\u{e9}",
        "Accept-Encoding: br, gzip",
        "If-None-Match: \"1\"",
        "Range: bytes=0-1",
        "X-Request-Id: by-the-client/1",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate: a=1",
    ];
    let received = got(&fields);
    for line in fields {
        let (name, value) = line.split_once(':').unwrap();
        assert!(
            received.values(name).contains(&value.trim()),
            "{line}: {received:?}"
        );
    }
    assert_eq!(received.values("X-A"), ["1", "2"]);
    assert_eq!(received.values("X-Request-Id").len(), 1);
}

#[test]
fn a_request_id_that_logs_could_mistake_is_replaced() {
    for id in ["a b", &"a".repeat(129), "caf\u{e9}", ""] {
        let received = got(&[&format!("X-Request-Id: {id}")]);
        let made = received.value("X-Request-Id").unwrap();
        assert!(made != id && made.len() == 32, "{received:?}");
    }
    let received = got(&["X-Request-Id: 1", "X-Request-Id: 2"]);
    assert_eq!(received.value("X-Request-Id").unwrap().len(), 32);
}

#[test]
fn a_trusted_proxy_is_believed_and_added() {
    let back = Back::hello();
    let config = "trusted_proxies = [\"127.0.0.1\"]\n".to_owned()
        + &forwarding(&[&back], "forwarded = true", "");
    let server = TestServer::start(Docroot::standard(), &config);
    server
        .get(
            "/x",
            &[
                "X-Forwarded-For: 203.0.113.9, 198.51.100.4",
                "X-Forwarded-Proto: https",
                "X-Forwarded-Host: shop.test",
                "X-Forwarded-Port: 443",
                "X-Forwarded-Prefix: /outer",
                "X-Original-URL: /y",
                "Forwarded: for=198.51.100.4",
                "Via: 1.0 fred",
                "Connection: X-Forwarded-For",
            ],
        )
        .expect(200);
    let received = back.only();
    for (name, expected) in [
        ("X-Forwarded-For", "203.0.113.9, 198.51.100.4, 127.0.0.1"),
        ("X-Real-IP", "198.51.100.4"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.test"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Prefix", "/outer"),
        ("X-Original-URL", "/y"),
        (
            "Forwarded",
            "for=198.51.100.4, for=127.0.0.1;proto=https;host=\"localhost\"",
        ),
        ("Via", "1.0 fred, 1.1 daemun"),
    ] {
        assert_eq!(received.value(name), Some(expected), "{name}: {received:?}");
    }
}

#[test]
fn the_proxy_protocol_tells_who_asks() {
    let back = Back::hello();
    let config = "[[listen]]\naddress = \"127.0.0.1:0\"\nproxy_protocol = true\nproxy_protocol_from = [\"127.0.0.1\"]\n".to_owned()
        + &forwarding(&[&back], "", "");
    let server = TestServer::start(Docroot::standard(), &config);
    let mut client = server.connect();
    client.send("PROXY TCP4 198.51.100.4 192.0.2.1 4711 80\r\n");
    client
        .get("/x", &["X-Forwarded-For: 203.0.113.9"])
        .expect(200);
    assert_eq!(back.only().value("X-Forwarded-For"), Some("198.51.100.4"));
    // RFC-less, but strict: a preface that is none gets nowhere.
    for preface in [
        "PROXY TCP4 198.51.100.4\r\n",
        "\r\n\r\n\0\r\nQUIT\n\x21\x11\u{7f}\u{7f}",
    ] {
        let mut client = server.connect();
        client.send(preface.to_owned() + &request("GET", "/y", &[]));
        client.count_to_end();
    }
    assert_eq!(back.targets(), ["/x"]);
}

#[test]
fn which_host_an_application_is_told_is_configured() {
    for (policy, expected) in [
        ("", "shop.test"),
        ("host = \"client\"", "shop.test"),
        ("host = \"app.internal\"", "app.internal"),
        ("host = \"server\"", ""),
    ] {
        let back = Back::hello();
        let server = in_front(&[&back], policy, "");
        server.get("/x", &["Host: shop.test"]).expect(200);
        let received = back.only();
        let address = back.address();
        let expected = if expected.is_empty() {
            &address
        } else {
            expected
        };
        assert_eq!(received.value("Host"), Some(expected), "{policy}");
        assert_eq!(received.value("X-Forwarded-Host"), Some("shop.test"));
    }
}

#[test]
fn configured_fields_are_set_as_they_are_written() {
    let back = Back::hello();
    let route = "[site.route.request_headers]\nX-Secret = \"{env.HOME} $HOME ${HOME} %h\"\nX-Tenant = \"a\"\nX-Forwarded-Proto = \"https\"\n";
    let server = in_front(&[&back], route, "");
    server
        .get(
            "/x",
            &["X-Tenant: b", "x-tenant: c", "Connection: X-Tenant"],
        )
        .expect(200);
    let received = back.only();
    assert_eq!(
        received.value("X-Secret"),
        Some("{env.HOME} $HOME ${HOME} %h")
    );
    assert_eq!(received.value("X-Tenant"), Some("a"));
    assert_eq!(received.value("X-Forwarded-Proto"), Some("https"));
}

#[test]
fn an_application_s_fields_of_the_connection_reach_no_client() {
    let back = Back::answering(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: keep-alive, X-Secret\r\n\
         Connection: X-Other\r\nX-Secret: 1\r\nX-Other: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\n\
         Proxy-Connection: x\r\nUpgrade: h2c\r\nX-Kept: 1\r\nX-Kept: 2\r\nServer: app\r\n\r\nhello",
    );
    let server = in_front_of(&back);
    let mut client = server.connect();
    for _ in 0..2 {
        let response = client.get("/x", &[]).expect(200).expect_body("hello");
        for name in [
            "X-Secret",
            "X-Other",
            "Keep-Alive",
            "Proxy-Authenticate",
            "Proxy-Connection",
            "Upgrade",
        ] {
            assert!(
                response.head.values(name).is_empty(),
                "{name}: {response:?}"
            );
        }
        assert_eq!(response.head.values("X-Kept"), ["1", "2"]);
        assert_eq!(response.value("Server"), Some("app"));
    }
    client.finish();
    let outcome = H2Client::over(server.connect()).get("/x");
    assert_eq!(
        outcome,
        H2Outcome::Response {
            status: 200,
            body: b"hello".to_vec()
        }
    );
}

#[test]
fn crumbs_of_http_2_are_one_cookie() {
    // RFC 9113 §8.2.3.
    let back = Back::hello();
    let server = in_front_of(&back);
    let outcome = H2Client::over(server.connect()).exchange(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "shop.test"),
        (":path", "/x?y"),
        ("cookie", "a=1"),
        ("accept", "*/*"),
        ("cookie", "b=2"),
    ]);
    assert!(
        matches!(outcome, H2Outcome::Response { status: 200, .. }),
        "{outcome:?}"
    );
    let received = back.only();
    assert_eq!(received.value("Cookie"), Some("a=1; b=2"));
    assert_eq!(received.value("Host"), Some("shop.test"));
    assert_eq!(received.value("Via"), Some("2 daemun"));
    assert_eq!(received.target, "/x?y");
}
