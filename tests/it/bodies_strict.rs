//! Framings that a lenient server reads in some way, and this one in none, before any handler sees them.

use crate::harness::{TestServer, request, shown};

#[track_caller]
fn expect_refused(bytes: &str) {
    let (server, journal) = TestServer::app("");
    let statuses = server.statuses(bytes);
    assert!(
        matches!(statuses[..], [400 | 501 | 505]),
        "{statuses:?} for {}",
        shown(bytes)
    );
    assert!(
        journal.seen().is_empty(),
        "{}: {:?}",
        shown(bytes),
        journal.targets()
    );
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn length_and_transfer_encoding_together_are_refused() {
    // RFC 9112 §6.1: "ought to be handled as an error".
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nTransfer-Encoding: identity",
    ] {
        for method in ["POST", "GET"] {
            expect_refused(&format!(
                "{method} /x HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n0\r\n\r\n{SMUGGLED}"
            ));
        }
    }
}

#[test]
fn two_equal_lengths_are_refused() {
    for fields in [
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: 5,",
        "Content-Length: ,5",
        "Content-Length: ",
    ] {
        expect_refused(&format!(
            "POST /x HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\nhello{SMUGGLED}"
        ));
    }
}

#[test]
fn only_one_literal_chunked_is_a_transfer_coding() {
    for fields in [
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked;x=1",
        "Transfer-Encoding: ",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
    ] {
        expect_refused(&format!(
            "POST /x HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n0\r\n\r\n{SMUGGLED}"
        ));
    }
}

#[test]
fn http_1_0_has_no_transfer_coding() {
    expect_refused(&format!(
        "POST /x HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"
    ));
}

#[test]
fn a_line_of_the_head_ends_in_both_its_characters() {
    expect_refused("GET /x HTTP/1.1\nHost: localhost\n\n");
    expect_refused("GET /x HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n");
    expect_refused("GET /x HTTP/1.1\r\nHost: localhost\r\nX: y\n\r\n");
    expect_refused("GET /x HTTP/1.1\r\nHost: localhost\r\nX: y\r\n\n");
}

#[test]
fn a_field_line_that_is_none_is_refused() {
    for line in [
        "Content-Length : 5",
        "X-Bad\t: x",
        " X-First: folded",
        "X Y: z",
        ": empty",
        "X(Y: z",
        "X\"Y: z",
        "no colon",
        "X-Folded: a\r\n b",
        "X: a\0b",
        "X: a\rb",
        "X: \x7f",
    ] {
        expect_refused(&format!(
            "GET /x HTTP/1.1\r\n{line}\r\nHost: localhost\r\n\r\n"
        ));
    }
}

#[test]
fn there_is_exactly_one_host() {
    // RFC 9112 §3.2: a server MUST answer 400.
    for host in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nHost: b\r\n",
        "Host: a@b\r\n",
        "Host: a/b\r\n",
        "Host: a b\r\n",
        "Host: a:99999\r\n",
        "Host: a, b\r\n",
        "Host: \r\n",
    ] {
        expect_refused(&format!("GET /x HTTP/1.1\r\n{host}\r\n"));
    }
    expect_refused("GET http://a/x HTTP/1.1\r\nHost: b\r\n\r\n");
    let (server, _) = TestServer::app("");
    server.exchange("GET /x HTTP/1.0\r\n\r\n").expect(200);
}

#[test]
fn a_target_has_no_fragment() {
    expect_refused(&request("GET", "/x#y", &[]));
    expect_refused(&request("GET", "/#", &[]));
}

#[test]
fn no_tunnel_is_opened() {
    let (server, journal) = TestServer::app("");
    let statuses = server.statuses(format!(
        "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n{SMUGGLED}"
    ));
    assert!(matches!(statuses[..], [400..600]), "{statuses:?}");
    assert!(!journal.targets().contains(&"/smuggled".to_owned()));
}

#[test]
fn two_ways_to_end_a_body_are_refused_before_a_handler_sees_them() {
    for fields in [
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: identity",
        "Content-Length: +5",
        "Content-Length: -1",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: 99999999999999999999",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding : chunked",
    ] {
        let (server, journal) = TestServer::app("");
        let head = format!("POST /x HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n");
        let statuses = server.statuses(format!(
            "{head}0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
        ));
        assert!(
            matches!(statuses[..], [400 | 501]),
            "{fields:?}: {statuses:?}"
        );
        assert!(
            journal.seen().is_empty(),
            "{fields:?}: {:?}",
            journal.targets()
        );
    }
}

#[test]
fn names_that_some_fold_into_others_are_the_configurations_to_judge() {
    // CVE-2026-39858: `X_Forwarded_For` and `X.Forwarded.For` are `X-Forwarded-For` to some programs.
    let odd = [
        "X_Forwarded_For: 1.2.3.4",
        "x.forwarded.for: 1.2.3.4",
        "Remote_User: root",
        "_: x",
    ];
    let text = request("GET", "/x", &[&odd[..], &["X-Sound: yes"]].concat());
    for (setting, status, count) in [
        ("", 200, 2),
        ("[limits]\nodd_names = \"drop\"\n", 200, 2),
        ("[limits]\nodd_names = \"pass\"\n", 200, 6),
        ("[limits]\nodd_names = \"refuse\"\n", 400, 0),
    ] {
        let (server, journal) = TestServer::app(setting);
        assert_eq!(server.statuses(&text), [status], "{setting}");
        let seen = journal.seen();
        let fields = seen.first().map_or(0, |seen| seen.fields.len());
        assert_eq!(fields, count, "{setting}: {seen:?}");
    }
    // What frames a message is never dropped as odd, nor taken for what it is not.
    let (server, journal) = TestServer::app("");
    let text = request(
        "POST",
        "/x",
        &["Content_Length: 5", "Transfer_Encoding: chunked"],
    );
    assert_eq!(
        server.statuses(text + &request("GET", "/next", &[])),
        [200, 200]
    );
    assert_eq!(journal.targets(), ["/x", "/next"]);
}
