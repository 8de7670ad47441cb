//! What comes back of an application: whole, or as broken as it was, and never what it is not allowed to say.

use std::fs;
use std::time::Duration;

use crate::harness::{
    Back, Docroot, H2Client, H2Outcome, HELLO, Refusing, SECRET, TestServer, forwarding, in_front,
    in_front_of, pattern, request, shown, statuses,
};

const TYPED: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";

#[test]
fn an_answer_that_was_cut_short_is_incomplete_for_the_client() {
    // Caddy 2.6 ended a cut chunked body as if nothing had been.
    for answer in [
        format!("{TYPED}Content-Length: 100\r\n\r\n0123456789"),
        format!("{TYPED}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        format!("{TYPED}Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
        format!("{TYPED}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"),
        format!("{TYPED}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n"),
        format!("{TYPED}Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n"),
        format!("{TYPED}Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n"),
    ] {
        let back = Back::new(move |conversation| {
            conversation.next();
            conversation.send(&answer);
        });
        let server = in_front_of(&back);
        let text = request("GET", "/x", &[]);
        let mut client = server.connect();
        client.send(&text);
        let read = client.try_read(text.as_bytes());
        let is_refused = matches!(&read, Ok(response) if response.status() == 502);
        assert!(read.is_err() || is_refused, "{read:?}");
        let outcome = H2Client::over(server.connect()).get("/x");
        let is_whole = matches!(&outcome, H2Outcome::Response { status: 200, .. });
        assert!(!is_whole, "{outcome:?}");
        back.expect_all_closed();
    }
}

#[test]
fn an_answer_that_lasts_until_the_end_of_the_connection_is_whole() {
    for version in ["1.0", "1.1"] {
        let back = Back::new(move |conversation| {
            conversation.next();
            conversation.send(format!(
                "HTTP/{version} 200 OK\r\nContent-Type: text/plain\r\n\r\nhello, "
            ));
            conversation.pause(Duration::from_millis(50));
            conversation.send("and goodbye");
        });
        let server = in_front_of(&back);
        let mut client = server.connect();
        for _ in 0..2 {
            client
                .get("/x", &[])
                .expect(200)
                .expect_body("hello, and goodbye");
        }
        client.finish();
        let outcome = H2Client::over(server.connect()).get("/x");
        let body = b"hello, and goodbye".to_vec();
        assert_eq!(outcome, H2Outcome::Response { status: 200, body });
        assert_eq!(back.connections(), 3);
    }
}

#[test]
fn an_answer_that_is_none_is_a_502() {
    for answer in [
        "",
        "hello",
        "\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 200\r\nBad Header: x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nBad Header: x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nBad : x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n A: b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 20 Short\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 2000 Long\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 abc\r\nContent-Length: 0\r\n\r\n",
        "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
        "ICY 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
        let back = Back::new(move |conversation| {
            conversation.next();
            conversation.send(answer);
        });
        let server = in_front(&[&back], "", "max_failures = 0");
        let statuses = statuses(&server, request("POST", "/x", &["Content-Length: 0"]));
        assert_eq!(statuses, [502], "{}", shown(answer));
        let outcome = H2Client::over(server.connect()).get("/x");
        let is_502 = matches!(outcome, H2Outcome::Response { status: 502, .. });
        assert!(is_502, "{outcome:?}: {}", shown(answer));
    }
}

#[test]
fn long_heads_pass_and_endless_ones_do_not() {
    for (size, expected) in [(64 << 10, 200), (2 << 20, 502)] {
        let field = format!("X-Long: {}\r\n", "a".repeat(1000));
        let answer = format!(
            "{TYPED}{}Content-Length: 5\r\n\r\nhello",
            field.repeat(size / 1000)
        );
        let back = Back::answering(answer);
        let docroot = Docroot::standard();
        let config = forwarding(
            &[&back],
            "",
            "[log]\naccess = \"json\"\nfile = \"$PARENT/access.log\"\n",
        );
        let server = TestServer::start(docroot, &config);
        let response = server.get("/x", &[]).expect(expected);
        let lines = response.head.values("X-Long").len();
        assert_eq!(lines, if expected == 200 { size / 1000 } else { 0 });
        // The log tells why.
        let log = server.docroot.parent().join("access.log");
        let text = || fs::read_to_string(&log).unwrap_or_default();
        assert!(crate::harness::eventually(|| text().ends_with('\n')));
        let record: serde_json::Value = serde_json::from_str(&text()).unwrap();
        assert_eq!(record["status"], expected);
        assert_eq!(
            record
                .get("refused")
                .is_some_and(|reason| !reason.is_null()),
            expected == 502,
            "{record}"
        );
    }
}

#[test]
fn an_answer_without_a_body_has_none_and_the_next_is_intact() {
    let back = Back::by_request(|request| {
        let answer = match request.target.as_str() {
            "/204" => "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
            "/204-length" => "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
            "/304" => "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 5\r\n\r\n",
            "/304-chunked" => {
                "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nTransfer-Encoding: chunked\r\n\r\n"
            }
            "/205" => "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
            "/chunked" if request.method == "HEAD" => {
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
            }
            _ if request.method == "HEAD" => {
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"
            }
            _ => HELLO,
        };
        Some(answer.into())
    });
    let server = in_front_of(&back);
    let mut client = server.connect();
    for _ in 0..2 {
        client.get("/204", &[]).expect(204).expect_field("X-A", "1");
        client.get("/204-length", &[]).expect(204);
        client
            .get("/304", &[])
            .expect(304)
            .expect_field("ETag", "\"1\"");
        client.get("/304-chunked", &[]).expect(304);
        client.get("/205", &[]).expect(205).expect_body("");
        client
            .head("/x", &[])
            .expect(200)
            .expect_field("Content-Length", "5");
        client
            .head("/chunked", &[])
            .expect(200)
            .expect_no("Content-Length");
        client.get("/x", &[]).expect(200).expect_body("hello");
    }
    client.finish();
    assert_eq!(back.connections(), 1, "all of it over one connection");
    let mut client = H2Client::over(server.connect());
    for (path, expected) in [("/204", 204), ("/304", 304), ("/x", 200)] {
        let outcome = client.get(path);
        assert!(
            matches!(outcome, H2Outcome::Response { status, .. } if status == expected),
            "{outcome:?}"
        );
    }
}

#[test]
fn statuses_pass_as_they_are() {
    let back = Back::by_request(|request| {
        let status = request.target.trim_start_matches('/');
        Some(format!("HTTP/1.1 {status} Whatever\r\nContent-Type: text/plain\r\nLocation: /x\r\nAllow: GET\r\nContent-Length: 2\r\n\r\nhi").into())
    });
    let server = in_front_of(&back);
    let mut client = server.connect();
    for status in [
        200, 203, 226, 299, 301, 307, 308, 400, 401, 403, 404, 405, 410, 418, 429, 451, 499, 500,
        502, 503, 504, 511, 599,
    ] {
        client
            .get(&format!("/{status}"), &[])
            .expect(status)
            .expect_body("hi");
    }
    client.finish();
}

#[test]
fn what_the_application_says_of_its_answer_stays() {
    let date = httpdate::fmt_http_date(std::time::SystemTime::now());
    let answer = format!(
        "{TYPED}Date: {date}\r\nServer: app/1\r\nETag: W/\"1\"\r\nCache-Control: max-age=60\r\nVary: Cookie\r\n\
         X-Powered-By: x\r\nX-Frame-Options: DENY\r\nContent-Length: 5\r\n\r\nhello"
    );
    let back = Back::answering(answer);
    let response = in_front_of(&back).get("/x", &[]).expect(200);
    for (name, expected) in [
        ("Date", date.as_str()),
        ("Server", "app/1"),
        ("ETag", "W/\"1\""),
        ("Cache-Control", "max-age=60"),
        ("Vary", "Cookie"),
        ("X-Powered-By", "x"),
        ("X-Frame-Options", "DENY"),
    ] {
        assert_eq!(response.value(name), Some(expected), "{response:?}");
    }
    // Nothing is said for it that it does not say itself, but when.
    let response = in_front_of(&Back::hello()).get("/x", &[]).expect(200);
    for name in [
        "Cache-Control",
        "ETag",
        "Last-Modified",
        "Accept-Ranges",
        "Vary",
    ] {
        assert!(response.value(name).is_none(), "{name}: {response:?}");
    }
}

#[test]
fn fields_are_hidden_and_set_as_configured() {
    let back = Back::answering(format!(
        "{TYPED}X-Powered-By: x\r\nx-powered-by: y\r\nServer: app\r\nX-Set: app\r\nContent-Length: 5\r\n\r\nhello"
    ));
    let server = in_front(
        &[&back],
        "hide_headers = [\"X-Powered-By\", \"server\"]\n[site.route.headers]\nX-Set = \"site\"\n",
        "",
    );
    let response = server.get("/x", &[]).expect(200).expect_body("hello");
    assert!(response.head.values("X-Powered-By").is_empty());
    assert!(!response.head.values("Server").contains(&"app"));
    assert_eq!(response.value("X-Set"), Some("site"));
}

#[test]
fn errors_are_shown_by_the_site_s_page_where_that_is_wished() {
    let back = Back::by_request(|request| {
        let status = request.target.trim_start_matches('/');
        Some(format!("HTTP/1.1 {status} X\r\nContent-Type: text/html\r\nX-Trace: secret\r\nContent-Length: 14\r\n\r\n<pre>stack: 42").into())
    });
    let start = |keys: &str| {
        let docroot = Docroot::standard();
        docroot.publish("404.html", "<!doctype html><title>Not here</title>\n");
        TestServer::start(docroot, &forwarding(&[&back], keys, ""))
    };
    let server = start("intercept_errors = [404, 502]");
    let response = server.get("/404", &[]).expect(404);
    assert!(response.text().contains("Not here"), "{response:?}");
    let response = server.get("/502", &["Accept: text/html"]).expect(502);
    assert!(!response.text().contains("stack"), "{response:?}");
    assert!(response.value("X-Trace").is_none());
    for status in [200, 403, 500] {
        let response = server.get(&format!("/{status}"), &[]).expect(status);
        assert!(response.text().contains("stack"), "{response:?}");
    }
    let server = start("intercept_errors = true");
    for status in [400, 404, 500, 503] {
        let response = server.get(&format!("/{status}"), &[]).expect(status);
        assert!(!response.text().contains("stack"), "{response:?}");
    }
    let server = start("");
    let response = server.get("/404", &[]).expect(404);
    assert!(response.text().contains("stack"), "{response:?}");
}

#[test]
fn who_is_behind_it_decides_how_long_an_intercepted_answer_takes() {
    // The body that is replaced need not be read to its end, and the connection is not taken for another request.
    let back = Back::new(|conversation| {
        if conversation.next().is_some() {
            conversation.send(format!(
                "HTTP/1.1 500 X\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
                1 << 30
            ));
            while conversation.send(vec![b'x'; 64 << 10]) {}
        }
    });
    let server = in_front(&[&back], "intercept_errors = true", "");
    let mut client = server.connect();
    for _ in 0..2 {
        client.get("/x", &[]).expect(500);
    }
    client.finish();
    back.expect_all_closed();
}

/// A folder with `report.pdf`, from which the application may have files sent.
fn with_accel(lines: impl Fn(&Docroot) -> String, keys: &str) -> (TestServer, Back) {
    let docroot = Docroot::standard();
    fs::create_dir_all(docroot.parent().join("private/sub")).unwrap();
    fs::write(docroot.parent().join("private/sub/a b.pdf"), pattern(1000)).unwrap();
    fs::write(docroot.parent().join("private/report.pdf"), pattern(1000)).unwrap();
    std::os::unix::fs::symlink(
        docroot.outside().join("secret.txt"),
        docroot.parent().join("private/link"),
    )
    .unwrap();
    let lines = lines(&docroot);
    let back = Back::answering(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A: 1\r\n{lines}\r\nContent-Length: 8\r\n\r\nreplaced"
    ));
    let server = TestServer::start(docroot, &forwarding(&[&back], keys, ""));
    (server, back)
}

const ACCEL: &str = "accel_root = \"$PARENT/private\"\naccel_prefix = \"/protected/\"\n";

#[test]
fn a_file_is_sent_in_place_of_an_answer() {
    let by_path =
        |path: &'static str| with_accel(move |_| format!("X-Accel-Redirect: {path}"), ACCEL);
    let by_name = with_accel(
        |docroot| {
            format!(
                "X-Sendfile: {}/private/report.pdf",
                docroot.parent().display()
            )
        },
        ACCEL,
    );
    for (server, _back) in [
        by_path("/protected/report.pdf"),
        by_path("/protected/sub/a%20b.pdf"),
        by_path("/protected/sub/a b.pdf?x"),
        by_name,
    ] {
        let response = server.get("/x", &[]).expect(200).expect_body(pattern(1000));
        assert!(response.head.values("X-Accel-Redirect").is_empty());
        assert!(response.head.values("X-Sendfile").is_empty());
        let tag = response.entity_tag().to_owned();
        // With all that files have.
        server
            .get("/x", &["Range: bytes=10-19"])
            .expect(206)
            .expect_body(&pattern(1000)[10..20]);
        server
            .get("/x", &[&format!("If-None-Match: {tag}")])
            .expect(304);
        server
            .head("/x", &[])
            .expect(200)
            .expect_field("Content-Length", "1000");
    }
}

#[test]
fn nothing_outside_the_allowed_folder_is_sent() {
    for path in [
        "/../../etc/passwd",
        "/protected/../../outside/secret.txt",
        "/protected/%2e%2e/outside/secret.txt",
        "/protected/..%2foutside/secret.txt",
        "/protected//etc/passwd",
        "/protected/link",
        "/protected/",
        "/protected/sub/",
        "/protected/missing",
        "/etc/passwd",
        "/private/report.pdf",
        "/t.css",
        "http://127.0.0.1/protected/report.pdf",
        "",
    ] {
        let (server, _back) = with_accel(|_| format!("X-Accel-Redirect: {path}"), ACCEL);
        let response = server.get("/x", &[]);
        assert!(response.status() >= 400, "{path}: {response:?}");
        assert!(!response.text().contains(SECRET) && !response.text().contains("root:"));
        assert!(response.head.values("X-Accel-Redirect").is_empty());
    }
    for name in [
        "/etc/passwd",
        "$PARENT/outside/secret.txt",
        "$PARENT/private/../outside/secret.txt",
        "../outside/secret.txt",
        "$PARENT/private/link",
    ] {
        let (server, _back) = with_accel(
            |docroot| {
                let parent = docroot.parent().display().to_string();
                format!("X-Sendfile: {}", name.replace("$PARENT", &parent))
            },
            ACCEL,
        );
        let response = server.get("/x", &[]);
        assert!(response.status() >= 400, "{name}: {response:?}");
        assert!(!response.text().contains(SECRET) && !response.text().contains("root:"));
    }
}

#[test]
fn an_application_that_may_not_have_files_sent_cannot() {
    for line in [
        "X-Accel-Redirect: /t.css",
        "X-Sendfile: /etc/passwd",
        "X-Accel-Expires: 5",
    ] {
        let (server, _back) = with_accel(|_| line.to_owned(), "");
        let response = server.get("/x", &[]);
        let name = line.split(':').next().unwrap();
        assert!(response.head.values(name).is_empty(), "{response:?}");
        // Without its file the answer is not what the application meant.
        if response.status() != 502 || name == "X-Accel-Expires" {
            response.expect(200).expect_body("replaced");
        }
    }
}

#[test]
fn compressible_answers_are_compressed_where_that_is_wished() {
    let text = "all work and no play ".repeat(1000);
    let answer = |fields: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{fields}Content-Length: {}\r\n\r\n{text}",
            text.len()
        )
    };
    let ask = |fields: &str, keys: &str| {
        let back = Back::answering(answer(fields));
        in_front(&[&back], keys, "").get("/x", &["Accept-Encoding: gzip"])
    };
    let response = ask("ETag: \"1\"\r\n", "compress = true").expect(200);
    assert_eq!(response.value("Content-Encoding"), Some("gzip"));
    assert!(response.body.len() < 2000);
    // RFC 9110 §8.8.1: other bytes than those that the strong tag was for.
    assert_eq!(response.value("ETag"), Some("W/\"1\""));
    assert!(response.lists("Vary", "Accept-Encoding"));
    let mut decoded = Vec::new();
    std::io::Read::read_to_end(
        &mut flate2::read::GzDecoder::new(&response.body[..]),
        &mut decoded,
    )
    .unwrap();
    assert_eq!(decoded, text.as_bytes());
    for (fields, keys) in [
        ("", ""),
        ("Cache-Control: no-transform\r\n", "compress = true"),
    ] {
        let response = ask(fields, keys);
        if response.status() == 200 {
            assert!(
                response.value("Content-Encoding").is_none(),
                "{fields} {keys}"
            );
        }
    }
    let coded = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: br\r\nVary: Accept-Encoding\r\nContent-Length: 5\r\n\r\nhello";
    let back = Back::answering(coded);
    in_front(&[&back], "compress = true", "")
        .get("/x", &["Accept-Encoding: gzip, br"])
        .expect(200)
        .expect_field("Content-Encoding", "br")
        .expect_body("hello");
    // Nor for who takes none.
    let back = Back::answering(answer(""));
    in_front(&[&back], "compress = true", "")
        .get("/x", &[])
        .expect(200)
        .expect_no("Content-Encoding")
        .expect_body(&text);
}

#[test]
fn an_application_that_cannot_be_reached_is_a_502_and_one_that_says_nothing_a_504() {
    let gone = Refusing::new();
    let server = TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"http://{}\"\n",
            gone.address()
        ),
    );
    server
        .get("/x", &[])
        .expect_any(&[502, 503])
        .expect_field("Cache-Control", "no-store");
    let silent = Back::new(|conversation| {
        conversation.next();
        conversation.wait_for_end();
    });
    let server = in_front(&[&silent], "", "first_byte_timeout = \"200ms\"");
    server
        .send("POST", "/x", &["Content-Length: 0"])
        .expect(504);
    silent.expect_all_closed();
    assert_eq!(silent.requests().len(), 1);
}

#[test]
fn an_answer_that_falls_silent_is_cut_off() {
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.send(format!("{TYPED}Content-Length: 100\r\n\r\nhello"));
        conversation.wait_for_end();
    });
    let server = in_front(&[&back], "", "idle_timeout = \"200ms\"");
    let text = request("GET", "/x", &[]);
    let mut client = server.connect();
    client.send(&text);
    assert!(client.try_read(text.as_bytes()).is_err());
    back.expect_all_closed();
}

#[test]
fn a_request_that_is_too_large_never_reaches_an_application() {
    let back = Back::hello();
    let server = in_front(&[&back], "", "[limits]\nbody_size = \"1KiB\"\n");
    let text = request("POST", "/x", &["Content-Length: 1025"]);
    assert_eq!(statuses(&server, text), [413]);
    let text = request(
        "POST",
        "/x",
        &["Content-Length: 1025", "Expect: 100-continue"],
    );
    assert_eq!(statuses(&server, text), [413]);
    back.expect_untouched();
    // In chunks it shows on the way.
    let text = request("POST", "/x", &["Transfer-Encoding: chunked"])
        + &("100\r\n".to_owned() + &"x".repeat(256) + "\r\n").repeat(5)
        + "0\r\n\r\n";
    assert_eq!(statuses(&server, text), [413]);
    back.expect_all_closed();
    assert!(back.requests().iter().all(|request| !request.is_whole));
    let many = "X: y\r\n".repeat(2000);
    for (text, expected) in [
        (
            format!("GET /x HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"),
            431,
        ),
        (
            format!(
                "GET /x HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
                "a".repeat(100 << 10)
            ),
            431,
        ),
        (
            format!(
                "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "a".repeat(64 << 10)
            ),
            414,
        ),
    ] {
        assert_eq!(statuses(&server, text), [expected]);
    }
    assert!(back.requests().iter().all(|request| !request.is_whole));
}
