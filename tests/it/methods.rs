//! Methods (RFC 9110 §9): GET and HEAD serve, OPTIONS tells, all others are refused by name.

use crate::harness::{Response, TestServer, pattern};

#[track_caller]
fn allows_get_and_head(response: &Response) {
    assert!(
        response.lists("Allow", "GET") && response.lists("Allow", "HEAD"),
        "{response:?}"
    );
}

#[test]
fn get_and_head_differ_by_the_body_alone() {
    let server = TestServer::standard();
    for path in [
        "/t.bin",
        "/t.css",
        "/a.js",
        "/empty.txt",
        "/",
        "/dir/",
        "/dir",
        "/missing",
        "/.env",
        "/%00",
    ] {
        let named = &["X-Request-Id: 4711"];
        let get = server.get(path, named);
        let head = server
            .head(path, named)
            .expect(get.status())
            .expect_body("");
        for (name, value) in &get.head.fields {
            if name != "date" {
                assert_eq!(
                    head.value(name),
                    Some(value.as_str()),
                    "{name} of {path} (§9.3.2)"
                );
            }
        }
    }
}

#[test]
fn methods_that_change_things_are_not_allowed() {
    let server = TestServer::standard();
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        for path in ["/t.bin", "/", "/dir/", "/a.js"] {
            let response = server
                .send(method, path, &["Content-Length: 0"])
                .expect(405);
            allows_get_and_head(&response);
        }
        server
            .send(method, "/missing", &["Content-Length: 0"])
            .expect_any(&[404, 405]);
    }
    server
        .get("/t.bin", &[])
        .expect(200)
        .expect_body(pattern(1000));
}

#[test]
fn options_says_what_is_allowed() {
    let server = TestServer::standard();
    for path in ["/t.bin", "/", "/dir/", "/missing"] {
        let response = server.send("OPTIONS", path, &[]).expect(204);
        allows_get_and_head(&response);
        assert!(response.lists("Allow", "OPTIONS"), "{response:?}");
    }
}

#[test]
fn options_star_is_about_the_server() {
    let server = TestServer::standard();
    let response = server.send("OPTIONS", "*", &[]).expect(204);
    allows_get_and_head(&response);
}

#[test]
fn a_star_is_for_options_alone() {
    let server = TestServer::standard();
    for method in ["GET", "HEAD", "POST"] {
        server.send(method, "*", &["Content-Length: 0"]).expect(400);
    }
}

#[test]
fn trace_is_refused_and_echoes_nothing() {
    let server = TestServer::standard();
    let response = server
        .send("TRACE", "/t.bin", &["Cookie: session=1"])
        .expect(405);
    allows_get_and_head(&response);
    assert!(!response.text().contains("session"), "{response:?}");
}

#[test]
fn connect_is_refused_and_opens_no_tunnel() {
    let server = TestServer::standard();
    let mut client = server.connect();
    let response = client
        .exchange("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n")
        .expect(405);
    allows_get_and_head(&response);
}

#[test]
fn unknown_methods_are_not_implemented() {
    let server = TestServer::standard();
    for method in ["BREW", "FOO", "get", "Get", "GETS", "X-Y!z", "M-SEARCH"] {
        let response = server.send(method, "/t.bin", &[]).expect(501);
        assert!(!response.body.starts_with(&pattern(8)), "{response:?}");
    }
}

#[test]
fn what_is_no_method_is_a_bad_request() {
    let server = TestServer::standard();
    for line in ["G@T / HTTP/1.1", "G\"T / HTTP/1.1", "(GET) / HTTP/1.1"] {
        server
            .connect()
            .exchange(format!("{line}\r\nHost: localhost\r\n\r\n"))
            .expect(400);
    }
}

#[test]
fn a_method_without_end_is_refused() {
    let server = TestServer::standard();
    let method = "M".repeat(65);
    server
        .connect()
        .exchange(format!("{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        .expect_any(&[400, 501]);
}

#[test]
fn a_body_on_get_is_read_and_ignored() {
    let server = TestServer::standard();
    let mut client = server.connect();
    let whole = client
        .exchange("GET /t.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello")
        .expect(200);
    assert!(whole.body == pattern(1000));
    if whole.lists("Connection", "close") {
        client.expect_close();
    } else {
        client.get("/t.bin", &[]).expect(200);
    }
}
