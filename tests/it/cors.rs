//! Cross-origin requests: by origin, or for all.

use crate::harness::TestServer;

const ORIGIN: &str = "Origin: https://app.example";

#[test]
fn without_the_setting_nothing_is_shared() {
    let server = TestServer::standard();
    server
        .get("/t.bin", &[ORIGIN])
        .expect(200)
        .expect_no("Access-Control-Allow-Origin");
    server
        .send(
            "OPTIONS",
            "/t.bin",
            &[ORIGIN, "Access-Control-Request-Method: GET"],
        )
        .expect(204)
        .expect_no("Access-Control-Allow-Origin");
}

#[test]
fn a_named_origin_is_allowed_and_no_other() {
    let server =
        TestServer::with_site("cors = [\"https://app.example\", \"https://other.example\"]");
    let response = server.get("/t.bin", &[ORIGIN]).expect(200);
    assert_eq!(
        response.field("Access-Control-Allow-Origin"),
        "https://app.example"
    );
    assert!(response.lists("Vary", "Origin"), "{response:?}");
    for origin in [
        "https://evil.example",
        "http://app.example",
        "https://app.example.evil",
        "https://app.example:8443",
        "null",
    ] {
        let response = server
            .get("/t.bin", &[&format!("Origin: {origin}")])
            .expect(200);
        assert_ne!(
            response.value("Access-Control-Allow-Origin"),
            Some(origin),
            "{response:?}"
        );
        assert_ne!(
            response.value("Access-Control-Allow-Origin"),
            Some("*"),
            "{response:?}"
        );
    }
    let response = server.get("/t.bin", &[]).expect(200);
    assert!(
        response.lists("Vary", "Origin"),
        "also when nobody asked, for caches: {response:?}"
    );
}

#[test]
fn a_star_allows_all() {
    let server = TestServer::with_site("cors = [\"*\"]");
    server
        .get("/t.bin", &[ORIGIN])
        .expect(200)
        .expect_field("Access-Control-Allow-Origin", "*");
    server
        .get("/a.js", &[ORIGIN, "Accept-Encoding: gzip"])
        .expect(200)
        .expect_field("Access-Control-Allow-Origin", "*");
    server
        .get("/t.bin", &["Origin: null"])
        .expect(200)
        .expect_field("Access-Control-Allow-Origin", "*");
}

#[test]
fn refusals_and_revalidations_are_shared_as_well() {
    let server = TestServer::with_site("cors = [\"*\"]");
    for (path, field, status) in [
        ("/missing", "Accept: */*", 404),
        ("/t.bin", "If-None-Match: *", 304),
        ("/t.bin", "Range: bytes=0-4", 206),
        ("/t.bin", "Range: bytes=1000-", 416),
    ] {
        server
            .get(path, &[ORIGIN, field])
            .expect(status)
            .expect_field("Access-Control-Allow-Origin", "*");
    }
}

#[test]
fn a_preflight_is_answered() {
    for (setting, origin) in [
        ("cors = [\"https://app.example\"]", "https://app.example"),
        ("cors = [\"*\"]", "*"),
    ] {
        let server = TestServer::with_site(setting);
        let response = server.send(
            "OPTIONS",
            "/t.bin",
            &[
                ORIGIN,
                "Access-Control-Request-Method: GET",
                "Access-Control-Request-Headers: range",
            ],
        );
        let response = response.expect_any(&[200, 204]);
        assert_eq!(response.field("Access-Control-Allow-Origin"), origin);
        let methods = response.field("Access-Control-Allow-Methods");
        assert!(methods.contains("GET") || methods == "*", "{response:?}");
    }
}

#[test]
fn options_without_an_origin_is_no_preflight() {
    let server = TestServer::with_site("cors = [\"*\"]");
    let response = server
        .send("OPTIONS", "/t.bin", &[])
        .expect_any(&[200, 204]);
    assert!(response.lists("Allow", "GET"), "{response:?}");
}
