//! What a name leads to: symbolic links by policy, and things that are no files.

use crate::harness::{Docroot, PATIENCE, Response, SECRET, TestServer, pattern};

/// None of the bytes that lie outside, whatever the status.
#[track_caller]
fn expect_no_secret(response: Response) -> Response {
    assert!(
        !response.text().contains(SECRET.trim_end()),
        "a byte from outside: {response:?}"
    );
    response
}

#[test]
fn links_that_stay_inside_are_followed() {
    let server = TestServer::standard();
    server
        .get("/inner.bin", &[])
        .expect(200)
        .expect_body(pattern(1000));
    server
        .get("/dir/up.bin", &[])
        .expect(200)
        .expect_body(pattern(1000));
    // An absolute link names a place by its way from the root of the machine: beneath the docroot or not, it may be refused.
    let absolute = server.get("/absolute.bin", &[]).expect_any(&[200, 404]);
    assert!(absolute.status() == 404 || absolute.body == pattern(1000));
}

#[test]
fn links_that_leave_are_not_found() {
    let docroot = Docroot::standard();
    docroot.link("absolute.txt", docroot.outside().join("secret.txt"));
    docroot.link("absolutedir", docroot.outside());
    docroot.link("chain1", "chain2");
    docroot.link("chain2", "linkdir");
    docroot.link("loop", "loop");
    docroot.link("dangling", "nothing");
    docroot.link("proc", "/proc/self/cwd");
    docroot.link("again", "../root/../outside/secret.txt");
    let server = TestServer::with_docroot(docroot, "");
    for path in [
        "/link.txt",
        "/linkdir",
        "/linkdir/",
        "/linkdir/secret.txt",
        "/absolute.txt",
        "/absolutedir/secret.txt",
        "/chain1/secret.txt",
        "/loop",
        "/loop/x",
        "/dangling",
        "/proc/Cargo.toml",
        "/again",
    ] {
        expect_no_secret(server.get(path, &[])).expect(404);
        server.head(path, &[]).expect(404);
    }
}

#[test]
fn with_links_denied_no_link_is_followed() {
    let docroot = Docroot::standard();
    docroot.link("innerdir", "dir");
    let server = TestServer::with_docroot(docroot, "symlinks = \"deny\"");
    for path in [
        "/link.txt",
        "/linkdir/secret.txt",
        "/inner.bin",
        "/absolute.bin",
        "/dir/up.bin",
        "/innerdir/index.html",
        "/innerdir/",
    ] {
        expect_no_secret(server.get(path, &[])).expect(404);
    }
    server.get("/t.bin", &[]).expect(200);
    server.get("/dir/index.html", &[]).expect(200);
}

#[test]
fn with_links_allowed_they_lead_anywhere_but_dots_do_not() {
    let server = TestServer::with_site("symlinks = \"follow\"");
    server.get("/link.txt", &[]).expect(200).expect_body(SECRET);
    server
        .get("/linkdir/secret.txt", &[])
        .expect(200)
        .expect_body(SECRET);
    server
        .get("/absolute.bin", &[])
        .expect(200)
        .expect_body(pattern(1000));
    server.get("/../outside/secret.txt", &[]).expect(400);
    server
        .get("/linkdir/../../outside/secret.txt", &[])
        .expect(400);
}

#[test]
fn the_docroot_itself_may_be_a_link() {
    let docroot = Docroot::standard();
    std::os::unix::fs::symlink("root", docroot.parent().join("current")).unwrap();
    let server = TestServer::start(docroot, "[[site]]\ndocroot = \"$PARENT/current\"\n");
    server.get("/t.bin", &[]).expect(200);
    server.get("/link.txt", &[]).expect(404);
}

#[test]
fn what_is_no_file_is_not_found_and_nobody_waits() {
    let docroot = Docroot::standard();
    docroot.fifo("fifo");
    docroot.fifo("fifo.html");
    docroot.link("linked-fifo", "fifo");
    let _socket = std::os::unix::net::UnixListener::bind(docroot.path("socket")).unwrap();
    docroot.link("null", "/dev/null");
    let server = TestServer::with_docroot(docroot, "clean_urls = true");
    for path in [
        "/fifo",
        "/fifo.html",
        "/linked-fifo",
        "/socket",
        "/null",
        "/fifo/",
    ] {
        let begun = std::time::Instant::now();
        server.get(path, &[]).expect(404);
        server.head(path, &[]).expect(404);
        assert!(begun.elapsed() < PATIENCE / 2, "{path}");
    }
}

#[test]
fn a_file_that_may_not_be_read_is_refused_without_harm() {
    use std::os::unix::fs::PermissionsExt;
    let docroot = Docroot::standard();
    std::fs::set_permissions(
        docroot.path("t.bin"),
        std::fs::Permissions::from_mode(0o000),
    )
    .unwrap();
    let readable = std::fs::read(docroot.path("t.bin")).is_ok();
    let server = TestServer::with_docroot(docroot, "");
    // Root reads everything.
    let allowed: &[u16] = if readable { &[200] } else { &[403, 404] };
    server.get("/t.bin", &[]).expect_any(allowed);
}
