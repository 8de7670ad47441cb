//! Requests that went wrong: with the application, or on either way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::applications::{ROUTE, SITE, connected, in_front, one_at_a_time};
use super::{Account, Explained, LEFT};
use crate::harness::{Back, Docroot, H2Client, HELLO, Refusing, eventually, request};

const FORWARDED: (&str, &str) = ("forwarded", "as /x, to the host localhost");

#[test]
fn an_application_that_says_nothing_in_time() {
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.wait_for_end();
    });
    let told = in_front(&[&back], "", "first_byte_timeout = \"200ms\"");
    let (response, account) = told.send("GET", "/x", &[]);
    response.expect(504);
    let server = account.only("server");
    let expected = format!(
        "{}: the server did not answer in time, after T (",
        back.address()
    );
    assert!(server.starts_with(&expected), "{account:?}");
    assert_eq!(account.but(&["server"]).len(), account.lines.len() - 1);
    account.expect(&[
        SITE,
        ROUTE,
        FORWARDED,
        ("server", server),
        ("refused", "upstream-timeout (504 Gateway Timeout)"),
    ]);
    assert!(account.times[0] >= 0.2, "{account:?}");
}

#[test]
fn an_application_that_closes_the_connection() {
    let back = Back::by_request(|_| None);
    let told = in_front(&[&back], "", "");
    for (method, last) in [
        ("GET", Some("no other one: no server is available")),
        ("DELETE", None),
    ] {
        let (response, account) = told.send(method, "/x", &[]);
        response.expect(502);
        let server = account.all("server")[0];
        let expected = format!(
            "{}: the server closed the connection without an answer, after T (",
            back.address()
        );
        assert!(server.starts_with(&expected), "{account:?}");
        let mut lines = vec![SITE, ROUTE, FORWARDED, ("server", server)];
        lines.extend(last.map(|last| ("server", last)));
        lines.push(("refused", "upstream-closed (502 Bad Gateway)"));
        account.expect(&lines);
    }
    assert_eq!(back.requests().len(), 2, "each was sent once");
}

#[test]
fn nobody_is_there_to_be_asked() {
    let refusing = Refusing::new();
    let config = format!(
        "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n[upstream.app]\n\
         servers = [\"{}\"]\nhealth_path = \"/\"\nhealth_interval = \"50ms\"\nhealth_fall = 1\n",
        refusing.address()
    );
    let told = Explained::start(Docroot::standard(), &config);
    let is_down = || {
        let status = told.server.handle.status();
        let server = &status.upstreams[0].servers[0];
        server.state == "down"
    };
    assert!(
        eventually(is_down),
        "{:?}",
        told.server.handle.status().upstreams
    );
    let (response, account) = told.send("GET", "/x", &[]);
    response.expect(503);
    account.expect(&[
        SITE,
        ROUTE,
        ("forwarded", "to nobody, as /x"),
        ("server", "none: no server is available"),
        ("refused", "upstream-unavailable (503 Service Unavailable)"),
    ]);
}

/// A server whose one place is taken until the end of the test, under the id `first`.
fn busy(rest: &str) -> (Back, Explained, crate::harness::Client, Arc<AtomicBool>) {
    let may_answer = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&may_answer);
    let back =
        Back::by_request(move |_| eventually(|| gate.load(Ordering::SeqCst)).then(|| HELLO.into()));
    let told = one_at_a_time(&back, rest);
    let mut client = told.server.connect();
    client.send(request("GET", "/x", &["X-Request-Id: first"]));
    back.expect_requests(1);
    (back, told, client, may_answer)
}

#[test]
fn a_queue_that_is_full_or_too_slow() {
    let (back, told, mut first, may_answer) = busy("queue_size = 1\nqueue_timeout = \"300ms\"");
    let mut second = told.server.connect();
    second.send(request("GET", "/x", &["X-Request-Id: second"]));
    assert!(eventually(|| told.server.handle.status().upstreams[0]
        .waiting
        == 1));
    let (response, full) = told.send("GET", "/x", &[]);
    response.expect(503);
    let nobody = [SITE, ROUTE, ("forwarded", "to nobody, as /x")];
    full.expect(
        &[
            &nobody[..],
            &[
                (
                    "server",
                    "none: all servers are busy, and the queue is full",
                ),
                ("refused", "upstream-queue-full (503 Service Unavailable)"),
            ],
        ]
        .concat(),
    );
    second.read("GET").expect(503);
    let late = Account::of(&told.server.handle, "second");
    late.expect(
        &[
            &nobody[..],
            &[
                ("waited", "T for a server"),
                ("server", "none: all servers were busy for too long"),
                (
                    "refused",
                    "upstream-queue-timeout (503 Service Unavailable)",
                ),
            ],
        ]
        .concat(),
    );
    assert!(late.times[0] >= 0.3, "{late:?}");
    may_answer.store(true, Ordering::SeqCst);
    first.read("GET").expect(200);
    assert_eq!(back.requests().len(), 1);
}

#[test]
fn a_client_that_leaves_before_its_answer() {
    let (back, told, first, may_answer) = busy("");
    let mut second = told.server.connect();
    second.send(request("GET", "/x", &["X-Request-Id: second"]));
    assert!(eventually(|| told.server.handle.status().upstreams[0]
        .waiting
        == 1));
    drop(second);
    let second = Account::of(&told.server.handle, "second");
    let answer =
        format!("499 (the client left before there was an answer), 0 bytes, {LEFT}, after T");
    second.expect(&[
        SITE,
        ROUTE,
        ("forwarded", "to nobody, as /x"),
        ("server", "none had room for it before it ended"),
    ]);
    assert_eq!(second.only("answer"), answer);
    drop(first);
    let first = Account::of(&told.server.handle, "first");
    let server = format!("{}: asked, and not waited for to the end", back.address());
    first.expect(&[SITE, ROUTE, FORWARDED, ("server", &server)]);
    assert_eq!(first.only("answer"), answer);
    assert_eq!(told.server.handle.status().total.aborted, 2);
    may_answer.store(true, Ordering::SeqCst);
}

#[test]
fn a_client_that_leaves_a_download() {
    let docroot = Docroot::standard();
    docroot.sparse("large.bin", 1 << 30);
    let told = Explained::start(docroot, "[[site]]\ndocroot = \"$ROOT\"\n");
    let mut client = told.server.connect();
    let text = request("GET", "/large.bin", &["X-Request-Id: large"]);
    client.send(&text);
    assert_eq!(client.read_head(&text).status, 200);
    drop(client);
    let account = Account::of(&told.server.handle, "large");
    assert_eq!(account.only("file"), "large.bin: opened on the disk");
    let answer = account.only("answer");
    assert!(answer.starts_with("200 OK, "), "{answer}");
    assert!(
        answer.ends_with(&format!(" bytes, {LEFT}, after T")),
        "{answer}"
    );
    let bytes: u64 = answer.split(' ').nth(2).unwrap().parse().unwrap();
    assert!(bytes < 1 << 30, "{answer}");
}

#[test]
fn a_stream_that_its_client_resets() {
    let docroot = Docroot::standard();
    docroot.sparse("large.bin", 1 << 30);
    let told = Explained::start(docroot, "[[site]]\ndocroot = \"$ROOT\"\n");
    let mut client = H2Client::over(told.server.connect());
    let stream = client.begin(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/large.bin"),
        ("x-request-id", "reset"),
    ]);
    client.peek();
    client.send_frame(3, 0, stream, &8_u32.to_be_bytes());
    let account = Account::of(&told.server.handle, "reset");
    let answer = account.only("answer");
    assert!(answer.starts_with("200 OK, "), "{answer}");
    assert!(
        answer.ends_with(" bytes, broken off: the connection or the stream ended, after T"),
        "{answer}"
    );
    assert_eq!(told.server.handle.status().total.aborted, 1);
}

#[test]
fn an_application_that_promises_more_than_it_sends() {
    let may_end = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&may_end);
    let back = Back::new(move |conversation| {
        conversation.next();
        conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
        eventually(|| gate.load(Ordering::SeqCst));
    });
    let told = in_front(&[&back], "", "");
    let mut client = told.server.connect();
    let text = request("GET", "/x", &["X-Request-Id: short"]);
    client.send(&text);
    assert_eq!(client.read_head(&text).status, 200);
    may_end.store(true, Ordering::SeqCst);
    assert_eq!(client.read_to_end(), b"hello");
    let account = Account::of(&told.server.handle, "short");
    account.expect(&[SITE, ROUTE, FORWARDED, ("server", &connected(&back, 200))]);
    assert_eq!(
        account.only("answer"),
        "200 OK, 5 bytes, broken off: where it came from gave less than it promised, after T"
    );
}

#[test]
fn a_client_whose_body_turns_out_to_be_none() {
    let back = Back::new(|conversation| {
        conversation.next_head();
        conversation.wait_for_end();
    });
    let told = in_front(&[&back], "", "");
    let mut client = told.server.connect();
    let fields = ["Transfer-Encoding: chunked", "X-Request-Id: chunks"];
    client.send(request("POST", "/x", &fields) + "5\r\nhello\r\nnonsense\r\n");
    let response = client.read("POST").expect(400);
    let account = Account::of(&told.server.handle, "chunks");
    account.expect_answer(400, response.body.len());
    let server = format!("{}: asked, and not waited for to the end", back.address());
    account.expect(&[
        SITE,
        ROUTE,
        FORWARDED,
        ("server", &server),
        ("refused", "malformed-chunk (400 Bad Request)"),
    ]);
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_told_as_such() {
    // Each answers once, and takes one more request.
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.send(HELLO);
        conversation.next();
    });
    let told = in_front(&[&back], "", "");
    told.send("GET", "/x", &[]);
    let (response, account) = told.send("GET", "/x", &[]);
    response.expect(200);
    let server = account.all("server")[0];
    let closed = format!(
        "{}: the server closed the connection without an answer, after T over one that was open (",
        back.address()
    );
    assert!(server.starts_with(&closed), "{account:?}");
    account.expect(&[
        SITE,
        ROUTE,
        FORWARDED,
        ("server", server),
        ("server", &connected(&back, 200)),
    ]);
    assert_eq!((back.requests().len(), back.connections()), (3, 2));
}

#[test]
fn a_stream_that_is_reset_before_its_answer() {
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.wait_for_end();
    });
    let told = in_front(&[&back], "", "");
    let mut client = H2Client::over(told.server.connect());
    let stream = client.begin(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/x"),
        ("x-request-id", "reset"),
    ]);
    back.expect_requests(1);
    client.send_frame(3, 0, stream, &8_u32.to_be_bytes());
    let account = Account::of(&told.server.handle, "reset");
    let server = format!("{}: asked, and not waited for to the end", back.address());
    account.expect(&[SITE, ROUTE, FORWARDED, ("server", &server)]);
    assert_eq!(
        account.only("answer"),
        "499 (it ended before there was an answer), 0 bytes, broken off: the connection or the stream ended, after T"
    );
    back.expect_all_closed();
}
