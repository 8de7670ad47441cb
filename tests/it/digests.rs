//! Digests of representations (RFC 9530): the hash of what is sent, for who wants to know it.

use sha2::{Digest as _, Sha256};

use crate::harness::{A_JS, A_JS_BR, A_JS_GZ, Docroot, Response, TestServer};

const WANTED: &str = "Want-Repr-Digest: sha-512=3, sha-256=10";

#[track_caller]
fn expect_digest(response: Response, of: impl AsRef<[u8]>) -> Response {
    let digest = data_encoding::BASE64.encode(&Sha256::digest(of));
    response.expect_field("Repr-Digest", &format!("sha-256=:{digest}:"))
}

#[test]
fn the_digest_is_of_the_coding_that_is_sent() {
    let server = TestServer::standard();
    let ask = |coding: &str| {
        let coding = format!("Accept-Encoding: {coding}");
        server.get("/a.js", &[WANTED, &coding]).expect(200)
    };
    for _ in 0..2 {
        expect_digest(ask("identity"), A_JS);
        expect_digest(ask("gzip"), A_JS_GZ);
        expect_digest(ask("br"), A_JS_BR);
    }
}

#[test]
fn the_digest_of_a_coding_that_was_made_is_of_its_bytes() {
    let docroot = Docroot::standard();
    docroot.publish("page.html", "the same words again and again, ".repeat(1000));
    let server = TestServer::with_docroot(docroot, "");
    for coding in ["gzip", "br", "zstd"] {
        let accept = format!("Accept-Encoding: {coding}");
        let answer = server.get("/page.html", &[WANTED, &accept]).expect(200);
        let answer = answer.expect_field("Content-Encoding", coding);
        let bytes = answer.body.clone();
        expect_digest(answer, bytes);
    }
}

#[test]
fn a_part_has_the_digest_of_the_whole_and_head_that_of_get() {
    let server = TestServer::standard();
    let part = server.get("/a.js", &[WANTED, "Range: bytes=0-9"]);
    expect_digest(part.expect(206), A_JS);
    let parts = server.get("/a.js", &[WANTED, "Range: bytes=0-0,5-5"]);
    expect_digest(parts.expect(206), A_JS);
    expect_digest(server.head("/a.js", &[WANTED]).expect(200), A_JS);
    let head = server.head("/a.js", &[WANTED, "Accept-Encoding: gzip"]);
    expect_digest(head.expect(200), A_JS_GZ);
}

#[test]
fn who_does_not_ask_is_not_told() {
    let server = TestServer::standard();
    let mut client = server.connect();
    for _ in 0..3 {
        // In turns: what was put together for one is not sent to the other.
        expect_digest(client.get("/t.css", &[WANTED]).expect(200), css());
        client
            .get("/t.css", &[])
            .expect(200)
            .expect_no("Repr-Digest");
    }
    for other in [
        "Want-Repr-Digest: sha-256=0",
        "Want-Repr-Digest: sha-512=10",
        "Want-Repr-Digest: nonsense",
        "Want-Content-Digest: sha-256=10",
    ] {
        client
            .get("/t.css", &[other])
            .expect(200)
            .expect_no("Repr-Digest");
    }
    client
        .get("/missing", &[WANTED])
        .expect(404)
        .expect_no("Repr-Digest");
}

fn css() -> Vec<u8> {
    TestServer::standard().get("/t.css", &[]).body
}

#[test]
fn a_file_that_is_not_held_has_no_digest() {
    let docroot = Docroot::standard();
    docroot.sparse("large.bin", 64 << 20);
    let server = TestServer::with_docroot(docroot, "");
    let head = server.head("/large.bin", &[WANTED]).expect(200);
    head.expect_no("Repr-Digest");
    let part = server.get("/large.bin", &[WANTED, "Range: bytes=0-9"]);
    part.expect(206).expect_no("Repr-Digest");
}
