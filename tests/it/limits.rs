//! What a connection may cost: sizes, counts and times.

use std::time::{Duration, Instant};

use crate::harness::{Docroot, PATIENCE, TestServer, eventually, request};

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
    let answered = eventually(|| {
        client.send("X");
        std::thread::sleep(Duration::from_millis(20));
        client.has_bytes()
    });
    assert!(answered, "each byte does not begin the time anew");
    assert!(client.read_to_end().starts_with(b"HTTP/1.1 408 "));
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
    assert!(client.read_to_end().starts_with(b"HTTP/1.1 408 "));
    assert!(
        begun.elapsed() < PATIENCE / 4,
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
