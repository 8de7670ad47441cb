//! What no file and no application answers: routes that do it themselves, and everything that is refused.

use daemun::Handle;

use super::{Account, Explained};
use crate::harness::{Docroot, Response, request};

const NOT_ROUTED: (&str, &str) = ("route", "none");

fn sites() -> Explained {
    let docroot = Docroot::standard();
    docroot.publish("oops.html", "<!doctype html><title>Oops</title>\n");
    Explained::start(
        docroot,
        "[[site]]\nhosts = [\"localhost\", \"*.example.test\"]\ndocroot = \"$ROOT\"\n\
         [[site.route]]\npath = \"/old/\"\nredirect = \"/new/\"\n\
         [[site.route]]\npath = \"=/robots.txt\"\nrespond = \"User-agent: *\"\n\
         [[site.route]]\npath = \"=/alive\"\nhealth = \"alive\"\n\
         [limits]\nbody_size = \"1KiB\"\n",
    )
}

#[test]
fn routes_that_need_nobody_else() {
    let told = sites();
    let site = ("site", "localhost");
    told.both("GET", "/old/x?y", &[], &[site, ("route", "/old/")]);
    told.both(
        "GET",
        "/robots.txt",
        &[],
        &[site, ("route", "=/robots.txt")],
    );
    told.both(
        "HEAD",
        "/robots.txt",
        &[],
        &[site, ("route", "=/robots.txt")],
    );
    told.both("GET", "/alive", &[], &[site, ("route", "=/alive")]);
    told.both(
        "GET",
        "/old/x",
        &["Host: a.example.test"],
        &[
            ("site", "localhost (its host matches `*.example.test`)"),
            ("route", "/old/"),
        ],
    );
}

/// The answers' pages name the ids of the requests, so only their lengths are the same.
#[test]
fn requests_that_are_refused_and_why() {
    let told = sites();
    let site = ("site", "localhost");
    let refused = |method: &str, target: &str, fields: &[&str], lines: &[(&str, &str)]| {
        let (response, account) = told.send(method, target, fields);
        account.expect(lines);
        assert_page_names_its_request(&response, &account);
        let rehearsed = told.rehearse(method, target, fields);
        assert_eq!(
            rehearsed.but(&["asked", "answer", "body", ""]),
            account.but(&["request", "asked", "host", "when", "answer"])
        );
        let status = rehearsed.only("answer")[..3].parse::<u16>().unwrap();
        response.expect(status);
    };
    refused(
        "GET",
        "/..%2fetc",
        &[],
        &[
            site,
            NOT_ROUTED,
            ("refused", "path-escaped-separator (400 Bad Request)"),
        ],
    );
    refused(
        "GET",
        "/missing",
        &[],
        &[
            site,
            ("route", "none matches: the site's own files"),
            ("file", "missing: nothing there that is served"),
            ("refused", "not-found (404 Not Found)"),
        ],
    );
    refused(
        "GET",
        "/.env",
        &[],
        &[site, NOT_ROUTED, ("refused", "hidden (404 Not Found)")],
    );
    refused(
        "DELETE",
        "/t.bin",
        &[],
        &[
            site,
            NOT_ROUTED,
            ("refused", "method-not-allowed (405 Method Not Allowed)"),
        ],
    );
    refused(
        "GET",
        "/",
        &["Host: unknown.test"],
        &[
            ("site", "none of the configured ones"),
            ("refused", "host-unknown (421 Misdirected Request)"),
        ],
    );
}

/// It has the id, and so has the field.
#[track_caller]
fn assert_page_names_its_request(response: &Response, account: &Account) {
    let id = account.only("request");
    assert_eq!(response.value("x-request-id"), Some(id), "{response:?}");
    assert!(response.text().contains(id), "{response:?}");
}

/// What was answered on this connection, under the id that the answer names.
#[track_caller]
fn answered(handle: &Handle, response: &Response) -> Account {
    let account = Account::of(handle, response.field("x-request-id"));
    assert_page_names_its_request(response, &account);
    account.expect_answer(response.status(), response.body.len());
    account
}

#[test]
fn what_is_no_request_has_an_id_of_its_own() {
    let told = sites();
    let handle = &told.server.handle;
    let response = told
        .server
        .exchange("GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let account = answered(handle, &response.expect(400));
    assert_eq!(account.only("asked"), "what nobody can read as a request");
    assert!(!account.has("host"));
    account.expect(&[
        ("site", "none of the configured ones"),
        ("refused", "malformed-head (400 Bad Request)"),
    ]);
    let response = told.server.exchange("GET / HTTP/1.1\r\n\r\n");
    let account = answered(handle, &response.expect(400));
    assert_eq!(account.only("asked"), "GET /");
    account.expect(&[
        ("site", "none of the configured ones"),
        ("refused", "host-missing (400 Bad Request)"),
    ]);
}

#[test]
fn a_body_that_is_too_large_is_refused_unread() {
    let told = sites();
    let fields = ["Content-Length: 1025", "X-Request-Id: large"];
    let mut client = told.server.connect();
    let response = client.exchange(request("POST", "/t.bin", &fields));
    let account = answered(&told.server.handle, &response.expect(413));
    account.expect(&[
        ("site", "localhost"),
        NOT_ROUTED,
        ("refused", "body-too-large (413 Payload Too Large)"),
    ]);
}

#[test]
fn a_page_of_the_site_s_own_changes_nothing_of_the_story() {
    let docroot = Docroot::standard();
    docroot.publish("oops.html", "<!doctype html><title>Oops</title>\n");
    let told = Explained::start(
        docroot,
        "[[site]]\ndocroot = \"$ROOT\"\nerror_pages = { 404 = \"/oops.html\" }\n",
    );
    told.both(
        "GET",
        "/missing",
        &[],
        &[
            ("site", "*"),
            ("route", "none matches: the site's own files"),
            ("file", "missing: nothing there that is served"),
            ("refused", "not-found (404 Not Found)"),
        ],
    );
    let (response, _) = told.send("GET", "/missing", &[]);
    assert!(response.text().contains("Oops"));
}
