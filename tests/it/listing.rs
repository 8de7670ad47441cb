//! Directory listings, as a page and as JSON: complete, bounded, and safe with any name.

use serde_json::Value;

use crate::harness::{Docroot, Response, TestServer};

/// Names that break whatever is put together by hand.
const HOSTILE: &[&str] = &[
    "<script>alert(1)<",
    "\"quoted\".txt",
    "'single'.txt",
    "a&b.txt",
    "line\nbreak.txt",
    "tab\there.txt",
    "100%.txt",
    "%2e%2e",
    "q?x=1",
    "h#frag",
    "javascript:alert(1)",
    "대문.txt",
    "with space.txt",
    "back\\slash.txt",
    "-dash",
    "{{braces}}",
    "a;b",
    "\u{202e}txt.exe",
    "&lt;b&gt;",
];

fn listed(docroot: Docroot, settings: &str) -> TestServer {
    TestServer::with_docroot(docroot, &format!("listing = true\n{settings}"))
}

#[track_caller]
fn page(server: &TestServer, path: &str) -> String {
    let response = server
        .get(path, &["Accept: text/html,*/*;q=0.8"])
        .expect(200);
    assert_eq!(response.field("Content-Type"), "text/html; charset=utf-8");
    assert!(!response.lives_long(), "{response:?}");
    String::from_utf8(response.body).expect("UTF-8")
}

#[track_caller]
fn json(server: &TestServer, path: &str) -> Response {
    let response = server.get(path, &["Accept: application/json"]).expect(200);
    assert!(
        response
            .field("Content-Type")
            .starts_with("application/json"),
        "{response:?}"
    );
    response
}

/// Every `"name"` of the listing's JSON.
#[track_caller]
fn names(server: &TestServer, path: &str) -> Vec<String> {
    fn collect(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
            Value::Object(fields) => {
                into.extend(
                    fields
                        .get("name")
                        .and_then(Value::as_str)
                        .map(str::to_owned),
                );
                fields.values().for_each(|field| collect(field, into));
            }
            _ => {}
        }
    }
    let response = json(server, path);
    let value = serde_json::from_slice(&response.body)
        .unwrap_or_else(|error| panic!("{error}: {response:?}"));
    let mut names = Vec::new();
    collect(&value, &mut names);
    names
        .iter()
        .map(|name| name.trim_end_matches('/').to_owned())
        .collect()
}

/// The targets of all links of a page, as they stand between the quotes.
fn links(page: &str) -> Vec<String> {
    let anchors = page
        .split("<a ")
        .skip(1)
        .filter_map(|rest| rest.split_once("href=\"").map(|(_, rest)| rest));
    anchors
        .map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn a_listing_is_off_unless_asked_for() {
    let docroot = Docroot::standard();
    docroot.publish("bare/x.txt", "x");
    TestServer::with_docroot(docroot, "")
        .get("/bare/", &[])
        .expect(404);
}

#[test]
fn it_names_the_files_and_folders() {
    let docroot = Docroot::empty();
    docroot.publish("bare/one.txt", "x");
    docroot.publish("bare/two.txt", "xx");
    docroot.publish("bare/sub/three.txt", "xxx");
    let server = listed(docroot, "");
    let mut found = names(&server, "/bare/");
    found.sort();
    assert_eq!(found, ["one.txt", "sub", "two.txt"]);
    let page = page(&server, "/bare/");
    for name in ["one.txt", "two.txt", "sub/"] {
        assert!(
            links(&page).iter().any(|link| link.ends_with(name)),
            "{name}: {page}"
        );
    }
    assert!(!page.contains("<script"), "no script is needed");
    server.get("/bare", &[]).expect_any(&[301, 302, 307, 308]);
}

#[test]
fn an_index_is_before_a_listing() {
    let server = listed(Docroot::standard(), "");
    assert!(
        server
            .get("/dir/", &[])
            .expect(200)
            .text()
            .contains("Directory")
    );
}

#[test]
fn an_empty_folder_and_the_root_have_one() {
    let docroot = Docroot::empty();
    std::fs::create_dir(docroot.path("empty")).unwrap();
    let server = listed(docroot, "");
    assert!(names(&server, "/empty/").is_empty());
    assert_eq!(names(&server, "/"), ["empty"]);
    page(&server, "/");
    server.get("/missing/", &[]).expect(404);
}

#[test]
fn hostile_names_are_harmless_in_the_page() {
    let docroot = Docroot::empty();
    for name in HOSTILE {
        docroot.publish(&format!("bare/{name}"), "x");
    }
    std::fs::create_dir(docroot.path("bare/<b>dir")).unwrap();
    let server = listed(docroot, "");
    let page = page(&server, "/bare/");
    assert!(
        !page.contains("<script>alert") && !page.contains("<b>dir"),
        "{page}"
    );
    assert!(
        !page.contains("&lt;b&gt;<") || page.contains("&amp;lt;b&amp;gt;"),
        "{page}"
    );
    for link in links(&page) {
        let decoded = link.replace("&amp;", "&");
        assert!(
            link.bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"<>\"'\\`{}".contains(&byte)),
            "{link}"
        );
        let scheme = decoded.split(['/', '?', '#']).next().unwrap_or_default();
        assert!(
            !scheme.contains(':'),
            "a name that reads like a scheme: {link}"
        );
    }
}

#[test]
fn every_link_of_a_page_leads_to_its_file() {
    let docroot = Docroot::empty();
    for name in HOSTILE {
        docroot.publish(&format!("bare/{name}"), name);
    }
    let server = listed(docroot, "");
    let mut found = 0;
    for link in links(&page(&server, "/bare/")) {
        let target = link.replace("&amp;", "&");
        let target = if target.starts_with('/') {
            target
        } else {
            format!("/bare/{}", target.trim_start_matches("./"))
        };
        if target.contains("..") && !target.contains("%2")
            || target.ends_with('/')
            || target.contains('?')
            || target.contains('#')
        {
            continue;
        }
        let response = server.get(&target, &[]);
        // Names with a control character or a backslash cannot be asked for: their escapes are refused.
        if response.status() == 200 {
            assert!(HOSTILE.contains(&response.text().as_str()), "{response:?}");
            found += 1;
        } else {
            assert!(
                target.contains("%0A") || target.contains("%09") || target.contains("%5C"),
                "{response:?}"
            );
        }
    }
    assert!(found >= HOSTILE.len() - 3, "{found} of {}", HOSTILE.len());
}

#[test]
fn hostile_names_are_whole_in_json() {
    let docroot = Docroot::empty();
    for name in HOSTILE {
        docroot.publish(&format!("bare/{name}"), "x");
    }
    let found = names(&listed(docroot, ""), "/bare/");
    for name in HOSTILE {
        // A name that no path can ask for may be left out.
        let cannot_be_asked_for = name.contains(['\n', '\t', '\\']);
        assert!(
            cannot_be_asked_for || found.iter().any(|found| found == name),
            "{name:?} in {found:?}"
        );
    }
}

#[test]
fn a_name_that_is_not_utf8_does_no_harm() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let docroot = Docroot::empty();
    docroot.publish("bare/x.txt", "x");
    std::fs::write(
        docroot
            .path("bare")
            .join(OsStr::from_bytes(b"\xff\xfe.txt")),
        "x",
    )
    .unwrap();
    let server = listed(docroot, "");
    page(&server, "/bare/");
    assert!(names(&server, "/bare/").contains(&"x.txt".to_owned()));
}

#[test]
fn hidden_entries_are_left_out() {
    let server = listed(Docroot::standard(), "index = [\"none\"]");
    let found = names(&server, "/");
    assert!(found.contains(&"t.bin".to_owned()));
    assert!(found.iter().all(|name| !name.starts_with('.')), "{found:?}");
    assert!(!page(&server, "/").contains(".env"));
    server
        .get("/.git/", &["Accept: application/json"])
        .expect(404);
}

#[test]
fn links_that_leave_are_left_out() {
    let server = listed(Docroot::standard(), "index = [\"none\"]");
    let found = names(&server, "/");
    assert!(
        !found
            .iter()
            .any(|name| name == "link.txt" || name == "linkdir"),
        "{found:?}"
    );
    assert!(found.contains(&"inner.bin".to_owned()), "{found:?}");
    let page = page(&server, "/");
    assert!(
        !page.contains("link.txt") && !page.contains("linkdir"),
        "{page}"
    );
    server
        .get("/linkdir/", &["Accept: application/json"])
        .expect(404);
}

#[test]
fn what_cannot_be_served_is_left_out() {
    let docroot = Docroot::empty();
    docroot.publish("x.txt", "x");
    docroot.fifo("fifo");
    docroot.link("dangling", "nothing");
    docroot.link("loop", "loop");
    assert_eq!(names(&listed(docroot, ""), "/"), ["x.txt"]);
}

#[test]
fn the_number_of_entries_is_bounded() {
    let docroot = Docroot::empty();
    for index in 0..200 {
        docroot.publish(&format!("bare/{index}.txt"), "");
    }
    let server = listed(docroot, "listing_limit = 50");
    assert_eq!(names(&server, "/bare/").len(), 50);
    let page = page(&server, "/bare/");
    assert!(
        links(&page)
            .iter()
            .filter(|link| link.contains(".txt"))
            .count()
            <= 50
    );
}

#[test]
fn the_bound_is_ten_thousand_by_itself() {
    let docroot = Docroot::empty();
    std::fs::create_dir(docroot.path("bare")).unwrap();
    for index in 0..10_500 {
        std::fs::File::create(docroot.path(&format!("bare/{index}"))).unwrap();
    }
    let server = listed(docroot, "");
    assert_eq!(names(&server, "/bare/").len(), 10_000);
}

#[test]
fn a_change_is_seen_at_once() {
    let docroot = Docroot::empty();
    docroot.publish("bare/one.txt", "x");
    let server = listed(docroot, "");
    assert_eq!(names(&server, "/bare/"), ["one.txt"]);
    server.docroot.publish("bare/two.txt", "x");
    assert_eq!(names(&server, "/bare/").len(), 2);
    server.docroot.remove("bare/one.txt");
    assert_eq!(names(&server, "/bare/"), ["two.txt"]);
}

#[test]
fn head_and_get_agree() {
    let docroot = Docroot::empty();
    docroot.publish("bare/one.txt", "x");
    let server = listed(docroot, "");
    for accept in ["Accept: text/html", "Accept: application/json"] {
        let get = server.get("/bare/", &[accept]).expect(200);
        let head = server.head("/bare/", &[accept]).expect(200);
        for name in ["Content-Type", "Vary", "Cache-Control", "ETag"] {
            assert_eq!(head.value(name), get.value(name), "{name}");
        }
        assert!(get.lists("Vary", "Accept"), "two forms by Accept: {get:?}");
        if let Some(length) = head.value("Content-Length") {
            assert_eq!(length, get.body.len().to_string());
        }
    }
}

#[test]
fn a_page_is_for_people_and_json_for_who_asks() {
    let docroot = Docroot::empty();
    docroot.publish("bare/one.txt", "x");
    let server = listed(docroot, "");
    for (fields, media_type) in [
        (&[][..], "text/html"),
        (&["Accept: */*"], "text/html"),
        (
            &["Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
            "text/html",
        ),
        (&["Accept: application/json"], "application/json"),
        (
            &["Accept: application/json, text/html;q=0.5"],
            "application/json",
        ),
        (&["Accept: application/json;q=0.5, text/html"], "text/html"),
        (&["Accept: application/json;q=0"], "text/html"),
    ] {
        let response = server.get("/bare/", fields).expect(200);
        assert!(
            response.field("Content-Type").starts_with(media_type),
            "{fields:?}: {response:?}"
        );
    }
}

#[test]
fn sizes_and_times_are_in_json() {
    let docroot = Docroot::empty();
    docroot.publish("bare/one.txt", "12345");
    let response = json(&listed(docroot, ""), "/bare/");
    assert!(response.text().contains(":5"), "the size: {response:?}");
    assert!(response.text().contains("2024"), "the time: {response:?}");
}

#[test]
fn methods_are_those_of_files() {
    let docroot = Docroot::empty();
    docroot.publish("bare/one.txt", "x");
    let server = listed(docroot, "");
    server
        .send("POST", "/bare/", &["Content-Length: 0"])
        .expect(405);
    server.send("OPTIONS", "/bare/", &[]).expect(204);
}

#[test]
fn a_query_is_harmless_in_the_page() {
    let docroot = Docroot::empty();
    docroot.publish("bare/one.txt", "x");
    let server = listed(docroot, "");
    for query in [
        "?C=N&O=D",
        "?sort=size&order=desc",
        "?\"><script>alert(1)</script>",
        "?%3Cscript%3Ealert(1)",
        "?sort=<b>",
    ] {
        let response = server
            .connect()
            .get(&format!("/bare/{query}"), &["Accept: text/html"])
            .expect_any(&[200, 400]);
        assert!(
            !response.text().contains("<script>alert") && !response.text().contains("<b>"),
            "{response:?}"
        );
    }
}

#[test]
fn hostile_folders_are_harmless_in_the_way_up() {
    let docroot = Docroot::empty();
    for name in [
        "<b>x",
        "\"q\"",
        "a&b",
        "100%",
        "javascript:alert(1)",
        "q?x",
        "h#x",
    ] {
        docroot.publish(&format!("{name}/deep/file.txt"), "x");
    }
    let server = listed(docroot, "");
    for path in [
        "/%3Cb%3Ex/deep/",
        "/%22q%22/deep/",
        "/a&b/deep/",
        "/100%25/deep/",
        "/javascript:alert(1)/deep/",
        "/q%3Fx/deep/",
        "/h%23x/deep/",
    ] {
        let page = page(&server, path);
        assert!(!page.contains("<b>x") && !page.contains("\"q\""), "{page}");
        for link in links(&page) {
            let decoded = link.replace("&amp;", "&");
            assert!(
                !decoded
                    .split(['/', '?', '#'])
                    .next()
                    .unwrap_or_default()
                    .contains(':'),
                "{link}"
            );
            if decoded.starts_with('/') {
                server
                    .get(&decoded, &[])
                    .expect_any(&[200, 301, 302, 307, 308]);
            }
        }
    }
}
