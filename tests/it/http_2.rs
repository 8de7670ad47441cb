//! HTTP/2 by prior knowledge (RFC 9113): the same answers in other frames.

use std::time::{Duration, Instant};

use crate::harness::{H2Client, H2Outcome, PATIENCE, TestServer, pattern};

#[test]
fn it_is_spoken_with_who_knows_it() {
    let server = TestServer::standard();
    let mut client = H2Client::over(server.connect());
    assert_eq!(
        client.get("/t.bin"),
        H2Outcome::Response {
            status: 200,
            body: pattern(1000)
        }
    );
    assert!(matches!(
        client.get("/missing"),
        H2Outcome::Response { status: 404, .. }
    ));
    assert!(matches!(
        client.get("/../x"),
        H2Outcome::Response { status: 400, .. }
    ));
    let head = client.exchange(&[
        (":method", "HEAD"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/t.bin"),
    ]);
    assert_eq!(
        head,
        H2Outcome::Response {
            status: 200,
            body: Vec::new()
        }
    );
    let part = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/t.bin"),
        ("range", "bytes=0-4"),
    ];
    assert_eq!(
        client.exchange(&part),
        H2Outcome::Response {
            status: 206,
            body: pattern(1000)[..5].to_vec()
        }
    );
    assert_eq!(
        client.get("/t.bin"),
        H2Outcome::Response {
            status: 200,
            body: pattern(1000)
        }
    );
}

#[test]
fn it_needs_one_host_as_well() {
    let refused = |fields: &[(&str, &str)]| {
        let server = TestServer::standard();
        let outcome = H2Client::over(server.connect()).exchange(fields);
        let refused = !matches!(outcome, H2Outcome::Response { status, .. } if status != 400);
        assert!(refused, "{fields:?}: {outcome:?}");
    };
    let (get, scheme, path) = ((":method", "GET"), (":scheme", "http"), (":path", "/t.bin"));
    refused(&[
        get,
        scheme,
        (":authority", "localhost"),
        path,
        ("host", "example.com"),
    ]);
    refused(&[get, scheme, path]);
    refused(&[get, scheme, (":authority", "a b"), path]);
    refused(&[get, scheme, (":authority", "user@localhost"), path]);
    refused(&[
        get,
        scheme,
        (":authority", "localhost"),
        path,
        ("transfer-encoding", "chunked"),
    ]);
    refused(&[
        get,
        scheme,
        (":authority", "localhost"),
        path,
        ("connection", "close"),
    ]);
    refused(&[
        get,
        scheme,
        (":authority", "localhost"),
        path,
        ("X-Upper", "x"),
    ]);
    refused(&[
        get,
        scheme,
        (":authority", "localhost"),
        path,
        ("x-value", "a\r\nb: c"),
    ]);
    refused(&[get, get, scheme, (":authority", "localhost"), path]);
    let server = TestServer::standard();
    let agreeing = [
        get,
        scheme,
        (":authority", "localhost"),
        path,
        ("host", "localhost"),
    ];
    let outcome = H2Client::over(server.connect()).exchange(&agreeing);
    assert_eq!(
        outcome,
        H2Outcome::Response {
            status: 200,
            body: pattern(1000)
        }
    );
    let by_host =
        H2Client::over(server.connect()).exchange(&[get, scheme, path, ("host", "localhost")]);
    assert_eq!(
        by_host,
        H2Outcome::Response {
            status: 200,
            body: pattern(1000)
        }
    );
}

#[test]
fn frames_are_no_slow_head() {
    let server = TestServer::with_site(
        "[limits]\nheader_timeout = \"300ms\"\nkeep_alive_timeout = \"60s\"\n",
    );
    let mut client = H2Client::over(server.connect());
    assert_eq!(
        client.get("/t.bin"),
        H2Outcome::Response {
            status: 200,
            body: pattern(1000)
        }
    );
    for _ in 0..4 {
        client.ping();
        std::thread::sleep(Duration::from_millis(250));
    }
    assert_eq!(
        client.get("/t.bin"),
        H2Outcome::Response {
            status: 200,
            body: pattern(1000)
        }
    );
}

#[test]
fn an_idle_connection_ends_as_well() {
    let server = TestServer::with_site(
        "[limits]\nheader_timeout = \"200ms\"\nkeep_alive_timeout = \"300ms\"\n",
    );
    let mut client = H2Client::over(server.connect());
    assert_eq!(
        client.get("/t.bin"),
        H2Outcome::Response {
            status: 200,
            body: pattern(1000)
        }
    );
    client.expect_close();
}

#[test]
fn who_never_asks_is_let_go() {
    let server = TestServer::with_site(
        "[limits]\nheader_timeout = \"300ms\"\nkeep_alive_timeout = \"300ms\"\n",
    );
    H2Client::over(server.connect()).expect_close();
    // A preface that never ends.
    let mut client = server.connect();
    client.send("PRI * HTTP/2.0\r\n\r\nSM");
    client.read_to_end();
    server.get("/t.bin", &[]).expect(200);
}

#[test]
fn fields_without_end_are_cut() {
    let server = TestServer::standard();
    let mut client = H2Client::over(server.connect());
    // CVE-2024-27316: HEADERS without END_HEADERS, then CONTINUATION upon CONTINUATION.
    let cut = client.flood(2000);
    assert!(cut, "32 MB of fields were taken");
    server.get("/t.bin", &[]).expect(200);
}

#[test]
fn streams_opened_to_be_reset_harm_nobody() {
    let server = TestServer::standard();
    let mut client = H2Client::over(server.connect());
    // CVE-2023-44487.
    client.rapid_reset(5000);
    let begun = Instant::now();
    server.get("/t.bin", &[]).expect(200);
    assert!(begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
}
