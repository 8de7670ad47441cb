//! The fallback of a single-page application: for navigations only, and never with a long life.

use crate::harness::{Docroot, TestServer, pattern};

const APPLICATION: &str = "<!doctype html><title>Application</title>";

fn application() -> TestServer {
    let docroot = Docroot::standard();
    docroot.publish("index.html", APPLICATION);
    docroot.publish("assets/app.3f9a1c7b.js", "application()");
    TestServer::with_docroot(docroot, "spa = \"index.html\"")
}

#[test]
fn a_navigation_gets_the_application() {
    let server = application();
    for path in [
        "/users",
        "/users/1",
        "/a/b/c",
        "/users?x=1",
        "/with%20space",
        "/users/",
    ] {
        for fields in [
            &["Sec-Fetch-Mode: navigate"][..],
            &[
                "Sec-Fetch-Mode: navigate",
                "Accept: text/html,application/xhtml+xml,*/*;q=0.8",
            ],
            &["Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
            &["Accept: text/html"],
        ] {
            let response = server
                .get(path, fields)
                .expect(200)
                .expect_body(APPLICATION);
            assert_eq!(response.field("Content-Type"), "text/html; charset=utf-8");
            assert!(!response.lives_long(), "{response:?}");
        }
    }
}

#[test]
fn a_fallback_is_not_immutable_whatever_the_path() {
    let server = application();
    let response = server.get("/app.3f9a1c7b", &["Sec-Fetch-Mode: navigate"]);
    assert!(!response.lives_long(), "{response:?}");
    let response = server.get("/app.3f9a1c7b.js", &["Sec-Fetch-Mode: navigate"]);
    assert!(!response.lives_long(), "{response:?}");
    let docroot = Docroot::standard();
    let settings = "spa = \"index.html\"\n[[site.route]]\npath = \"/assets/\"\ncache_control = \"public, max-age=31536000, immutable\"\n";
    let server = TestServer::with_docroot(docroot, settings);
    let response = server
        .get("/assets/missing", &["Sec-Fetch-Mode: navigate"])
        .expect(200);
    assert!(
        !response.lives_long(),
        "picked by the path, not by what is sent: {response:?}"
    );
}

#[test]
fn a_head_navigates_like_a_get() {
    let server = application();
    let response = server
        .head("/users", &["Sec-Fetch-Mode: navigate"])
        .expect(200);
    response.expect_field("Content-Length", &APPLICATION.len().to_string());
}

#[test]
fn what_a_script_or_a_tool_asks_for_stays_missing() {
    let server = application();
    for fields in [
        &[][..],
        &["Accept: */*"],
        &["Accept: application/json"],
        &["Sec-Fetch-Mode: cors", "Accept: */*"],
        &["Sec-Fetch-Mode: no-cors", "Accept: text/css,*/*;q=0.1"],
        &["Sec-Fetch-Mode: cors", "Accept: text/html"],
        &["Accept: text/html;q=0, application/json"],
        &["Accept: text/html-like"],
    ] {
        server.get("/api/users", fields).expect(404);
    }
}

#[test]
fn a_missing_asset_stays_missing() {
    let server = application();
    for path in [
        "/assets/missing.js",
        "/missing.css",
        "/missing.png",
        "/logo.svg",
        "/app.3f9a1c7b.js",
        "/font.woff2",
    ] {
        let response = server
            .get(path, &["Accept: text/html,*/*;q=0.8"])
            .expect(404);
        assert!(!response.lives_long(), "{response:?}");
        server
            .get(path, &["Sec-Fetch-Mode: no-cors", "Accept: */*"])
            .expect(404);
    }
}

#[test]
fn what_is_there_is_served_itself() {
    let server = application();
    let navigation = &["Sec-Fetch-Mode: navigate", "Accept: text/html"];
    server
        .get("/t.bin", navigation)
        .expect(200)
        .expect_body(pattern(1000));
    server
        .get("/", navigation)
        .expect(200)
        .expect_body(APPLICATION);
    assert!(
        server
            .get("/dir/", navigation)
            .expect(200)
            .text()
            .contains("Directory")
    );
    let asset = server
        .get("/assets/app.3f9a1c7b.js", &[])
        .expect(200)
        .expect_body("application()");
    assert!(asset.lives_long());
}

#[test]
fn a_refused_or_hidden_path_is_not_a_navigation() {
    let server = application();
    let navigation = &["Sec-Fetch-Mode: navigate", "Accept: text/html"];
    server.get("/../x", navigation).expect(400);
    server.get("/%00", navigation).expect(400);
    let hidden = server.get("/.env", navigation).expect_any(&[200, 404]);
    assert!(!hidden.text().contains("PASSWORD"), "{hidden:?}");
    let outside = server.get("/link.txt", navigation).expect_any(&[200, 404]);
    assert!(!outside.text().contains("secret"), "{outside:?}");
    server
        .send("POST", "/users", &["Content-Length: 0", navigation[0]])
        .expect(405);
}

#[test]
fn the_application_has_validators() {
    let server = application();
    let navigation = "Sec-Fetch-Mode: navigate";
    let response = server.get("/users", &[navigation]).expect(200);
    server
        .get(
            "/users",
            &[
                navigation,
                &format!("If-None-Match: {}", response.entity_tag()),
            ],
        )
        .expect(304);
    server.docroot.replace("index.html", "the next version");
    server
        .get(
            "/users",
            &[
                navigation,
                &format!("If-None-Match: {}", response.entity_tag()),
            ],
        )
        .expect(200)
        .expect_body("the next version");
}

#[test]
fn a_fallback_that_is_missing_is_404() {
    let docroot = Docroot::standard();
    docroot.remove("index.html");
    let server = TestServer::with_docroot(docroot, "spa = \"index.html\"");
    server
        .get("/users", &["Sec-Fetch-Mode: navigate"])
        .expect(404);
}

#[test]
fn without_the_setting_nothing_falls_back() {
    TestServer::standard()
        .get("/users", &["Sec-Fetch-Mode: navigate", "Accept: text/html"])
        .expect(404);
}
