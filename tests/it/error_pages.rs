//! What a refusal looks like: the site's own page, the nearest `404.html`, or a short text.

use crate::harness::{Docroot, SECRET, TestServer};

#[test]
fn a_refusal_is_a_short_text_by_itself() {
    let server = TestServer::standard();
    for (path, status) in [("/missing", 404), ("/..", 400), ("/.env", 404)] {
        let response = server.get(path, &[]).expect(status);
        assert!(
            !response.body.is_empty() && response.body.len() < 4096,
            "{response:?}"
        );
        assert!(
            !response
                .text()
                .contains(server.docroot.root().to_str().unwrap()),
            "no path of the machine: {response:?}"
        );
    }
}

#[test]
fn a_refusal_never_repeats_markup_of_the_request() {
    let server = TestServer::standard();
    for path in [
        "/<script>alert(1)</script>",
        "/%3Cscript%3Ealert(1)%3C/script%3E",
        "/?<script>",
    ] {
        let response = server.connect().get(path, &["Accept: text/html"]);
        assert!(!response.text().contains("<script>alert"), "{response:?}");
    }
}

#[test]
fn the_nearest_404_page_is_sent_with_its_status() {
    let docroot = Docroot::standard();
    docroot.publish("404.html", "page of the root");
    docroot.publish("dir/404.html", "page of the directory");
    docroot.publish("dir/deep/x.txt", "x");
    let server = TestServer::with_docroot(docroot, "");
    for (path, page) in [
        ("/missing", "page of the root"),
        ("/missing/deep/er", "page of the root"),
        ("/dir/missing", "page of the directory"),
        ("/dir/deep/missing", "page of the directory"),
        ("/dir/missing/deep", "page of the directory"),
        ("/.env", "page of the root"),
    ] {
        let response = server.get(path, &[]).expect(404).expect_body(page);
        assert_eq!(response.field("Content-Type"), "text/html; charset=utf-8");
        assert!(!response.lives_long(), "{response:?}");
    }
}

#[test]
fn head_says_what_the_page_would_be() {
    let docroot = Docroot::standard();
    docroot.publish("404.html", "page of the root");
    let server = TestServer::with_docroot(docroot, "");
    let mut client = server.connect();
    let head = client.head("/missing", &[]).expect(404);
    assert!(
        head.value("Content-Length")
            .is_none_or(|length| length == "16"),
        "{head:?}"
    );
    client.get("/t.bin", &[]).expect(200);
}

#[test]
fn a_404_page_is_never_partial_and_never_not_modified() {
    let docroot = Docroot::standard();
    docroot.publish("404.html", "page of the root");
    let server = TestServer::with_docroot(docroot, "");
    for field in [
        "Range: bytes=0-3",
        "If-None-Match: *",
        "If-Match: \"x\"",
        "If-Modified-Since: Mon, 01 Apr 2024 12:00:00 GMT",
        "If-Range: \"x\"",
    ] {
        server
            .get("/missing", &[field])
            .expect(404)
            .expect_body("page of the root");
    }
}

#[test]
fn a_404_page_asked_for_by_name_is_a_file() {
    let docroot = Docroot::standard();
    docroot.publish("404.html", "page of the root");
    TestServer::with_docroot(docroot, "")
        .get("/404.html", &[])
        .expect(200)
        .expect_body("page of the root");
}

#[test]
fn a_page_is_configured_for_each_status() {
    let docroot = Docroot::standard();
    docroot.publish("errors/404.html", "configured 404");
    docroot.publish("errors/405.html", "configured 405");
    docroot.publish("404.html", "nearest 404");
    let settings = "[site.error_pages]\n\"404\" = \"/errors/404.html\"\n\"405\" = \"/errors/405.html\"\n\"400\" = \"/errors/missing.html\"\n";
    let server = TestServer::with_docroot(docroot, settings);
    let response = server.get("/missing", &[]).expect(404);
    assert!(
        ["configured 404", "nearest 404"].contains(&response.text().as_str()),
        "{response:?}"
    );
    server
        .send("POST", "/t.bin", &["Content-Length: 0"])
        .expect(405)
        .expect_body("configured 405");
    // A page that is missing is no reason for another error.
    server.get("/..", &[]).expect(400);
}

#[test]
fn a_configured_page_is_held_to_the_same_rules() {
    let docroot = Docroot::standard();
    docroot.publish("errors/404.html", "configured 404");
    let server = TestServer::with_docroot(
        docroot,
        "[site.error_pages]\n\"404\" = \"/errors/404.html\"\n",
    );
    let response = server
        .get("/missing", &[])
        .expect(404)
        .expect_body("configured 404");
    assert_eq!(response.field("Content-Type"), "text/html; charset=utf-8");
    assert!(!response.lives_long());
    server
        .get("/missing", &["Range: bytes=0-3", "If-None-Match: *"])
        .expect(404)
        .expect_body("configured 404");
    server.head("/missing", &[]).expect(404);
    server.docroot.replace("errors/404.html", "changed");
    server
        .get("/missing", &[])
        .expect(404)
        .expect_body("changed");
}

#[test]
fn a_page_that_leads_outside_is_not_sent() {
    let docroot = Docroot::standard();
    docroot.link("404.html", "../outside/secret.txt");
    let server = TestServer::with_docroot(docroot, "");
    let response = server.get("/missing", &[]).expect(404);
    assert!(!response.text().contains(SECRET.trim_end()), "{response:?}");
}

#[test]
fn a_page_that_comes_and_goes_is_seen() {
    let server = TestServer::standard();
    let plain = server.get("/missing", &["X-Request-Id: 1"]).expect(404);
    server.docroot.write("404.html", "a page");
    server
        .get("/missing", &[])
        .expect(404)
        .expect_body("a page");
    server.docroot.remove("404.html");
    server
        .get("/missing", &["X-Request-Id: 1"])
        .expect(404)
        .expect_body(&plain.body);
}

#[test]
fn a_404_page_has_a_coding_only_if_the_client_takes_it() {
    let docroot = Docroot::standard();
    docroot.publish("404.html", "page of the root");
    docroot.publish("404.html.gz", "not read here");
    let server = TestServer::with_docroot(docroot, "");
    server
        .get("/missing", &[])
        .expect(404)
        .expect_no("Content-Encoding")
        .expect_body("page of the root");
}

#[test]
fn a_page_in_a_hidden_folder_is_hidden() {
    let docroot = Docroot::standard();
    docroot.publish(".git/404.html", "hidden page");
    let server = TestServer::with_docroot(docroot, "");
    for path in ["/.git/missing", "/.git/config", "/.git/404.html"] {
        let response = server.get(path, &[]).expect(404);
        assert!(!response.text().contains("hidden page"), "{response:?}");
    }
}
