//! Where a request ends (RFC 9112 §6): what two readers could understand in two ways is refused, and no body is ever a request.

use crate::harness::{TestServer, pattern};

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The statuses of everything that the server answers to these bytes, until it or the client is done.
fn statuses(server: &TestServer, bytes: &[u8]) -> Vec<u16> {
    let mut client = server.connect();
    client.send(bytes);
    client.shut_write();
    let mut statuses = Vec::new();
    while let Ok(response) = client.try_read(bytes) {
        statuses.push(response.status());
    }
    statuses
}

/// Refused with one of these, or cut without a word when `silently`; what lies behind is never answered.
#[track_caller]
fn expect_refused(head: &str, body: &str, allowed: &[u16]) {
    let server = TestServer::standard();
    let bytes = format!("{head}{body}{SMUGGLED}");
    let statuses = statuses(&server, bytes.as_bytes());
    assert!(
        statuses.len() == 1 && allowed.contains(&statuses[0]),
        "{statuses:?} for {}",
        bytes.escape_debug()
    );
    server.get("/t.bin", &[]).expect(200);
}

#[test]
fn a_content_length_that_is_no_number_is_refused() {
    for length in [
        "+5",
        "0x5",
        "-1",
        "5 5",
        "",
        "99999999999999999999",
        "5;",
        "5,x",
        "a",
        "5.0",
        "18446744073709551616",
    ] {
        expect_refused(
            &format!("POST /t.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"),
            "hello",
            &[400],
        );
        expect_refused(
            &format!("GET /t.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"),
            "",
            &[400],
        );
    }
}

#[test]
fn two_different_lengths_are_refused() {
    expect_refused(
        "GET /t.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "hello!",
        &[400],
    );
    expect_refused(
        "GET /t.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5, 6\r\n\r\n",
        "hello!",
        &[400],
    );
}

#[test]
fn two_equal_lengths_are_refused_or_one() {
    let server = TestServer::standard();
    for lengths in [
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
    ] {
        let bytes =
            format!("GET /t.bin HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\n\r\nhello{SMUGGLED}");
        let statuses = statuses(&server, bytes.as_bytes());
        assert!(
            statuses == [400] || statuses == [200, 404] || statuses == [200],
            "{statuses:?}"
        );
    }
}

#[test]
fn a_transfer_coding_other_than_chunked_is_refused() {
    for coding in [
        "xchunked",
        "chunked, identity",
        "identity",
        "\x0bchunked",
        "chunked,",
        "\"chunked\"",
        "gzip",
        "gzip, chunked",
        "chunked, chunked",
        "chunked;x=1",
        "",
    ] {
        let head = format!(
            "POST /t.bin HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: {coding}\r\n\r\n"
        );
        expect_refused(&head, "5\r\nhello\r\n0\r\n\r\n", &[400, 501]);
    }
}

#[test]
fn two_transfer_encoding_lines_are_refused() {
    let head = "POST /t.bin HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n";
    expect_refused(head, "0\r\n\r\n", &[400, 501]);
}

#[test]
fn transfer_encoding_in_http_1_0_is_refused_or_ends_the_connection() {
    let head = "GET /t.bin HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    expect_refused(head, "0\r\n\r\n", &[400, 200]);
}

#[test]
fn length_and_transfer_encoding_together_end_the_connection() {
    // RFC 9112 §6.3: a 400, or chunked and the end of the connection after it.
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
    ] {
        let head = format!("GET /t.bin HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n");
        expect_refused(&head, "0\r\n\r\n", &[400, 200]);
        let head = format!("POST /t.bin HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n");
        expect_refused(&head, "0\r\n\r\n", &[400, 405]);
    }
}

#[test]
fn a_field_line_that_is_none_is_refused() {
    for line in [
        "Transfer-Encoding : chunked",
        "Content-Length : 5",
        "X-Bad\t: x",
        " X-First: folded",
        "X Y: z",
        ": empty",
        "X(Y: z",
        "X\"Y: z",
        "no colon",
    ] {
        expect_refused(
            &format!("GET /t.bin HTTP/1.1\r\n{line}\r\nHost: localhost\r\n\r\n"),
            "",
            &[400],
        );
    }
}

#[test]
fn a_folded_field_is_refused() {
    expect_refused(
        "GET /t.bin HTTP/1.1\r\nHost: localhost\r\nX-Folded: a\r\n b\r\n\r\n",
        "",
        &[400],
    );
    expect_refused(
        "GET /t.bin HTTP/1.1\r\nHost: localhost\r\nX-Folded: a\r\n\tb\r\n\r\n",
        "",
        &[400],
    );
}

#[test]
fn controls_in_a_value_are_refused() {
    for value in ["a\0b", "a\rb", "a\r\r\nb", "\x01", "a\x7fb"] {
        expect_refused(
            &format!("GET /t.bin HTTP/1.1\r\nHost: localhost\r\nX-Value: {value}\r\n\r\n"),
            "",
            &[400],
        );
    }
}

#[test]
fn bare_line_feeds_are_refused_or_line_ends() {
    // RFC 9112 §2.2 allows a recipient to take a single LF for the end of a line.
    let server = TestServer::standard();
    let statuses = statuses(&server, b"GET /t.bin HTTP/1.1\nHost: localhost\n\n");
    assert!(statuses == [400] || statuses == [200], "{statuses:?}");
}

#[test]
fn a_refused_body_is_never_a_request() {
    let server = TestServer::standard();
    let length = SMUGGLED.len();
    for method in ["POST", "PUT", "DELETE", "BREW", "GET", "HEAD", "OPTIONS"] {
        for target in ["/t.bin", "/missing", "/..", "/dir"] {
            let bytes = format!(
                "{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}GET /t.bin HTTP/1.1\r\nHost: localhost\r\n\r\n"
            );
            let statuses = statuses(&server, bytes.as_bytes());
            assert!(
                (1..=2).contains(&statuses.len()),
                "{method} {target}: {statuses:?}"
            );
            assert!(
                statuses.get(1).is_none_or(|second| *second == 200),
                "{method} {target}: {statuses:?}"
            );
        }
    }
}

#[test]
fn a_chunked_body_is_never_a_request() {
    let server = TestServer::standard();
    for method in ["POST", "GET"] {
        let bytes = format!(
            "{method} /t.bin HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{SMUGGLED}\r\n0\r\n\r\nGET /t.bin HTTP/1.1\r\nHost: localhost\r\n\r\n",
            SMUGGLED.len()
        );
        let statuses = statuses(&server, bytes.as_bytes());
        let first = if method == "GET" { 200 } else { 405 };
        assert!(
            statuses == [first] || statuses == [first, 200],
            "{statuses:?}"
        );
    }
}

#[test]
fn a_broken_chunk_ends_the_connection() {
    for body in [
        "zz\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n",
        "\r\n\r\n",
    ] {
        expect_refused(
            "POST /t.bin HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
            body,
            &[400, 405],
        );
        expect_refused(
            "GET /t.bin HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
            body,
            &[400, 200],
        );
    }
}

#[test]
fn a_large_body_to_a_refusal_does_not_hang_or_lose_the_answer() {
    let server = TestServer::standard();
    let mut client = server.connect();
    let head = "POST /t.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n";
    client.send(head);
    client.send(vec![b'x'; 3_000_000]);
    client.read(head).expect_any(&[405, 413]);
}

#[test]
fn a_body_that_never_comes_does_not_keep_the_answer_back() {
    let server = TestServer::standard();
    for method in ["GET", "POST"] {
        let mut client = server.connect();
        let head =
            format!("{method} /t.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n");
        let response = client.exchange(&head).expect_any(&[200, 405]);
        assert!(response.status() == 405 || response.body == pattern(1000));
    }
}
