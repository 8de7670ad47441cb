//! What the body of a request may cost: bytes, and time.

use std::time::{Duration, Instant};

use crate::harness::{PATIENCE, TestServer, eventually, request};

const ONE_KIB: &str = "[limits]\nbody_size = \"1KiB\"\n";

#[test]
fn a_length_beyond_the_limit_is_refused_before_the_body() {
    let (server, journal) = TestServer::app(ONE_KIB);
    for fields in [
        &["Content-Length: 1025"][..],
        &["Content-Length: 99999999999", "Expect: 100-continue"],
        &["Content-Length: 18446744073709551615"],
    ] {
        let mut client = server.connect();
        let response = client.exchange(request("POST", "/x", fields)).expect(413);
        assert!(response.lists("Connection", "close"), "{response:?}");
        client.expect_close();
    }
    assert!(journal.seen().is_empty(), "no handler sees it");
}

#[test]
fn chunks_beyond_the_limit_are_refused_when_they_come() {
    let (server, journal) = TestServer::app(ONE_KIB);
    for target in ["/x", "/bytes"] {
        let mut client = server.connect();
        let text = request("POST", target, &["Transfer-Encoding: chunked"]);
        client.send(&text);
        for _ in 0..5 {
            client.send(format!("100\r\n{}\r\n", "x".repeat(0x100)));
        }
        client.send("0\r\n\r\n");
        let response = client.read(&text).expect(413);
        assert!(response.lists("Connection", "close"), "{response:?}");
        client.expect_close();
    }
    assert!(journal.seen().iter().all(|seen| !seen.is_whole));
}

#[test]
fn one_chunk_that_says_it_is_too_large_is_refused_at_once() {
    let (server, _) = TestServer::app(ONE_KIB);
    let mut client = server.connect();
    let text = request("POST", "/x", &["Transfer-Encoding: chunked"]);
    client.exchange(text + "7fffffff\r\nx").expect(413);
}

#[test]
fn a_body_within_the_limit_is_read() {
    let (server, _) = TestServer::app(ONE_KIB);
    let mut client = server.connect();
    let body = "x".repeat(1024);
    client
        .exchange(request("POST", "/bytes", &["Content-Length: 1024"]) + &body)
        .expect(200)
        .expect_body("1024");
    // Extensions and line ends are no part of the body.
    let chunked = "100;a=b\r\n".to_owned() + &body[..0x100] + "\r\n";
    client
        .exchange(
            request("POST", "/bytes", &["Transfer-Encoding: chunked"])
                + &chunked.repeat(4)
                + "0\r\n\r\n",
        )
        .expect(200)
        .expect_body("1024");
    client.finish();
}

#[test]
fn a_static_site_has_the_limit_as_well() {
    let server = TestServer::with_site(ONE_KIB);
    for method in ["GET", "POST"] {
        let mut client = server.connect();
        client
            .exchange(request(method, "/t.bin", &["Content-Length: 1025"]))
            .expect_any(&[413, 405]);
        client.send("x".repeat(1025));
        client.read_to_end();
    }
    server.get("/t.bin", &[]).expect(200);
}

#[test]
fn a_body_that_stops_coming_ends_the_connection() {
    let (server, journal) = TestServer::app("[limits]\nbody_timeout = \"300ms\"\n");
    for (fields, body) in [
        ("Content-Length: 10", "hello"),
        ("Content-Length: 10", ""),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n"),
        ("Transfer-Encoding: chunked", "5\r\nhel"),
        ("Transfer-Encoding: chunked", "5"),
        ("Transfer-Encoding: chunked", "0\r\nX-Sum: "),
    ] {
        let mut client = server.connect();
        let begun = Instant::now();
        client.send(request("POST", "/x", &[fields]) + body);
        let answer = client.read_to_end();
        assert!(
            answer.is_empty()
                || answer.starts_with(b"HTTP/1.1 408 ")
                || answer.starts_with(b"HTTP/1.1 400 "),
            "{fields} {body:?}: {}",
            answer.escape_ascii()
        );
        assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    }
    assert!(journal.seen().iter().all(|seen| !seen.is_whole));
}

#[test]
fn a_body_that_keeps_coming_may_take_its_time() {
    let (server, _) = TestServer::app(
        "[limits]\nbody_timeout = \"2s\"\nbody_rate = 0\nheader_timeout = \"300ms\"\nkeep_alive_timeout = \"300ms\"\n",
    );
    let mut client = server.connect();
    let text = request("POST", "/x", &["Content-Length: 6"]);
    client.send(&text);
    for _ in 0..6 {
        std::thread::sleep(Duration::from_millis(500));
        client.send("x");
    }
    client.read(&text).expect(200);
}

#[test]
fn a_handler_that_is_slow_to_read_is_no_slow_client() {
    let (server, _) = TestServer::app("[limits]\nbody_timeout = \"100ms\"\n");
    let mut client = server.connect();
    let text = request("POST", "/late", &["Content-Length: 5"]) + "hello";
    client.exchange(&text).expect(200);
    let text = request(
        "POST",
        "/late",
        &["Content-Length: 5", "Expect: 100-continue"],
    );
    client.exchange(&text).expect(100);
    client.send("hello");
    client.read(&text).expect(200);
}

#[test]
fn a_body_that_drips_ends_the_connection() {
    // R.U.D.Y.: a byte often enough for any idle timeout.
    let (server, _) = TestServer::app("[limits]\nbody_timeout = \"1s\"\nbody_rate = \"1KiB\"\n");
    for fields in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        let mut client = server.connect();
        client.send(request("POST", "/x", &[fields]));
        let piece = if fields.starts_with('T') {
            "1\r\nx\r\n"
        } else {
            "x"
        };
        let closed = eventually(|| {
            client.send(piece);
            std::thread::sleep(Duration::from_millis(50));
            client.is_reset() || has_answer(&mut client)
        });
        assert!(closed, "20 bytes a second are less than 1 KiB");
    }
}

#[test]
fn a_body_that_is_fast_enough_is_not_cut_for_its_rate() {
    let (server, _) = TestServer::app("[limits]\nbody_rate = \"1KiB\"\n");
    let mut client = server.connect();
    let text = request("POST", "/bytes", &["Content-Length: 40000"]);
    client.send(&text);
    for _ in 0..40 {
        client.send("x".repeat(1000));
        std::thread::sleep(Duration::from_millis(50));
    }
    client.read(&text).expect(200).expect_body("40000");
}

#[test]
fn slow_bodies_keep_nobody_else_waiting() {
    let (server, _) = TestServer::app("");
    let mut slow: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for client in &mut slow {
        client.send(request("POST", "/x", &["Content-Length: 1000"]) + "x");
    }
    for _ in 0..20 {
        server.exchange(request("GET", "/x", &[])).expect(200);
    }
}

/// Whether the server has said something, or gone.
fn has_answer(client: &mut crate::harness::Client) -> bool {
    let stream = client.stream();
    stream.set_nonblocking(true).unwrap();
    let said = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    !matches!(said, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}
