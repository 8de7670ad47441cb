//! Where the grammar of chunks ends (RFC 9112 §7.1): what a lenient reader forgives is what another one reads differently.

use crate::harness::{Journal, TestServer, shown};

const HEAD: &str = "POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
const NEXT: &str = "GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n";
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[track_caller]
fn expect_refused(server: &TestServer, journal: &Journal, coded: &str) {
    let before = journal.seen().len();
    let statuses = server.statuses(format!("{HEAD}{coded}{SMUGGLED}"));
    let seen = journal.seen().split_off(before);
    assert!(
        !seen.iter().any(|seen| seen.is_whole || seen.target != "/x"),
        "{} was read as {seen:?}",
        shown(coded)
    );
    assert!(
        matches!(statuses[..], [400 | 413 | 431]),
        "{statuses:?} for {}",
        shown(coded)
    );
}

#[test]
fn a_size_has_no_white_space_beside_it() {
    let (server, journal) = TestServer::app("");
    for size in [
        " 5", "\t5", "5 ", "5\t", "  5  ", "\r\n5", "5\u{b}", "5\u{c}",
    ] {
        expect_refused(&server, &journal, &format!("{size}\r\nhello\r\n0\r\n\r\n"));
        expect_refused(
            &server,
            &journal,
            &format!("5\r\nhello\r\n{}\r\n\r\n", size.replace('5', "0")),
        );
    }
}

#[test]
fn a_line_ends_in_both_its_characters() {
    let (server, journal) = TestServer::app("");
    for coded in [
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\r\nhello\r\n0\n\n",
        "5\r\nhello\r\n0\r\r\n\r\n",
        "5\r\nhello\r\n0\r\n\rX",
    ] {
        expect_refused(&server, &journal, coded);
    }
}

#[test]
fn an_extension_hides_no_line_end() {
    // CVE-2025-55315: what ends an extension for one reader is a part of it for the next.
    let (server, journal) = TestServer::app("");
    for extension in [
        ";\n",
        ";a\n",
        ";a\nb",
        ";a=b\nc",
        ";a=\"\n\"",
        ";\r",
        ";a\rb",
        ";a=\"\r\"",
        ";a\r\r",
        ";a=\"x\\\n\"",
        ";\0",
        ";a=\0",
        ";a\u{1}",
        ";a=\"\u{7f}\"",
    ] {
        expect_refused(
            &server,
            &journal,
            &format!("5{extension}\r\nhello\r\n0\r\n\r\n"),
        );
        expect_refused(
            &server,
            &journal,
            &format!("5\r\nhello\r\n0{extension}\r\n\r\n"),
        );
    }
}

#[test]
fn an_extension_is_names_and_values() {
    let (server, journal) = TestServer::app("");
    for extension in [
        ";a=\"unended",
        ";a=\"b\"c",
        ";a=",
        ";=b",
        ";a b",
        ";a=b c",
        ";a/b",
        "a=b",
        ",a",
        ";a=\"b\\\"",
        ";(a)",
        ";a==b",
    ] {
        expect_refused(
            &server,
            &journal,
            &format!("5{extension}\r\nhello\r\n0\r\n\r\n"),
        );
    }
}

#[test]
fn extensions_and_their_sum_have_a_limit() {
    let (server, journal) = TestServer::app("");
    expect_refused(
        &server,
        &journal,
        &format!("5;a={}\r\nhello\r\n0\r\n\r\n", "b".repeat(100 << 10)),
    );
    // A byte of data for each 100 of extensions: a client whose body is not meant to be read.
    let wasteful = format!("1;a={}\r\nx\r\n", "b".repeat(100)).repeat(20_000);
    expect_refused(&server, &journal, &format!("{wasteful}0\r\n\r\n"));
}

#[test]
fn trailers_are_fields_like_any_other() {
    let (server, journal) = TestServer::app("");
    for trailer in [
        "X-Sum: 1\n",
        "X-Sum : 1",
        " X-Sum: 1",
        "X-Sum: 1\r\n folded",
        "X-Sum: a\0b",
        "X-Sum: a\rb",
        "X Sum: 1",
        ": 1",
        "no colon",
        "X-Sum: 1\r",
        "X\"Y: z",
    ] {
        expect_refused(
            &server,
            &journal,
            &format!("5\r\nhello\r\n0\r\n{trailer}\r\n\r\n"),
        );
    }
}

#[test]
fn trailers_have_limits() {
    let (server, journal) = TestServer::app("");
    let many = "X-Many: x\r\n".repeat(2000);
    expect_refused(&server, &journal, &format!("5\r\nhello\r\n0\r\n{many}\r\n"));
    let large = "x".repeat(100 << 10);
    expect_refused(
        &server,
        &journal,
        &format!("5\r\nhello\r\n0\r\nX-Large: {large}\r\n\r\n"),
    );
    // Without an end.
    expect_refused(
        &server,
        &journal,
        &format!("5\r\nhello\r\n0\r\nX-Large: {large}"),
    );
}

#[test]
fn sizes_beyond_any_number_are_refused() {
    let (server, journal) = TestServer::app("");
    for size in [
        "fffffffffffffffff",
        "10000000000000005",
        "100000000000000000000000000000005",
        "ffffffffffffffff",
        "8000000000000000",
        "7fffffffffffffff",
    ] {
        expect_refused(&server, &journal, &format!("{size}\r\nhello\r\n0\r\n\r\n"));
        expect_refused(
            &server,
            &journal,
            &format!("5\r\nhello\r\n{size}\r\nhello\r\n0\r\n\r\n"),
        );
    }
    let endless = format!("{}5\r\nhello\r\n0\r\n\r\n", "0".repeat(100_000));
    expect_refused(&server, &journal, &endless);
}

#[test]
fn what_frames_or_routes_a_message_is_no_trailer() {
    let (server, journal) = TestServer::app("");
    for trailer in [
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Host: evil.example",
        "Connection: close",
        "Trailer: x",
    ] {
        let bytes = format!("{HEAD}5\r\nhello\r\n0\r\n{trailer}\r\n\r\n{NEXT}");
        let statuses = server.statuses(&bytes);
        assert!(
            statuses == [200, 200] || statuses == [400],
            "{trailer}: {statuses:?}"
        );
        let seen = journal.seen();
        let first = seen.iter().rev().find(|seen| seen.target == "/x").unwrap();
        assert!(first.trailers.is_empty(), "RFC 9110 §6.5.1: {first:?}");
    }
}
