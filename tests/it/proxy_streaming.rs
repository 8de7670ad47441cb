//! Bodies on their way to an application and back: as they come, no faster than they are taken, and no longer than somebody wants them.

use std::fs;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{
    Back, Client, Docroot, HELLO, PATIENCE, TestServer, eventually, forwarding, in_front_of,
    pattern, request,
};

const STREAM: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const TYPED: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";

/// Reads until the text is there.
#[track_caller]
fn read_until(client: &mut Client, text: &str) {
    let mut read = Vec::new();
    while !read
        .windows(text.len())
        .any(|window| window == text.as_bytes())
    {
        let piece = client.read_some(usize::MAX);
        assert!(!piece.is_empty(), "it ended after {}", read.escape_ascii());
        read.extend(piece);
    }
}

#[test]
fn the_first_event_is_there_before_the_next_is_made() {
    for (route, rest) in [("", ""), ("compress = true", "")] {
        let back = Back::new(|conversation| {
            conversation.next();
            conversation.send(STREAM);
            conversation.send("f\r\ndata: first\n\n  \r\n");
            // Until the client has seen it, and is gone.
            conversation.wait_for_end();
        });
        let server = crate::harness::in_front(&[&back], route, rest);
        let text = request("GET", "/events", &["Accept-Encoding: gzip"]);
        let mut client = server.connect();
        client.send(&text);
        let head = client.read_head(&text);
        assert_eq!(head.value("Content-Encoding"), None, "{head:?}");
        read_until(&mut client, "data: first\n\n");
        drop(client);
        back.expect_all_closed();
    }
}

#[test]
fn a_head_is_there_before_its_body() {
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.send(format!("{TYPED}Content-Length: 5\r\n\r\n"));
        conversation.wait_for_end();
    });
    let server = in_front_of(&back);
    let text = request("GET", "/x", &[]);
    let mut client = server.connect();
    client.send(&text);
    let head = client.read_head(&text);
    assert_eq!(head.value("Content-Length"), Some("5"));
}

#[test]
fn an_upload_is_at_the_application_before_it_ends() {
    for (field, first) in [
        ("Transfer-Encoding: chunked", "5\r\nfirst\r\n"),
        ("Content-Length: 10", "first"),
    ] {
        let back = Back::hello();
        let server = in_front_of(&back);
        let text = request("POST", "/x", &[field]);
        let mut client = server.connect();
        client.send(text.clone() + first);
        let is_there = || {
            back.requests()
                .iter()
                .any(|request| request.body == b"first")
        };
        assert!(eventually(is_there), "{:?}", back.requests());
        client.send(if first.starts_with('5') {
            "6\r\nsecond\r\n0\r\n\r\n"
        } else {
            "last."
        });
        client.read(&text).expect(200);
        assert!(back.only().body.starts_with(b"first"));
    }
}

#[test]
fn an_answer_may_come_while_the_request_is_still_sent() {
    let back = Back::new(|conversation| {
        conversation.next_head();
        conversation.send(format!("{TYPED}Transfer-Encoding: chunked\r\n\r\n"));
        // What comes is sent back at once, until the last chunk.
        while let Some(chunk) = conversation.next_bytes(10) {
            conversation.send(chunk);
        }
    });
    let server = in_front_of(&back);
    let text = request("POST", "/x", &["Transfer-Encoding: chunked"]);
    let mut client = server.connect();
    client.send(&text);
    assert_eq!(client.read_head(&text).status, 200);
    for word in ["hello", "again", "still"] {
        client.send(format!("5\r\n{word}\r\n"));
        read_until(&mut client, word);
    }
}

#[test]
fn an_answer_that_does_not_wait_for_the_body_reaches_the_client() {
    let back = Back::new(|conversation| {
        conversation.next_head();
        conversation.send(
            "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
        conversation.pause(Duration::from_millis(200));
    });
    let server = in_front_of(&back);
    let length = 64 << 20;
    let text = request("POST", "/x", &[&format!("Content-Length: {length}")]);
    let mut client = server.connect();
    client.send(&text);
    let mut writer = client.stream().try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        let piece = vec![b'x'; 64 << 10];
        for _ in 0..length / piece.len() {
            if writer.write_all(&piece).is_err() {
                return;
            }
        }
    });
    client.read(&text).expect(413);
    drop(client);
    sender.join().unwrap();
    back.expect_all_closed();
}

#[test]
fn large_bodies_go_through_unharmed() {
    let length = 24 << 20;
    let back = Back::by_request(move |request| {
        let mut answer =
            format!("{TYPED}Content-Length: {}\r\n\r\n", request.body.len()).into_bytes();
        answer.extend_from_slice(&request.body);
        Some(answer)
    });
    let server = in_front_of(&back);
    let body = pattern(length);
    let text = request("PUT", "/x", &[&format!("Content-Length: {length}")]);
    let mut client = server.connect();
    client.send([text.as_bytes(), &body].concat());
    let response = client.read(&text).expect(200);
    assert!(response.body == body, "other bytes came back");
    client.finish();
}

#[test]
fn an_application_is_read_no_faster_than_its_client_reads() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let back = Back::new(move |conversation| {
        conversation.next();
        conversation.send(format!("{TYPED}Content-Length: {}\r\n\r\n", 1_u64 << 40));
        let piece = vec![b'x'; 64 << 10];
        while conversation.send(&piece) {
            counter.fetch_add(piece.len(), Ordering::Relaxed);
        }
    });
    let server = in_front_of(&back);
    let text = request("GET", "/x", &[]);
    let mut client = server.connect();
    client.send(&text);
    assert_eq!(client.read_head(&text).status, 200);
    // Until no more is taken.
    let mut before = usize::MAX;
    let settled = eventually(|| {
        std::thread::sleep(Duration::from_millis(200));
        let now = sent.load(Ordering::Relaxed);
        std::mem::replace(&mut before, now) == now
    });
    // What the buffers of four sockets hold, and no more.
    let taken = sent.load(Ordering::Relaxed);
    assert!(settled && taken < 64 << 20, "{taken} bytes were taken");
    drop(client);
    back.expect_all_closed();
}

#[test]
fn a_client_is_read_no_faster_than_its_application_reads() {
    // An application that reads nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"http://{address}\"\n[limits]\nbody_size = \"8GiB\"\n"
        ),
    );
    let text = request("POST", "/x", &[&format!("Content-Length: {}", 1_u64 << 32)]);
    let mut client = server.connect();
    client.send(&text);
    let piece = vec![b'x'; 64 << 10];
    let mut sent = 0;
    while client.try_send(&piece) {
        sent += piece.len();
        assert!(sent < 64 << 20, "{sent} bytes were taken");
    }
}

#[test]
fn trailers_of_an_answer_go_to_who_takes_them() {
    let answer = format!(
        "{TYPED}Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: abc\r\nContent-Length: 3\r\n\
         Transfer-Encoding: chunked\r\nSet-Cookie: a=b\r\nHost: x\r\n\r\n"
    );
    let back = Back::answering(answer);
    let server = in_front_of(&back);
    let mut client = server.connect();
    let response = client
        .get("/x", &["TE: trailers", "Connection: TE"])
        .expect(200)
        .expect_body("hello");
    assert_eq!(response.trailers, [("x-sum".to_owned(), "abc".to_owned())]);
    let response = client.get("/x", &[]).expect(200).expect_body("hello");
    assert!(response.trailers.is_empty());
    client.finish();
}

#[test]
fn trailers_of_a_request_go_to_the_application() {
    let back = Back::hello();
    let server = in_front_of(&back);
    let mut client = server.connect();
    let text = request(
        "POST",
        "/x",
        &["Transfer-Encoding: chunked", "Trailer: X-Sum"],
    );
    let body =
        "5\r\nhello\r\n0\r\nX-Sum: abc\r\nContent-Length: 3\r\nX-Forwarded-For: spoofed\r\n\r\n";
    client.exchange(text + body).expect(200);
    client.finish();
    let received = back.only();
    assert_eq!(received.body, b"hello");
    for (name, value) in &received.trailers {
        assert_eq!((name.as_str(), value.as_str()), ("x-sum", "abc"));
    }
}

/// The records of a log with so many.
fn records(server: &TestServer, count: usize) -> Vec<serde_json::Value> {
    let log = server.docroot.parent().join("access.log");
    let text = || fs::read_to_string(&log).unwrap_or_default();
    assert!(
        eventually(|| text().matches('\n').count() >= count),
        "{count} records: {}",
        text()
    );
    text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn logged(back: &Back) -> TestServer {
    let log = "[log]\naccess = \"json\"\nfile = \"$PARENT/access.log\"\n";
    TestServer::start(Docroot::standard(), &forwarding(&[back], "", log))
}

#[test]
fn a_client_that_leaves_before_the_answer_is_a_499_and_the_application_hears_of_it() {
    let back = Back::new(|conversation| {
        conversation.next();
        // Ten seconds of work that nobody wants any more.
        conversation.pause(Duration::from_secs(10));
        conversation.send(HELLO);
    });
    let server = logged(&back);
    let texts = [
        request("GET", "/x", &[]),
        request("POST", "/x", &["Content-Length: 5"]) + "hello",
    ];
    for (position, text) in texts.into_iter().enumerate() {
        let mut client = server.connect();
        client.send(text);
        back.expect_requests(position + 1);
        let left = Instant::now();
        drop(client);
        back.expect_all_closed();
        let noticed = left.elapsed();
        assert!(noticed < Duration::from_secs(5), "after {noticed:?}");
        let record = &records(&server, position + 1)[position];
        assert_eq!(record["status"], 499, "{record}");
    }
}

#[test]
fn a_client_that_leaves_during_its_upload_ends_the_application_s_request() {
    let back = Back::hello();
    let server = logged(&back);
    let mut client = server.connect();
    client.send(request("POST", "/x", &["Content-Length: 10"]) + "hello");
    let is_there = || {
        back.requests()
            .iter()
            .any(|request| request.body == b"hello")
    };
    assert!(eventually(is_there));
    drop(client);
    back.expect_all_closed();
    assert!(!back.requests()[0].is_whole);
    let status = records(&server, 1)[0]["status"].as_u64();
    assert!(matches!(status, Some(400 | 499)), "{status:?}");
}

#[test]
fn a_client_that_leaves_during_its_answer_ends_the_application_s_work() {
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.send(STREAM);
        while conversation.pause(Duration::from_millis(20)) && conversation.send("4\r\ndrip\r\n") {}
    });
    let server = logged(&back);
    let text = request("GET", "/x", &[]);
    let mut client = server.connect();
    client.send(&text);
    read_until(&mut client, "drip");
    drop(client);
    back.expect_all_closed();
    assert_eq!(records(&server, 1).len(), 1);
}

#[test]
fn a_record_of_the_log_tells_what_was_sent() {
    let back = Back::hello();
    let server = logged(&back);
    server.get("/x?y", &[]).expect(200);
    let record = &records(&server, 1)[0];
    assert_eq!(record["status"], 200);
    assert_eq!(record["bytes"], 5);
    assert_eq!(record["target"], "/x?y");
}

#[test]
fn a_slow_answer_is_not_taken_for_an_idle_connection() {
    let back = Back::new(|conversation| {
        while conversation.next().is_some() {
            conversation.pause(Duration::from_millis(600));
            conversation.send(HELLO);
        }
    });
    let limits = "[limits]\nheader_timeout = \"200ms\"\nkeep_alive_timeout = \"200ms\"\n";
    let server = crate::harness::in_front(&[&back], "", limits);
    let begun = Instant::now();
    server.get("/x", &[]).expect(200).expect_body("hello");
    assert!(begun.elapsed() < PATIENCE);
}
