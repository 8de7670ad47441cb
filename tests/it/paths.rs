//! Request paths (RFC 3986, RFC 9110 §17.3): decoded once, refused when they need repair, kept beneath the docroot.

use crate::harness::{A_JS, Docroot, Response, SECRET, TestServer, pattern};

/// None of the bytes that lie outside, whatever the status.
#[track_caller]
fn expect_no_secret(response: Response) -> Response {
    assert!(
        !response.text().contains(SECRET.trim_end()),
        "a byte from outside: {response:?}"
    );
    response
}

/// The path of the target URI that `Location` names, seen from `base` (RFC 3986 §5).
fn resolve(base: &str, location: &str) -> String {
    if location.starts_with('/') {
        return location.to_owned();
    }
    let folder = &base[..=base.rfind('/').expect("an absolute path")];
    format!(
        "{folder}{}",
        location.strip_prefix("./").unwrap_or(location)
    )
}

#[test]
fn the_root_is_its_index() {
    let server = TestServer::standard();
    let response = server.get("/", &[]).expect(200);
    assert!(response.text().contains("Home"));
    assert!(
        server
            .get("/index.html", &[])
            .expect(200)
            .text()
            .contains("Home")
    );
}

#[test]
fn dot_segments_are_refused() {
    let server = TestServer::standard();
    for path in [
        "/../outside/secret.txt",
        "/..",
        "/.",
        "/./t.bin",
        "/dir/..",
        "/dir/.",
        "/dir/../t.bin",
        "/dir/../../outside/secret.txt",
        "/../../../../../../../../etc/passwd",
        "/%2e%2e/outside/secret.txt",
        "/%2E%2E/outside/secret.txt",
        "/.%2e/outside/secret.txt",
        "/%2e./outside/secret.txt",
        "/dir/%2e%2e/%2e%2e/outside/secret.txt",
        "/%2e/t.bin",
    ] {
        expect_no_secret(server.get(path, &[])).expect(400);
    }
}

#[test]
fn an_escaped_separator_is_refused() {
    let server = TestServer::standard();
    for path in [
        "/..%2foutside%2fsecret.txt",
        "/..%2Foutside%2Fsecret.txt",
        "/dir%2findex.html",
        "/%2fetc%2fpasswd",
        "/dir%2f",
        "/..%5coutside%5csecret.txt",
        "/dir%5cindex.html",
        "/dir%5Cindex.html",
        "/dir\\index.html",
        "/\\evil.example",
        "/..\\outside\\secret.txt",
    ] {
        expect_no_secret(server.get(path, &[])).expect(400);
    }
}

#[test]
fn a_path_is_decoded_once() {
    let docroot = Docroot::standard();
    docroot.publish("100%25.txt", "a name with an escape in it\n");
    docroot.publish("%2e%2e", "a name that is an escape\n");
    let server = TestServer::with_docroot(docroot, "");
    for path in [
        "/%252e%252e/outside/secret.txt",
        "/%252e%252e%252foutside/secret.txt",
    ] {
        expect_no_secret(server.get(path, &[])).expect(404);
    }
    server
        .get("/100%2525.txt", &[])
        .expect(200)
        .expect_body("a name with an escape in it\n");
    server
        .get("/%252e%252e", &[])
        .expect(200)
        .expect_body("a name that is an escape\n");
}

#[test]
fn nul_and_other_controls_are_refused() {
    let server = TestServer::standard();
    for path in [
        "/t.bin%00",
        "/t.bin%00.html",
        "/%00",
        "/t%00.bin",
        "/t.bin%0a",
        "/t.bin%0d%0aSet-Cookie:%20x=1",
        "/%1f",
        "/%7f",
        "/t.bin%09",
    ] {
        let response = server.get(path, &[]).expect(400);
        assert!(response.head.values("Set-Cookie").is_empty());
    }
}

#[test]
fn what_is_not_utf8_is_refused() {
    let server = TestServer::standard();
    for path in [
        "/%c0%ae%c0%ae/outside/secret.txt",
        "/%ff",
        "/%e2%82",
        "/%ed%a0%80",
        "/%f8%88%80%80%80",
        "/t%80.bin",
    ] {
        expect_no_secret(server.get(path, &[])).expect(400);
    }
}

#[test]
fn bad_escapes_are_refused() {
    let server = TestServer::standard();
    for path in [
        "/%",
        "/%2",
        "/t.bin%",
        "/%zz",
        "/%2g",
        "/%%32e",
        "/t%u002ebin",
    ] {
        server.get(path, &[]).expect(400);
    }
}

#[test]
fn raw_bytes_beyond_ascii_are_refused() {
    let docroot = Docroot::standard();
    docroot.publish("대문.txt", "gate\n");
    let server = TestServer::with_docroot(docroot, "");
    server
        .exchange("GET /대문.txt HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect(400);
    server
        .exchange(b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect(400);
}

#[test]
fn names_with_spaces_unicode_and_signs_are_served_by_their_escapes() {
    let docroot = Docroot::standard();
    for name in [
        "with space.txt",
        "대문.txt",
        "plus+sign.txt",
        "100%.txt",
        "a&b;c=d.txt",
        "q?mark.txt",
        "hash#.txt",
        "~tilde'(1)!.txt",
        "C:x.txt",
    ] {
        docroot.publish(name, name);
    }
    let server = TestServer::with_docroot(docroot, "");
    for (path, name) in [
        ("/with%20space.txt", "with space.txt"),
        ("/%EB%8C%80%EB%AC%B8.txt", "대문.txt"),
        ("/%eb%8c%80%eb%ac%b8.txt", "대문.txt"),
        ("/plus+sign.txt", "plus+sign.txt"),
        ("/plus%2bsign.txt", "plus+sign.txt"),
        ("/100%25.txt", "100%.txt"),
        ("/a&b;c=d.txt", "a&b;c=d.txt"),
        ("/q%3Fmark.txt", "q?mark.txt"),
        ("/hash%23.txt", "hash#.txt"),
        ("/~tilde'(1)!.txt", "~tilde'(1)!.txt"),
        ("/%7Etilde%27(1)!.txt", "~tilde'(1)!.txt"),
        ("/C:x.txt", "C:x.txt"),
        ("/%74.%62in", "t.bin"),
    ] {
        let expected = if name == "t.bin" {
            pattern(1000)
        } else {
            name.as_bytes().to_vec()
        };
        server.get(path, &[]).expect(200).expect_body(expected);
    }
    server.get("/with+space.txt", &[]).expect(404);
}

#[test]
fn names_are_told_apart_by_case() {
    TestServer::standard().get("/T.BIN", &[]).expect(404);
}

#[test]
fn a_query_chooses_nothing() {
    let server = TestServer::standard();
    for path in [
        "/t.bin?",
        "/t.bin?x=1",
        "/t.bin?../../etc/passwd",
        "/t.bin?%zz",
        "/t.bin?a?b",
        "/t.bin?%00",
    ] {
        server.get(path, &[]).expect(200).expect_body(pattern(1000));
    }
}

#[test]
fn a_fragment_is_dropped_or_refused() {
    let response = TestServer::standard()
        .get("/t.bin#fragment", &[])
        .expect_any(&[200, 400]);
    assert!(response.status() == 400 || response.body == pattern(1000));
}

#[test]
fn empty_segments_are_not_found() {
    let server = TestServer::standard();
    for path in [
        "//",
        "//t.bin",
        "/dir//index.html",
        "/dir//",
        "///etc/passwd",
        "//localhost/t.bin",
    ] {
        server.get(path, &[]).expect(404);
    }
}

#[test]
fn a_location_never_leaves_the_site() {
    let docroot = Docroot::standard();
    std::fs::create_dir(docroot.path("evil.com")).unwrap();
    let server = TestServer::with_docroot(docroot, "");
    for path in [
        "//dir",
        "//evil.com/%2e%2e",
        "//evil.com",
        "/\\evil.com",
        "/%5cevil.com",
        "/%2fevil.com",
        "///evil.com/",
        "/.//evil.com",
    ] {
        // Every Location is checked by the harness as well.
        server.get(path, &[]).expect_any(&[400, 404]);
    }
}

#[test]
fn too_long_paths_and_segments_are_not_found() {
    let server = TestServer::standard();
    server
        .get(&format!("/{}", "a".repeat(256)), &[])
        .expect(404);
    server
        .get(&format!("/{}", "a".repeat(255)), &[])
        .expect(404);
    server
        .get(&format!("/{}x", "a/".repeat(2100)), &[])
        .expect(404);
    server
        .get(&format!("/{}", "%61".repeat(255)), &[])
        .expect(404);
    // Shorter than the bound, but not with the document root before it.
    server
        .get(&format!("/{}x", "a/".repeat(2040)), &[])
        .expect(404);
    server
        .head(&format!("/{}", "a/".repeat(2040)), &[])
        .expect(404);
}

#[test]
fn a_file_is_no_directory() {
    let server = TestServer::standard();
    server.get("/t.bin/", &[]).expect(404);
    server.get("/t.bin/x", &[]).expect(404);
    server.get("/a.js/", &["Accept-Encoding: gzip"]).expect(404);
}

#[test]
fn a_directory_without_its_slash_is_redirected_to_it() {
    let server = TestServer::standard();
    for (path, target) in [
        ("/dir", "/dir/"),
        ("/dir?x=1", "/dir/?x=1"),
        ("/dir?x=%20/&y=?", "/dir/?x=%20/&y=?"),
        ("/d%69r?", "/dir/"),
    ] {
        for method in ["GET", "HEAD"] {
            let response = server
                .send(method, path, &[])
                .expect_any(&[301, 302, 307, 308]);
            let location = response.field("Location");
            assert!(
                !location.contains("://"),
                "a relative reference, whatever the client called us: {response:?}"
            );
            let resolved = resolve(path.split('?').next().unwrap(), location).replace("%69", "i");
            // An empty query may be kept or left out.
            assert!(
                resolved == target || resolved == format!("{target}?"),
                "{response:?}"
            );
            assert!(!response.lives_long(), "{response:?}");
        }
    }
    assert!(
        server
            .get("/dir/", &[])
            .expect(200)
            .text()
            .contains("Directory")
    );
}

#[test]
fn a_redirect_keeps_escapes() {
    let docroot = Docroot::standard();
    docroot.publish("a b%/index.html", "x");
    docroot.publish("대문/index.html", "x");
    let server = TestServer::with_docroot(docroot, "");
    for (path, target) in [
        ("/a%20b%25", "/a%20b%25/"),
        ("/%EB%8C%80%EB%AC%B8", "/%EB%8C%80%EB%AC%B8/"),
    ] {
        let response = server.get(path, &[]).expect_any(&[301, 302, 307, 308]);
        let target_now = resolve(path, response.field("Location"));
        assert_eq!(target_now, target);
        server.get(&target_now, &[]).expect(200);
    }
}

#[test]
fn a_directory_without_an_index_is_not_found() {
    let docroot = Docroot::standard();
    std::fs::create_dir(docroot.path("bare")).unwrap();
    let server = TestServer::with_docroot(docroot, "");
    server.get("/bare/", &[]).expect(404);
    server
        .get("/bare", &[])
        .expect_any(&[301, 302, 307, 308, 404]);
}

#[test]
fn the_index_names_are_tried_in_order() {
    let docroot = Docroot::empty();
    docroot.publish("both/index.htm", "second");
    docroot.publish("both/start.html", "first");
    docroot.publish("one/index.htm", "second");
    docroot.publish("none/index.html", "not named");
    std::fs::create_dir_all(docroot.path("odd/start.html")).unwrap();
    docroot.publish("odd/index.htm", "second");
    let server = TestServer::with_docroot(docroot, "index = [\"start.html\", \"index.htm\"]");
    server.get("/both/", &[]).expect(200).expect_body("first");
    server.get("/one/", &[]).expect(200).expect_body("second");
    server.get("/odd/", &[]).expect(200).expect_body("second");
    server.get("/none/", &[]).expect(404);
}

#[test]
fn clean_urls_are_an_option() {
    let page = |name: &str| {
        let docroot = Docroot::standard();
        docroot.publish("page.html", "a page");
        docroot.publish("dir.html", "beside a directory");
        TestServer::with_docroot(docroot, name)
    };
    page("").get("/page", &[]).expect(404);
    let server = page("clean_urls = true");
    server
        .get("/page", &[])
        .expect(200)
        .expect_body("a page")
        .expect_field("Content-Type", "text/html; charset=utf-8");
    server
        .head("/page", &[])
        .expect(200)
        .expect_field("Content-Length", "6");
    server.get("/missing", &[]).expect(404);
    server.get("/t.bin", &[]).expect(200);
    server
        .get("/page/", &[])
        .expect_any(&[404, 301, 302, 307, 308]);
    server.get("/.env", &[]).expect(404);
    server.get("/..", &[]).expect(400);
}

#[test]
fn hidden_files_are_not_found() {
    let server = TestServer::standard();
    for path in [
        "/.env",
        "/.git/config",
        "/.git",
        "/.git/",
        "/dir/.hidden/x",
        "/dir/.hidden",
        "/%2eenv",
        "/%2Egit/config",
        "/.missing",
    ] {
        let response = server.get(path, &[]).expect(404);
        assert!(!response.text().contains("hidden"), "{response:?}");
    }
}

#[test]
fn the_well_known_folder_is_not_hidden() {
    let docroot = Docroot::standard();
    docroot.publish(".well-known/.hidden", "hidden");
    docroot.publish("dir/.well-known/x", "hidden");
    let server = TestServer::with_docroot(docroot, "");
    server
        .get("/.well-known/x", &[])
        .expect(200)
        .expect_body("well known\n");
    server.get("/%2Ewell-known/x", &[]).expect(200);
    server.get("/.well-known/.hidden", &[]).expect(404);
    server.get("/dir/.well-known/x", &[]).expect(404);
    server.get("/.well-knownx", &[]).expect(404);
}

#[test]
fn hidden_files_are_served_when_asked_for_in_the_configuration() {
    let server = TestServer::with_site("hidden = true");
    server
        .get("/.env", &[])
        .expect(200)
        .expect_body("PASSWORD=hidden\n");
    server.get("/dir/.hidden/x", &[]).expect(200);
    server.get("/..", &[]).expect(400);
}

#[test]
fn a_hidden_sibling_and_a_present_one_look_the_same() {
    let server = TestServer::standard();
    let present = server.get("/.env", &[]);
    let missing = server.get("/.envx", &[]);
    assert_eq!(
        present.body.len(),
        missing.body.len(),
        "nobody learns which exist"
    );
}

#[test]
fn a_rule_is_not_passed_by_by_writing_the_path_otherwise() {
    let docroot = Docroot::standard();
    docroot.publish("admin/x", "for nobody");
    let config = "[[site.route]]\npath = \"/admin/\"\nrespond = \"no\"\nstatus = 403\n";
    let server = TestServer::with_docroot(docroot, config);
    for path in [
        "/admin/x",
        "/%61dmin/x",
        "/%61%64%6d%69%6e/x",
        "/admin",
        "/admin/",
        "/admin/x?y",
        "/admin/%78",
    ] {
        server.get(path, &[]).expect(403);
    }
    for path in [
        "/admin%2fx",
        "/admin%5cx",
        "//admin/x",
        "/./admin/x",
        "/dir/../admin/x",
        "/admin//x",
        "/ADMIN/x",
        "/admin%00/x",
        "/%2561dmin/x",
    ] {
        let response = server.get(path, &[]).expect_any(&[400, 403, 404]);
        assert!(!response.text().contains("for nobody"), "{response:?}");
    }
    server
        .exchange("GET http://localhost/admin/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect(403);
}

#[test]
fn an_absolute_target_is_served() {
    let server = TestServer::standard();
    server
        .exchange("GET http://localhost/t.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect(200)
        .expect_body(pattern(1000));
    server
        .exchange("GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect(200);
    server
        .exchange("GET http://localhost?x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect(200);
    server
        .exchange("GET http://localhost/../outside/secret.txt HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect(400);
}

#[test]
fn a_host_never_names_a_folder() {
    let server = TestServer::standard();
    for host in ["..", ".", "../outside", "/etc", "a/../..", "%2e%2e"] {
        expect_no_secret(server.get("/secret.txt", &[&format!("Host: {host}")]))
            .expect_any(&[400, 404]);
    }
}

#[test]
fn a_script_is_found_next_to_its_sidecars() {
    TestServer::standard()
        .get("/a.js", &[])
        .expect(200)
        .expect_body(A_JS);
}
