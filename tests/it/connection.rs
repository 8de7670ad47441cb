//! Connections (RFC 9112 §9): kept, pipelined, ended.

use crate::harness::{Docroot, TestServer, pattern, request};

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
