//! `Expect: 100-continue` (RFC 9110 §10.1.1): 100 when a handler asks for the body, once, and never after the answer.

use crate::harness::{TestServer, request};

const EXPECT: &str = "Expect: 100-continue";

#[test]
fn a_handler_that_reads_says_continue() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    for (expect, framing, body) in [
        (EXPECT, "Content-Length: 5", "hello"),
        ("Expect: 100-Continue", "Content-Length: 5", "hello"),
        (
            EXPECT,
            "Transfer-Encoding: chunked",
            "5\r\nhello\r\n0\r\n\r\n",
        ),
    ] {
        let text = request("POST", "/x", &[expect, framing]);
        let interim = client.exchange(&text).expect(100);
        assert!(
            interim.head.fields.is_empty(),
            "nothing but the status: {interim:?}"
        );
        client.send(body);
        client
            .read(&text)
            .expect(200)
            .expect_body("POST /x [hello] {}");
    }
    client.finish();
}

#[test]
fn one_continue_is_enough_for_a_body_in_pieces() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    let text = request("POST", "/x", &[EXPECT, "Content-Length: 10"]);
    client.exchange(&text).expect(100);
    for byte in "helloworld".bytes() {
        client.send([byte]);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    client
        .read(&text)
        .expect(200)
        .expect_body("POST /x [helloworld] {}");
    client.finish();
}

#[test]
fn an_answer_without_the_body_comes_without_continue() {
    let (server, journal) = TestServer::app("");
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let length = format!("Content-Length: {}", smuggled.len());
    let mut client = server.connect();
    client
        .exchange(request("POST", "/early", &[EXPECT, &length]))
        .expect(401);
    // The client may send the body all the same, or the next request: what comes cannot be told apart.
    client.send(smuggled);
    client.shut_write();
    assert!(
        client.read_to_end().is_empty(),
        "a body, or nothing, and no 100 either"
    );
    assert_eq!(journal.targets(), ["/early"]);
}

#[test]
fn a_body_that_is_here_needs_no_continue() {
    let (server, _) = TestServer::app("");
    for target in ["/x", "/late"] {
        let mut client = server.connect();
        let text = request("POST", target, &[EXPECT, "Content-Length: 5"]) + "hello";
        client.send(text.clone() + &request("GET", "/next", &[]));
        let mut response = client.read(&text);
        if response.status() == 100 {
            // It may be said all the same, but once.
            response = client.read(&text);
        }
        response
            .expect(200)
            .expect_body(format!("POST {target} [hello] {{}}"));
        client.read(&text).expect(200);
        client.finish();
    }
}

#[test]
fn a_request_without_a_body_is_told_nothing() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    client.exchange(request("GET", "/x", &[EXPECT])).expect(200);
    client
        .exchange(request("POST", "/x", &[EXPECT, "Content-Length: 0"]))
        .expect(200);
    client.finish();
}

#[test]
fn http_1_0_is_told_nothing() {
    let (server, _) = TestServer::app("");
    let head =
        format!("POST /x HTTP/1.0\r\nHost: localhost\r\n{EXPECT}\r\nContent-Length: 5\r\n\r\n");
    server
        .exchange(head + "hello")
        .expect(200)
        .expect_body("POST /x [hello] {}");
}

#[test]
fn a_late_reader_says_continue_late() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    let text = request("POST", "/late", &[EXPECT, "Content-Length: 5"]);
    client.exchange(&text).expect(100);
    client.send("hello");
    client
        .read(&text)
        .expect(200)
        .expect_body("POST /late [hello] {}");
}

#[test]
fn who_gives_up_after_continue_is_no_request() {
    let (server, journal) = TestServer::app("");
    let mut client = server.connect();
    let text = request("POST", "/x", &[EXPECT, "Content-Length: 5"]);
    client.exchange(&text).expect(100);
    client.shut_write();
    let rest = client.read_to_end();
    assert!(
        rest.is_empty() || rest.starts_with(b"HTTP/1.1 400 "),
        "{}",
        rest.escape_ascii()
    );
    assert!(!journal.seen()[0].is_whole);
}

#[test]
fn an_echo_begins_after_continue() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    let text = request("POST", "/echo", &[EXPECT, "Content-Length: 5"]);
    client.send(&text);
    // The handler answers before it reads: the head may come before the 100, but then there is none (RFC 9110 §10.1.1).
    let first = client.read_head(&text);
    if first.status == 100 {
        client.send("hello");
        client.read(&text).expect(200).expect_body("hello");
    } else {
        assert_eq!(first.status, 200);
        client.send("hello");
        client.shut_write();
        let rest = client.read_to_end();
        assert!(
            !rest.windows(13).any(|window| window == b"HTTP/1.1 100 "),
            "{}",
            rest.escape_ascii()
        );
    }
}
