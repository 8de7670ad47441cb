//! Content codings (RFC 9110 §12.5.3): sidecars by quality value, each with a tag of its own.

use crate::harness::{
    A_JS, A_JS_BR, A_JS_GZ, A_JS_ZST, Docroot, OTHER_JS_GZ, PUBLISHED, Response, TestServer,
};

/// What is compressed by the server itself is tested elsewhere.
const ONLY_SIDECARS: &str = "compress = false";

#[track_caller]
fn get(accept: &str) -> Response {
    TestServer::standard()
        .get("/a.js", &[&format!("Accept-Encoding: {accept}")])
        .expect(200)
}

/// The coding is the one named, and so are the bytes.
#[track_caller]
fn expect_coding(response: Response, coding: &str) -> Response {
    let (expected, bytes) = match coding {
        "gzip" => (Some("gzip"), A_JS_GZ),
        "br" => (Some("br"), A_JS_BR),
        "zstd" => (Some("zstd"), A_JS_ZST),
        _ => (None, A_JS),
    };
    assert_eq!(response.value("Content-Encoding"), expected, "{response:?}");
    assert!(
        response.lists("Vary", "Accept-Encoding"),
        "§12.5.5: {response:?}"
    );
    response
        .expect_body(bytes)
        .expect_field("Content-Length", &bytes.len().to_string())
}

#[test]
fn each_coding_is_given_to_who_asks_for_it() {
    for coding in ["gzip", "br", "zstd", "identity"] {
        expect_coding(get(coding), coding);
    }
}

#[test]
fn who_asks_for_nothing_gets_the_file_itself() {
    let server = TestServer::standard();
    expect_coding(server.get("/a.js", &[]).expect(200), "identity");
    expect_coding(get(""), "identity");
}

#[test]
fn the_highest_quality_value_wins() {
    expect_coding(get("gzip;q=1.0, br;q=0.5, zstd;q=0.8"), "gzip");
    expect_coding(get("br;q=0.1, gzip;q=0.101"), "gzip");
    expect_coding(get("gzip;q=0.5, zstd"), "zstd");
    expect_coding(get("gzip;q=0.001, br;q=0"), "gzip");
}

#[test]
fn on_equal_quality_the_smaller_coding_wins() {
    expect_coding(get("gzip, deflate, br, zstd"), "br");
    expect_coding(get("gzip, deflate, zstd"), "zstd");
    expect_coding(get("gzip, deflate"), "gzip");
    expect_coding(get("identity, gzip"), "gzip");
}

#[test]
fn identity_wins_when_it_is_preferred() {
    expect_coding(get("identity;q=1, gzip;q=0.5"), "identity");
    expect_coding(get("gzip;q=0.5, identity;q=0.8, br;q=0.2"), "identity");
}

#[test]
fn a_quality_of_zero_is_a_refusal() {
    for zero in [
        "gzip;q=0",
        "gzip;q=0.0",
        "gzip;q=0.000",
        "gzip; q=0",
        "gzip ;q=0",
        "gzip;Q=0",
    ] {
        expect_coding(get(zero), "identity");
    }
    expect_coding(get("br;q=0, gzip"), "gzip");
}

#[test]
fn names_have_no_case_and_an_old_alias() {
    expect_coding(get("GZIP"), "gzip");
    expect_coding(get("Br"), "br");
    expect_coding(get("x-gzip"), "gzip");
}

#[test]
fn several_lines_are_one_list() {
    let server = TestServer::standard();
    expect_coding(
        server
            .get("/a.js", &["Accept-Encoding: foo", "Accept-Encoding: gzip"])
            .expect(200),
        "gzip",
    );
    expect_coding(
        server
            .get(
                "/a.js",
                &["Accept-Encoding: gzip;q=0.5", "Accept-Encoding: zstd"],
            )
            .expect(200),
        "zstd",
    );
}

#[test]
fn what_is_not_offered_is_not_given() {
    for accept in [
        "deflate",
        "compress",
        "foo",
        "foo;q=1, bar",
        "exi, deflate;q=0.9",
        "gzipx",
        "gz",
    ] {
        expect_coding(get(accept), "identity");
    }
}

#[test]
fn no_identity_and_nothing_known_is_identity_or_406() {
    let server = TestServer::standard();
    for accept in ["identity;q=0, foo", "identity;q=0", "*;q=0", "foo, *;q=0"] {
        let response = server
            .get("/a.js", &[&format!("Accept-Encoding: {accept}")])
            .expect_any(&[200, 406]);
        assert!(response.value("Content-Encoding").is_none(), "{response:?}");
    }
}

#[test]
fn no_identity_gives_any_acceptable_coding() {
    expect_coding(get("identity;q=0, gzip"), "gzip");
    expect_coding(get("*;q=0, gzip"), "gzip");
    expect_coding(get("*;q=0, zstd;q=0.1"), "zstd");
}

#[test]
fn a_star_stands_for_every_coding_not_named() {
    expect_coding(get("*"), "br");
    expect_coding(get("br;q=0, *"), "zstd");
    expect_coding(get("br;q=0, zstd;q=0, *;q=0.5"), "gzip");
    expect_coding(get("gzip;q=0.5, *;q=0.1"), "gzip");
}

#[test]
fn a_malformed_member_is_ignored() {
    for accept in [
        "gzip;q=abc, zstd",
        "gzip;q=2, zstd",
        "gzip;q=-1, zstd",
        "gzip;q=0.1234, zstd",
        "gzip;q=, zstd",
    ] {
        expect_coding(get(accept), "zstd");
    }
    expect_coding(get(",, gzip ,,"), "gzip");
}

#[test]
fn each_coding_has_a_tag_of_its_own() {
    let server = TestServer::standard();
    let mut tags: Vec<String> = ["gzip", "br", "zstd", "identity"]
        .map(|coding| {
            server
                .get("/a.js", &[&format!("Accept-Encoding: {coding}")])
                .entity_tag()
                .to_owned()
        })
        .into();
    assert!(
        tags.iter().all(|tag| !tag.starts_with("W/")),
        "each is known byte for byte: {tags:?}"
    );
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4, "§8.8.3.3: {tags:?}");
}

#[test]
fn the_tag_received_with_a_coding_gives_304_with_it() {
    let server = TestServer::standard();
    for coding in ["gzip", "br", "zstd", "identity"] {
        let accept = format!("Accept-Encoding: {coding}");
        let tag = server.get("/a.js", &[&accept]).entity_tag().to_owned();
        server
            .get("/a.js", &[&accept, &format!("If-None-Match: {tag}")])
            .expect(304)
            .expect_field("ETag", &tag);
    }
}

#[test]
fn the_tag_of_another_coding_does_not_match_if_match() {
    let server = TestServer::standard();
    let gzip = server
        .get("/a.js", &["Accept-Encoding: gzip"])
        .entity_tag()
        .to_owned();
    server
        .get(
            "/a.js",
            &["Accept-Encoding: br", &format!("If-Match: {gzip}")],
        )
        .expect(412);
    server
        .get(
            "/a.js",
            &["Accept-Encoding: gzip", &format!("If-Match: {gzip}")],
        )
        .expect(200);
}

#[test]
fn head_says_what_get_would() {
    let server = TestServer::standard();
    for coding in ["gzip", "br", "zstd", "identity", "foo", "*"] {
        let accept = format!("Accept-Encoding: {coding}");
        let get = server.get("/a.js", &[&accept]).expect(200);
        let head = server.head("/a.js", &[&accept]).expect(200);
        for name in [
            "Content-Encoding",
            "Content-Type",
            "ETag",
            "Vary",
            "Content-Length",
            "Cache-Control",
            "Last-Modified",
        ] {
            assert_eq!(head.value(name), get.value(name), "{name} for {coding}");
        }
    }
}

#[test]
fn vary_is_on_every_answer_of_a_negotiable_file() {
    let server = TestServer::standard();
    let tag = server.get("/a.js", &[]).entity_tag().to_owned();
    for (fields, status) in [
        (vec![], 200),
        (vec!["Range: bytes=0-4".to_owned()], 206),
        (vec![format!("If-None-Match: {tag}")], 304),
    ] {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let response = server.get("/a.js", &fields).expect(status);
        assert!(response.lists("Vary", "Accept-Encoding"), "{response:?}");
    }
}

#[test]
fn a_coded_answer_keeps_the_media_type_of_the_file() {
    let plain = get("identity").field("Content-Type").to_owned();
    for coding in ["gzip", "br", "zstd"] {
        assert_eq!(get(coding).field("Content-Type"), plain);
    }
}

#[test]
fn a_sidecar_older_than_its_original_is_not_served() {
    let docroot = Docroot::standard();
    docroot.date("a.js.br", PUBLISHED - 1);
    let server = TestServer::with_docroot(docroot, ONLY_SIDECARS);
    expect_coding(
        server.get("/a.js", &["Accept-Encoding: br"]).expect(200),
        "identity",
    );
    expect_coding(
        server
            .get("/a.js", &["Accept-Encoding: br, gzip"])
            .expect(200),
        "gzip",
    );
}

#[test]
fn a_gzip_sidecar_of_another_file_is_not_served() {
    // gzip ends in the length of what it holds: that of another file cannot be this one's coding.
    let docroot = Docroot::standard();
    docroot.publish("a.js.gz", OTHER_JS_GZ);
    let server = TestServer::with_docroot(docroot, ONLY_SIDECARS);
    expect_coding(
        server.get("/a.js", &["Accept-Encoding: gzip"]).expect(200),
        "identity",
    );
}

#[test]
fn a_sidecar_that_is_no_coding_at_all_is_not_served() {
    let docroot = Docroot::standard();
    docroot.publish("a.js.gz", "this is not gzip");
    docroot.publish("a.js.zst", "");
    let server = TestServer::with_docroot(docroot, ONLY_SIDECARS);
    expect_coding(
        server.get("/a.js", &["Accept-Encoding: gzip"]).expect(200),
        "identity",
    );
    expect_coding(
        server.get("/a.js", &["Accept-Encoding: zstd"]).expect(200),
        "identity",
    );
}

#[test]
fn a_sidecar_that_is_a_link_to_outside_is_not_served() {
    let docroot = Docroot::standard();
    docroot.remove("a.js.gz");
    docroot.link("a.js.gz", "../outside/secret.txt");
    let server = TestServer::with_docroot(docroot, ONLY_SIDECARS);
    expect_coding(
        server.get("/a.js", &["Accept-Encoding: gzip"]).expect(200),
        "identity",
    );
}

#[test]
fn a_directory_or_fifo_beside_a_file_is_no_sidecar() {
    let docroot = Docroot::standard();
    docroot.remove("a.js.gz");
    docroot.remove("a.js.br");
    std::fs::create_dir(docroot.path("a.js.gz")).unwrap();
    docroot.fifo("a.js.br");
    let server = TestServer::with_docroot(docroot, ONLY_SIDECARS);
    expect_coding(
        server
            .get("/a.js", &["Accept-Encoding: gzip, br"])
            .expect(200),
        "identity",
    );
}

#[test]
fn a_sidecar_without_an_original_is_only_itself() {
    let docroot = Docroot::standard();
    docroot.remove("a.js");
    let server = TestServer::with_docroot(docroot, "");
    server.get("/a.js", &["Accept-Encoding: gzip"]).expect(404);
    server
        .get("/a.js.gz", &["Accept-Encoding: gzip"])
        .expect(200)
        .expect_body(A_JS_GZ);
}

#[test]
fn sidecars_can_be_turned_off() {
    let server = TestServer::with_site("sidecars = false");
    let response = server
        .get("/a.js", &["Accept-Encoding: gzip, br, zstd"])
        .expect(200);
    if response.value("Content-Encoding").is_none() {
        response.expect_body(A_JS);
    } else {
        assert!(
            ![A_JS_GZ, A_JS_BR, A_JS_ZST].contains(&response.body.as_slice()),
            "{response:?}"
        );
    }
}

#[test]
fn a_sidecar_asked_for_by_name_is_a_file_of_its_own() {
    let server = TestServer::standard();
    for (path, media_type, bytes) in [
        ("/a.js.gz", "application/gzip", A_JS_GZ),
        ("/a.js.zst", "application/zstd", A_JS_ZST),
    ] {
        for accept in ["gzip, br, zstd", "identity"] {
            let response = server
                .get(path, &[&format!("Accept-Encoding: {accept}")])
                .expect(200)
                .expect_no("Content-Encoding");
            response
                .expect_field("Content-Type", media_type)
                .expect_body(bytes);
        }
    }
    server
        .get("/a.js.br", &["Accept-Encoding: br"])
        .expect(200)
        .expect_no("Content-Encoding")
        .expect_body(A_JS_BR);
}

#[test]
fn what_is_not_a_whole_200_is_never_coded_anew() {
    let server = TestServer::standard();
    let tag = server.get("/t.css", &[]).entity_tag().to_owned();
    let coded = server.get("/t.css", &["Accept-Encoding: gzip"]);
    let held = format!("If-None-Match: {}", coded.expect(200).entity_tag());
    server
        .get("/t.css", &["Accept-Encoding: gzip", &held])
        .expect(304)
        .expect_no("Content-Encoding");
    let part = server.get("/t.css", &["Accept-Encoding: gzip", "Range: bytes=0-9"]);
    assert!(
        part.status() == 200
            || part.value("Content-Encoding").is_none()
            || part.entity_tag() != tag,
        "{part:?}"
    );
    server
        .send("OPTIONS", "/t.css", &["Accept-Encoding: gzip"])
        .expect(204)
        .expect_no("Content-Encoding");
}

#[test]
fn no_transform_is_never_coded_on_the_way() {
    // A sidecar is the origin's own choice; a coding made on the way is not for what says no-transform.
    let server = TestServer::with_site("cache_control = \"no-transform\"");
    server
        .get("/t.css", &["Accept-Encoding: gzip, br, zstd"])
        .expect(200)
        .expect_no("Content-Encoding");
}

#[test]
fn whatever_its_type_a_file_with_a_sidecar_varies() {
    let docroot = Docroot::standard();
    docroot.publish("a.bin", A_JS);
    docroot.publish("a.bin.gz", A_JS_GZ);
    let server = TestServer::with_docroot(docroot, "");
    for accept in ["gzip", "identity", "br"] {
        let response = server
            .get("/a.bin", &[&format!("Accept-Encoding: {accept}")])
            .expect(200);
        assert!(response.lists("Vary", "Accept-Encoding"), "{response:?}");
    }
}
