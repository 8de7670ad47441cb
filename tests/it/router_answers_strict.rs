//! What a handler should not have answered, made right: RFC 9110 names what cannot be sent.

use crate::harness::{TestServer, request};

#[test]
fn a_205_has_no_content() {
    // RFC 9110 §15.3.6.
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    client
        .exchange(request("GET", "/status/205", &[]))
        .expect(205)
        .expect_body("");
    client.get("/x", &[]).expect(200);
    client.finish();
}

#[test]
fn an_expectation_nobody_knows_is_not_ignored_by_the_server() {
    let (server, journal) = TestServer::app("");
    for value in ["tea", "100-continue, tea", "200-ok"] {
        let text = request(
            "POST",
            "/x",
            &[&format!("Expect: {value}"), "Content-Length: 2"],
        ) + "hi";
        assert_eq!(server.statuses(text), [417], "RFC 9110 §10.1.1");
    }
    assert!(journal.seen().is_empty());
}

#[test]
fn what_has_no_content_says_nothing_of_its_length() {
    // RFC 9110 §8.6 and §15.3.5; RFC 9112 §6.1.
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    for method in ["GET", "POST", "HEAD"] {
        for status in [204, 304] {
            let text = request(method, &format!("/status/{status}"), &[]);
            client
                .exchange(text)
                .expect(status)
                .expect_no("Transfer-Encoding");
            client
                .get("/x", &[])
                .expect(200)
                .expect_body("GET /x [] {}");
        }
    }
    client.finish();
}

#[test]
fn the_connection_is_the_servers_and_not_the_handlers() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    for _ in 0..2 {
        client
            .get("/hop", &[])
            .expect(200)
            .expect_body("content")
            .expect_field("X-Own", "kept");
    }
    client.finish();
}

#[test]
fn what_cannot_be_sent_is_a_500() {
    // RFC 9110 §15.2: a status of the class 1xx is no final answer.
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    for status in [100, 101, 103, 199] {
        client.get(&format!("/status/{status}"), &[]).expect(500);
    }
    client.get("/x", &[]).expect(200);
    client.finish();
}
