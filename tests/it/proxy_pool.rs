//! Connections to an application: kept and used again, and what becomes of a request when one fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::harness::h2::{
    ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, SETTINGS, block, frame,
};
use crate::harness::{
    Back, Client, Docroot, HELLO, Refusing, TestServer, eventually, forwarding, in_front,
    in_front_of, pattern, request, statuses,
};

const POST: &[&str] = &["Content-Length: 5"];

fn post(target: &str) -> String {
    request("POST", target, POST) + "hello"
}

/// Takes one request, and is gone.
fn dying() -> Back {
    Back::new(|conversation| {
        conversation.next();
    })
}

#[test]
fn connections_are_kept_for_requests_of_anybody() {
    let back = Back::hello();
    let server = in_front_of(&back);
    for number in 0..10 {
        server.get(&format!("/{number}"), &[]).expect(200);
    }
    let mut client = server.connect();
    for _ in 0..10 {
        client.exchange(post("/x")).expect(200);
    }
    client.finish();
    assert_eq!(back.connections(), 1);
    assert_eq!(back.requests().len(), 20);
}

#[test]
fn none_are_kept_where_none_may_be() {
    let back = Back::hello();
    let server = in_front(&[&back], "", "pool_size = 0");
    for _ in 0..3 {
        server.get("/x", &[]).expect(200);
    }
    assert_eq!(back.connections(), 3);
    back.expect_all_closed();
}

#[test]
fn a_connection_that_the_application_ends_is_not_used_again() {
    for (version, field) in [
        ("1.1", "Connection: close\r\n"),
        ("1.0", ""),
        ("1.1", "connection: x, Close\r\n"),
    ] {
        let answer = format!(
            "HTTP/{version} 200 OK\r\n{field}Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
        );
        // It does not even close them.
        let back = Back::answering(answer);
        let server = in_front_of(&back);
        for _ in 0..3 {
            server.get("/x", &[]).expect(200);
        }
        assert_eq!(back.connections(), 3, "{version} {field}");
        back.expect_all_closed();
    }
}

#[test]
fn a_connection_that_was_closed_while_it_waited_costs_no_request() {
    // By the application, after each answer and without a word: both requests that may be repeated and others get theirs.
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.send(HELLO);
    });
    let server = in_front_of(&back);
    for number in 0..5 {
        server.get("/x", &[]).expect(200);
        assert!(eventually(|| back.open() == 0));
        std::thread::sleep(Duration::from_millis(20));
        server.exchange(post("/x")).expect(200);
        assert!(eventually(|| back.open() == 0));
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(back.connections(), 2 * (number + 1));
    }
}

#[test]
fn what_an_application_says_of_its_patience_is_heeded() {
    // It would close in a second, and answer nothing that comes later.
    let back = Back::new(|conversation| {
        while conversation.next().is_some() {
            conversation.send(HELLO.replace("\r\n\r\n", "\r\nKeep-Alive: timeout=1\r\n\r\n"));
            if !conversation.pause(Duration::from_secs(1)) {
                return;
            }
        }
    });
    let server = in_front_of(&back);
    for _ in 0..3 {
        server.exchange(post("/x")).expect(200);
        std::thread::sleep(Duration::from_millis(990));
    }
}

#[test]
fn an_idle_connection_is_not_kept_for_ever() {
    let back = Back::hello();
    let server = in_front(&[&back], "", "pool_idle = \"200ms\"");
    server.get("/x", &[]).expect(200);
    back.expect_all_closed();
    server.get("/x", &[]).expect(200);
    assert_eq!(back.connections(), 2);
}

#[test]
fn a_write_is_never_sent_twice() {
    let (a, b) = (dying(), dying());
    let server = in_front(&[&a, &b], "", "");
    for method in ["POST", "PATCH"] {
        let text = request(method, "/x", POST) + "hello";
        assert_eq!(statuses(&server, text), [502]);
    }
    // Without a body it is a write all the same.
    assert_eq!(
        statuses(&server, request("POST", "/x", &["Content-Length: 0"])),
        [502]
    );
    assert_eq!(a.requests().len() + b.requests().len(), 3);
}

#[test]
fn a_read_that_failed_without_a_byte_is_tried_once_elsewhere() {
    for method in ["GET", "HEAD", "OPTIONS"] {
        let (a, b) = (dying(), Back::hello());
        let server = in_front(&[&a, &b], "", "balance = \"round-robin\"\nmax_failures = 0");
        for _ in 0..4 {
            server.send(method, "/x", &[]).expect(200);
        }
        assert!(!a.requests().is_empty(), "it was never asked");
        assert_eq!(b.requests().len(), 4);
    }
    let (a, b, c) = (dying(), dying(), dying());
    let server = in_front(&[&a, &b, &c], "", "max_failures = 0");
    assert_eq!(statuses(&server, request("GET", "/x", &[])), [502]);
    let asked = a.requests().len() + b.requests().len() + c.requests().len();
    assert_eq!(asked, 2, "once, and once elsewhere");
}

#[test]
fn an_answer_that_has_begun_is_not_asked_for_again() {
    let stammering = || {
        Back::new(|conversation| {
            conversation.next();
            conversation.send("HTTP/1.1 200 OK\r\nContent-Type");
        })
    };
    let (a, b) = (stammering(), stammering());
    let server = in_front(&[&a, &b], "", "");
    assert_eq!(statuses(&server, request("GET", "/x", &[])), [502]);
    assert_eq!(a.requests().len() + b.requests().len(), 1);
}

#[test]
fn retries_can_be_turned_off() {
    let (a, b) = (dying(), dying());
    let server = in_front(&[&a, &b], "", "retries = false");
    assert_eq!(statuses(&server, request("GET", "/x", &[])), [502]);
    assert_eq!(a.requests().len() + b.requests().len(), 1);
}

#[test]
fn a_server_that_refuses_connections_costs_no_request_and_no_byte() {
    let refusing = Refusing::new();
    let back = Back::hello();
    let server = TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n\
             [upstream.app]\nservers = [\"{}\", \"{}\"]\nbalance = \"round-robin\"\n",
            refusing.address(),
            back.address()
        ),
    );
    let body = pattern(10 << 20);
    let text = request("POST", "/x", &[&format!("Content-Length: {}", body.len())]);
    for _ in 0..3 {
        let mut client = server.connect();
        client.send([text.as_bytes(), &body].concat());
        client.read(&text).expect(200);
        client.finish();
    }
    let requests = back.expect_requests(3);
    assert!(requests.iter().all(|request| request.body == body));
}

#[test]
fn a_stale_connection_is_noticed_before_a_write_is_sent_on_it_or_the_write_is_lost() {
    // Closed just as the next request is on its way: nobody knows whether it was done, so it is not done again.
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.send(HELLO);
        conversation.next();
    });
    let server = in_front_of(&back);
    server.get("/x", &[]).expect(200);
    assert_eq!(statuses(&server, post("/once")), [502]);
    let once = back
        .targets()
        .iter()
        .filter(|target| *target == "/once")
        .count();
    assert_eq!(once, 1);
    // A read on such a connection is.
    server.get("/y", &[]).expect(200);
    server.get("/again", &[]).expect(200);
}

#[test]
fn a_storm_of_failures_is_not_made_worse() {
    let counter = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&counter);
    let script = move |conversation: &mut crate::harness::Conversation| {
        if conversation.next().is_some() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    };
    let (a, b) = (Back::new(script.clone()), Back::new(script));
    let server = in_front(&[&a, &b], "", "max_failures = 0");
    let requests = 300;
    for _ in 0..requests {
        let mut client = server.connect();
        client.get("/x", &[]).expect_any(&[502, 503]);
    }
    let attempts = counter.load(Ordering::Relaxed);
    assert!(
        attempts <= requests + requests / 5 + 20,
        "{attempts} attempts"
    );
}

/// An application that speaks HTTP/2 in raw frames: what it does with the first request is the test's.
fn raw_http_2(first: Vec<u8>) -> Back {
    let is_first = AtomicBool::new(true);
    Back::new(move |conversation| {
        conversation.next_bytes(24);
        conversation.send(frame(SETTINGS, 0, 0, &[]));
        while let Some(head) = conversation.next_bytes(9) {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            conversation.next_bytes(length);
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            match head[3] {
                SETTINGS if head[4] & ACK == 0 => {
                    conversation.send(frame(SETTINGS, ACK, 0, &[]));
                }
                HEADERS if is_first.swap(false, Ordering::Relaxed) => {
                    conversation.send(&first);
                    if first[3] == GOAWAY {
                        return;
                    }
                }
                // Answered at once: `:status: 200`, a type, and a body.
                HEADERS => {
                    let fields = [&[0x88][..], &block(&[("content-type", "text/plain")])].concat();
                    let mut answer = frame(HEADERS, END_HEADERS, stream, &fields);
                    answer.extend(frame(DATA, END_STREAM, stream, b"hello"));
                    conversation.send(answer);
                }
                _ => {}
            }
        }
    })
}

#[test]
fn what_an_http_2_server_did_not_process_is_tried_again_a_write_as_well() {
    // RFC 9113 §8.7.
    let refused = frame(RST_STREAM, 0, 1, &7_u32.to_be_bytes());
    let goaway = frame(GOAWAY, 0, 0, &[0; 8]);
    for first in [refused, goaway] {
        for text in [
            request("GET", "/x", &[]),
            request("POST", "/x", &["Content-Length: 0"]),
        ] {
            let back = raw_http_2(first.clone());
            let server = TestServer::start(
                Docroot::standard(),
                &format!(
                    "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"h2c://{}\"\n",
                    back.address()
                ),
            );
            let mut client = server.connect();
            let response = client.exchange(&text).expect(200);
            assert_eq!(response.body, b"hello");
        }
    }
}

#[test]
fn an_http_2_server_that_may_have_processed_a_write_is_not_asked_again() {
    let error = frame(RST_STREAM, 0, 1, &2_u32.to_be_bytes());
    let back = raw_http_2(error);
    let server = TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"h2c://{}\"\n",
            back.address()
        ),
    );
    assert_eq!(statuses(&server, post("/x")), [502]);
}

#[test]
fn bytes_before_a_handshake_are_no_answer() {
    // CVE-2026-1642.
    let back = Back::new(|conversation| {
        conversation.send(HELLO);
        conversation.wait_for_end();
    });
    let server = TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"https://{}\"\n",
            back.address()
        ),
    );
    assert_eq!(statuses(&server, request("GET", "/x", &[])), [502]);
    assert!(!String::from_utf8_lossy(&back.bytes(0)).contains("GET /x"));
}

#[test]
fn many_clients_at_a_time_each_get_their_own() {
    let back = Back::by_request(|request| {
        let mut body = request.target.clone().into_bytes();
        body.extend_from_slice(&request.body);
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        answer.extend(body);
        Some(answer)
    });
    let config = forwarding(&[&back], "", "");
    let server = TestServer::start_with_workers(Docroot::standard(), &config, 3);
    std::thread::scope(|scope| {
        for client in 0..24 {
            let address = server.address;
            scope.spawn(move || {
                let mut connection = Client::connect(address);
                for round in 0..20 {
                    let target = format!("/{client}/{round}");
                    let body = pattern(client * 997 + round);
                    let length = format!("Content-Length: {}", body.len());
                    let text = request("POST", &target, &[&length]);
                    connection.send([text.as_bytes(), &body].concat());
                    connection
                        .read(&text)
                        .expect(200)
                        .expect_body([target.as_bytes(), &body].concat());
                }
            });
        }
    });
    assert_eq!(back.requests().len(), 24 * 20);
}
