//! Message framing through to an application (RFC 9112 §6): what could be read in two ways gets no further than here.

use std::time::Duration;

use crate::harness::{
    Back, H2Client, H2Outcome, HELLO, eventually, in_front_of, request, shown, statuses,
};

/// What stands behind a request that ought to end the connection.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn post(fields: &[&str], body: &str) -> String {
    request("POST", "/x", fields) + body
}

#[test]
fn a_request_that_could_be_read_in_two_ways_never_reaches_an_application() {
    let back = Back::hello();
    let server = in_front_of(&back);
    let (length, chunked) = ("Content-Length: 5", "Transfer-Encoding: chunked");
    let chunks = "0\r\n\r\n";
    let cases: &[(&[&str], &str, &[u16])] = &[
        (&[length, chunked], chunks, &[400]),
        (&[chunked, length], chunks, &[400]),
        (&[chunked, "Content-Length: 0"], chunks, &[400]),
        (&["Transfer-Encoding: xchunked"], chunks, &[400, 501]),
        (
            &["Transfer-Encoding: chunked, identity"],
            chunks,
            &[400, 501],
        ),
        (&["Transfer-Encoding: identity"], chunks, &[400, 501]),
        (&["Transfer-Encoding: \x0bchunked"], chunks, &[400, 501]),
        (&["Transfer-Encoding: chunked,"], chunks, &[400, 501]),
        (&["Transfer-Encoding: \"chunked\""], chunks, &[400, 501]),
        (&["Transfer-Encoding: gzip, chunked"], chunks, &[400, 501]),
        (
            &["Transfer-Encoding: chunked, chunked"],
            chunks,
            &[400, 501],
        ),
        (&[chunked, chunked], chunks, &[400, 501]),
        (&["Transfer-Encoding:"], chunks, &[400, 501]),
        (&["Transfer-Encoding : chunked"], chunks, &[400]),
        (&["Content-Length : 5"], "hello", &[400]),
        (&["Content-Length: +5"], "hello", &[400]),
        (&["Content-Length: 0x5"], "hello", &[400]),
        (&["Content-Length: -1"], "hello", &[400]),
        (&["Content-Length: 5 5"], "hello", &[400]),
        (&["Content-Length:"], "hello", &[400]),
        (
            &["Content-Length: 99999999999999999999"],
            "hello",
            &[400, 413],
        ),
        (&["Content-Length: 5, 6"], "hello", &[400]),
        (&[length, "Content-Length: 6"], "hello", &[400]),
        (&["Content-Length: 5;a"], "hello", &[400]),
    ];
    for (fields, body, expected) in cases {
        let text = post(fields, body) + SMUGGLED;
        let statuses = statuses(&server, &text);
        assert!(
            statuses.len() == 1 && expected.contains(&statuses[0]),
            "{statuses:?}: {}",
            shown(&text)
        );
        back.expect_untouched();
    }
}

#[test]
fn a_head_that_could_be_read_in_two_ways_never_reaches_an_application() {
    let back = Back::hello();
    let server = in_front_of(&back);
    for head in [
        "GET /x HTTP/1.1\nHost: localhost\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost\r\nA: b\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost\r\nA: b\rc\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost\r\nA: b\0c\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost\r\nA: b\r\n\tc\r\n\r\n",
        "GET /x HTTP/1.1\r\n A: b\r\nHost: localhost\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost\r\n: b\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost\r\nA b: c\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost\r\nA(: c\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost\r\n\"A\": c\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost\r\nA\r\n\r\n",
        "GET  /x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /x  HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /x\tHTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /x HTTP/1.1 \r\nHost: localhost\r\n\r\n",
        "G(T /x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let statuses = statuses(&server, head.to_owned() + SMUGGLED);
        assert!(
            matches!(statuses[..], [] | [400..=499 | 501]),
            "{statuses:?}: {}",
            shown(head)
        );
        back.expect_untouched();
    }
}

#[test]
fn a_length_that_is_said_twice_is_refused_or_said_once() {
    for fields in [&["Content-Length: 5, 5"][..], &["Content-Length: 5"; 2]] {
        let back = Back::hello();
        let server = in_front_of(&back);
        match statuses(&server, post(fields, "hello"))[..] {
            [400] => back.expect_untouched(),
            [200] => assert_eq!(back.only().value("Content-Length"), Some("5")),
            ref statuses => panic!("{statuses:?}"),
        }
    }
}

#[test]
fn a_chunked_body_that_is_none_has_no_end_for_the_application() {
    for body in [
        "5;a\nhello\r\n0\r\n\r\n",
        "5;a=\rb\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\r\nhello\r\n0\r\nA: b\n\r\n",
        "5\r\nhello\r\n0\r\n A: b\r\n\r\n",
        "5\r\nhello\r\nx\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n\r\n0\r\n\r\n",
    ] {
        let back = Back::hello();
        let server = in_front_of(&back);
        let text = post(&["Transfer-Encoding: chunked"], body) + SMUGGLED;
        let statuses = statuses(&server, &text);
        assert!(
            matches!(statuses[..], [] | [400]),
            "{statuses:?}: {}",
            shown(body)
        );
        back.expect_all_closed();
        for request in back.requests() {
            assert_eq!(request.target, "/x");
            assert!(!request.is_whole, "{}: {request:?}", shown(body));
        }
    }
}

#[test]
fn a_body_that_ends_early_has_no_end_for_the_application() {
    for text in [
        post(&["Content-Length: 10"], "hello"),
        post(&["Transfer-Encoding: chunked"], "5\r\nhello\r\n"),
        post(&["Transfer-Encoding: chunked"], "5\r\nhel"),
        post(&["Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\n"),
    ] {
        let back = Back::hello();
        let server = in_front_of(&back);
        let statuses = server.statuses(&text);
        assert!(matches!(statuses[..], [] | [400]), "{statuses:?}");
        back.expect_all_closed();
        assert!(back.requests().iter().all(|request| !request.is_whole));
    }
}

#[test]
fn any_method_may_have_a_body_and_it_goes_on_with_its_framing() {
    // CVE-2026-29057: a chunked body behind `Content-Length: 0` is another request.
    let back = Back::hello();
    let server = in_front_of(&back);
    let mut client = server.connect();
    let methods = ["GET", "DELETE", "OPTIONS", "POST", "PUT", "PATCH"];
    for method in methods {
        for (field, body) in [
            (
                "Transfer-Encoding: chunked",
                "5\r\nhello\r\n3;x=y\r\n to\r\n0\r\n\r\n",
            ),
            ("Content-Length: 8", "hello to"),
        ] {
            client
                .exchange(request(method, "/x", &[field]) + body)
                .expect(200)
                .expect_body("hello");
        }
    }
    client.finish();
    let requests = back.expect_requests(2 * methods.len());
    for (number, received) in requests.iter().enumerate() {
        assert_eq!(received.method, methods[number / 2]);
        assert_eq!(received.body, b"hello to", "{received:?}");
        if number % 2 == 0 {
            assert_eq!(received.value("Transfer-Encoding"), Some("chunked"));
            assert!(!received.has("Content-Length"));
        } else {
            assert_eq!(received.value("Content-Length"), Some("8"));
            assert!(!received.has("Transfer-Encoding"));
        }
    }
}

#[test]
fn a_request_without_a_body_says_so_and_an_empty_one_as_well() {
    let back = Back::hello();
    let server = in_front_of(&back);
    let mut client = server.connect();
    client.get("/none", &[]).expect(200);
    client
        .exchange(request("POST", "/empty", &["Content-Length: 0"]))
        .expect(200);
    client
        .exchange(request("POST", "/chunked", &["Transfer-Encoding: chunked"]) + "0\r\n\r\n")
        .expect(200);
    client.finish();
    let requests = back.expect_requests(3);
    assert!(!requests[0].has("Content-Length") && !requests[0].has("Transfer-Encoding"));
    assert_eq!(requests[1].value("Content-Length"), Some("0"));
    assert!(requests.iter().all(|request| request.body.is_empty()));
}

#[test]
fn an_older_client_is_spoken_for_in_http_1_1() {
    let back = Back::hello();
    let server = in_front_of(&back);
    let text = "POST /x HTTP/1.0\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
    server.exchange(text).expect(200).expect_body("hello");
    let received = back.only();
    assert_eq!(received.version, "HTTP/1.1");
    assert_eq!(received.body, b"hello");
}

#[test]
fn requests_in_a_row_stay_requests_in_a_row() {
    let back = Back::by_request(|request| {
        let text = &request.target;
        let length = text.len();
        Some(format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{text}").into())
    });
    let server = in_front_of(&back);
    let mut client = server.connect();
    let mut text = String::new();
    let length = format!("Content-Length: {}", SMUGGLED.len());
    for number in 0..20 {
        text += &request("POST", &format!("/{number}"), &[&length]);
        // A body that is a request in itself.
        text += SMUGGLED;
    }
    client.send(&text);
    for number in 0..20 {
        client
            .read("POST")
            .expect(200)
            .expect_body(format!("/{number}"));
    }
    client.finish();
    assert!(back.targets().iter().all(|target| target != "/smuggled"));
    assert_eq!(back.requests().len(), 20);
}

#[test]
fn a_body_that_nobody_read_is_no_request() {
    // CVE-2025-4366: an answer from elsewhere, and the unread body was taken for the next request.
    let back = Back::new(|_| {});
    let server = in_front_of(&back);
    let body = SMUGGLED.repeat(10_000);
    let length = format!("Content-Length: {}", body.len());
    let text = post(&[&length], &body) + &request("GET", "/next", &[]);
    let statuses = statuses(&server, text);
    assert!(matches!(statuses[..], [502] | [502, 502]), "{statuses:?}");
    drop(server);
    assert!(back.targets().iter().all(|target| target != "/smuggled"));
}

#[test]
fn bytes_behind_an_answer_belong_to_nobody() {
    let poison = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\npoisoned";
    let no_content = "HTTP/1.1 204 No Content\r\n\r\n";
    let not_modified = "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 8\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for (first, status) in [
        (HELLO, 200),
        (no_content, 204),
        (not_modified, 304),
        (chunked, 200),
    ] {
        for (extra, is_late) in [
            (poison, false),
            (poison, true),
            ("x", false),
            ("\r\n", false),
        ] {
            let back = Back::new(move |conversation| {
                if conversation.number > 0 {
                    return conversation.answer_all(HELLO.as_bytes());
                }
                conversation.next();
                if is_late {
                    conversation.send(first);
                    conversation.pause(Duration::from_millis(100));
                    conversation.send(extra);
                } else {
                    conversation.send([first, extra].concat());
                }
                conversation.answer_all(b"");
            });
            let server = in_front_of(&back);
            let mut client = server.connect();
            client.get("/first", &[]).expect(status);
            if is_late {
                std::thread::sleep(Duration::from_millis(200));
            }
            for target in ["/a", "/b"] {
                client.get(target, &[]).expect(200).expect_body("hello");
            }
            let mut other = server.connect();
            other.get("/c", &[]).expect(200).expect_body("hello");
            assert!(
                back.requests()
                    .iter()
                    .all(|request| (request.connection == 0) == (request.target == "/first")),
                "{first} {extra}: {:?}",
                back.requests()
            );
        }
    }
}

#[test]
fn bytes_before_the_request_are_no_answer_to_it() {
    // The next request of a connection must not take what came while nobody asked.
    let back = Back::new(|conversation| {
        if conversation.number == 0 {
            conversation.next();
            conversation.send(HELLO);
            conversation.send(
                "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
            return;
        }
        conversation.answer_all(HELLO.as_bytes());
    });
    let server = in_front_of(&back);
    server.get("/a", &[]).expect(200);
    assert!(eventually(|| back.open() == 0));
    server.get("/b", &[]).expect(200).expect_body("hello");
}

#[test]
fn http_2_cannot_say_what_http_1_1_must_not_hear() {
    let back = Back::hello();
    let server = in_front_of(&back);
    let start = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/x"),
    ];
    let with = |field: (&'static str, &'static str)| [&start[..], &[field]].concat();
    let path = |path: &'static str| {
        let mut fields = start;
        fields[3].1 = path;
        fields.to_vec()
    };
    for fields in [
        with(("a", "b\r\nc: d")),
        with(("a", "b\nc")),
        with(("a", "b\0c")),
        with(("a:b", "c")),
        with(("A", "b")),
        with(("a b", "c")),
        with(("", "c")),
        with(("transfer-encoding", "chunked")),
        with(("connection", "close")),
        with(("upgrade", "websocket")),
        with(("keep-alive", "timeout=1")),
        with(("proxy-connection", "close")),
        with(("te", "gzip")),
        with((":path", "/y")),
        with((":method", "POST")),
        with((":unknown", "x")),
        with(("content-length", "5")),
        path("/x y"),
        path("/x\r\nA: b"),
        path(""),
        path("x"),
        [&[("a", "b")], &start[..]].concat(),
        start[..3].to_vec(),
        start[1..].to_vec(),
    ] {
        let outcome = H2Client::over(server.connect()).exchange(&fields);
        let is_refused = match outcome {
            H2Outcome::Response { status, .. } => (400..500).contains(&status),
            _ => true,
        };
        assert!(is_refused, "{fields:?}: {outcome:?}");
        let requests = back.requests();
        assert!(
            requests.iter().all(|request| !request.is_whole),
            "{fields:?}: {requests:?}"
        );
    }
}
