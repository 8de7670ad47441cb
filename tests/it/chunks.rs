//! The chunked coding as a request uses it (RFC 9112 §7.1): the grammar and nothing beside it.

use crate::harness::{Journal, Seen, TestServer, shown};

const HEAD: &str = "POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
const NEXT: &str = "GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n";
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The body is read as `body`, and the request behind it as the next.
#[track_caller]
fn expect_read(server: &TestServer, journal: &Journal, coded: &str, body: &str) {
    let statuses = server.statuses(format!("{HEAD}{coded}{NEXT}"));
    assert_eq!(statuses, [200, 200], "{coded:?}");
    let seen = journal.seen();
    let [.., first, next] = seen.as_slice() else {
        panic!("two requests")
    };
    assert!(first.is_whole, "{coded:?}: {first:?}");
    assert_eq!(first.body, body.as_bytes(), "{coded:?}");
    assert_eq!(next.target, "/next");
}

/// The handler sees no whole body, the answer says so, and what lies behind is never a request.
#[track_caller]
fn expect_refused(server: &TestServer, journal: &Journal, coded: &str) {
    let before = journal.seen().len();
    let statuses = server.statuses(format!("{HEAD}{coded}{SMUGGLED}"));
    let seen = journal.seen().split_off(before);
    let is_read = |seen: &Seen| seen.is_whole || seen.target != "/x";
    assert!(
        !seen.iter().any(is_read),
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
fn sizes_are_hexadecimal_in_either_case_and_may_begin_with_zeros() {
    let (server, journal) = TestServer::app("");
    for (coded, body) in [
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("05\r\nhello\r\n0\r\n\r\n", "hello"),
        ("0000000000000005\r\nhello\r\n0\r\n\r\n", "hello"),
        ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", "hello"),
        ("5\r\nhello\r\n0000\r\n\r\n", "hello"),
        ("0\r\n\r\n", ""),
        ("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"),
        ("7\r\n0\r\n\r\nGE\r\n0\r\n\r\n", "0\r\n\r\nGE"),
    ] {
        expect_read(&server, &journal, coded, body);
    }
    let long = format!("10a\r\n{}\r\n0\r\n\r\n", "x".repeat(266));
    expect_read(&server, &journal, &long, &"x".repeat(266));
}

#[test]
fn extensions_are_skipped() {
    let (server, journal) = TestServer::app("");
    for extension in [
        ";a",
        ";a=b",
        ";a=\"b\"",
        ";a=\"b;c\\\"d \t,\"",
        ";a=b;c;d=\"\"",
        ";a=\"\\\\\"",
    ] {
        expect_read(
            &server,
            &journal,
            &format!("5{extension}\r\nhello\r\n0\r\n\r\n"),
            "hello",
        );
        expect_read(
            &server,
            &journal,
            &format!("5\r\nhello\r\n0{extension}\r\n\r\n"),
            "hello",
        );
    }
}

#[test]
fn sizes_that_are_none_are_refused() {
    let (server, journal) = TestServer::app("");
    for size in [
        "", "g", "5g", "+5", "-5", "0x5", "0X5", "x5", "5h", "5,", "5.", "5_0", "5 5", "\"5\"",
        "\u{665}",
    ] {
        expect_refused(&server, &journal, &format!("{size}\r\nhello\r\n0\r\n\r\n"));
    }
}

#[test]
fn data_ends_with_a_line_end_and_nothing_else() {
    let (server, journal) = TestServer::app("");
    for coded in [
        "5\r\nhelloXX0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "5\r\nhello\rX0\r\n\r\n",
        "5\r\nhello \r\n0\r\n\r\n",
        "5\r\nhello\r\r\n0\r\n\r\n",
        "5\r\nhello\r\n\r\n0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "5\r\nhellos\r\n0\r\n\r\n",
    ] {
        expect_refused(&server, &journal, coded);
    }
}

#[test]
fn a_body_cut_short_is_never_whole() {
    let (server, journal) = TestServer::app("");
    let whole = "5\r\nhello\r\n0;x=y\r\nX-Sum: 1\r\n\r\n";
    for length in 0..whole.len() {
        let before = journal.seen().len();
        let statuses = server.statuses(format!("{HEAD}{}", &whole[..length]));
        assert!(
            matches!(statuses[..], [] | [400]),
            "{statuses:?} for {:?}",
            &whole[..length]
        );
        let seen = journal.seen().split_off(before);
        assert!(
            !seen.iter().any(|seen| seen.is_whole),
            "{:?}: {seen:?}",
            &whole[..length]
        );
    }
}

#[test]
fn trailers_reach_the_handler() {
    let (server, journal) = TestServer::app("");
    expect_read(
        &server,
        &journal,
        "5\r\nhello\r\n0\r\nX-Sum: 1\r\nx-other:  two words \r\n\r\n",
        "hello",
    );
    let seen = journal.seen();
    let trailers = &seen[seen.len() - 2].trailers;
    let expected = [("x-other", "two words"), ("x-sum", "1")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(*trailers, expected);
}

#[test]
fn a_request_may_come_in_two_pieces_cut_anywhere() {
    let (server, journal) = TestServer::app("");
    let text =
        format!("{HEAD}5;a=\"b\"\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n{NEXT}");
    for cut in 1..text.len() {
        let mut client = server.connect();
        client.send(&text[..cut]);
        // The server has most likely read the first piece by then; when it has not, nothing is lost.
        std::thread::sleep(std::time::Duration::from_millis(2));
        client.send(&text[cut..]);
        client
            .read(&text)
            .expect(200)
            .expect_body("POST /x [hello0123456789] {x-sum=1}");
        client.read(NEXT).expect(200);
        client.finish();
    }
    assert_eq!(journal.seen().len(), 2 * (text.len() - 1));
}

#[test]
fn thousands_of_small_chunks_are_one_body() {
    let (server, _) = TestServer::app("");
    let coded = "1\r\nx\r\n".repeat(20_000) + "0\r\n\r\n";
    let text = format!("{}{coded}", HEAD.replace("/x", "/bytes"));
    server.exchange(text).expect(200).expect_body("20000");
}
