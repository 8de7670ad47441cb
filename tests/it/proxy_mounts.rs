//! An application beneath a path that it does not know of.

use std::sync::{Arc, OnceLock};

use crate::harness::{Back, Docroot, Response, TestServer, in_front, request};

/// A server with the application beneath `/app/`, and what it is asked there.
fn mounted(back: &Back, keys: &str) -> TestServer {
    TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/app/\"\nupstream = \"http://{}\"\n{keys}\n",
            back.address()
        ),
    )
}

/// What comes of an answer with these lines, in which `$BACK` is the application's own address.
#[track_caller]
fn answered(keys: &str, status: &str, lines: &str) -> Response {
    let own = Arc::new(OnceLock::<String>::new());
    let known = Arc::clone(&own);
    let answer = format!("HTTP/1.1 {status}\r\n{lines}Content-Length: 0\r\n\r\n");
    let back = Back::by_request(move |_| Some(answer.replace("$BACK", known.get()?).into()));
    own.set(back.address()).unwrap();
    mounted(&back, keys).get("/app/x", &["Host: shop.test"])
}

#[test]
fn a_prefix_is_kept_taken_off_or_replaced() {
    for (keys, expected, prefix) in [
        ("", ["/app/x/y?z", "/app", "/app/", "/app/a%20b"], None),
        (
            "strip_prefix = true",
            ["/x/y?z", "/?post", "/", "/a%20b"],
            Some("/app"),
        ),
        (
            "rewrite_prefix = \"/v2/\"",
            ["/v2/x/y?z", "/v2", "/v2/", "/v2/a%20b"],
            Some("/app"),
        ),
    ] {
        let back = Back::hello();
        let server = mounted(&back, keys);
        server.get("/app/x/y?z", &[]).expect(200);
        if keys.starts_with("strip") {
            // Its page would be read as one of `/`, and its links lead elsewhere.
            let moved = server.get("/app?q", &[]);
            assert_eq!(moved.expect(308).field("location"), "/app/?q");
            let mut client = server.connect();
            let post = request("POST", "/app?post", &["Content-Length: 0"]);
            client.exchange(&post).expect(200);
        } else {
            server.get("/app", &[]).expect(200);
        }
        for target in ["/app/", "/%61pp/a%20b"] {
            server.get(target, &[]).expect(200);
        }
        server.get("/apple", &[]).expect(404);
        assert_eq!(back.targets(), expected, "{keys}");
        for received in back.requests() {
            assert_eq!(received.value("X-Forwarded-Prefix"), prefix, "{keys}");
        }
    }
}

#[test]
fn addresses_in_answers_are_those_that_clients_know() {
    let strip = "strip_prefix = true";
    let rewrite = "rewrite_prefix = \"/v2/\"";
    for (keys, location, expected) in [
        (strip, "/login?a=b", "/app/login?a=b"),
        (strip, "/", "/app/"),
        (strip, "/app/login", "/app/login"),
        (strip, "login", "login"),
        (
            strip,
            "http://shop.test/login",
            "http://shop.test/app/login",
        ),
        (strip, "http://$BACK/login", "/app/login"),
        (
            strip,
            "https://elsewhere.test/login",
            "https://elsewhere.test/login",
        ),
        (rewrite, "/v2/login", "/app/login"),
        (rewrite, "/v2", "/app"),
        (rewrite, "/other", "/other"),
        ("", "/login", "/login"),
        ("", "/app/login", "/app/login"),
        ("", "http://$BACK/app/x", "/app/x"),
    ] {
        let response = answered(keys, "302 Found", &format!("Location: {location}\r\n"));
        assert_eq!(response.status(), 302);
        assert_eq!(
            response.value("Location"),
            Some(expected),
            "{keys} {location}"
        );
        let response = answered(
            keys,
            "201 Created",
            &format!("Content-Location: {location}\r\n"),
        );
        assert_eq!(response.value("Content-Location"), Some(expected));
        let response = answered(keys, "200 OK", &format!("Refresh: 5; url={location}\r\n"));
        assert_eq!(response.field("Refresh"), format!("5; url={expected}"));
    }
}

#[test]
fn cookies_are_for_the_path_and_host_that_clients_know() {
    let lines = "Set-Cookie: a=1; Path=/; HttpOnly\r\nSet-Cookie: b=2\r\nSet-Cookie: c=3; Path=/app/x\r\n\
        Set-Cookie: d=4; Domain=127.0.0.1; Path=/y\r\nSet-Cookie: __Host-e=5; Secure; Path=/\r\n\
        Set-Cookie: f=6; Domain=shop.test\r\n";
    let response = answered("strip_prefix = true", "200 OK", lines);
    assert_eq!(
        response.head.values("Set-Cookie"),
        [
            "a=1; Path=/app; HttpOnly",
            "b=2",
            "c=3; Path=/app/x",
            "d=4; Path=/app/y",
            "__Host-e=5; Secure; Path=/",
            "f=6; Domain=shop.test",
        ]
    );
}

#[test]
fn two_mounts_are_one_within_the_other() {
    let inner =
        Back::answering("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n");
    let middle = mounted(&inner, "strip_prefix = true");
    let outer = TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/outer/\"\nstrip_prefix = true\nupstream = \"http://{}\"\n",
            middle.address
        ),
    );
    outer
        .get("/outer/app/x", &[])
        .expect(302)
        .expect_field("Location", "/outer/app/login");
    assert_eq!(inner.only().target, "/x");
}

#[test]
fn parameters_of_the_mount_itself_go_on() {
    let back = Back::hello();
    let server = TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\ndialect = \"servlet\"\n[[site.route]]\npath = \"/app/\"\nstrip_prefix = true\nupstream = \"http://{}\"\n",
            back.address()
        ),
    );
    server.get("/app;jsessionid=1", &[]).expect(200);
    server.get("/app/x;jsessionid=1/y", &[]).expect(200);
    assert_eq!(back.targets(), ["/;jsessionid=1", "/x;jsessionid=1/y"]);
}

#[test]
fn a_location_cannot_bring_a_line_of_its_own() {
    // CWE-113: escapes that a rewrite undoes.
    let back = Back::by_request(|request| {
        let answer = format!(
            "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
            request.target
        );
        Some(answer.into())
    });
    let server = in_front(&[&back], "", "");
    let text = request("GET", "/x?%0d%0aSet-Cookie:%20a=b", &[]);
    let response = server.exchange(text).expect(302);
    assert!(response.head.values("Set-Cookie").is_empty());
    assert_eq!(response.field("Location"), "/x?%0d%0aSet-Cookie:%20a=b");
}
