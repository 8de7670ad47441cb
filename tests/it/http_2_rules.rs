//! What a request of HTTP/2 must be (RFC 9113 §8): a malformed one is reset or refused, and never answered as if it were none.

use crate::harness::h2::{CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, block};
use crate::harness::{H2Client, H2Outcome, TestServer, pattern};

const GET: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "localhost"),
    (":path", "/t.bin"),
];

fn whole() -> H2Outcome {
    H2Outcome::Response {
        status: 200,
        body: pattern(1000),
    }
}

/// A stream error, a connection error, or a 400.
#[track_caller]
fn expect_refused(server: &TestServer, fields: &[(&str, &str)]) {
    let outcome = H2Client::over(server.connect()).exchange(fields);
    let is_refused = match outcome {
        H2Outcome::Response { status, .. } => (400..=431).contains(&status) || status == 501,
        H2Outcome::Reset(_) | H2Outcome::GoAway(_) | H2Outcome::Closed => true,
    };
    assert!(is_refused, "{fields:?}: {outcome:?}");
}

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [GET, more].concat()
}

#[test]
fn fields_of_the_connection_are_refused() {
    // §8.2.2.
    let server = TestServer::standard();
    for field in [
        ("connection", "close"),
        ("connection", "keep-alive"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
    ] {
        expect_refused(&server, &with(&[field]));
    }
    let fine = H2Client::over(server.connect()).exchange(&with(&[("te", "trailers")]));
    assert_eq!(fine, whole());
}

#[test]
fn names_and_values_are_checked() {
    // §8.2.1.
    let server = TestServer::standard();
    for field in [
        ("X-Upper", "x"),
        ("x-Upper", "x"),
        ("x y", "z"),
        ("x:y", "z"),
        ("", "z"),
        ("x\u{1}", "z"),
        ("x\u{e9}", "z"),
        ("x-value", "a\r\nb: c"),
        ("x-value", "a\nb"),
        ("x-value", "a\rb"),
        ("x-value", "a\0b"),
    ] {
        expect_refused(&server, &with(&[field]));
    }
}

#[test]
fn pseudo_fields_are_there_once_and_first() {
    // §8.3.
    let server = TestServer::standard();
    for (index, pseudo) in GET.iter().enumerate() {
        let mut twice = GET.to_vec();
        twice.insert(index, *pseudo);
        expect_refused(&server, &twice);
        let mut late = GET.to_vec();
        let pseudo = late.remove(index);
        late.extend([("x-first", "x"), pseudo]);
        expect_refused(&server, &late);
    }
    for index in [0, 1, 3] {
        let mut missing = GET.to_vec();
        missing.remove(index);
        expect_refused(&server, &missing);
    }
    expect_refused(&server, &with(&[(":unknown", "x")]));
    let mut response = GET.to_vec();
    response.insert(0, (":status", "200"));
    expect_refused(&server, &response);
}

#[test]
fn a_path_is_a_path() {
    let server = TestServer::standard();
    for path in [
        "",
        "t.bin",
        "/t bin",
        "/t.bin\r\nx: y",
        "/t.bin\0",
        "*",
        "http://localhost/t.bin",
    ] {
        let mut fields = GET.to_vec();
        fields[3] = (":path", path);
        expect_refused(&server, &fields);
    }
}

#[test]
fn the_authority_is_one_and_agrees_with_host() {
    let server = TestServer::standard();
    for host in [
        "example.com",
        "localhost:81",
        "a b",
        "",
        "localhost, localhost",
    ] {
        expect_refused(&server, &with(&[("host", host)]));
    }
    expect_refused(
        &server,
        &with(&[("host", "localhost"), ("host", "localhost")]),
    );
    for authority in ["a b", "a/b", "user@localhost", "", "localhost:99999"] {
        let mut fields = GET.to_vec();
        fields[2] = (":authority", authority);
        expect_refused(&server, &fields);
    }
}

#[test]
fn connect_and_trace_are_refused() {
    let server = TestServer::standard();
    expect_refused(
        &server,
        &[(":method", "CONNECT"), (":authority", "localhost:80")],
    );
    let mut trace = GET.to_vec();
    trace[0] = (":method", "TRACE");
    expect_refused(&server, &trace);
    // RFC 8441, which the server has not offered.
    let mut extended = with(&[(":protocol", "websocket")]);
    extended[0] = (":method", "CONNECT");
    expect_refused(&server, &extended);
}

#[test]
fn a_length_that_is_wrong_is_an_error_to_the_handler() {
    // §8.1.1.
    let (server, journal) = TestServer::app("");
    for (length, data) in [
        ("3", "hello"),
        ("10", "hello"),
        ("5, 5", "hello"),
        ("+5", "hello"),
        ("x", ""),
    ] {
        let mut client = H2Client::over(server.connect());
        let stream = client.new_stream();
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", "/x"),
            ("content-length", length),
        ];
        client.send_frame(HEADERS, END_HEADERS, stream, &block(&fields));
        client.send_frame(DATA, END_STREAM, stream, data.as_bytes());
        let outcome = client.finish(stream);
        assert!(
            !matches!(
                outcome,
                H2Outcome::Response {
                    status: 200..400,
                    ..
                }
            ),
            "{length} for {data:?}: {outcome:?}"
        );
    }
    let seen = journal.seen();
    assert!(!seen.iter().any(|seen| seen.is_whole), "{seen:?}");
}

#[test]
fn a_body_and_its_trailers_reach_the_handler() {
    let (server, journal) = TestServer::app("");
    let mut client = H2Client::over(server.connect());
    let stream = client.new_stream();
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/x"),
    ];
    let block_of_fields = block(&fields);
    let (first, second) = block_of_fields.split_at(20);
    client.send_frame(HEADERS, 0, stream, first);
    client.send_frame(CONTINUATION, END_HEADERS, stream, second);
    client.send_frame(DATA, 0, stream, b"hel");
    client.send_frame(DATA, 0, stream, b"lo");
    client.send_frame(
        HEADERS,
        END_STREAM | END_HEADERS,
        stream,
        &block(&[("x-sum", "1")]),
    );
    let outcome = client.finish(stream);
    assert!(
        matches!(outcome, H2Outcome::Response { status: 200, .. }),
        "{outcome:?}"
    );
    let seen = &journal.seen()[0];
    assert!(seen.is_whole && seen.body == b"hello", "{seen:?}");
    assert_eq!(seen.trailers, [("x-sum".to_owned(), "1".to_owned())]);
}

#[test]
fn a_pseudo_field_in_the_trailers_reaches_nobody() {
    let (server, journal) = TestServer::app("");
    let mut client = H2Client::over(server.connect());
    let stream = client.new_stream();
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/x"),
    ];
    client.send_frame(HEADERS, END_HEADERS, stream, &block(&fields));
    client.send_frame(
        HEADERS,
        END_STREAM | END_HEADERS,
        stream,
        &block(&[(":path", "/y")]),
    );
    // Malformed (§8.1), or left out before anybody sees it.
    client.finish(stream);
    let seen = &journal.seen()[0];
    assert!(
        seen.target.ends_with("/x") && seen.trailers.is_empty(),
        "{seen:?}"
    );
}

#[test]
fn a_body_beyond_the_limit_is_413() {
    let (server, journal) = TestServer::app("[limits]\nbody_size = \"1KiB\"\n");
    for length in [Some("2000"), None] {
        let mut client = H2Client::over(server.connect());
        let stream = client.new_stream();
        let mut fields = vec![
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", "/bytes"),
        ];
        fields.extend(length.map(|length| ("content-length", length)));
        client.send_frame(HEADERS, END_HEADERS, stream, &block(&fields));
        client.send_frame(DATA, 0, stream, &[b'x'; 1000]);
        client.send_frame(DATA, END_STREAM, stream, &[b'x'; 1000]);
        let outcome = client.finish(stream);
        assert!(
            matches!(outcome, H2Outcome::Response { status: 413, .. }),
            "{length:?}: {outcome:?}"
        );
    }
    assert!(!journal.seen().iter().any(|seen| seen.is_whole));
}
