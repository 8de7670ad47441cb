//! Routes: redirects, fixed responses, fields and document roots by path.

use crate::harness::{Docroot, TestServer, pattern};

#[test]
fn a_redirect_is_302_unless_it_says_otherwise() {
    let server = TestServer::with_site(
        "[[site.route]]\npath = \"=/old\"\nredirect = \"/new\"\n\
         [[site.route]]\npath = \"=/moved\"\nredirect = \"/new\"\nstatus = 301\n\
         [[site.route]]\npath = \"=/other\"\nredirect = \"https://example.com/x\"\nstatus = 308\n",
    );
    server
        .get("/old", &[])
        .expect(302)
        .expect_field("Location", "/new");
    server
        .get("/moved", &[])
        .expect(301)
        .expect_field("Location", "/new");
    server
        .get("/other", &[])
        .expect(308)
        .expect_field("Location", "https://example.com/x");
    server
        .head("/old", &[])
        .expect(302)
        .expect_field("Location", "/new");
    server.get("/old/", &[]).expect(404);
    server.get("/older", &[]).expect(404);
}

#[test]
fn a_redirect_keeps_the_query_unless_it_has_one() {
    let server = TestServer::with_site(
        "[[site.route]]\npath = \"=/old\"\nredirect = \"/new\"\n\
         [[site.route]]\npath = \"=/query\"\nredirect = \"/new?from=old\"\n",
    );
    server
        .get("/old?a=1&b=%20", &[])
        .expect(302)
        .expect_field("Location", "/new?a=1&b=%20");
    server
        .get("/query?a=1", &[])
        .expect(302)
        .expect_field("Location", "/new?from=old");
}

#[test]
fn a_redirect_fills_in_path_rest_and_host() {
    let server = TestServer::with_site(
        "[[site.route]]\npath = \"/docs/\"\nredirect = \"/manual/{rest}\"\n\
         [[site.route]]\npath = \"/secure/\"\nredirect = \"https://{host}{path}\"\n",
    );
    server
        .get("/docs/a/b%20c.html?x=1", &[])
        .expect(302)
        .expect_field("Location", "/manual/a/b%20c.html?x=1");
    server
        .get("/docs/", &[])
        .expect(302)
        .expect_field("Location", "/manual/");
    server
        .get("/docs", &[])
        .expect(302)
        .expect_field("Location", "/manual/");
    let response = server
        .get("/secure/x?y", &["Host: Example.com:8080"])
        .expect(302);
    let location = response.field("Location");
    assert!(
        [
            "https://example.com/secure/x?y",
            "https://example.com:8080/secure/x?y"
        ]
        .contains(&location.to_ascii_lowercase().as_str()),
        "{response:?}"
    );
}

#[test]
fn a_redirect_splits_no_response_and_leaves_no_site() {
    // The harness refuses a Location that begins with `//`.
    let server = TestServer::with_site("[[site.route]]\npath = \"/go/\"\nredirect = \"/{rest}\"\n");
    for path in [
        "/go/%0d%0aSet-Cookie:%20x=1",
        "/go//evil.example",
        "/go/%2fevil.example",
        "/go/%5cevil.example",
        "/go/\\evil.example",
        "/go/..//evil.example",
    ] {
        let response = server.get(path, &[]);
        assert!(
            response.head.values("Set-Cookie").is_empty(),
            "{response:?}"
        );
        assert!((300..500).contains(&response.status()), "{response:?}");
    }
    let response = server.get("/go/x?%0d%0aSet-Cookie:%20x=1", &[]).expect(302);
    assert!(
        response.head.values("Set-Cookie").is_empty(),
        "{response:?}"
    );
}

#[test]
fn a_fixed_response_is_what_it_says() {
    let server = TestServer::with_site(
        "[[site.route]]\npath = \"=/health\"\nrespond = \"fine\\n\"\nmedia_type = \"text/plain; charset=utf-8\"\n\
         [[site.route]]\npath = \"/gone/\"\nrespond = \"no more\"\nstatus = 410\n",
    );
    let response = server.get("/health", &[]).expect(200).expect_body("fine\n");
    assert_eq!(response.field("Content-Type"), "text/plain; charset=utf-8");
    server
        .head("/health", &[])
        .expect(200)
        .expect_field("Content-Length", "5");
    server
        .get("/gone/x", &[])
        .expect(410)
        .expect_body("no more");
}

#[test]
fn the_more_exact_route_is_taken_in_whatever_order() {
    let server = TestServer::with_site(
        "[[site.route]]\npath = \"/\"\nrespond = \"root\"\n\
         [[site.route]]\npath = \"*.txt\"\nrespond = \"ending\"\n\
         [[site.route]]\npath = \"/a/\"\nrespond = \"short\"\n\
         [[site.route]]\npath = \"/a/b/\"\nrespond = \"long\"\n\
         [[site.route]]\npath = \"=/a/b/c\"\nrespond = \"exact\"\n",
    );
    for (path, body) in [
        ("/a/b/c", "exact"),
        ("/a/b/d", "long"),
        ("/a/b", "long"),
        ("/a/b/c/", "long"),
        ("/a/x", "short"),
        ("/a", "short"),
        ("/a/x.txt", "short"),
        ("/x.txt", "ending"),
        ("/ax", "root"),
        ("/", "root"),
        ("/ab/", "root"),
    ] {
        server.get(path, &[]).expect(200).expect_body(body);
    }
}

#[test]
fn a_route_holds_for_the_decoded_path() {
    let server =
        TestServer::with_site("[[site.route]]\npath = \"/with space/\"\nrespond = \"yes\"\n");
    server
        .get("/with%20space/x", &[])
        .expect(200)
        .expect_body("yes");
    server
        .get("/%77ith%20space/x", &[])
        .expect(200)
        .expect_body("yes");
}

#[test]
fn fields_are_set_by_site_and_by_route() {
    let server = TestServer::with_site(
        "[site.headers]\nX-Site = \"all\"\nX-Both = \"site\"\n\
         [[site.route]]\npath = \"/dir/\"\n[site.route.headers]\nX-Route = \"dir\"\nX-Both = \"route\"\n",
    );
    server
        .get("/t.bin", &[])
        .expect(200)
        .expect_field("X-Site", "all")
        .expect_field("X-Both", "site")
        .expect_no("X-Route");
    let response = server
        .get("/dir/index.html", &[])
        .expect(200)
        .expect_field("X-Site", "all")
        .expect_field("X-Route", "dir");
    response.expect_field("X-Both", "route");
    server
        .get("/missing", &[])
        .expect(404)
        .expect_field("X-Site", "all");
    server
        .get("/..", &[])
        .expect(400)
        .expect_field("X-Site", "all");
    server
        .get("/dir/missing", &[])
        .expect(404)
        .expect_field("X-Site", "all");
    server
        .get("/t.bin", &["If-None-Match: *"])
        .expect(304)
        .expect_field("X-Site", "all");
    server
        .send("POST", "/t.bin", &["Content-Length: 0"])
        .expect(405)
        .expect_field("X-Site", "all");
    server.get("/dir", &[]).expect_field("X-Site", "all");
}

#[test]
fn a_lifetime_is_set_by_path() {
    let server = TestServer::with_site(
        "cache_control = \"max-age=60\"\n\
         [[site.route]]\npath = \"/dir/\"\ncache_control = \"public, max-age=600\"\n\
         [[site.route]]\npath = \"*.css\"\ncache_control = \"no-store\"\n",
    );
    server
        .get("/t.bin", &[])
        .expect(200)
        .expect_field("Cache-Control", "max-age=60");
    server
        .get("/dir/index.html", &[])
        .expect(200)
        .expect_field("Cache-Control", "public, max-age=600");
    server
        .get("/dir/", &[])
        .expect(200)
        .expect_field("Cache-Control", "public, max-age=600");
    server
        .get("/t.css", &[])
        .expect(200)
        .expect_field("Cache-Control", "no-store");
    server
        .get("/t.bin", &["Range: bytes=0-4"])
        .expect(206)
        .expect_field("Cache-Control", "max-age=60");
}

#[test]
fn a_route_may_have_a_docroot_of_its_own() {
    let docroot = Docroot::standard();
    std::fs::create_dir(docroot.outside().join("files")).unwrap();
    std::fs::write(docroot.outside().join("x.txt"), "x").unwrap();
    std::fs::write(docroot.outside().join("files/y.txt"), "y").unwrap();
    let server = TestServer::with_docroot(
        docroot,
        "[[site.route]]\npath = \"/stripped/\"\ndocroot = \"$OUTSIDE\"\nstrip_prefix = true\n\
         [[site.route]]\npath = \"/own/\"\nstrip_prefix = true\n\
         [[site.route]]\npath = \"/files/\"\ndocroot = \"$OUTSIDE\"\n",
    );
    server
        .get("/stripped/x.txt", &[])
        .expect(200)
        .expect_body("x");
    server
        .get("/stripped/files/y.txt", &[])
        .expect(200)
        .expect_body("y");
    server.get("/files/y.txt", &[]).expect(200).expect_body("y");
    server.get("/x.txt", &[]).expect(404);
    server
        .get("/t.bin", &[])
        .expect(200)
        .expect_body(pattern(1000));
    server
        .get("/own/t.bin", &[])
        .expect(200)
        .expect_body(pattern(1000));
    server.get("/stripped/t.bin", &[]).expect(404);
    server.get("/stripped/../root/t.bin", &[]).expect(400);
}

#[test]
fn a_directory_beneath_a_stripped_prefix_is_redirected_to_where_it_is() {
    let docroot = Docroot::standard();
    let server = TestServer::with_docroot(
        docroot,
        "[[site.route]]\npath = \"/shop/\"\ndocroot = \"$ROOT\"\nstrip_prefix = true\n",
    );
    let response = server
        .get("/shop/dir?x=1", &[])
        .expect_any(&[301, 302, 307, 308]);
    let location = response.field("Location");
    assert!(
        ["dir/?x=1", "./dir/?x=1", "/shop/dir/?x=1"].contains(&location),
        "{response:?}"
    );
    assert!(
        server
            .get("/shop/dir/", &[])
            .expect(200)
            .text()
            .contains("Directory")
    );
    assert!(
        server
            .get("/shop/", &[])
            .expect(200)
            .text()
            .contains("Home")
    );
    server
        .get("/shop/t.bin", &[])
        .expect(200)
        .expect_body(pattern(1000));
    server.get("/shop/link.txt", &[]).expect(404);
    server.get("/shop/.env", &[]).expect(404);
}

#[test]
fn a_route_inherits_the_settings_of_its_site() {
    let docroot = Docroot::empty();
    std::fs::write(docroot.outside().join("page.html"), "page").unwrap();
    std::fs::write(docroot.outside().join(".hidden"), "hidden").unwrap();
    let server = TestServer::with_docroot(
        docroot,
        "clean_urls = true\nhidden = true\n[[site.route]]\npath = \"/r/\"\ndocroot = \"$OUTSIDE\"\nstrip_prefix = true\n",
    );
    server.get("/r/page", &[]).expect(200).expect_body("page");
    server.get("/r/.hidden", &[]).expect(200);
}

#[test]
fn a_site_without_docroot_serves_its_routes_alone() {
    let server = TestServer::start(
        Docroot::empty(),
        "[[site]]\n[[site.route]]\npath = \"=/x\"\nrespond = \"x\"\n",
    );
    server.get("/x", &[]).expect(200).expect_body("x");
    server.get("/y", &[]).expect(404);
}

#[test]
fn a_lifetime_of_the_site_is_not_that_of_a_refusal() {
    let server = TestServer::with_site(
        "cache_control = \"public, max-age=31536000\"\n\
         [[site.route]]\npath = \"/gone/\"\nrespond = \"no more\"\nstatus = 410\n\
         [[site.route]]\npath = \"/old/\"\nredirect = \"/new/{rest}\"\n",
    );
    // The harness holds every refusal against a long life.
    server.get("/gone/x", &[]).expect(410);
    server.get("/missing", &[]).expect(404);
    let redirect = server.get("/old/x", &[]).expect(302);
    assert!(!redirect.lives_long(), "{redirect:?}");
    assert!(server.get("/t.bin", &[]).expect(200).lives_long());
}

#[test]
fn fixed_responses_and_redirects_keep_the_connection() {
    let server = TestServer::with_site(
        "[[site.route]]\npath = \"=/health\"\nrespond = \"fine\"\n\
         [[site.route]]\npath = \"=/empty\"\nrespond = \"\"\nstatus = 204\n\
         [[site.route]]\npath = \"=/old\"\nredirect = \"/new\"\n",
    );
    let mut client = server.connect();
    for _ in 0..3 {
        client.get("/health", &[]).expect(200).expect_body("fine");
        client.head("/health", &[]).expect(200);
        client.get("/empty", &[]).expect(204);
        client.get("/old", &[]).expect(302);
        client.head("/old", &[]).expect(302);
    }
    client.finish();
}

#[test]
fn a_rule_written_with_escapes_is_refused_not_passed_by() {
    // CVE-2026-27587: such a rule would never hold for the decoded path.
    let text = "[[site]]\n[[site.route]]\npath = \"/adm%69n/\"\nrespond = \"no\"\nstatus = 403\n";
    assert!(daemun::Config::parse(text, std::path::Path::new("test.toml")).is_err());
}
