//! The very next request sees what is there now.

use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::{
    A_JS, A_JS_BR, A_JS_GZ, A_JS_GZ_LEVEL_1, Docroot, OTHER_JS, OTHER_JS_GZ, PUBLISHED, TestServer,
    pattern,
};

#[test]
fn a_file_changed_in_place() {
    let server = TestServer::standard();
    let mut client = server.connect();
    for round in 0..50 {
        let content = format!("round {round}\n");
        server.docroot.write("busy.txt", &content);
        client
            .get("/busy.txt", &[])
            .expect(200)
            .expect_body(&content);
    }
}

#[test]
fn a_file_changed_by_rename() {
    let server = TestServer::standard();
    let mut client = server.connect();
    for round in 0..50 {
        let content = format!("round {round}\n");
        server.docroot.replace("t.bin", &content);
        client.get("/t.bin", &[]).expect(200).expect_body(&content);
    }
}

#[test]
fn a_file_of_the_same_size_and_date() {
    let server = TestServer::standard();
    let mut client = server.connect();
    for round in 0..20_u8 {
        server.docroot.publish("t.bin", [round; 1000]);
        client
            .get("/t.bin", &[])
            .expect(200)
            .expect_body([round; 1000]);
        server.docroot.replace("t.bin", [round + 100; 1000]);
        server.docroot.date("t.bin", PUBLISHED);
        client
            .get("/t.bin", &[])
            .expect(200)
            .expect_body([round + 100; 1000]);
    }
}

#[test]
fn a_large_file_changed() {
    let server = TestServer::standard();
    for fill in 0..4_u8 {
        let content = vec![fill; (3 << 20) + usize::from(fill)];
        server.docroot.write("big.bin", &content);
        server
            .get("/big.bin", &[])
            .expect(200)
            .expect_body(&content);
    }
}

#[test]
fn a_file_deleted_and_made_again() {
    let server = TestServer::standard();
    let mut client = server.connect();
    for _ in 0..20 {
        client
            .get("/t.bin", &[])
            .expect(200)
            .expect_body(pattern(1000));
        server.docroot.remove("t.bin");
        client.get("/t.bin", &[]).expect(404);
        server.docroot.publish("t.bin", pattern(1000));
    }
}

#[test]
fn a_file_that_was_missing() {
    let server = TestServer::standard();
    server.get("/new.txt", &[]).expect(404);
    server.docroot.write("new.txt", "here now");
    server
        .get("/new.txt", &[])
        .expect(200)
        .expect_body("here now");
}

#[test]
fn a_file_that_becomes_a_directory_and_back() {
    let server = TestServer::standard();
    server.get("/t.bin", &[]).expect(200);
    server.docroot.remove("t.bin");
    server.docroot.write("t.bin/index.html", "a page");
    server.get("/t.bin", &[]).expect_any(&[301, 302, 307, 308]);
    server.get("/t.bin/", &[]).expect(200).expect_body("a page");
    fs::remove_dir_all(server.docroot.path("t.bin")).unwrap();
    server.docroot.write("t.bin", "a file");
    server.get("/t.bin", &[]).expect(200).expect_body("a file");
    server.get("/t.bin/", &[]).expect(404);
}

#[test]
fn a_file_that_becomes_a_link_to_outside() {
    let server = TestServer::standard();
    server.get("/t.bin", &[]).expect(200);
    server.docroot.remove("t.bin");
    server.docroot.link("t.bin", "../outside/secret.txt");
    server.get("/t.bin", &[]).expect(404);
}

#[test]
fn a_directory_replaced_by_another() {
    let server = TestServer::standard();
    server.get("/dir/index.html", &[]).expect(200);
    fs::rename(server.docroot.path("dir"), server.docroot.path("old")).unwrap();
    server.get("/dir/index.html", &[]).expect(404);
    server.docroot.publish("dir/index.html", "another");
    server
        .get("/dir/index.html", &[])
        .expect(200)
        .expect_body("another");
    assert!(
        server
            .get("/old/index.html", &[])
            .expect(200)
            .text()
            .contains("Directory")
    );
}

#[test]
fn the_document_root_replaced_by_rename() {
    let server = TestServer::standard();
    let mut client = server.connect();
    for round in 0..10 {
        let next = server.docroot.parent().join("next");
        fs::create_dir(&next).unwrap();
        fs::write(next.join("t.bin"), format!("release {round}")).unwrap();
        fs::rename(
            server.docroot.root(),
            server.docroot.parent().join(format!("old-{round}")),
        )
        .unwrap();
        fs::rename(&next, server.docroot.root()).unwrap();
        client
            .get("/t.bin", &[])
            .expect(200)
            .expect_body(format!("release {round}"));
        client.get("/a.js", &[]).expect(404);
    }
}

#[test]
fn the_document_root_replaced_by_a_swap_of_links() {
    let docroot = Docroot::standard();
    let current = docroot.parent().join("current");
    for release in ["one", "two"] {
        fs::create_dir(docroot.parent().join(release)).unwrap();
        fs::write(docroot.parent().join(release).join("version.txt"), release).unwrap();
    }
    symlink("one", &current).unwrap();
    let server = TestServer::start(docroot, "[[site]]\ndocroot = \"$PARENT/current\"\n");
    let mut client = server.connect();
    for release in ["one", "two", "one", "two"] {
        let incoming = server.docroot.parent().join("incoming");
        symlink(release, &incoming).unwrap();
        fs::rename(&incoming, &current).unwrap();
        client
            .get("/version.txt", &[])
            .expect(200)
            .expect_body(release);
    }
}

#[test]
fn the_document_root_deleted_and_made_again() {
    let server = TestServer::standard();
    server.get("/t.bin", &[]).expect(200);
    fs::remove_dir_all(server.docroot.root()).unwrap();
    server.get("/t.bin", &[]).expect_any(&[404, 500, 503]);
    server.get("/", &[]).expect_any(&[404, 500, 503]);
    server.docroot.write("t.bin", "back again");
    server
        .get("/t.bin", &[])
        .expect(200)
        .expect_body("back again");
}

#[test]
fn a_sidecar_changed() {
    let server = TestServer::standard();
    let accept = &["Accept-Encoding: gzip"];
    let old = server.get("/a.js", accept).expect(200).expect_body(A_JS_GZ);
    server.docroot.publish("a.js.gz", A_JS_GZ_LEVEL_1);
    let new = server
        .get("/a.js", accept)
        .expect(200)
        .expect_body(A_JS_GZ_LEVEL_1);
    assert_ne!(old.entity_tag(), new.entity_tag());
    server
        .get(
            "/a.js",
            &[accept[0], &format!("If-None-Match: {}", old.entity_tag())],
        )
        .expect(200);
}

#[test]
fn a_sidecar_removed_and_made_again() {
    let server = TestServer::with_site("compress = false");
    let accept = &["Accept-Encoding: br"];
    server.get("/a.js", accept).expect(200).expect_body(A_JS_BR);
    server.docroot.remove("a.js.br");
    // What it held is the file as it is, coded: that it is gone may be noticed a little later.
    let is_coded = || {
        let answer = server.get("/a.js", accept).expect(200);
        let coding = answer.value("Content-Encoding").map(str::to_owned);
        answer.expect_body(if coding.is_some() { A_JS_BR } else { A_JS });
        coding.is_some()
    };
    assert!(crate::harness::eventually(|| !is_coded()));
    server.docroot.publish("a.js.br", A_JS_BR);
    assert!(crate::harness::eventually(|| server
        .get("/a.js", accept)
        .expect(200)
        .body
        == A_JS_BR));
}

#[test]
fn a_sidecar_that_was_missing_is_found_before_long() {
    let server = TestServer::with_site("compress = false");
    let accept = &["Accept-Encoding: gzip"];
    server.docroot.remove("a.js.gz");
    server
        .get("/a.js", accept)
        .expect(200)
        .expect_no("Content-Encoding");
    server.docroot.publish("a.js.gz", A_JS_GZ);
    assert!(crate::harness::eventually(|| server
        .get("/a.js", accept)
        .expect(200)
        .body
        == A_JS_GZ));
}

#[test]
fn an_original_newer_than_its_sidecars_is_sent_itself() {
    let server = TestServer::with_site("compress = false");
    let accept = &["Accept-Encoding: gzip, br, zstd"];
    server.get("/a.js", accept).expect(200).expect_body(A_JS_BR);
    server.docroot.write("a.js", OTHER_JS);
    server
        .get("/a.js", accept)
        .expect(200)
        .expect_no("Content-Encoding")
        .expect_body(OTHER_JS);
    server.docroot.write("a.js.gz", OTHER_JS_GZ);
    let coded = || server.get("/a.js", accept).expect(200).body == OTHER_JS_GZ;
    assert!(
        crate::harness::eventually(coded),
        "its new sidecar is found before long"
    );
}

#[test]
fn an_index_that_comes_and_goes() {
    let server = TestServer::standard();
    server.get("/dir/", &[]).expect(200);
    server.docroot.remove("dir/index.html");
    server.get("/dir/", &[]).expect(404);
    server.docroot.write("dir/index.html", "again");
    server.get("/dir/", &[]).expect(200).expect_body("again");
}

#[test]
fn with_a_time_to_live_a_change_is_seen_after_it() {
    let server = TestServer::with_site("[cache]\nrevalidate = \"200ms\"\n");
    server.get("/t.bin", &[]).expect(200);
    server.docroot.replace("t.bin", "new");
    assert!(crate::harness::eventually(|| server
        .get("/t.bin", &[])
        .expect(200)
        .body
        == b"new"));
}

#[test]
fn with_no_memory_for_files_everything_is_as_before() {
    let server = TestServer::with_site("[cache]\nmemory = 0\n");
    let first = server
        .get("/t.bin", &[])
        .expect(200)
        .expect_body(pattern(1000));
    server
        .get("/t.bin", &["Range: bytes=-5"])
        .expect(206)
        .expect_body(&pattern(1000)[995..]);
    server
        .get(
            "/t.bin",
            &[&format!("If-None-Match: {}", first.entity_tag())],
        )
        .expect(304);
    server
        .get("/a.js", &["Accept-Encoding: gzip"])
        .expect(200)
        .expect_body(A_JS_GZ);
    server.docroot.publish("t.bin", [9; 1000]);
    server
        .get(
            "/t.bin",
            &[&format!("If-None-Match: {}", first.entity_tag())],
        )
        .expect(200)
        .expect_body([9; 1000]);
}

#[test]
fn with_little_memory_every_file_is_still_right() {
    let docroot = Docroot::empty();
    for file in 0..50_u8 {
        docroot.publish(&format!("{file}.bin"), vec![file; 4000]);
    }
    let server =
        TestServer::with_docroot(docroot, "[cache]\nmemory = \"16KiB\"\nfile = \"8KiB\"\n");
    let mut client = server.connect();
    for _ in 0..3 {
        for file in 0..50_u8 {
            client
                .get(&format!("/{file}.bin"), &[])
                .expect(200)
                .expect_body(vec![file; 4000]);
        }
    }
}
