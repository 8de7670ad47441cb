//! A plain request for a file held in memory is answered in one go, any other in steps: nobody can tell from the answers.

use crate::harness::{Client, Docroot, Response, TestServer, request};

/// What makes a request take the steps, and has no say in the answer.
const STEPS: &str = "TE: trailers";

fn seen(response: &Response) -> String {
    let text = format!("{response:?}");
    let lines = text
        .lines()
        .filter(|line| !line.contains("date: ") && !line.starts_with("sent: "));
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn expect_alike(client: &mut Client, target: &str, fields: &[&str]) {
    // Else each error has an id of its own.
    let fields = &[fields, &["X-Request-Id: 4711"]].concat();
    let in_steps = [fields, &[STEPS][..]].concat();
    let text = request("GET", target, fields);
    let first = seen(&client.exchange(&text));
    let by_steps = seen(&client.exchange(request("GET", target, &in_steps)));
    // By now the answer is ready, if ever.
    for _ in 0..2 {
        assert_eq!(seen(&client.exchange(&text)), first, "{target} {fields:?}");
    }
    assert_eq!(by_steps, first, "{target} {fields:?}");
}

fn check(settings: &str) {
    let docroot = Docroot::standard();
    docroot.write("page.html", "<p>a page</p>");
    docroot.write("app.3f9a1c7b.js", "let a = 1;");
    docroot.write(".hidden", "not shown");
    let server = TestServer::with_docroot(docroot, settings);
    let mut client = server.connect();
    let tag = client.get("/t.bin", &[]).expect(200);
    let tag = format!("If-None-Match: {}", tag.value("ETag").unwrap());
    for target in [
        "/t.bin",
        "/t.bin?v=1",
        "/page.html",
        "/app.3f9a1c7b.js",
        "/",
        "/missing",
        "/.hidden",
        "/../t.bin",
        "//t.bin",
        "/%74.bin",
    ] {
        for fields in [
            &[][..],
            &["Accept-Encoding: gzip, br"],
            &["Accept: text/html", "Cookie: a=b"],
            &[&*tag],
            &[&*tag, "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"],
            &["If-None-Match: \"other\""],
            &["If-None-Match: *"],
            &["Range: bytes=0-3"],
        ] {
            expect_alike(&mut client, target, fields);
        }
    }
    client.finish();
}

#[test]
fn with_the_settings_that_nobody_had_to_write() {
    check("");
}

#[test]
fn with_settings_that_change_answers() {
    check("cache_control = \"max-age=5\"\nsidecars = false\n");
    check("hidden = true\ncors = [\"*\"]\n");
    check(
        "[site.headers]\nX-Extra = \"here\"\n[[site.route]]\npath = \"/t.bin\"\ncache_control = \"no-store\"\n",
    );
}

#[test]
fn the_last_request_of_a_connection_is_answered_as_such() {
    let server = TestServer::standard();
    server.get("/t.bin", &[]).expect(200);
    for fields in [&["Connection: close"][..], &["Connection: close", STEPS]] {
        let mut client = server.connect();
        let text = request("GET", "/t.bin", fields);
        let response = client.exchange(&text).expect(200);
        assert!(response.lists("Connection", "close"), "{response:?}");
        client.expect_close();
        // What a client sends all the same is not looked at.
        let mut client = server.connect();
        let response = client
            .exchange(text + &request("GET", "/missing", &[]))
            .expect(200);
        assert!(response.lists("Connection", "close"), "{response:?}");
        client.expect_close();
    }
}

#[test]
fn a_changed_file_is_answered_changed() {
    let docroot = Docroot::standard();
    let server = TestServer::with_docroot(docroot, "");
    let mut client = server.connect();
    for turn in 0..20 {
        let content = format!("state {turn}");
        server.docroot.write("state.txt", &content);
        for _ in 0..3 {
            client
                .get("/state.txt", &[])
                .expect(200)
                .expect_body(&content);
        }
    }
    client.finish();
}

#[test]
fn a_removed_file_is_gone() {
    let server = TestServer::standard();
    server.docroot.write("short-lived.txt", "here");
    std::thread::sleep(std::time::Duration::from_millis(50));
    let mut client = server.connect();
    for _ in 0..3 {
        client.get("/short-lived.txt", &[]).expect(200);
    }
    std::fs::remove_file(server.docroot.path("short-lived.txt")).unwrap();
    client.get("/short-lived.txt", &[]).expect(404);
    client.finish();
}
