//! Interim answers of a handler (RFC 9110 §15.2, RFC 8297): before the final one, and only for who knows them.

use crate::harness::{H2Client, H2Outcome, TestServer, request};

#[test]
fn hints_come_before_the_answer_and_the_answer_is_whole() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    for _ in 0..2 {
        let text = request("GET", "/hints", &[]);
        let first = client.exchange(&text).expect(103);
        assert_eq!(first.value("Link"), Some("</a.css>; rel=preload"));
        // RFC 9110 §8.6, RFC 9112 §6.1.
        client
            .read(&text)
            .expect(103)
            .expect_field("Link", "</b.css>; rel=preload")
            .expect_no("Content-Length")
            .expect_no("Transfer-Encoding");
        client
            .read(&text)
            .expect(200)
            .expect_body("after hints, 0")
            .expect_no("Link");
    }
    client.finish();
}

#[test]
fn hints_and_continue_go_together() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    let text = request(
        "POST",
        "/hints",
        &["Expect: 100-continue", "Content-Length: 2"],
    );
    client.exchange(&text).expect(100);
    client.send("hi");
    client.read(&text).expect(103);
    client.read(&text).expect(103);
    client.read(&text).expect(200).expect_body("after hints, 2");
    client.finish();
}

#[test]
fn pipelined_requests_get_their_own() {
    let (server, _) = TestServer::app("");
    let text =
        request("GET", "/hints", &[]) + &request("PUT", "/hints", &[]) + &request("GET", "/x", &[]);
    assert_eq!(server.statuses(text), [103, 103, 200, 103, 103, 200, 200]);
}

#[test]
fn http_1_0_gets_none() {
    let (server, _) = TestServer::app("");
    let text = "GET /hints HTTP/1.0\r\nHost: localhost\r\n\r\n";
    server
        .exchange(text)
        .expect(200)
        .expect_body("after hints, 0");
}

#[test]
fn http_2_gets_the_answer_all_the_same() {
    let (server, _) = TestServer::app("");
    let outcome = H2Client::over(server.connect()).get("/hints");
    assert!(
        matches!(outcome, H2Outcome::Response { status: 200, .. }),
        "{outcome:?}"
    );
}
