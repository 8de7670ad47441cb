//! Node, with the defaults of its own HTTP server.

use std::thread;
use std::time::{Duration, Instant};

use crate::daemun::{Daemun, all_to};
use crate::process::{Recipe, start_all};
use crate::{curl, parts, websocket};

/// An instance of `apps/node`.
pub(crate) fn node(name: &str) -> Recipe {
    Recipe::new(&format!("node-{name}"))
        .run([parts::program("node"), parts::apps().join("node/app.js")])
        .env("NAME", name)
        .env("NODE_PATH", parts::folder().join("node/node_modules"))
        .with_port()
        .answers("/healthz")
}

#[test]
fn a_login_in_the_memory_of_one_of_two_instances_lasts() {
    if !parts::has("node") {
        return;
    }
    let [a, b] = start_all([node("a"), node("b")]);
    let daemun = Daemun::start(&all_to(&[&a, &b], "sticky_cookie = \"gate\""));
    let mut places = Vec::new();
    for round in 0..8 {
        let mut client = daemun.client();
        let user = format!("user{round}");
        let answer = client.post("/login", &format!("user={user}"));
        assert_eq!(
            (answer.status, answer.field("location")),
            (303, Some("/me"))
        );
        assert!(client.cookies.contains_key("gate"), "{answer:?}");
        let first = client.get("/me").text().to_owned();
        for _ in 0..5 {
            assert_eq!(client.get("/me").text(), first);
        }
        let (who, place) = first.trim().split_once(" at ").unwrap();
        assert_eq!(who, user);
        places.push(place.to_owned());
    }
    places.sort_unstable();
    places.dedup();
    assert_eq!(places, ["a", "b"], "both get users");
}

#[test]
fn an_application_of_one_instance() {
    if !parts::has("node") {
        return;
    }
    let app = node("app").start();
    let daemun = Daemun::start(&all_to(&[&app], ""));
    thread::scope(|scope| {
        scope.spawn(|| websocket::echoes(daemun.address(), "/socket"));
        scope.spawn(|| curl::large().upload(&daemun.url("/upload"), &[]));
        scope.spawn(|| events_come_at_once_and_end_with_the_client(&daemun));
        scope.spawn(|| the_application_is_told_who_asks(&daemun));
    });
    let chunked = ["--header", "Transfer-Encoding: chunked"];
    curl::large().upload(&daemun.url("/upload"), &chunked);
    curl::large().upload(&daemun.url("/upload"), &["--http2-prior-knowledge"]);
}

/// Both of an application that has `/events` without an end and `/streams`, which counts them.
pub(crate) fn events_come_at_once_and_end_with_the_client(daemun: &Daemun) {
    let mut events = daemun.client().open("/events");
    assert_eq!(events.status, 200);
    assert_eq!(events.field("content-type"), Some("text/event-stream"));
    events.read_until("data: 1\n\n");
    let mut client = daemun.client();
    assert_eq!(client.get("/streams").text(), "1\n");
    events.read_until("data: 3\n\n");
    drop(events);
    let deadline = Instant::now() + Duration::from_secs(20);
    while client.get("/streams").text() != "0\n" {
        assert!(Instant::now() < deadline, "the application was not told");
        thread::sleep(Duration::from_millis(50));
    }
}

fn the_application_is_told_who_asks(daemun: &Daemun) {
    let mut client = daemun.client();
    let forged = [
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Real-IP", "203.0.113.9"),
        ("Proxy", "http://203.0.113.9"),
        ("Connection", "X-Forwarded-For, X-Hop"),
        ("X-Hop", "1"),
    ];
    let answer = client.request("GET", "/headers", &forged, b"").unwrap();
    let fields: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
    assert_eq!(fields["x-forwarded-for"], "127.0.0.1");
    assert_eq!(fields["x-forwarded-proto"], "http");
    assert_eq!(fields["x-forwarded-host"], daemun.address().to_string());
    assert_eq!(fields["host"], daemun.address().to_string());
    assert!(!answer.text().contains("203.0.113.9"), "{fields}");
    assert!(fields.get("x-hop").is_none(), "{fields}");
    assert!(fields["x-request-id"].is_string(), "{fields}");
    assert_eq!(fields["via"], "1.1 daemun");
}

/// Node closes what was idle for five seconds; who sends at that very moment must not meet an error.
#[test]
fn no_request_meets_a_connection_that_node_is_closing() {
    if !parts::has("node") {
        return;
    }
    let app = node("idle").start();
    let daemun = Daemun::start(&all_to(&[&app], ""));
    if parts::is_long() {
        let mut client = daemun.client();
        for _ in 0..24 {
            assert_eq!(client.get("/").status, 200);
            thread::sleep(Duration::from_secs(5));
        }
        return;
    }
    // Each has connections to itself, so that all gaps are tried at once; a write as well, which nobody may send twice.
    thread::scope(|scope| {
        for gap in (4500..=5250).step_by(50) {
            let daemun = &daemun;
            scope.spawn(move || {
                let mut client = daemun.client();
                for round in 0..4 {
                    let told = format!("round {round} after {gap} ms");
                    assert_eq!(client.get("/").status, 200, "{told}");
                    assert_eq!(client.post("/echo", &told).text(), told, "{told}");
                    thread::sleep(Duration::from_millis(gap));
                }
            });
        }
    });
}
