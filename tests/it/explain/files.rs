//! Files: what was looked for, where it was, what was sent of it.

use std::sync::atomic::Ordering;

use sha2::{Digest as _, Sha256};

use super::{Account, Explained, HELD};
use crate::harness::{Docroot, eventually, pattern};

const OWN: (&str, &str) = ("route", "none matches: the site's own files");
const SITE: (&str, &str) = ("site", "*");
const AS_IT_IS: (&str, &str) = ("sent", "the file as it is");

/// Of a site without routes.
fn file<'a>(file: &'a str, sent: &'a str) -> [(&'a str, &'a str); 4] {
    [SITE, OWN, ("file", file), ("sent", sent)]
}

#[test]
fn a_file_is_opened_then_held_then_at_hand() {
    let told = Explained::with_site("");
    let (response, first) = told.send("GET", "/t.bin?x=1", &[]);
    response.expect(200).expect_body(pattern(1000));
    let opened = file("t.bin: opened on the disk", AS_IT_IS.1);
    first.expect(&opened);
    assert_eq!(first.only("file"), opened[2].1);
    assert_eq!(first.only("host"), "localhost");
    let held = format!("t.bin: {HELD}");
    // With such a field, it is not at hand. Of a file that was just written, nothing is held for a while.
    let digest = ["Want-Repr-Digest: sha-256=1"];
    let account = told.until(&digest, |account| account.only("file") == held);
    account.expect(&opened);
    let is_at_hand = |account: &Account| account.only("sent").ends_with(" at hand)");
    let account = told.until(&[], is_at_hand);
    assert_eq!(account.only("file"), held);
    account.expect(&file(
        opened[2].1,
        "the file as it is (an answer that was at hand)",
    ));

    let (whole, _) = told.send("GET", "/t.bin", &[]);
    let has_it = format!("If-None-Match: {}", whole.entity_tag());
    let account = told.until(&[&has_it], is_at_hand);
    assert_eq!(account.only("file"), held);
    account.expect(&file(
        opened[2].1,
        "nothing: the client has it (an answer that was at hand)",
    ));
    let (not_modified, _) = told.send("GET", "/t.bin", &[&has_it]);
    not_modified.expect(304);
    let (held, opened) = (&told.held, &told.opened);
    let stories = (held.load(Ordering::SeqCst), opened.load(Ordering::SeqCst));
    let cache = told.server.handle.status().cache;
    assert_eq!((cache.hits, cache.misses), stories);
}

impl Explained {
    /// Asks for a file again until the story is such a one.
    #[track_caller]
    fn until(&self, fields: &[&str], holds: impl Fn(&Account) -> bool) -> Account {
        let mut last = self.send("GET", "/t.bin?y", fields).1;
        assert!(
            eventually(|| {
                last = self.send("GET", "/t.bin?y", fields).1;
                holds(&last)
            }),
            "{last:?}"
        );
        last
    }
}

#[test]
fn what_the_client_has_or_wants_a_part_of() {
    let told = Explained::with_site("");
    let (whole, _) = told.send("HEAD", "/t.bin", &[]);
    let tag = whole.entity_tag().to_owned();
    let opened = "t.bin: opened on the disk";
    let not_modified = format!("If-None-Match: \"other\", {tag}");
    told.both(
        "GET",
        "/t.bin",
        &[&not_modified],
        &file(opened, "nothing: the client has it (its validators match)"),
    );
    told.both(
        "GET",
        "/t.bin",
        &["Range: bytes=0-4"],
        &file(
            opened,
            "a part of it, as the client asked: the file as it is",
        ),
    );
    let (part, _) = told.send("GET", "/t.bin", &["Range: bytes=0-4"]);
    part.expect(206).expect_body(&pattern(1000)[..5]);
    let (parts, account) = told.send("GET", "/t.bin", &["Range: bytes=0-4,500-509,990-"]);
    parts.expect(206);
    account.expect(&file(
        opened,
        "3 parts of it, as the client asked: the file as it is",
    ));
    let failed = |sent, refused| {
        [
            SITE,
            OWN,
            ("file", opened),
            ("sent", sent),
            ("refused", refused),
        ]
    };
    let (response, account) = told.send("GET", "/t.bin", &["Range: bytes=1000-"]);
    response.expect(416);
    account.expect(&failed(
        "nothing: no part that was asked for is within it",
        "range-not-satisfiable (416 Range Not Satisfiable)",
    ));
    let (response, account) = told.send("GET", "/t.bin", &["If-Match: \"other\""]);
    response.expect(412);
    account.expect(&failed(
        "nothing: it is not what the client's precondition names",
        "precondition-failed (412 Precondition Failed)",
    ));
}

#[test]
fn where_a_coding_came_from() {
    let told = Explained::with_site("");
    told.both(
        "GET",
        "/t.css",
        &["Accept-Encoding: gzip"],
        &file("t.css: opened on the disk", "gzip, made by the server"),
    );
    told.both(
        "GET",
        "/a.js",
        &["Accept-Encoding: br, gzip"],
        &file("a.js: opened on the disk", "br, from the file beside it"),
    );
    let (response, account) = told.send(
        "GET",
        "/t.css",
        &["Accept-Encoding: gzip", "Range: bytes=1-3"],
    );
    response
        .expect(206)
        .expect_field("Content-Encoding", "gzip");
    account.expect(&file(
        "t.css: opened on the disk",
        "a part of it, as the client asked: gzip, made by the server",
    ));
    let mut last = account;
    assert!(eventually(|| {
        last = told.send("GET", "/a.js", &["Accept-Encoding: br"]).1;
        last.only("sent").ends_with(" at hand)")
    }));
    last.expect(&file(
        "a.js: opened on the disk",
        "br (an answer that was at hand)",
    ));

    let none_held = Explained::with_site("[cache]\nmemory = 0");
    let fields = ["Accept-Encoding: zstd"];
    let (response, account) = none_held.send("GET", "/t.css", &fields);
    response
        .expect(200)
        .expect_field("Content-Encoding", "zstd");
    account.expect(&file(
        "t.css: opened on the disk",
        "zstd, coded on its way out",
    ));
}

#[test]
fn a_coding_against_what_the_client_has() {
    let docroot = Docroot::standard();
    let old = "export const name = 'the same line again and again';\n".repeat(200);
    let new = format!("{old}export const more = 1;\n");
    docroot.publish("js/app.3f9a1c7b.js", &old);
    docroot.publish("js/app.8f3a1b2c.js", &new);
    let told = Explained::start(docroot, "[[site]]\ndocroot = \"$ROOT\"\n");
    told.send("GET", "/js/app.3f9a1c7b.js", &[]);
    let digest = data_encoding::BASE64.encode(&Sha256::digest(&old));
    let available = format!("Available-Dictionary: :{digest}:");
    let fields = [&*available, "Accept-Encoding: gzip, dcz"];
    let (response, account) = told.send("GET", "/js/app.8f3a1b2c.js", &fields);
    response.expect(200).expect_field("Content-Encoding", "dcz");
    account.expect(&file(
        "js/app.8f3a1b2c.js: opened on the disk",
        "dcz, against what the client has of it",
    ));
}

#[test]
fn folders_pages_and_what_stands_in_for_them() {
    let docroot = Docroot::standard();
    docroot.publish("about.html", "<!doctype html><title>About</title>\n");
    docroot.publish("listed/one.txt", "one\n");
    docroot.publish("app/index.html", "<!doctype html><title>App</title>\n");
    docroot.publish("app/bare/x.txt", "x\n");
    let told = Explained::start(
        docroot,
        "[[site]]\nhosts = [\"localhost\"]\ndocroot = \"$ROOT\"\nlisting = true\nclean_urls = true\n\
         [[site]]\nhosts = [\"app.test\", \"*.app.test\"]\ndocroot = \"$ROOT/app\"\nspa = \"index.html\"\n",
    );
    let site = ("site", "localhost");
    let opened = |path| [site, OWN, ("file", path), AS_IT_IS];
    told.both(
        "GET",
        "/about",
        &[],
        &opened("about.html: opened on the disk"),
    );
    told.both(
        "GET",
        "/dir/",
        &[],
        &opened("dir/index.html: opened on the disk"),
    );
    told.both("GET", "/", &[], &opened("index.html: opened on the disk"));
    told.both(
        "GET",
        "/dir",
        &[],
        &[
            site,
            OWN,
            ("file", "dir: a folder: its address ends in a slash"),
        ],
    );
    told.both(
        "GET",
        "/listed/",
        &[],
        &[
            site,
            OWN,
            ("file", "listed/: a folder without an index: it is listed"),
        ],
    );
    let (response, account) = told.send("GET", "/missing", &[]);
    response.expect(404);
    account.expect(&[
        site,
        OWN,
        ("file", "missing: nothing there that is served"),
        ("refused", "not-found (404 Not Found)"),
    ]);
    let navigation = ["Host: www.app.test", "Sec-Fetch-Mode: navigate"];
    let matched = ("site", "app.test (its host matches `*.app.test`)");
    told.both(
        "GET",
        "/users/1",
        &navigation,
        &[
            matched,
            OWN,
            (
                "file",
                "index.html, in the place of what is not there: opened on the disk",
            ),
            AS_IT_IS,
        ],
    );
    let (response, account) = told.send("GET", "/users/1.js", &["Host: app.test"]);
    response.expect(404);
    account.expect(&[
        ("site", "app.test"),
        OWN,
        ("file", "users/1.js: nothing there that is served"),
        ("refused", "not-found (404 Not Found)"),
    ]);
    let (response, account) = told.send("GET", "/bare/", &["Host: app.test"]);
    response.expect(404);
    account.expect(&[
        ("site", "app.test"),
        OWN,
        ("file", "bare/index.html: nothing there that is served"),
        ("refused", "not-found (404 Not Found)"),
    ]);
}

#[test]
fn a_listing_of_the_document_root_has_a_name() {
    let docroot = Docroot::empty();
    docroot.publish("one.txt", "one\n");
    let told = Explained::start(docroot, "[[site]]\ndocroot = \"$ROOT\"\nlisting = true\n");
    told.both(
        "GET",
        "/",
        &[],
        &[
            SITE,
            OWN,
            (
                "file",
                "the document root: a folder without an index: it is listed",
            ),
        ],
    );
}
