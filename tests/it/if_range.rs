//! If-Range (RFC 9110 §13.1.5): a part only of the representation that the client already holds a part of.

use crate::harness::{A_JS, A_JS_GZ, PUBLISHED_DATE, TestServer, pattern};

const RANGE: &str = "Range: bytes=0-4";

#[test]
fn the_current_strong_tag_gives_the_range() {
    let server = TestServer::standard();
    let tag = server.get("/t.bin", &[]).entity_tag().to_owned();
    let response = server
        .get("/t.bin", &[RANGE, &format!("If-Range: {tag}")])
        .expect(206);
    response
        .expect_field("Content-Range", "bytes 0-4/1000")
        .expect_body(&pattern(1000)[..5]);
}

#[test]
fn another_tag_gives_the_whole_file() {
    let server = TestServer::standard();
    server
        .get("/t.bin", &[RANGE, "If-Range: \"miss\""])
        .expect(200)
        .expect_body(pattern(1000));
}

#[test]
fn a_weak_tag_never_matches() {
    let server = TestServer::standard();
    let tag = server.get("/t.bin", &[]).entity_tag().to_owned();
    server
        .get("/t.bin", &[RANGE, &format!("If-Range: W/{tag}")])
        .expect(200)
        .expect_body(pattern(1000));
}

#[test]
fn a_tag_without_quotes_or_a_list_does_not_match() {
    let server = TestServer::standard();
    let tag = server.get("/t.bin", &[]).entity_tag().to_owned();
    for value in [
        tag.trim_matches('"'),
        &format!("{tag}, \"x\""),
        "*",
        "",
        "\"",
    ] {
        server
            .get("/t.bin", &[RANGE, &format!("If-Range: {value}")])
            .expect(200);
    }
}

#[test]
fn exactly_the_date_of_the_file_gives_the_range() {
    let server = TestServer::standard();
    server
        .get("/t.bin", &[RANGE, &format!("If-Range: {PUBLISHED_DATE}")])
        .expect(206);
}

#[test]
fn any_other_date_gives_the_whole_file_be_it_later() {
    let server = TestServer::standard();
    for date in [
        "Mon, 01 Apr 2024 12:00:00 GMT",
        "Thu, 01 Feb 2024 12:00:00 GMT",
        "Fri, 01 Mar 2024 12:00:01 GMT",
        "now",
    ] {
        server
            .get("/t.bin", &[RANGE, &format!("If-Range: {date}")])
            .expect(200);
    }
}

#[test]
fn without_a_range_it_is_ignored() {
    let server = TestServer::standard();
    let tag = server.get("/t.bin", &[]).entity_tag().to_owned();
    for value in [tag.as_str(), "\"miss\"", PUBLISHED_DATE] {
        server
            .get("/t.bin", &[&format!("If-Range: {value}")])
            .expect(200)
            .expect_body(pattern(1000));
    }
}

#[test]
fn a_range_that_no_longer_applies_cannot_be_unsatisfiable() {
    let server = TestServer::standard();
    server
        .get("/t.bin", &["Range: bytes=1000-", "If-Range: \"miss\""])
        .expect(200);
    let tag = server.get("/t.bin", &[]).entity_tag().to_owned();
    server
        .get(
            "/t.bin",
            &["Range: bytes=1000-", &format!("If-Range: {tag}")],
        )
        .expect(416);
}

#[test]
fn a_resumed_download_never_mixes_two_files() {
    let server = TestServer::standard();
    let tag = server
        .get("/t.bin", &["Range: bytes=0-499"])
        .expect(206)
        .entity_tag()
        .to_owned();
    let changed: Vec<u8> = pattern(1000).iter().map(|byte| !byte).collect();
    server.docroot.replace("t.bin", &changed);
    let rest = server.get(
        "/t.bin",
        &["Range: bytes=500-", &format!("If-Range: {tag}")],
    );
    rest.expect(200).expect_body(changed);
}

#[test]
fn the_tag_of_one_coding_is_not_that_of_another() {
    let server = TestServer::standard();
    let identity = server
        .get("/a.js", &[])
        .expect_body(A_JS)
        .entity_tag()
        .to_owned();
    let gzip = server
        .get("/a.js", &["Accept-Encoding: gzip"])
        .expect_body(A_JS_GZ)
        .entity_tag()
        .to_owned();
    let accept = "Accept-Encoding: gzip";
    server
        .get("/a.js", &[RANGE, accept, &format!("If-Range: {identity}")])
        .expect(200)
        .expect_body(A_JS_GZ);
    server
        .get("/a.js", &[RANGE, &format!("If-Range: {gzip}")])
        .expect(200)
        .expect_body(A_JS);
    server
        .get("/a.js", &[RANGE, accept, &format!("If-Range: {gzip}")])
        .expect(206)
        .expect_body(&A_JS_GZ[..5]);
}
