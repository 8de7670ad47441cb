//! One request has one id, whoever tells of it; and what is told of all of them adds up.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::applications::in_front;
use super::{Account, Explained};
use crate::harness::{Back, Docroot, H2Client, Response, TestServer, eventually, request};

const LOG: &str = "[log]\naccess = \"json\"\nfile = \"$PARENT/access.log\"\n";

/// The ids in the log, once there are so many.
#[track_caller]
fn logged(told: &Explained, count: usize) -> Vec<Value> {
    let file = told.server.docroot.parent().join("access.log");
    let text = || fs::read_to_string(&file).unwrap_or_default();
    assert!(eventually(|| text().lines().count() >= count), "{}", text());
    let lines: Vec<Value> = text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    lines
        .iter()
        .map(|line| line["request_id"].clone())
        .collect()
}

/// Of the error's page, its field, the application, the log and the memory.
#[track_caller]
fn expect_one_id(told: &Explained, back: &Back, response: &Response) {
    let id = response.field("x-request-id").to_owned();
    assert!(response.text().contains(&id), "{response:?}");
    let seen = back.requests();
    assert_eq!(seen.last().unwrap().value("x-request-id"), Some(&*id));
    assert!(logged(told, seen.len()).contains(&Value::from(&*id)));
    let status = told.server.handle.status();
    assert!(status.failing.iter().any(|failing| failing.id == id));
    let account = Account::of(&told.server.handle, &id);
    assert_eq!(account.only("request"), id);
    account.expect_answer(502, response.body.len());
}

#[test]
fn an_error_has_one_id_everywhere() {
    let back = Back::by_request(|_| None);
    let told = in_front(&[&back], "", LOG);
    // One of its own, one of the client's, and one that is none.
    for field in ["X-Other: x", "X-Request-Id: mine", "X-Request-Id: not one"] {
        let response = told.server.get("/x", &[field]).expect(502);
        let is_mine = response.field("x-request-id") == "mine";
        assert_eq!(is_mine, field.ends_with(" mine"));
        expect_one_id(&told, &back, &response);
    }
}

#[test]
fn over_http_2_as_well() {
    let back = Back::by_request(|_| None);
    let told = in_front(&[&back], "", LOG);
    let mut client = H2Client::over(told.server.connect());
    client.get("/x");
    let id = back.only().value("x-request-id").unwrap().to_owned();
    assert_eq!(logged(&told, 1), [Value::from(&*id)]);
    let account = Account::of(&told.server.handle, &id);
    account.expect_request(&id, "HTTP/2.0");
    assert_eq!(account.only("answer")[..3], *"502");
    assert_eq!(told.server.handle.status().failing[0].id, id);
}

/// Also of answers that are at hand, with and without a log, and of requests that nobody had a name for.
#[test]
fn whatever_way_an_answer_goes_the_request_is_remembered() {
    for log in ["", LOG] {
        let told = Explained::with_site(log);
        for round in 0..5 {
            let (_, account) = told.send("GET", "/t.bin", &[]);
            assert!(account.only("file").starts_with("t.bin: "), "{round}");
        }
        told.server.get("/a.js", &[]).expect(200);
        assert!(eventually(
            || told.server.handle.status().total.requests == 6
        ));
        let status = told.server.handle.status();
        let unnamed = status.slowest.iter().find(|it| it.target == "/a.js");
        let id = &unnamed.expect("all are among the slowest").id;
        let account = Account::of(&told.server.handle, id);
        account.expect_request(id, "HTTP/1.1");
        assert_eq!(account.only("file"), "a.js: opened on the disk");
    }
}

#[test]
fn all_counts_are_those_of_what_was_sent() {
    let has_left = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&has_left);
    let back = Back::by_request(move |request| {
        if request.target == "/app/never" {
            eventually(|| gate.load(Ordering::SeqCst));
        }
        let is_bad = request.target.starts_with("/app/bad");
        (!is_bad).then(|| crate::harness::HELLO.into())
    });
    let config = format!(
        "[[site]]\nhosts = [\"localhost\"]\ndocroot = \"$ROOT\"\n\
         [[site.route]]\npath = \"/app/\"\nupstream = \"http://{}\"\n",
        back.address()
    );
    let told = Explained::start(Docroot::standard(), &config);
    let mut client = told.server.connect();
    let mut bytes = 0;
    for target in [
        "/t.bin",
        "/t.bin",
        "/t.bin",
        "/index.html",
        "/missing",
        "/missing",
    ] {
        bytes += client.get(target, &[]).body.len();
    }
    for target in ["/app/x", "/app/y", "/app/bad"] {
        bytes += client.get(target, &[]).body.len();
    }
    let unknown = told.server.get("/", &["Host: unknown.test"]).expect(421);
    bytes += unknown.body.len();
    bytes += told
        .server
        .exchange("GET /\x01 HTTP/1.1\r\n\r\n")
        .expect(400)
        .body
        .len();
    let mut leaves = told.server.connect();
    leaves.send(request("GET", "/app/never", &[]));
    assert!(eventually(|| told.server.handle.status().in_flight == 1));
    drop(leaves);
    let total = || told.server.handle.status().total;
    assert!(eventually(|| total().requests == 12), "{:?}", total());
    has_left.store(true, Ordering::SeqCst);
    let status = told.server.handle.status();
    let total = &status.total;
    assert_eq!(total.bytes, bytes as u64);
    assert_eq!(total.aborted, 1, "{:?}", status.failing);
    assert_eq!(
        (
            total.statuses.success,
            total.statuses.client_error,
            total.statuses.server_error
        ),
        (6, 5, 1)
    );
    assert_eq!(status.cache.hits + status.cache.misses, 4);
    let mut refused = status.refused.clone();
    refused.sort();
    let expected = [
        ("host-unknown", 1),
        ("malformed-head", 1),
        ("not-found", 2),
        ("upstream-closed", 1),
    ];
    let expected = expected.map(|(reason, count)| (reason.to_owned(), count));
    assert_eq!(refused, expected);
    let of_route = |route: &str| {
        let found = status.routes.iter().find(|it| it.route == route);
        found.map(|it| (it.site.clone(), it.traffic.requests))
    };
    assert_eq!(of_route("/app/"), Some(("localhost".to_owned(), 4)));
    assert_eq!(status.in_flight, 0);
}

/// Whoever asks again may do so by the same id.
#[test]
fn of_an_id_that_is_sent_again_the_last_request_is_told() {
    let server =
        TestServer::start_with_workers(Docroot::standard(), "[[site]]\ndocroot = \"$ROOT\"\n", 2);
    for target in ["/t.bin", "/missing", "/a.js", "/t.css"] {
        for _ in 0..4 {
            server.get(target, &["X-Request-Id: again"]);
            let asked = format!("GET {target}");
            let is_told = || {
                let text = server.handle.explain("again");
                text.is_some_and(|text| Account::read(&text).only("asked") == asked)
            };
            assert!(eventually(is_told), "{:?}", server.handle.explain("again"));
        }
    }
}
