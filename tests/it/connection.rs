//! Connections (RFC 9112 §9): kept, pipelined, ended, limited.

use std::time::{Duration, Instant};

use crate::harness::{
    Docroot, H2Client, H2Outcome, PATIENCE, TestServer, eventually, pattern, request,
};

#[test]
fn a_connection_is_kept_for_many_requests() {
    let server = TestServer::standard();
    let mut client = server.connect();
    for _ in 0..200 {
        client
            .get("/t.bin", &[])
            .expect(200)
            .expect_body(pattern(1000));
        client.get("/missing", &[]).expect(404);
        client.get("/dir", &[]).expect_any(&[301, 302, 307, 308]);
        client.get("/t.bin", &["Range: bytes=1000-"]).expect(416);
        client.get("/t.bin", &["If-None-Match: *"]).expect(304);
        client
            .exchange(request("OPTIONS", "/t.bin", &[]))
            .expect(204);
    }
    client.finish();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = TestServer::standard();
    let mut client = server.connect();
    let wanted = [
        "/t.bin",
        "/t.css",
        "/empty.txt",
        "/missing",
        "/a.js",
        "/t.bin",
    ];
    let requests: Vec<String> = wanted
        .iter()
        .map(|path| request("GET", path, &[]))
        .collect();
    client.send(requests.concat());
    for (path, text) in wanted.iter().zip(&requests) {
        let response = client.read(text);
        let expected = match *path {
            "/missing" => 404,
            _ => 200,
        };
        assert_eq!(response.status(), expected, "{path}: {response:?}");
        if expected == 200 {
            assert_eq!(
                response.body,
                std::fs::read(server.docroot.path(&path[1..])).unwrap(),
                "{path}"
            );
        }
    }
    client.finish();
}

#[test]
fn a_hundred_pipelined_requests_get_a_hundred_answers() {
    let server = TestServer::standard();
    let mut client = server.connect();
    let text = request("GET", "/t.bin", &[]);
    client.send(text.repeat(100));
    for _ in 0..100 {
        client.read(&text).expect(200).expect_body(pattern(1000));
    }
    client.finish();
}

#[test]
fn a_request_is_answered_before_the_next_one_is_whole() {
    let server = TestServer::standard();
    let mut client = server.connect();
    let text = request("GET", "/t.bin", &[]);
    client.send(format!("{text}GET /t.css HT"));
    client.read(&text).expect(200);
    client.send("TP/1.1\r\nHost: localhost\r\n\r\n");
    client.read(&text).expect(200);
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let server = TestServer::standard();
    let mut client = server.connect();
    let text = request("GET", "/t.bin", &["X-Long: some value"]);
    for byte in text.bytes() {
        client.send([byte]);
    }
    client.read(&text).expect(200).expect_body(pattern(1000));
}

#[test]
fn a_head_leaves_nothing_before_the_next_response() {
    let server = TestServer::standard();
    let mut client = server.connect();
    for path in ["/t.bin", "/a.js", "/missing", "/", "/dir", "/empty.txt"] {
        client.head(path, &["Accept-Encoding: gzip"]);
        client
            .get("/t.bin", &[])
            .expect(200)
            .expect_body(pattern(1000));
    }
    let (head, get) = (
        request("HEAD", "/t.bin", &[]),
        request("GET", "/t.bin", &[]),
    );
    client.send(format!("{head}{get}"));
    client.read(&head).expect(200);
    client.read(&get).expect(200).expect_body(pattern(1000));
    client.finish();
}

#[test]
fn connection_close_is_heard_and_said() {
    let server = TestServer::standard();
    for field in [
        "Connection: close",
        "Connection: Close",
        "Connection: foo, close",
        "Connection: keep-alive, close",
    ] {
        let mut client = server.connect();
        client.send(format!(
            "{}{}",
            request("GET", "/t.bin", &[field]),
            request("GET", "/t.css", &[])
        ));
        let response = client
            .read(request("GET", "/t.bin", &[field]))
            .expect(200)
            .expect_body(pattern(1000));
        assert!(
            response.lists("Connection", "close"),
            "RFC 9112 §9.6: {response:?}"
        );
        client.expect_close();
    }
}

#[test]
fn http_1_0_closes() {
    let server = TestServer::standard();
    let mut client = server.connect();
    let response = client
        .exchange("GET /t.bin HTTP/1.0\r\nHost: localhost\r\n\r\n")
        .expect(200)
        .expect_body(pattern(1000));
    assert_eq!(response.content_length(), 1000);
    assert!(response.value("Transfer-Encoding").is_none());
    client.expect_close();
}

#[test]
fn http_1_0_may_ask_to_be_kept() {
    let server = TestServer::standard();
    let mut client = server.connect();
    let text = "GET /t.bin HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n";
    let response = client.exchange(text).expect(200).expect_body(pattern(1000));
    if response.lists("Connection", "keep-alive") {
        client.exchange(text).expect(200);
    } else {
        client.expect_close();
    }
}

#[test]
fn http_1_0_gets_no_chunks_and_no_parts_it_did_not_ask_for() {
    let server = TestServer::with_site("listing = true");
    for path in ["/t.css", "/a.js", "/missing", "/dir/", "/"] {
        let response = server.exchange(format!(
            "GET {path} HTTP/1.0\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"
        ));
        assert!(
            response.value("Transfer-Encoding").is_none(),
            "RFC 9112 §6.1: {response:?}"
        );
    }
}

#[test]
fn a_client_that_has_said_all_still_gets_the_answer() {
    let docroot = Docroot::standard();
    docroot.publish("big.bin", pattern(3 << 20));
    let server = TestServer::with_docroot(docroot, "");
    for path in ["/t.bin", "/big.bin"] {
        let mut client = server.connect();
        let text = request("GET", path, &[]);
        client.send(&text);
        client.shut_write();
        let response = client.read(&text).expect(200);
        assert_eq!(
            response.body,
            std::fs::read(server.docroot.path(&path[1..])).unwrap()
        );
        client.expect_close();
    }
}

#[test]
fn a_head_too_large_is_431() {
    let server = TestServer::standard();
    let large = "a".repeat(100 << 10);
    let mut client = server.connect();
    let response = client
        .exchange(request("GET", "/t.bin", &[&format!("X-Large: {large}")]))
        .expect(431);
    assert!(response.lists("Connection", "close"), "{response:?}");
    client.expect_close();
}

#[test]
fn the_largest_head_is_configured() {
    let server = TestServer::with_site("[limits]\nheader_size = \"8KiB\"\n");
    server
        .get("/t.bin", &[&format!("X-Large: {}", "a".repeat(6 << 10))])
        .expect(200);
    let mut client = server.connect();
    client
        .exchange(request(
            "GET",
            "/t.bin",
            &[&format!("X-Large: {}", "a".repeat(10 << 10))],
        ))
        .expect(431);
    client.expect_close();
}

#[test]
fn too_many_fields_are_431() {
    let server = TestServer::standard();
    let fields = |count: usize| "X-Many: x\r\n".repeat(count);
    let mut client = server.connect();
    let response = client
        .exchange(format!(
            "GET /t.bin HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
            fields(2000)
        ))
        .expect(431);
    assert!(response.lists("Connection", "close"), "{response:?}");
    client.expect_close();
    server
        .exchange(format!(
            "GET /t.bin HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
            fields(90)
        ))
        .expect(200);
    server
        .connect()
        .exchange(format!(
            "GET /t.bin HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
            fields(110)
        ))
        .expect(431);
}

#[test]
fn a_target_too_long_is_refused() {
    let server = TestServer::standard();
    let mut client = server.connect();
    client
        .exchange(request("GET", &format!("/{}", "a".repeat(64 << 10)), &[]))
        .expect_any(&[414, 431]);
    client.expect_close();
    server
        .get(&format!("/t.bin?{}", "a".repeat(7000)), &[])
        .expect(200);
}

#[test]
fn a_head_that_takes_too_long_ends_the_connection() {
    let server = TestServer::with_site("[limits]\nheader_timeout = \"300ms\"\n");
    let mut client = server.connect();
    let begun = Instant::now();
    client.send("GET /t.bin HTTP/1.1\r\nHost: local");
    let answer = client.read_to_end();
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 408 "),
        "{}",
        answer.escape_ascii()
    );
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
}

#[test]
fn a_head_that_drips_ends_the_connection_all_the_same() {
    let server = TestServer::with_site("[limits]\nheader_timeout = \"300ms\"\n");
    let mut client = server.connect();
    client.send("GET /t.bin HTTP/1.1\r\nHost: localhost\r\n");
    let closed = eventually(|| {
        client.send("X");
        std::thread::sleep(Duration::from_millis(20));
        client.is_closed()
    });
    assert!(closed, "each byte does not begin the time anew");
}

#[test]
fn a_client_that_says_nothing_is_let_go() {
    let server = TestServer::with_site(
        "[limits]\nheader_timeout = \"300ms\"\nkeep_alive_timeout = \"300ms\"\n",
    );
    let answer = server.connect().read_to_end();
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 408 "),
        "{}",
        answer.escape_ascii()
    );
}

#[test]
fn an_idle_connection_ends_after_its_time() {
    let server = TestServer::with_site("[limits]\nkeep_alive_timeout = \"300ms\"\n");
    let mut client = server.connect();
    client.get("/t.bin", &[]).expect(200);
    let begun = Instant::now();
    client.expect_close();
    // Well below the default time for a head.
    assert!(
        begun.elapsed() < Duration::from_secs(6),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn an_idle_connection_lives_longer_than_a_slow_head() {
    let server = TestServer::with_site(
        "[limits]\nheader_timeout = \"200ms\"\nkeep_alive_timeout = \"15s\"\n",
    );
    let mut client = server.connect();
    client.get("/t.bin", &[]).expect(200);
    std::thread::sleep(Duration::from_millis(600));
    client.get("/t.bin", &[]).expect(200);
    client.finish();
}

#[test]
fn a_head_that_drips_on_a_kept_connection_ends_it() {
    let server = TestServer::with_site(
        "[limits]\nheader_timeout = \"300ms\"\nkeep_alive_timeout = \"60s\"\n",
    );
    let mut client = server.connect();
    client.get("/t.bin", &[]).expect(200);
    client.send("GET /t.bin HTTP/1.1\r\nHost: loc");
    let answer = client.read_to_end();
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 408 "),
        "{}",
        answer.escape_ascii()
    );
}

#[test]
fn a_head_that_begins_late_has_its_own_time() {
    let server = TestServer::with_site(
        "[limits]\nheader_timeout = \"300ms\"\nkeep_alive_timeout = \"60s\"\n",
    );
    let mut client = server.connect();
    client.get("/t.bin", &[]).expect(200);
    std::thread::sleep(Duration::from_millis(700));
    client.send("GET /t.bin HTTP/1.1\r\nHost: loc");
    let begun = Instant::now();
    while !client.is_closed() && begun.elapsed() < PATIENCE / 4 {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        client.is_closed(),
        "the time for a head, not the time for an idle connection"
    );
}

#[test]
fn a_slow_download_is_not_an_idle_connection() {
    let docroot = Docroot::empty();
    docroot.sparse("big", 64 << 20);
    let server = TestServer::with_docroot(
        docroot,
        "[limits]\nheader_timeout = \"200ms\"\nkeep_alive_timeout = \"200ms\"\n",
    );
    let mut client = server.connect();
    let text = request("GET", "/big", &["Connection: close"]);
    client.send(&text);
    client.read_head(&text);
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(client.count_to_end(), 64 << 20);
}

#[test]
fn slow_heads_keep_nobody_else_waiting() {
    let server = TestServer::standard();
    let mut slow: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for client in &mut slow {
        client.send("GET /t.bin HTTP/1.1\r\nHo");
    }
    for _ in 0..20 {
        server.get("/t.bin", &[]).expect(200);
    }
}

#[test]
fn connections_beyond_the_limit_wait_or_are_refused_and_others_go_on() {
    let server = TestServer::with_site("[limits]\nconnections = 2\n");
    let (mut one, mut two) = (server.connect(), server.connect());
    one.get("/t.bin", &[]).expect(200);
    two.get("/t.bin", &[]).expect(200);
    let mut third = server.connect();
    let text = request("GET", "/t.bin", &[]);
    third.send(&text);
    one.get("/t.bin", &[]).expect(200);
    drop(two);
    // Refused at once, or served when there is room again.
    let answered = third
        .try_read(text.as_bytes())
        .map(|response| response.status());
    assert!(matches!(answered, Ok(200 | 503) | Err(_)), "{answered:?}");
    drop(third);
    assert!(eventually(|| {
        let mut client = server.connect();
        client.send(&text);
        client
            .try_read(text.as_bytes())
            .is_ok_and(|response| response.status() == 200)
    }));
    one.get("/t.bin", &[]).expect(200);
}

#[test]
fn http_2_is_spoken_with_who_knows_it() {
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
fn http_2_needs_one_host_as_well() {
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
fn http_2_frames_are_no_slow_head() {
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
fn http_2_ends_an_idle_connection_as_well() {
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
fn http_2_without_a_request_is_let_go() {
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
fn http_2_fields_without_end_are_cut() {
    let server = TestServer::standard();
    let mut client = H2Client::over(server.connect());
    // CVE-2024-27316: HEADERS without END_HEADERS, then CONTINUATION upon CONTINUATION.
    let cut = client.flood(2000);
    assert!(cut, "32 MB of fields were taken");
    server.get("/t.bin", &[]).expect(200);
}

#[test]
fn http_2_streams_opened_to_be_reset_harm_nobody() {
    let server = TestServer::standard();
    let mut client = H2Client::over(server.connect());
    // CVE-2023-44487.
    client.rapid_reset(5000);
    let begun = Instant::now();
    server.get("/t.bin", &[]).expect(200);
    assert!(begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
}
