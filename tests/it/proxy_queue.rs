//! Servers that are full, ill or gone, and requests that have to wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::harness::{
    Back, Docroot, HELLO, Refusing, TestServer, eventually, in_front, request, statuses,
};

/// Answers after a while; how many it answers at a time, at most, is counted.
fn slow(most: &Arc<AtomicUsize>) -> Back {
    let (now, most) = (AtomicUsize::new(0), Arc::clone(most));
    Back::new(move |conversation| {
        while conversation.next().is_some() {
            let here = now.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(here, Ordering::SeqCst);
            conversation.pause(Duration::from_millis(50));
            now.fetch_sub(1, Ordering::SeqCst);
            conversation.send(HELLO);
        }
    })
}

fn one_at_a_time(back: &Back, rest: &str) -> TestServer {
    TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n[upstream.app]\n{rest}\n\
             [[upstream.app.server]]\naddress = \"{}\"\nmax_connections = 1\n",
            back.address()
        ),
    )
}

#[test]
fn a_server_gets_no_more_at_a_time_than_it_may_and_the_rest_waits() {
    let most = Arc::new(AtomicUsize::new(0));
    let back = slow(&most);
    let server = one_at_a_time(&back, "");
    let mut clients: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(request("GET", "/x", &[]));
    }
    for client in &mut clients {
        client.read("GET").expect(200).expect_body("hello");
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert_eq!(back.requests().len(), 10);
}

#[test]
fn a_queue_that_is_full_turns_away_and_says_when_to_come_back() {
    let may_answer = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&may_answer);
    let back =
        Back::by_request(move |_| eventually(|| gate.load(Ordering::SeqCst)).then(|| HELLO.into()));
    let server = one_at_a_time(&back, "queue_size = 1");
    let mut first = server.connect();
    first.send(request("GET", "/1", &[]));
    back.expect_requests(1);
    let mut others: Vec<_> = (0..5).map(|_| server.connect()).collect();
    for client in &mut others {
        client.send(request("GET", "/x", &[]));
    }
    // One of them waits, the others hear it at once.
    let mut heard = vec![false; others.len()];
    assert!(eventually(|| {
        for (client, heard) in others.iter_mut().zip(&mut heard) {
            *heard |= client.has_bytes();
        }
        heard.iter().filter(|heard| **heard).count() == 4
    }));
    may_answer.store(true, Ordering::SeqCst);
    let mut answered = Vec::new();
    for client in &mut others {
        let response = client.read("GET");
        if response.status() == 503 {
            let seconds: u64 = response.field("Retry-After").parse().unwrap();
            assert!(seconds > 0);
        }
        answered.push(response.status());
    }
    first.read("GET").expect(200);
    answered.sort_unstable();
    assert_eq!(answered, [200, 503, 503, 503, 503]);
    assert_eq!(back.requests().len(), 2);
}

#[test]
fn who_waits_too_long_is_turned_away() {
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.wait_for_end();
    });
    let server = one_at_a_time(&back, "queue_timeout = \"200ms\"");
    let mut first = server.connect();
    first.send(request("GET", "/1", &[]));
    back.expect_requests(1);
    let response = server.get("/2", &[]).expect(503);
    assert!(response.value("Retry-After").is_some());
    assert_eq!(back.requests().len(), 1);
}

#[test]
fn who_leaves_the_queue_takes_nobody_s_place() {
    let back = slow(&Arc::default());
    let server = one_at_a_time(&back, "");
    let mut clients: Vec<_> = (0..6).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(request("GET", "/x", &[]));
    }
    clients.truncate(3);
    for client in &mut clients {
        client.read("GET").expect(200);
    }
    server.get("/after", &[]).expect(200);
}

#[test]
fn a_server_that_fails_in_a_row_is_left_alone_for_a_while() {
    let (ill, well) = (
        Back::new(|conversation| drop(conversation.next())),
        Back::hello(),
    );
    let server = in_front(
        &[&ill, &well],
        "",
        "balance = \"round-robin\"\nmax_failures = 2\nejection_time = \"1h\"",
    );
    for _ in 0..20 {
        server.get("/x", &[]).expect(200);
    }
    assert_eq!(ill.requests().len(), 2);
}

#[test]
fn it_is_asked_again_after_that_while() {
    let is_well = Arc::new(AtomicBool::new(false));
    let knows = Arc::clone(&is_well);
    let changing = Back::by_request(move |_| knows.load(Ordering::SeqCst).then(|| HELLO.into()));
    let other = Back::hello();
    let server = in_front(
        &[&changing, &other],
        "",
        "balance = \"round-robin\"\nmax_failures = 1\nejection_time = \"100ms\"",
    );
    for _ in 0..4 {
        server.get("/x", &[]).expect(200);
    }
    is_well.store(true, Ordering::SeqCst);
    let before = changing.requests().len();
    assert!(eventually(|| {
        server.get("/x", &[]).expect(200);
        changing.requests().len() > before + 3
    }));
}

#[test]
fn the_last_server_is_never_left_out() {
    let back = Back::new(|conversation| drop(conversation.next()));
    let server = in_front(&[&back], "", "max_failures = 1\nejection_time = \"1h\"");
    for _ in 0..5 {
        assert_eq!(
            statuses(&server, request("POST", "/x", &["Content-Length: 0"])),
            [502]
        );
    }
    assert_eq!(back.requests().len(), 5);
}

#[test]
fn a_backup_gets_requests_while_there_is_no_other() {
    let refusing = Refusing::new();
    let (main, backup) = (Back::hello(), Back::hello());
    let start = |main: &str| {
        TestServer::start(
            Docroot::standard(),
            &format!(
                "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n[upstream.app]\nservers = [\"{main}\"]\n\
                 [[upstream.app.server]]\naddress = \"{}\"\nbackup = true\n",
                backup.address()
            ),
        )
    };
    let server = start(&main.address());
    for _ in 0..10 {
        server.get("/x", &[]).expect(200);
    }
    backup.expect_untouched();
    let server = start(&refusing.address());
    for _ in 0..10 {
        server.get("/x", &[]).expect(200);
    }
    assert_eq!(backup.requests().len(), 10);
}

/// An application that is well when it is told to be.
fn moody(is_well: &Arc<AtomicBool>) -> Back {
    let is_well = Arc::clone(is_well);
    Back::by_request(move |request| {
        let answer = if request.target != "/healthz" || is_well.load(Ordering::SeqCst) {
            HELLO
        } else {
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
        };
        Some(answer.into())
    })
}

const CHECKS: &str = "health_path = \"/healthz\"\nhealth_interval = \"50ms\"\nhealth_timeout = \"2s\"\nhealth_rise = 1\nhealth_fall = 2\n";

fn asked(back: &Back) -> usize {
    back.targets()
        .iter()
        .filter(|target| *target == "/x")
        .count()
}

#[test]
fn a_server_that_says_it_is_ill_gets_nothing_until_it_is_well() {
    let (a_is_well, b_is_well) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(true)),
    );
    let (a, b) = (moody(&a_is_well), moody(&b_is_well));
    let server = in_front(&[&a, &b], "", CHECKS);
    // Known once it has failed twice.
    let checked = || a.requests().len() >= 3 && b.requests().len() >= 3;
    assert!(eventually(checked), "{:?}", a.requests());
    let before = asked(&a);
    for _ in 0..20 {
        server.get("/x", &[]).expect(200);
    }
    assert_eq!(asked(&a), before);
    a_is_well.store(true, Ordering::SeqCst);
    assert!(eventually(|| {
        server.get("/x", &[]).expect(200);
        asked(&a) > before
    }));
}

#[test]
fn when_all_say_they_are_ill_it_is_a_503() {
    let is_well = Arc::new(AtomicBool::new(true));
    let back = moody(&is_well);
    let server = in_front(&[&back], "", CHECKS);
    server.get("/x", &[]).expect(200);
    is_well.store(false, Ordering::SeqCst);
    assert!(eventually(|| server.get("/x", &[]).status() == 503));
    is_well.store(true, Ordering::SeqCst);
    assert!(eventually(|| server.get("/x", &[]).status() == 200));
}

#[test]
fn health_is_judged_by_status_and_body_as_configured() {
    let back = Back::by_request(|request| {
        let answer = if request.target == "/healthz" {
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\ndegraded"
        } else {
            HELLO
        };
        Some(answer.into())
    });
    for (keys, expected) in [
        ("health_body = \"graded\"", 200),
        ("health_body = \"fine\"", 503),
        ("health_status = [\"204\"]", 503),
        ("health_status = [\"200-299\"]", 200),
    ] {
        let before = back.requests().len();
        let server = in_front(&[&back], "", &format!("{CHECKS}{keys}"));
        assert!(eventually(|| back.requests().len() > before + 4));
        let settled = eventually(|| server.get("/x", &[]).status() == expected);
        assert!(settled, "{keys}");
    }
    let checks: Vec<_> = back
        .requests()
        .into_iter()
        .filter(|request| request.target == "/healthz")
        .collect();
    assert!(
        checks
            .iter()
            .all(|check| check.method == "GET" && check.has("Host"))
    );
}

#[test]
fn a_server_that_nobody_has_checked_yet_may_be_asked_when_there_is_no_other() {
    let back = Back::by_request(|request| (request.target != "/healthz").then(|| HELLO.into()));
    // The first verdict takes three failures and so a minute.
    let server = in_front(
        &[&back],
        "",
        "health_path = \"/healthz\"\nhealth_interval = \"30s\"\nhealth_fall = 3",
    );
    server.get("/x", &[]).expect(200);
}
