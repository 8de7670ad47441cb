//! The harness sees what is wrong: answers that no server may give, from a peer that gives them.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::harness::{Client, Response, request};

const DATE: &str = "Date: Fri, 01 Mar 2024 12:00:00 GMT";

/// Reads what a peer answers that sends these bytes, whatever it was asked, and leaves.
fn answer(method: &str, bytes: &str) -> Response {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let now = format!(
        "Date: {}",
        httpdate::fmt_http_date(std::time::SystemTime::now())
    );
    let bytes = bytes.replace(DATE, &now);
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 1000]).unwrap() > 0, "a request");
        stream.write_all(bytes.as_bytes()).unwrap();
    });
    let mut client = Client::connect(address);
    let response = client.exchange(request(method, "/", &[]));
    client.finish();
    peer.join().unwrap();
    response
}

fn head(lines: &[&str]) -> String {
    format!("{}\r\n\r\n", lines.join("\r\n"))
}

const TEXT: &str = "Content-Type: text/plain";

#[test]
fn a_right_answer_passes() {
    let right = head(&["HTTP/1.1 200 OK", DATE, TEXT, "Content-Length: 2"]) + "hi";
    answer("GET", &right).expect(200).expect_body("hi");
    let chunked = head(&["HTTP/1.1 200 OK", DATE, TEXT, "Transfer-Encoding: chunked"])
        + "2\r\nhi\r\n0\r\n\r\n";
    answer("GET", &chunked).expect(200).expect_body("hi");
}

#[test]
#[should_panic(expected = "bytes beyond the response")]
fn bytes_beyond_the_length_do_not() {
    answer(
        "GET",
        &(head(&["HTTP/1.1 200 OK", DATE, TEXT, "Content-Length: 2"]) + "hi!"),
    );
}

#[test]
#[should_panic(expected = "the connection ended after 1 of 2 bytes")]
fn a_body_cut_short_does_not() {
    answer(
        "GET",
        &(head(&["HTTP/1.1 200 OK", DATE, TEXT, "Content-Length: 2"]) + "h"),
    );
}

#[test]
#[should_panic(expected = "the connection ended")]
fn chunks_without_an_end_do_not() {
    answer(
        "GET",
        &(head(&["HTTP/1.1 200 OK", DATE, TEXT, "Transfer-Encoding: chunked"]) + "2\r\nhi\r\n"),
    );
}

#[test]
#[should_panic(expected = "bytes beyond the response")]
fn a_body_to_head_does_not() {
    answer(
        "HEAD",
        &(head(&["HTTP/1.1 200 OK", DATE, TEXT, "Content-Length: 2"]) + "hi"),
    );
}

#[test]
#[should_panic(expected = "no Date")]
fn an_answer_without_date_does_not() {
    answer("GET", &head(&["HTTP/1.1 200 OK", "Content-Length: 0"]));
}

#[test]
#[should_panic(expected = "etag 2 times")]
fn two_entity_tags_do_not() {
    answer(
        "GET",
        &head(&[
            "HTTP/1.1 200 OK",
            DATE,
            "ETag: \"a\"",
            "ETag: \"b\"",
            "Content-Length: 0",
        ]),
    );
}

#[test]
#[should_panic(expected = "Vary with gzip")]
fn a_coding_without_vary_does_not() {
    answer(
        "GET",
        &(head(&[
            "HTTP/1.1 200 OK",
            DATE,
            TEXT,
            "Content-Encoding: gzip",
            "Content-Length: 2",
        ]) + "hi"),
    );
}

#[test]
#[should_panic(expected = "the range's length")]
fn a_range_of_another_length_does_not() {
    answer(
        "GET",
        &(head(&[
            "HTTP/1.1 206 Partial Content",
            DATE,
            TEXT,
            "Content-Range: bytes 0-4/10",
            "Content-Length: 2",
        ]) + "hi"),
    );
}

#[test]
#[should_panic(expected = "the complete length")]
fn an_unsatisfied_range_without_the_length_does_not() {
    answer(
        "GET",
        &head(&[
            "HTTP/1.1 416 Range Not Satisfiable",
            DATE,
            "Content-Length: 0",
        ]),
    );
}

#[test]
#[should_panic(expected = "a refusal with a long life")]
fn a_refusal_that_lives_long_does_not() {
    answer(
        "GET",
        &head(&[
            "HTTP/1.1 404 Not Found",
            DATE,
            "Cache-Control: max-age=31536000",
            "Content-Length: 0",
        ]),
    );
}

#[test]
#[should_panic(expected = "Location does not leave the site")]
fn a_redirect_to_another_host_does_not() {
    answer(
        "GET",
        &head(&[
            "HTTP/1.1 301 Moved Permanently",
            DATE,
            "Location: //evil.example/",
            "Content-Length: 0",
        ]),
    );
}

#[test]
#[should_panic(expected = "one framing, not two")]
fn two_framings_do_not() {
    answer(
        "GET",
        &(head(&[
            "HTTP/1.1 200 OK",
            DATE,
            TEXT,
            "Content-Length: 2",
            "Transfer-Encoding: chunked",
        ]) + "2\r\nhi\r\n0\r\n\r\n"),
    );
}
