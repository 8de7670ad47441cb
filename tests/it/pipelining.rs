//! Requests upon requests on one connection, before a router: each is read where the one before it ended, and nowhere else.

use crate::harness::{TestServer, request};

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn ten_requests_in_one_segment_are_answered_in_order() {
    let (server, journal) = TestServer::app("");
    let mut client = server.connect();
    let texts: Vec<String> = (0..10)
        .map(|index| {
            let target = format!("/{index}");
            match index % 3 {
                0 => request("GET", &target, &[]),
                1 => request("POST", &target, &["Content-Length: 5"]) + "hello",
                _ => {
                    request("PUT", &target, &["Transfer-Encoding: chunked"])
                        + "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
                }
            }
        })
        .collect();
    client.send(texts.concat());
    for (index, text) in texts.iter().enumerate() {
        let (method, body) = match index % 3 {
            0 => ("GET", ""),
            1 => ("POST", "hello"),
            _ => ("PUT", "hello"),
        };
        client
            .read(text)
            .expect(200)
            .expect_body(format!("{method} /{index} [{body}] {{}}"));
    }
    client.finish();
    assert_eq!(journal.seen().len(), 10);
}

#[test]
fn a_slow_answer_keeps_the_order() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    let texts = ["/slow", "/x", "/slow", "/y"].map(|target| request("GET", target, &[]));
    client.send(texts.concat());
    for (text, body) in texts
        .iter()
        .zip(["at last", "GET /x [] {}", "at last", "GET /y [] {}"])
    {
        client.read(text).expect(200).expect_body(body);
    }
}

#[test]
fn requests_may_come_byte_by_byte() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    let text = request("POST", "/x", &["Transfer-Encoding: chunked"])
        + "5;a=\"b\"\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n";
    for _ in 0..2 {
        for byte in text.bytes() {
            client.send([byte]);
        }
        client
            .read(&text)
            .expect(200)
            .expect_body("POST /x [hello] {x-sum=1}");
    }
    client.finish();
}

#[test]
fn a_whole_conversation_may_be_cut_anywhere() {
    let (server, _) = TestServer::app("");
    let text = request("POST", "/a", &["Content-Length: 5"])
        + "hello"
        + &request("GET", "/b", &[])
        + &request("GET", "/c", &["Connection: close"]);
    for cut in 1..text.len() {
        let mut client = server.connect();
        client.send(&text[..cut]);
        std::thread::sleep(std::time::Duration::from_millis(2));
        client.send(&text[cut..]);
        for body in ["POST /a [hello] {}", "GET /b [] {}", "GET /c [] {}"] {
            client.read(&text).expect(200).expect_body(body);
        }
        client.expect_close();
    }
}

#[test]
fn an_empty_line_after_a_body_is_forgiven() {
    let (server, journal) = TestServer::app("");
    let text =
        request("POST", "/x", &["Content-Length: 5"]) + "hello\r\n" + &request("GET", "/y", &[]);
    assert_eq!(server.statuses(text), [200, 200], "RFC 9112 §2.2");
    assert_eq!(journal.targets(), ["/x", "/y"]);
}

#[test]
fn a_body_that_no_handler_reads_is_never_a_request() {
    for method in ["GET", "POST", "DELETE", "OPTIONS", "BREW"] {
        let (server, journal) = TestServer::app("");
        let by_length = request(
            method,
            "/early",
            &[&format!("Content-Length: {}", SMUGGLED.len())],
        ) + SMUGGLED;
        let by_chunks = request(method, "/early", &["Transfer-Encoding: chunked"])
            + &format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
        for text in [by_length, by_chunks] {
            let statuses = server.statuses(text + &request("GET", "/next", &[]));
            assert!(
                matches!(statuses[..], [401] | [401, 200]),
                "{method}: {statuses:?}"
            );
        }
        let targets = journal.targets();
        assert!(
            targets
                .iter()
                .all(|target| target == "/early" || target == "/next"),
            "{targets:?}"
        );
    }
}

#[test]
fn a_body_that_comes_after_the_answer_is_never_a_request() {
    let (server, journal) = TestServer::app("");
    for fields in [
        format!("Content-Length: {}", SMUGGLED.len()),
        "Transfer-Encoding: chunked".to_owned(),
    ] {
        let mut client = server.connect();
        let text = request("POST", "/early", &[&fields]);
        client.exchange(&text).expect(401);
        if fields.starts_with('T') {
            client.send(format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len()));
        } else {
            client.send(SMUGGLED);
        }
        client.send(request("GET", "/next", &[]));
        client.shut_write();
        let rest = String::from_utf8_lossy(&client.read_to_end()).into_owned();
        assert!(rest.matches("HTTP/1.1 ").count() <= 1, "{rest}");
    }
    assert!(!journal.targets().contains(&"/smuggled".to_owned()));
}

#[test]
fn a_broken_body_that_no_handler_reads_ends_the_connection() {
    let (server, journal) = TestServer::app("");
    for coded in [
        "zz\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "fffffffffffffffff\r\n",
    ] {
        let text = request("POST", "/early", &["Transfer-Encoding: chunked"]) + coded + SMUGGLED;
        let statuses = server.statuses(text);
        assert!(
            matches!(statuses[..], [401 | 400]),
            "{coded:?}: {statuses:?}"
        );
    }
    assert!(!journal.targets().contains(&"/smuggled".to_owned()));
}

#[test]
fn an_unread_body_without_end_is_not_read_without_end() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    let text = request("POST", "/early", &["Content-Length: 1000000000"]);
    client.exchange(&text).expect(401);
    let piece = vec![b'x'; 1 << 20];
    let taken = (0..1024).find(|_| {
        client.send(&piece);
        client.is_reset()
    });
    assert!(taken.is_some(), "a gigabyte was read that nobody wanted");
}

#[test]
fn a_large_unread_body_does_not_cost_the_answer() {
    let (server, _) = TestServer::app("");
    for fields in ["Content-Length: 3000000", "Transfer-Encoding: chunked"] {
        let mut client = server.connect();
        let text = request("POST", "/early", &[fields]);
        client.send(&text);
        if fields.starts_with('T') {
            client.send(format!("{:x}\r\n", 3_000_000));
        }
        client.send(vec![b'x'; 3_000_000]);
        client.read(&text).expect(401);
    }
}

#[test]
fn a_body_that_never_comes_does_not_keep_the_answer_back() {
    let (server, _) = TestServer::app("");
    for fields in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        let mut client = server.connect();
        client
            .exchange(request("POST", "/early", &[fields]))
            .expect(401);
    }
}

#[test]
fn who_has_said_all_still_gets_the_answers() {
    let (server, _) = TestServer::app("");
    let text = request("GET", "/slow", &[])
        + &request("GET", "/slow", &[])
        + &request("GET", "/chunks", &[]);
    assert_eq!(server.statuses(text), [200, 200, 200]);
}

#[test]
fn who_closes_is_answered_nothing_more() {
    let (server, journal) = TestServer::app("");
    for close in [
        "Connection: close",
        "Connection: x, CLOSE",
        "Connection: keep-alive, close",
    ] {
        let text = request("GET", "/x", &[close]) + SMUGGLED;
        let mut client = server.connect();
        let response = client.exchange(&text).expect(200);
        assert!(
            response.lists("Connection", "close"),
            "RFC 9112 §9.6: {response:?}"
        );
        client.expect_close();
    }
    assert!(!journal.targets().contains(&"/smuggled".to_owned()));
}

#[test]
fn garbage_after_a_request_is_refused_after_its_answer() {
    let (server, journal) = TestServer::app("");
    for garbage in ["\0\0\0\0\r\n\r\n", "x\r\n\r\n", " GET / HTTP/1.1\r\n\r\n"] {
        let statuses = server.statuses(request("GET", "/x", &[]) + garbage + SMUGGLED);
        assert!(
            matches!(statuses[..], [200] | [200, 400]),
            "{garbage:?}: {statuses:?}"
        );
    }
    assert!(!journal.targets().contains(&"/smuggled".to_owned()));
}
