//! Former versions as dictionaries (RFC 9842): a client that has one gets the next one coded against it.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use daemun::Config;

use crate::harness::{Client, Docroot, Response, TestServer, eventually};
use crate::reload::{Serving, free_address};

const OLD: &str = "/js/app.3f9a1c7b.js";
const NEW: &str = "/js/app.8f3a1b2c.js";
const VARY: &str = "Accept-Encoding, Available-Dictionary";
/// What Chromium sends when it has a dictionary.
const ALL: &str = "Accept-Encoding: gzip, deflate, br, zstd, dcb, dcz";
const DCZ: &str = "Accept-Encoding: gzip, br, dcz";

/// A script of many different lines; a version differs from another one in a few.
fn script(version: u32) -> String {
    let mut state = 1_u32;
    let mut text = format!("// version {version}\n");
    for line in 0..600 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let number = if line % 100 == 0 { version } else { state };
        writeln!(text, "export const name{state:x} = {number};").unwrap();
    }
    text
}

fn available(content: impl AsRef<[u8]>) -> String {
    let hash = Sha256::digest(content);
    format!(
        "Available-Dictionary: :{}:",
        data_encoding::BASE64.encode(&hash)
    )
}

/// Both versions are there.
fn both() -> Docroot {
    let docroot = Docroot::standard();
    docroot.publish(&OLD[1..], script(1));
    docroot.publish(&NEW[1..], script(2));
    docroot
}

/// A server that has given the former version to somebody.
fn serve(keys: &str) -> TestServer {
    let server = TestServer::with_docroot(both(), keys);
    server.get(OLD, &[]).expect(200);
    server
}

/// Only with the right content, by a client that has this dictionary.
#[track_caller]
fn expect_dcz(response: Response, dictionary: &str, content: &str) -> Response {
    let response = response.expect_field("Content-Encoding", "dcz");
    let (head, stream) = response.body.split_at(40);
    assert_eq!(head[..8], [0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0]);
    assert_eq!(head[8..], Sha256::digest(dictionary)[..]);
    let mut decoded = String::new();
    zstd::stream::read::Decoder::with_ref_prefix(stream, dictionary.as_bytes())
        .unwrap()
        .read_to_string(&mut decoded)
        .unwrap();
    assert!(decoded == content, "{response:?}");
    response
}

#[track_caller]
fn expect_plain(response: Response, coding: Option<&str>) -> Response {
    assert_eq!(response.value("Content-Encoding"), coding, "{response:?}");
    response
}

#[test]
fn a_file_with_a_hash_in_its_name_says_what_it_can_be_a_dictionary_for() {
    let server = TestServer::with_docroot(both(), "");
    // The second time, the answer is ready.
    for _ in 0..3 {
        for fields in [
            &[][..],
            &["Accept-Encoding: br"],
            &["Accept-Encoding: gzip"],
        ] {
            let answer = server.get(OLD, fields).expect(200);
            answer
                .expect_field("Use-As-Dictionary", "match=\"/js/app.*.js\"")
                .expect_field("Vary", VARY);
        }
    }
    let head = server.head(OLD, &[]).expect(200);
    let head = head.expect_field("Vary", VARY);
    let tag = format!("If-None-Match: {}", head.entity_tag());
    let head = head.expect_field("Use-As-Dictionary", "match=\"/js/app.*.js\"");
    drop(head);
    for _ in 0..3 {
        let unchanged = server.get(OLD, &[&tag]).expect(304);
        unchanged.expect_field("Vary", VARY);
        // A part is no dictionary.
        let part = server.get(OLD, &["Range: bytes=0-9"]).expect(206);
        part.expect_field("Vary", VARY)
            .expect_no("Use-As-Dictionary");
    }
}

#[test]
fn other_files_say_nothing_of_dictionaries() {
    let docroot = both();
    // Too small, not compressible, a page.
    docroot.publish("tiny.3f9a1c7b.js", "0");
    docroot.publish("photo.3f9a1c7b.png", script(1));
    docroot.publish("page-3f9a1c7b.html", script(1));
    docroot.publish("app.js", script(1));
    let server = TestServer::with_docroot(docroot, "spa = \"index.html\"");
    for path in [
        "/tiny.3f9a1c7b.js",
        "/photo.3f9a1c7b.png",
        "/page-3f9a1c7b.html",
        "/app.js",
        "/",
    ] {
        for _ in 0..2 {
            let answer = server.get(path, &[ALL]).expect(200);
            let answer = answer.expect_no("Use-As-Dictionary");
            assert!(!answer.lists("Vary", "Available-Dictionary"), "{answer:?}");
        }
    }
    let missing = server.get("/js/gone.3f9a1c7b.js", &[ALL]).expect(404);
    missing.expect_no("Use-As-Dictionary");
}

#[test]
fn the_next_version_is_coded_against_the_one_that_the_client_has() {
    let server = serve("");
    let usual = server.get(NEW, &["Accept-Encoding: br"]).expect(200);
    for _ in 0..3 {
        let answer = server.get(NEW, &[DCZ, &available(script(1))]).expect(200);
        let answer = expect_dcz(answer, &script(1), &script(2))
            .expect_field("Vary", VARY)
            .expect_field("Use-As-Dictionary", "match=\"/js/app.*.js\"")
            .expect_field("Content-Type", "text/javascript; charset=utf-8");
        assert!(answer.body.len() * 4 < usual.body.len(), "{answer:?}");
        assert_ne!(answer.entity_tag(), usual.entity_tag());
    }
}

#[test]
fn either_coding_with_a_dictionary_is_given_to_who_likes_it_best() {
    let server = serve("");
    let ask = |accept: &str| {
        let accept = format!("Accept-Encoding: {accept}");
        server
            .get(NEW, &[&accept, &available(script(1))])
            .expect(200)
    };
    let dcb = ask("br, zstd, dcb;q=0.8, br;q=0.8, zstd;q=0.8");
    let dcb = dcb.expect_field("Content-Encoding", "dcb");
    assert_eq!(dcb.body[..4], *b"\xffDCB");
    assert_eq!(dcb.body[4..36], Sha256::digest(script(1))[..]);
    assert_eq!(ask("dcb, dcz;q=0.9").field("Content-Encoding"), "dcb");
    expect_dcz(ask("dcb;q=0.9, dcz"), &script(1), &script(2));
    let any = server.get(NEW, &[ALL, &available(script(1))]).expect(200);
    assert!(["dcb", "dcz"].contains(&any.field("Content-Encoding")));
    assert!(any.body.len() < 1000, "{any:?}");
}

#[test]
fn the_former_version_need_not_be_there_any_more() {
    let docroot = Docroot::standard();
    docroot.publish(&OLD[1..], script(1));
    let server = TestServer::with_docroot(docroot, "");
    server.get(OLD, &["Accept-Encoding: gzip"]).expect(200);
    server.docroot.remove(&OLD[1..]);
    server.docroot.publish(&NEW[1..], script(2));
    server.get(OLD, &[]).expect(404);
    let answer = server.get(NEW, &[DCZ, &available(script(1))]).expect(200);
    expect_dcz(answer, &script(1), &script(2));
}

#[test]
fn a_version_that_is_coded_so_is_the_dictionary_of_the_next() {
    let server = serve("");
    let answer = server.get(NEW, &[DCZ, &available(script(1))]).expect(200);
    expect_dcz(answer, &script(1), &script(2));
    server.docroot.publish("js/app.00aa11bb.js", script(3));
    let answer = server.get("/js/app.00aa11bb.js", &[DCZ, &available(script(2))]);
    expect_dcz(answer.expect(200), &script(2), &script(3));
}

#[test]
fn the_same_connection_gets_the_right_coding_each_time() {
    let server = serve("");
    let mut client = server.connect();
    let known = available(script(1));
    for _ in 0..4 {
        expect_plain(
            client.get(NEW, &["Accept-Encoding: br"]).expect(200),
            Some("br"),
        );
        expect_dcz(
            client.get(NEW, &[DCZ, &known]).expect(200),
            &script(1),
            &script(2),
        );
        expect_plain(client.get(NEW, &[]).expect(200), None).expect_body(script(2));
    }
}

#[test]
fn without_a_dictionary_that_is_known_for_the_path_the_usual_coding_is_sent() {
    let server = serve("");
    let other = "/js/other.8f3a1b2c.js";
    server.docroot.publish(&other[1..], script(2));
    let known = available(script(1));
    for (path, fields) in [
        // Another pattern.
        (other, &[DCZ, &known][..]),
        // Nobody was given it.
        (NEW, &[DCZ, &available("unknown")]),
        (NEW, &[DCZ]),
        (NEW, &[DCZ, &known, &known]),
        (NEW, &[DCZ, "Available-Dictionary: nonsense"]),
        (NEW, &["Accept-Encoding: br", &known]),
        (NEW, &["Accept-Encoding: br, *", &known]),
        (NEW, &["Accept-Encoding: br, dcz;q=0, dcb;q=0", &known]),
        (NEW, &["Accept-Encoding: br, dcz;q=0.9", &known]),
    ] {
        let answer = expect_plain(server.get(path, fields).expect(200), Some("br"));
        answer.expect_field("Vary", VARY);
    }
    let answer = server.get(NEW, &[&known]).expect(200);
    expect_plain(answer, None).expect_body(script(2));
}

/// RFC 9842 §9.3.3
#[test]
fn a_page_of_another_origin_gets_no_coding_that_depends_on_what_the_client_has() {
    let server = serve("");
    let known = available(script(1));
    let ask = |site: &str, mode: &str| {
        let (site, mode) = (
            format!("Sec-Fetch-Site: {site}"),
            format!("Sec-Fetch-Mode: {mode}"),
        );
        server.get(NEW, &[DCZ, &known, &site, &mode]).expect(200)
    };
    for (site, mode) in [("cross-site", "no-cors"), ("same-site", "cors")] {
        expect_plain(ask(site, mode), Some("br")).expect_field("Vary", VARY);
    }
    expect_dcz(ask("same-origin", "cors"), &script(1), &script(2));
    expect_dcz(ask("cross-site", "navigate"), &script(1), &script(2));
}

#[test]
fn ranges_and_preconditions_are_of_the_coding_that_is_sent() {
    let server = serve("");
    let known = available(script(1));
    let whole = server.get(NEW, &[DCZ, &known]).expect(200);
    let tag = whole.entity_tag().to_owned();
    // Browsers look for the dictionary's hash in the content of any answer in such a coding: one without content is in none.
    let head = server.head(NEW, &[DCZ, &known]).expect(200);
    assert_ne!(head.value("Content-Encoding"), Some("dcz"), "{head:?}");
    head.expect_field("Vary", VARY);
    let if_range = format!("If-Range: {tag}");
    let part = server.get(NEW, &[DCZ, &known, "Range: bytes=8-39", &if_range]);
    let part = part.expect(206).expect_body(Sha256::digest(script(1)));
    part.expect_field("Content-Range", &format!("bytes 8-39/{}", whole.body.len()))
        .expect_field("Vary", VARY);
    let unchanged = server.get(NEW, &[DCZ, &known, &format!("If-None-Match: {tag}")]);
    unchanged
        .expect(304)
        .expect_field("Vary", VARY)
        .expect_field("ETag", &tag);
    // That tag is of no other coding.
    server
        .get(NEW, &[&format!("If-None-Match: {tag}")])
        .expect(200);
    server
        .get(NEW, &[DCZ, &known, "If-Match: \"other\""])
        .expect(412);
}

#[test]
fn who_has_this_very_version_gets_next_to_nothing() {
    let server = serve("");
    for coding in ["dcb", "dcz"] {
        let accept = format!("Accept-Encoding: br, {coding}");
        let answer = server.get(OLD, &[&accept, &available(script(1))]);
        let answer = answer.expect(200).expect_field("Content-Encoding", coding);
        assert!(answer.body.len() < 100, "{answer:?}");
    }
}

#[test]
fn a_file_that_is_not_held_in_memory_is_a_dictionary_too() {
    let server = serve("\n[cache]\nfile = \"1KiB\"");
    // It is read when nobody waits for it.
    let known = available(script(1));
    assert!(eventually(|| {
        let answer = server.get(NEW, &[DCZ, &known]).expect(200);
        answer.value("Content-Encoding") == Some("dcz")
    }));
    let answer = server.get(NEW, &[DCZ, &known]).expect(200);
    expect_dcz(answer, &script(1), &script(2));
}

#[test]
fn all_files_of_a_pattern_are_dictionaries_for_each_other() {
    let docroot = both();
    docroot.publish("data/one.json", script(1));
    docroot.publish("data/two.json", script(2));
    docroot.publish("data/page.html", script(2));
    let server = TestServer::with_docroot(docroot, "dictionary = \"/data/*.json\"");
    for _ in 0..2 {
        let one = server.get("/data/one.json", &[]).expect(200);
        one.expect_field("Use-As-Dictionary", "match=\"/data/*.json\"")
            .expect_field("Vary", VARY);
        for other in [OLD, "/data/page.html"] {
            let other = server.get(other, &[DCZ, &available(script(1))]).expect(200);
            let other = other.expect_no("Use-As-Dictionary");
            assert!(!other.lists("Vary", "Available-Dictionary"), "{other:?}");
        }
    }
    let two = server.get("/data/two.json", &[DCZ, &available(script(1))]);
    expect_dcz(two.expect(200), &script(1), &script(2));
}

#[test]
fn dictionaries_can_be_switched_off() {
    for keys in [
        "dictionary = \"off\"",
        "compress = false",
        "cache_control = \"no-transform\"",
        "\n[compression]\ndictionary_memory = 0",
        "\n[compression]\ncodings = []",
    ] {
        let server = serve(keys);
        let answer = server.get(NEW, &[DCZ, &available(script(1))]).expect(200);
        let answer = answer.expect_no("Use-As-Dictionary");
        assert!(
            !answer.lists("Vary", "Available-Dictionary"),
            "{keys}: {answer:?}"
        );
        assert_ne!(answer.value("Content-Encoding"), Some("dcz"), "{keys}");
    }
}

#[test]
fn a_folder_keeps_them_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let keys = format!("\n[compression]\ndictionary_folder = \"{path}\"");
    let docroot = Docroot::standard();
    docroot.publish(&OLD[1..], script(1));
    let mut server = TestServer::with_docroot(docroot, &keys);
    server.get(OLD, &[]).expect(200);
    let holds_it = || {
        let mut entries = std::fs::read_dir(folder.path()).unwrap().flatten();
        entries.any(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|is| is == "dictionary")
        })
    };
    assert!(eventually(holds_it), "it is not written");
    server.stop_within(crate::harness::PATIENCE);
    // The docroot is the same; what was held in memory is gone.
    server.docroot.remove(&OLD[1..]);
    server.docroot.publish(&NEW[1..], script(2));
    let root = server.docroot.root();
    let config = format!("[[site]]\ndocroot = \"{}\"\n{keys}\n", root.display());
    let again = TestServer::start(Docroot::empty(), &config);
    let answer = again.get(NEW, &[DCZ, &available(script(1))]).expect(200);
    expect_dcz(answer, &script(1), &script(2));
}

#[test]
fn they_outlive_a_reload_of_other_settings() {
    let docroot = both();
    let address = free_address();
    let config = |more: &str| {
        let root = docroot.root();
        let listen = format!("[[listen]]\naddress = \"{address}\"\n");
        let text = format!("{listen}[[site]]\ndocroot = \"{}\"\n{more}", root.display());
        Config::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"))
    };
    let server = Serving::start(&config(""), 0);
    Client::connect(address).get(OLD, &[]).expect(200);
    docroot.remove(&OLD[1..]);
    for more in [
        "[cache]\nmemory = \"64MiB\"",
        "hidden = true\n[compression]\nsmallest = 300",
    ] {
        server.reload(&config(more));
        let mut client = Client::connect(address);
        let answer = client.get(NEW, &[DCZ, &available(script(1))]).expect(200);
        expect_dcz(answer, &script(1), &script(2));
    }
}
