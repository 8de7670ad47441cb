//! What a file says it is (RFC 9110 §8.3).

use crate::harness::{Docroot, TestServer};

#[test]
fn todays_extensions_have_todays_types() {
    let types = [
        ("page.html", "text/html; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("script.js", "text/javascript; charset=utf-8"),
        ("module.mjs", "text/javascript; charset=utf-8"),
        ("plain.txt", "text/plain; charset=utf-8"),
        ("data.json", "application/json"),
        ("app.js.map", "application/json"),
        ("program.wasm", "application/wasm"),
        ("app.webmanifest", "application/manifest+json"),
        ("image.svg", "image/svg+xml"),
        ("image.png", "image/png"),
        ("image.jpg", "image/jpeg"),
        ("image.webp", "image/webp"),
        ("image.avif", "image/avif"),
        ("image.jxl", "image/jxl"),
        ("font.woff2", "font/woff2"),
        ("archive.gz", "application/gzip"),
        ("archive.zst", "application/zstd"),
        ("UPPER.HTML", "text/html; charset=utf-8"),
        ("unknown.xyzzy", "application/octet-stream"),
        ("without", "application/octet-stream"),
    ];
    let docroot = Docroot::empty();
    for (name, _) in types {
        docroot.publish(name, "content");
    }
    let server = TestServer::with_docroot(docroot, "");
    for (name, media_type) in types {
        server
            .get(&format!("/{name}"), &[])
            .expect(200)
            .expect_field("Content-Type", media_type);
    }
}

#[test]
fn nobody_is_to_guess() {
    let server = TestServer::standard();
    for path in ["/t.bin", "/t.css", "/", "/a.js"] {
        server
            .get(path, &[])
            .expect(200)
            .expect_field("X-Content-Type-Options", "nosniff");
        server
            .head(path, &[])
            .expect(200)
            .expect_field("X-Content-Type-Options", "nosniff");
    }
}

#[test]
fn a_configured_type_is_over_the_table() {
    let docroot = Docroot::standard();
    docroot.publish("x.xyzzy", "x");
    docroot.publish("x.txt", "x");
    let server = TestServer::with_docroot(
        docroot,
        "[site.media_types]\nxyzzy = \"application/x-xyzzy\"\ntxt = \"text/x-other\"\n",
    );
    server
        .get("/x.xyzzy", &[])
        .expect(200)
        .expect_field("Content-Type", "application/x-xyzzy");
    assert!(
        server
            .get("/x.txt", &[])
            .expect(200)
            .field("Content-Type")
            .starts_with("text/x-other")
    );
    server
        .get("/t.css", &[])
        .expect(200)
        .expect_field("Content-Type", "text/css; charset=utf-8");
}
