//! What sites ask of the way to them: `Strict-Transport-Security`, and plain requests sent to TLS.

use super::PAIR;
use crate::harness::{
    Authority, Client, Docroot, H2Client, H2Outcome, TestServer, TlsClient, TlsServer, request,
};

/// A plain listener after the one with TLS.
fn serve(site: &str) -> (TlsServer, Authority) {
    let authority = Authority::new();
    let pair = authority.issue(&["a.example"]);
    let config = format!(
        "[[listen]]\naddress = \"127.0.0.1:0\"\ntls = true\n[[listen]]\naddress = \"127.0.0.1:0\"\n{PAIR}\
         [[site]]\nhosts = [\"a.example\"]\ndocroot = \"$ROOT\"\n{site}\n\
         [[site]]\nhosts = [\"*.a.example\"]\ndocroot = \"$ROOT\"\nhttps_redirect = true\nhttps_port = 8443\n\
         [[site]]\ndocroot = \"$ROOT\"\n"
    );
    let server = TlsServer::start_whole(
        &config,
        |folder| pair.write(folder, "a"),
        daemun::Server::new,
    );
    (server, authority)
}

const HOST: &str = "Host: a.example";

#[test]
fn strict_transport_security_is_said_over_tls_on_every_answer_and_never_on_plain_ones() {
    let (server, authority) = serve("hsts = \"365d\"\nhsts_subdomains = true\ncors = [\"*\"]");
    let mut encrypted = TlsClient::trusting(&authority).connect(server.address(), "a.example");
    let mut plain = Client::connect(server.addresses[1]);
    let preflight = [
        HOST,
        "Origin: https://b.example",
        "Access-Control-Request-Method: GET",
    ];
    for (method, target, fields) in [
        ("GET", "/t.bin", &[HOST][..]),
        ("HEAD", "/t.bin", &[HOST]),
        ("GET", "/no-such-file", &[HOST]),
        ("POST", "/t.bin", &[HOST]),
        ("OPTIONS", "/t.bin", &preflight),
    ] {
        let text = request(method, target, fields);
        let answer = encrypted.exchange(&text);
        assert_eq!(
            answer.value("Strict-Transport-Security"),
            Some("max-age=31536000; includeSubDomains"),
            "{answer:?}"
        );
        assert_eq!(
            plain.exchange(&text).value("Strict-Transport-Security"),
            None
        );
    }
    let other = encrypted.get("/t.bin", &["Host: b.example"]);
    assert_eq!(
        other.expect(200).value("Strict-Transport-Security"),
        None,
        "another site"
    );
}

#[test]
fn plain_requests_are_sent_to_tls_with_their_path_and_query() {
    let (server, authority) = serve("https_redirect = true");
    let mut plain = Client::connect(server.addresses[1]);
    for (target, host, location) in [
        ("/t.bin", "a.example", "https://a.example/t.bin"),
        (
            "/%C3%A9?q=1&r=%20",
            "a.example:8080",
            "https://a.example/%C3%A9?q=1&r=%20",
        ),
        (
            "//evil.example/x",
            "A.EXAMPLE",
            "https://a.example//evil.example/x",
        ),
        ("/a%0d%0aX:y", "a.example", "https://a.example/a%0d%0aX:y"),
        (
            "http://a.example/abs?x",
            "a.example",
            "https://a.example/abs?x",
        ),
        ("/x", "www.a.example", "https://www.a.example:8443/x"),
    ] {
        for method in ["GET", "HEAD", "POST"] {
            let answer = plain.exchange(request(method, target, &[&format!("Host: {host}")]));
            assert_eq!(
                answer.expect(308).value("Location"),
                Some(location),
                "{target}"
            );
        }
    }
    let mut encrypted = TlsClient::trusting(&authority).connect(server.address(), "a.example");
    encrypted.get("/t.bin", &[HOST]).expect(200);
}

#[test]
fn nobody_is_sent_to_a_host_that_is_not_the_site_s() {
    let (server, _) = serve("https_redirect = true");
    for (host, status) in [
        ("evil.example", 200),
        ("a.example.evil.example", 200),
        ("a.example@evil.example", 400),
        ("a.example/evil", 400),
        ("a.example\tevil", 400),
    ] {
        let answer =
            Client::connect(server.addresses[1]).get("/t.bin", &[&format!("Host: {host}")]);
        assert_eq!(answer.expect(status).value("Location"), None, "{host}");
    }
    let answer = Client::connect(server.addresses[1])
        .get("/t.bin", &[HOST, "X-Forwarded-Host: evil.example"]);
    assert_eq!(
        answer.expect(308).value("Location"),
        Some("https://a.example/t.bin")
    );
}

#[test]
fn what_certificates_are_issued_by_stays_plain() {
    let (server, _) = serve("https_redirect = true");
    server
        .docroot
        .write(".well-known/acme-challenge/token", "proof");
    let mut plain = Client::connect(server.addresses[1]);
    plain
        .get("/.well-known/acme-challenge/token", &[HOST])
        .expect(200)
        .expect_body("proof");
    plain
        .get("/.well-known/acme-challenge/none", &[HOST])
        .expect(404);
    plain.get("/.well-known/other", &[HOST]).expect(308);
}

#[test]
fn a_scheme_that_a_plain_client_claims_changes_nothing() {
    let (server, _) = serve("https_redirect = true\nhsts = \"365d\"");
    let mut client = H2Client::over(Client::connect(server.addresses[1]));
    let outcome = client.exchange(&[
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "a.example"),
        (":path", "/t.bin"),
    ]);
    assert_eq!(
        outcome,
        H2Outcome::Response {
            status: 308,
            body: Vec::new()
        }
    );
}

/// Without any listener that speaks TLS: the proxy does.
#[test]
fn a_trusted_proxy_says_whether_the_client_came_by_https() {
    const SITE: &str = "[[site]]\nhosts = [\"a.example\"]\ndocroot = \"$ROOT\"\nhttps_redirect = true\nhsts = \"30d\"\n";
    let server = TestServer::start(
        Docroot::standard(),
        &format!("trusted_proxies = [\"127.0.0.1\"]\n{SITE}"),
    );
    let mut client = server.connect();
    for (said, is_https) in [
        (&[HOST, "X-Forwarded-Proto: https"][..], true),
        (&[HOST, "X-Forwarded-Proto: http"], false),
        (
            &[
                HOST,
                "X-Forwarded-For: 192.0.2.1",
                "X-Forwarded-Proto: https, http",
            ],
            false,
        ),
        (&[HOST, "Forwarded: for=192.0.2.1;proto=https"], true),
        (&[HOST], false),
    ] {
        let answer = client.get("/t.bin", said);
        if is_https {
            let answer = answer.expect(200);
            let hsts = answer.value("Strict-Transport-Security");
            assert_eq!(hsts, Some("max-age=2592000"), "{said:?}");
        } else {
            let answer = answer.expect(308);
            let location = answer.value("Location");
            assert_eq!(location, Some("https://a.example/t.bin"), "{said:?}");
            assert_eq!(answer.value("Strict-Transport-Security"), None);
        }
    }
    for (scheme, status) in [("https", 200), ("http", 308)] {
        let outcome = H2Client::over(server.connect()).exchange(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a.example"),
            (":path", "/t.bin"),
            ("x-forwarded-proto", scheme),
        ]);
        let H2Outcome::Response { status: found, .. } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(found, status, "{scheme}");
    }
}

#[test]
fn nobody_else_says_it() {
    let (server, authority) = serve("https_redirect = true\nhsts = \"30d\"");
    let said = [HOST, "X-Forwarded-Proto: https", "Forwarded: proto=https"];
    Client::connect(server.addresses[1])
        .get("/t.bin", &said)
        .expect(308);
    let said = [HOST, "X-Forwarded-Proto: http", "Forwarded: proto=http"];
    TlsClient::trusting(&authority)
        .connect(server.address(), "a.example")
        .get("/t.bin", &said)
        .expect(200);
}
