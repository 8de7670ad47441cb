//! What is compressed, and what is left as it is: by type, size, saving, and what lies beside the file.

use crate::coding::{CODINGS, decode, decoded, expect_coded, words};
use crate::harness::{
    A_JS, A_JS_BR, A_JS_GZ, Docroot, H2Client, H2Outcome, OTHER_JS_GZ, PUBLISHED, Response,
    TestServer, eventually,
};

const ALL: &str = "Accept-Encoding: gzip, deflate, br, zstd";

/// Nothing in it comes twice.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 9_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[track_caller]
fn expect_as_it_is(response: Response, file: impl AsRef<[u8]>) -> Response {
    let file = file.as_ref();
    response
        .expect(200)
        .expect_no("Content-Encoding")
        .expect_field("Content-Length", &file.len().to_string())
        .expect_body(file)
}

#[test]
fn a_type_that_gets_smaller_is_compressed_and_others_are_not() {
    let docroot = Docroot::standard();
    let text = words(5000, 1);
    let (smaller, others) = (
        [
            "html",
            "css",
            "mjs",
            "json",
            "svg",
            "xml",
            "txt",
            "wasm",
            "webmanifest",
            "md",
            "ttf",
        ],
        [
            "png", "jpg", "webp", "woff2", "mp4", "zip", "pdf", "bin", "gz", "zst", "br", "none",
        ],
    );
    for extension in smaller.iter().chain(&others) {
        docroot.publish(&format!("x.{extension}"), &text);
    }
    let server = TestServer::with_docroot(docroot, "");
    for extension in smaller {
        let answer = server.get(&format!("/x.{extension}"), &[ALL]).expect(200);
        expect_coded(answer, "br", text.as_bytes());
    }
    for extension in others {
        for accepted in [ALL, "Accept-Encoding: identity"] {
            let answer = server.get(&format!("/x.{extension}"), &[accepted]);
            expect_as_it_is(answer, &text).expect_no("Vary");
        }
    }
}

#[test]
fn what_is_small_is_sent_as_it_is() {
    let docroot = Docroot::standard();
    docroot.publish("255.txt", "a".repeat(255));
    docroot.publish("256.txt", "a".repeat(256));
    let server = TestServer::with_docroot(docroot, "");
    expect_as_it_is(server.get("/255.txt", &[ALL]), "a".repeat(255));
    expect_as_it_is(server.get("/empty.txt", &[ALL]), "");
    let larger = server.get("/256.txt", &[ALL]).expect(200);
    expect_coded(larger, "br", "a".repeat(256).as_bytes());
}

#[test]
fn a_coding_that_saves_next_to_nothing_is_not_used() {
    let docroot = Docroot::standard();
    // Nothing, a fortieth and a tenth can be saved of these.
    let [none, little, enough] = [0, 500, 2000].map(|same| {
        let mut file = noise(20_000 - same);
        file.resize(20_000, b'a');
        file
    });
    docroot.publish("none.txt", &none);
    docroot.publish("little.txt", &little);
    docroot.publish("enough.txt", &enough);
    let server = TestServer::with_docroot(docroot, "");
    for coding in CODINGS.into_iter().cycle().take(6) {
        let accept = format!("Accept-Encoding: {coding}");
        for (path, file) in [("/none.txt", &none), ("/little.txt", &little)] {
            let answer = server.get(path, &[&accept]);
            // Another client, or another content, might have had it.
            assert!(answer.lists("Vary", "Accept-Encoding"), "{answer:?}");
            expect_as_it_is(answer, file);
        }
        let answer = server.get("/enough.txt", &[&accept]).expect(200);
        expect_coded(answer, coding, &enough);
    }
}

#[test]
fn a_coded_file_asked_for_by_its_own_name_is_that_file() {
    let docroot = Docroot::standard();
    // Of text, so that there would be something to save.
    let text = words(5000, 3);
    for name in ["b.js.gz", "b.js.zst", "b.js.br"] {
        docroot.publish(name, &text);
    }
    let server = TestServer::with_docroot(docroot, "");
    for (name, media_type) in [
        ("/b.js.gz", "application/gzip"),
        ("/b.js.zst", "application/zstd"),
        ("/b.js.br", "application/octet-stream"),
    ] {
        let answer = server.get(name, &[ALL]);
        expect_as_it_is(answer, &text).expect_field("Content-Type", media_type);
    }
}

#[test]
fn a_sidecar_goes_before_what_the_server_makes() {
    let docroot = Docroot::standard();
    docroot.remove("a.js.br");
    docroot.remove("a.js.zst");
    let server = TestServer::with_docroot(docroot, "");
    // Liked as well as the others, and there.
    expect_coded(server.get("/a.js", &[ALL]).expect(200), "gzip", A_JS).expect_body(A_JS_GZ);
    // Liked less.
    for (accepted, coding) in [
        ("br, gzip;q=0.9", "br"),
        ("zstd", "zstd"),
        ("gzip;q=0, *", "br"),
    ] {
        let accept = format!("Accept-Encoding: {accepted}");
        expect_coded(server.get("/a.js", &[&accept]).expect(200), coding, A_JS);
    }
}

#[test]
fn a_sidecar_that_is_not_the_file_is_made_good() {
    let docroot = Docroot::standard();
    docroot.date("a.js.br", PUBLISHED - 1);
    docroot.publish("a.js.gz", OTHER_JS_GZ);
    docroot.publish("a.js.zst", "no coding at all");
    let server = TestServer::with_docroot(docroot, "");
    for coding in CODINGS {
        let accept = format!("Accept-Encoding: {coding}");
        let answer = server.get("/a.js", &[&accept]).expect(200);
        let made = expect_coded(answer, coding, A_JS);
        assert!(made.body != A_JS_BR, "the sidecar is older than the file");
    }
}

#[test]
fn a_sidecar_that_comes_later_takes_the_place_of_what_was_made() {
    let docroot = Docroot::standard();
    docroot.remove("a.js.gz");
    let server = TestServer::with_docroot(docroot, "");
    let ask = || server.get("/a.js", &["Accept-Encoding: gzip"]).expect(200);
    assert_ne!(expect_coded(ask(), "gzip", A_JS).body, A_JS_GZ);
    server.docroot.publish("a.js.gz", A_JS_GZ);
    assert!(eventually(|| ask().body == A_JS_GZ), "it is never sent");
    server.docroot.remove("a.js.gz");
    expect_coded(ask(), "gzip", A_JS);
}

#[test]
fn each_of_the_two_can_be_turned_off() {
    for (keys, sidecar, made) in [
        ("sidecars = false", false, true),
        ("compress = false", true, false),
        ("sidecars = false\ncompress = false", false, false),
    ] {
        let server = TestServer::with_site(keys);
        let plain = server.get("/t.css", &[]).expect(200).body;
        let of_file = server.get("/t.css", &[ALL]).expect(200);
        assert_eq!(of_file.value("Content-Encoding").is_some(), made, "{keys}");
        assert_eq!(decoded(&of_file), plain);
        assert_eq!(of_file.lists("Vary", "Accept-Encoding"), sidecar || made);
        let beside = server.get("/a.js", &[ALL]).expect(200);
        assert_eq!(beside.body == A_JS_BR, sidecar, "{keys}: {beside:?}");
        assert_eq!(beside.value("Content-Encoding").is_some(), sidecar || made);
        assert_eq!(decoded(&beside), A_JS);
    }
}

#[test]
fn a_route_may_differ_from_its_site() {
    let docroot = Docroot::standard();
    let text = words(5000, 4);
    for name in ["raw/x.css", "kept/x.css", "x.css", "raw/in/x.css"] {
        docroot.publish(name, &text);
    }
    docroot.publish("kept/a.js", A_JS);
    docroot.publish("kept/a.js.gz", A_JS_GZ);
    let keys = "[[site.route]]\npath = \"/raw/\"\ncompress = false\n\
        [[site.route]]\npath = \"/raw/in/\"\n\
        [[site.route]]\npath = \"/kept/\"\ncache_control = \"no-transform, max-age=60\"\n";
    let server = TestServer::with_docroot(docroot, keys);
    for (path, coding) in [
        ("/x.css", "br"),
        ("/raw/in/x.css", "br"),
        ("/raw/x.css", "identity"),
        // RFC 9111 §5.2.2.6
        ("/kept/x.css", "identity"),
    ] {
        for _ in 0..2 {
            let answer = server.get(path, &[ALL]).expect(200);
            expect_coded(answer, coding, text.as_bytes());
        }
    }
    // What lies there is the origin's own.
    let beside = server.get("/kept/a.js", &[ALL]).expect(200);
    expect_coded(beside, "gzip", A_JS).expect_body(A_JS_GZ);
}

#[test]
fn whatever_path_leads_to_the_file() {
    let docroot = Docroot::standard();
    let (index, page) = (words(5000, 5), words(5000, 6));
    docroot.publish("index.html", &index);
    docroot.publish("page.html", &page);
    let server = TestServer::with_docroot(docroot, "clean_urls = true\nspa = \"index.html\"\n");
    let navigation = "Sec-Fetch-Mode: navigate";
    for (path, file) in [
        ("/", &index),
        ("/index.html", &index),
        ("/page", &page),
        ("/a/path/of/the/application", &index),
    ] {
        let answer = server.get(path, &[ALL, navigation]).expect(200);
        expect_coded(answer, "br", file.as_bytes());
    }
}

#[test]
fn only_the_whole_file_and_its_parts_are_coded() {
    let docroot = Docroot::standard();
    let page = words(5000, 7);
    docroot.publish("404.html", &page);
    let server = TestServer::with_docroot(docroot, "listing = true");
    let missing = server.get("/missing", &[ALL]).expect(404);
    assert_eq!(decoded(&missing), page.as_bytes());
    server
        .get("/dir", &[ALL])
        .expect(301)
        .expect_no("Content-Encoding");
    let options = server.send("OPTIONS", "/t.css", &[ALL]);
    options.expect(204).expect_no("Content-Encoding");
    let refused = server.send("POST", "/t.css", &[ALL, "Content-Length: 0"]);
    refused.expect(405).expect_no("Content-Encoding");
    let tag = server.get("/t.css", &[ALL]).entity_tag().to_owned();
    let held = format!("If-None-Match: {tag}");
    server
        .get("/t.css", &[ALL, &held])
        .expect(304)
        .expect_no("Content-Encoding");
}

#[test]
fn a_large_file_is_compressed_as_it_is_sent() {
    let docroot = Docroot::standard();
    let file = words(3 << 20, 8);
    docroot.publish("large.txt", &file);
    let server = TestServer::with_docroot(docroot, "[compression]\nlargest = \"1MiB\"\n");
    for coding in CODINGS {
        let accept = format!("Accept-Encoding: {coding}");
        let whole = server.get("/large.txt", &[&accept]).expect(200);
        assert_eq!(whole.value("Content-Encoding"), Some(coding), "{whole:?}");
        assert!(whole.lists("Vary", "Accept-Encoding"), "{whole:?}");
        assert!(decoded(&whole) == file.as_bytes(), "{coding}");
        assert!(whole.body.len() < file.len() / 2, "{coding}");
        // Nobody knows yet how long it is, nor whether it would come to the same bytes again.
        let tag = whole.entity_tag().to_owned();
        assert!(tag.starts_with("W/"), "{whole:?}");
        assert_ne!(whole.value("Accept-Ranges"), Some("bytes"), "{whole:?}");
        let head = server.head("/large.txt", &[&accept]).expect(200);
        for name in [
            "Content-Encoding",
            "ETag",
            "Vary",
            "Content-Type",
            "Cache-Control",
        ] {
            assert_eq!(head.value(name), whole.value(name), "{name} for {coding}");
        }
        // §8.6: of this coding or not at all.
        head.expect_no("Content-Length");
        let condition = format!("If-None-Match: {tag}");
        let unchanged = server.get("/large.txt", &[&accept, &condition]).expect(304);
        unchanged.expect_field("ETag", &tag);
        // A weak tag holds no part together.
        let resumed = [&*accept, "Range: bytes=100-", &format!("If-Range: {tag}")];
        let resumed = server.get("/large.txt", &resumed).expect(200);
        assert!(decoded(&resumed) == file.as_bytes());
    }
}

#[test]
fn a_part_of_a_large_file_is_of_the_file_itself() {
    let docroot = Docroot::standard();
    let file = words(3 << 20, 8);
    docroot.publish("large.txt", &file);
    let server = TestServer::with_docroot(docroot, "[compression]\nlargest = \"1MiB\"\n");
    let part = server.get("/large.txt", &[ALL, "Range: bytes=1000000-1000009"]);
    if part.status() == 206 {
        assert!(part.lists("Vary", "Accept-Encoding"), "{part:?}");
        part.expect_no("Content-Encoding")
            .expect_field(
                "Content-Range",
                &format!("bytes 1000000-1000009/{}", file.len()),
            )
            .expect_body(&file[1_000_000..1_000_010]);
    } else {
        assert!(decoded(&part.expect(200)) == file.as_bytes());
    }
}

#[test]
fn a_large_file_is_compressed_for_old_and_new_versions_of_http() {
    let docroot = Docroot::standard();
    let file = words(300_000, 8);
    docroot.publish("large.txt", &file);
    let server = TestServer::with_docroot(docroot, "[compression]\nlargest = \"100KiB\"\n");
    // RFC 9112 §6.1: no chunks for it; the body lasts until the connection ends.
    let text = "GET /large.txt HTTP/1.0\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n";
    let old = server.connect().exchange(text).expect(200);
    old.expect_no("Transfer-Encoding");
    let old = server.connect().exchange(text);
    assert!(decoded(&old) == file.as_bytes());
    let mut client = H2Client::over(server.connect());
    let stream = client.begin(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/large.txt"),
        ("accept-encoding", "zstd"),
    ]);
    client.widen(stream);
    let H2Outcome::Response { status: 200, body } = client.finish(stream) else {
        panic!("an answer");
    };
    assert!(body.len() < file.len() && decode(Some("zstd"), &body) == file.as_bytes());
}

#[test]
fn a_file_that_is_not_held_has_codings_that_are() {
    let docroot = Docroot::standard();
    let file = words(2 << 20, 9);
    docroot.publish("large.txt", &file);
    let server = TestServer::with_docroot(docroot, "");
    for coding in CODINGS {
        let accept = format!("Accept-Encoding: {coding}");
        let whole = server.get("/large.txt", &[&accept]).expect(200);
        let whole = expect_coded(whole, coding, file.as_bytes());
        server
            .get("/large.txt", &[&accept, "Range: bytes=5-9"])
            .expect(206)
            .expect_field("ETag", whole.entity_tag())
            .expect_body(&whole.body[5..10]);
    }
}
