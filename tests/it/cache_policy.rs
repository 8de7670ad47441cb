//! How long an answer lives: by what was found, not by how it was asked for.

use crate::harness::{Docroot, TestServer};

const IMMUTABLE: &str = "public, max-age=31536000, immutable";

fn files(names: &[&str]) -> TestServer {
    let docroot = Docroot::standard();
    for name in names {
        docroot.publish(name, *name);
    }
    TestServer::with_docroot(docroot, "")
}

#[test]
fn fingerprinted_files_never_change() {
    let names = [
        "app.3f9a1c7b.js",
        "assets/index-BkW3xQ2d.css",
        "main.3b5f2a1c9d8e7f60.js",
        "assets/logo.3f9a1c7b.svg",
    ];
    let server = files(&names);
    for name in names {
        server
            .get(&format!("/{name}"), &[])
            .expect(200)
            .expect_field("Cache-Control", IMMUTABLE);
        server
            .head(&format!("/{name}"), &[])
            .expect(200)
            .expect_field("Cache-Control", IMMUTABLE);
        server
            .get(&format!("/{name}"), &["Range: bytes=0-1"])
            .expect(206)
            .expect_field("Cache-Control", IMMUTABLE);
    }
}

#[test]
fn all_other_files_are_asked_for_again() {
    let names = [
        "jquery-3.7.1.min.js",
        "report-20240131.pdf",
        "photo-12345678.jpg",
        "some-description.html",
        "bootstrap-grid.css",
        "index.production.js",
        "chapter_introduction.html",
        "page.3f9a1c7b.html",
        "MyComponent.js",
        "dashboard-settings.js",
        "font-awesome.css",
    ];
    let server = files(&names);
    for name in names {
        server
            .get(&format!("/{name}"), &[])
            .expect(200)
            .expect_field("Cache-Control", "no-cache");
    }
    for path in ["/", "/t.bin", "/t.css", "/a.js", "/dir/"] {
        server
            .get(path, &[])
            .expect(200)
            .expect_field("Cache-Control", "no-cache");
    }
}

#[test]
fn a_refusal_of_a_fingerprinted_name_does_not_live_long() {
    let server = files(&["app.3f9a1c7b.js"]);
    for (path, field, status) in [
        ("/gone.3f9a1c7b.js", "Accept: */*", 404),
        ("/app.3f9a1c7b.js", "If-Match: \"miss\"", 412),
        ("/app.3f9a1c7b.js", "Range: bytes=100-", 416),
    ] {
        let response = server.get(path, &[field]).expect(status);
        assert!(!response.lives_long(), "{response:?}");
    }
    let response = server
        .send("POST", "/app.3f9a1c7b.js", &["Content-Length: 0"])
        .expect(405);
    assert!(!response.lives_long(), "{response:?}");
}

#[test]
fn a_304_lives_as_its_200_or_shorter() {
    let server = files(&["app.3f9a1c7b.js"]);
    for path in ["/app.3f9a1c7b.js", "/t.bin"] {
        let whole = server.get(path, &[]).expect(200);
        let response = server
            .get(path, &[&format!("If-None-Match: {}", whole.entity_tag())])
            .expect(304);
        assert!(
            !response.lives_long()
                || response.value("Cache-Control") == whole.value("Cache-Control"),
            "{response:?}"
        );
    }
}

#[test]
fn a_directory_with_a_fingerprinted_name_is_no_file() {
    let server = files(&["app.3f9a1c7b.js/index.html"]);
    let response = server.get("/app.3f9a1c7b.js", &[]);
    assert!(!response.lives_long(), "{response:?}");
    let response = server.get("/app.3f9a1c7b.js/", &[]).expect(200);
    assert!(!response.lives_long(), "{response:?}");
}

#[test]
fn the_configuration_has_the_last_word() {
    let docroot = Docroot::standard();
    docroot.publish("app.3f9a1c7b.js", "x");
    let server = TestServer::with_docroot(docroot, "cache_control = \"max-age=5\"");
    server
        .get("/app.3f9a1c7b.js", &[])
        .expect(200)
        .expect_field("Cache-Control", "max-age=5");
    server
        .get("/t.bin", &[])
        .expect(200)
        .expect_field("Cache-Control", "max-age=5");
}
