//! What is checked before anything is looked up: Host, target, version, expectations (RFC 9110 §7.2, RFC 9112 §3).

use crate::harness::{Response, TestServer, pattern};

/// Refused with 400 and the end of the connection: nothing after it is answered.
#[track_caller]
fn expect_refused(request: impl AsRef<[u8]>) -> Response {
    let server = TestServer::standard();
    let mut client = server.connect();
    let behind = [
        request.as_ref(),
        b"GET /t.bin HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]
    .concat();
    client.send(&behind);
    let response = client.read(request.as_ref()).expect(400);
    assert!(
        response.lists("Connection", "close"),
        "the connection is not to be used again: {response:?}"
    );
    client.expect_close();
    response
}

#[test]
fn a_request_without_host_is_refused() {
    expect_refused("GET /t.bin HTTP/1.1\r\n\r\n");
    expect_refused("GET /t.bin HTTP/1.1\r\nX-Host: localhost\r\n\r\n");
    expect_refused("GET http://localhost/t.bin HTTP/1.1\r\n\r\n");
}

#[test]
fn two_hosts_are_refused_be_they_equal() {
    expect_refused("GET /t.bin HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n");
    expect_refused("GET /t.bin HTTP/1.1\r\nHost: localhost\r\nhost: example.com\r\n\r\n");
}

#[test]
fn a_host_that_is_none_is_refused() {
    for host in [
        "",
        "a@b",
        "user:pass@localhost",
        "a/b",
        "a b",
        "localhost/",
        "http://localhost",
        "a,b",
        "localhost, localhost",
        "localhost:0",
        "localhost:99999",
        "localhost:65536",
        "localhost:80x",
        "localhost:-1",
        "localhost:+80",
        "localhost:80:80",
        ":80",
        "[::1",
        "[::1]x",
        "[1.2.3.4]",
        "::1",
        "[]",
        "[:::1]",
        "a?b",
        "a#b",
        "a\\b",
        "a%00b",
        "a<b",
        "a\"b",
    ] {
        expect_refused(format!("GET /t.bin HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    }
}

#[test]
fn hosts_of_every_right_form_are_served() {
    let server = TestServer::standard();
    for host in [
        "localhost",
        "LOCALHOST",
        "localhost:80",
        "localhost:65535",
        "localhost:",
        "localhost.",
        "127.0.0.1",
        "127.0.0.1:8080",
        "[::1]",
        "[::1]:8080",
        "[2001:db8::ff]:1",
        "xn--9h5b.example",
        "a_b.example",
        "a-b.example",
    ] {
        server
            .get("/t.bin", &[&format!("Host: {host}")])
            .expect(200);
    }
}

#[test]
fn an_absolute_target_counts_and_must_agree_with_host() {
    let server = TestServer::standard();
    server
        .exchange("GET http://localhost/t.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect(200)
        .expect_body(pattern(1000));
    server
        .exchange("GET http://LOCALHOST/t.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect(200);
    expect_refused("GET http://example.com/t.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect_refused("GET http://localhost:81/t.bin HTTP/1.1\r\nHost: localhost:82\r\n\r\n");
    expect_refused("GET http://user@localhost/t.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

#[test]
fn an_authority_is_for_connect_alone() {
    expect_refused("GET localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n");
    expect_refused("GET localhost HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

#[test]
fn a_target_must_begin_with_a_slash() {
    expect_refused("GET t.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect_refused("GET ?x HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

#[test]
fn a_refused_path_keeps_the_framing_and_may_keep_the_connection() {
    let server = TestServer::standard();
    let mut client = server.connect();
    let response = client.get("/..", &[]).expect(400);
    if response.lists("Connection", "close") {
        client.expect_close();
    } else {
        client.get("/t.bin", &[]).expect(200);
    }
}

#[test]
fn http_1_0_needs_no_host() {
    let server = TestServer::standard();
    server
        .exchange("GET /t.bin HTTP/1.0\r\n\r\n")
        .expect(200)
        .expect_body(pattern(1000));
}

#[test]
fn a_host_is_checked_in_http_1_0_as_well() {
    let server = TestServer::standard();
    server
        .exchange("GET /t.bin HTTP/1.0\r\nHost: a/b\r\n\r\n")
        .expect_any(&[200, 400]);
    server
        .exchange("GET /t.bin HTTP/1.0\r\nHost: localhost\r\n\r\n")
        .expect(200);
}

#[test]
fn only_the_expectation_of_continue_is_met() {
    let server = TestServer::standard();
    for value in ["200-ok", "tea", "100-continue, tea", "\"100-continue\""] {
        server
            .get("/t.bin", &[&format!("Expect: {value}")])
            .expect(417);
    }
    server
        .get("/t.bin", &["Expect: 100-continue"])
        .expect(200)
        .expect_body(pattern(1000));
    server.get("/t.bin", &["Expect: 100-Continue"]).expect(200);
    server
        .get("/t.bin", &["Expect: 100-continue", "Expect: tea"])
        .expect(417);
}

#[test]
fn a_refusal_needs_no_100_first() {
    let server = TestServer::standard();
    let mut client = server.connect();
    let text = "POST /t.bin HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    // The first message must be the final one: the refusal does not depend on the body.
    client.exchange(text).expect(405);
    // The body that then comes is never a request.
    client.send("GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.shut_write();
    let rest = client.read_to_end();
    assert!(
        !String::from_utf8_lossy(&rest).contains("HTTP/1.1 404"),
        "{}",
        rest.escape_ascii()
    );
}

#[test]
fn a_version_unknown_is_refused() {
    let server = TestServer::standard();
    for version in [
        "HTTP/2.0",
        "HTTP/1.2",
        "HTTP/3",
        "HTTP/9.9",
        "http/1.1",
        "HTTP/1.10",
        "HTTP/1,1",
        "HTP/1.1",
        "HTTP/1",
    ] {
        let response = server
            .connect()
            .exchange(format!("GET /t.bin {version}\r\nHost: localhost\r\n\r\n"));
        // A later minor version may be read as the highest that is known (RFC 9110 §2.5).
        let allowed: &[u16] = if version == "HTTP/1.2" {
            &[200, 400, 505]
        } else {
            &[400, 505]
        };
        response.expect_any(allowed);
    }
}

#[test]
fn garbage_is_refused() {
    let server = TestServer::standard();
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\x00\x00\x00\x00\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /t.bin\r\n\r\n",
        b" GET /t.bin HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET  /t.bin HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /t.bin HTTP/1.1 x\r\nHost: localhost\r\n\r\n",
        b"GET /t bin HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET\t/t.bin\tHTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(garbage);
        client.shut_write();
        let answer = client.read_to_end();
        let refused = answer.is_empty()
            || answer.starts_with(b"HTTP/1.1 400 ")
            || answer.starts_with(b"HTTP/1.0 400 ");
        assert!(
            refused,
            "{} gives {}",
            garbage.escape_ascii(),
            answer.escape_ascii()
        );
    }
    server.get("/t.bin", &[]).expect(200);
}

#[test]
fn an_empty_line_before_the_request_is_skipped() {
    let server = TestServer::standard();
    server
        .exchange("\r\nGET /t.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect(200);
}

#[test]
fn an_upgrade_is_not_taken_up() {
    let server = TestServer::standard();
    for protocol in ["h2c", "websocket", "HTTP/2.0"] {
        let upgrade = format!("Upgrade: {protocol}");
        let response = server.get(
            "/t.bin",
            &[
                "Connection: Upgrade, HTTP2-Settings",
                &upgrade,
                "HTTP2-Settings: AAMAAABkAAQAAP__",
            ],
        );
        response.expect(200).expect_body(pattern(1000));
    }
}

#[test]
fn request_fields_name_no_other_host_or_path() {
    let server = TestServer::standard();
    for field in [
        "X-Original-URL: /missing",
        "X-Rewrite-URL: /missing",
        "X-HTTP-Method-Override: DELETE",
        "X-Forwarded-Host: a/b",
        "X-Forwarded-Prefix: //x",
    ] {
        server
            .get("/t.bin", &[field])
            .expect(200)
            .expect_body(pattern(1000));
    }
    let location = server.get(
        "/dir",
        &[
            "X-Forwarded-Host: evil.example",
            "X-Forwarded-Prefix: //evil.example",
        ],
    );
    assert!(!location.field("Location").contains("evil"), "{location:?}");
}

#[test]
fn http_1_0_is_never_told_to_continue() {
    let server = TestServer::standard();
    let text = "GET /t.bin HTTP/1.0\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi";
    server.exchange(text).expect(200).expect_body(pattern(1000));
    server
        .exchange("GET http://localhost/t.bin HTTP/1.0\r\n\r\n")
        .expect(200);
}

#[test]
fn who_does_not_speak_http_is_not_answered_in_it() {
    let server = TestServer::standard();
    for sent in [
        "INVALID CONNECTION PREFACE\r\n\r\n",
        "HELO localhost\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(sent);
        assert_eq!(client.read_to_end(), b"", "{sent:?}");
    }
    for sent in ["GET /t.bin\r\n\r\n", "BREW /pot http/1.1\r\n\r\n"] {
        server.connect().exchange(sent).expect(400);
    }
}
