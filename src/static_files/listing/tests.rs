use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;

const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "a&amp;b&lt;c",
    "line\nbreak",
    "tab\tand\rreturn",
    "gpj.\u{202e}exe",
    "zero\u{200b}width\u{feff}",
    "-rf",
    "--help",
    "javascript:alert(1)",
    "a:b",
    "\\\\host\\share",
    "?query#fragment",
    "100%",
    "%2e%2e",
    " leading and trailing ",
    "대문.txt",
    "שלום.txt",
    "👨‍👩‍👧.png",
    "]]>--><!--",
    "nul\0byte",
    "\u{2028}",
];

fn file(name: &str, size: u64, seconds: u64) -> ListedEntry {
    let modified = Some(UNIX_EPOCH + Duration::from_secs(seconds));
    ListedEntry {
        name: name.to_owned(),
        is_directory: false,
        size,
        modified,
    }
}

fn directory(name: &str) -> ListedEntry {
    ListedEntry {
        name: name.to_owned(),
        is_directory: true,
        size: 4096,
        modified: None,
    }
}

fn listing(entries: Vec<ListedEntry>) -> Listing {
    Listing {
        path: "/x/".to_owned(),
        at_root: false,
        entries,
        truncated: false,
        limit: 10_000,
    }
}

/// The part of the row between `before` and `after`.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let start = text
        .find(before)
        .unwrap_or_else(|| panic!("no {before:?} in {text}"))
        + before.len();
    let end = text[start..]
        .find(after)
        .unwrap_or_else(|| panic!("no {after:?} in {text}"));
    &text[start..start + end]
}

fn row(html: &str) -> &str {
    between(html, "<tr class=\"file\">", "</tr>")
}

fn percent_decode(href: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = href.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn assert_safe(name: &str) {
    let html = listing(vec![file(name, 1, 0)]).to_html(Sort::default());
    let row = row(&html);
    let href = between(row, "href=\"", "\"");
    assert!(href.starts_with("./"), "{href}");
    assert!(
        href.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"./%-_~".contains(&byte)),
        "{href}"
    );
    assert_eq!(percent_decode(&href[2..]), name);
    assert_eq!(href[2..].matches('/').count(), 0, "{href}");
    let shown = between(row, "<bdi>", "</bdi>");
    assert!(
        !shown.contains([
            '<', '>', '"', '\'', '\n', '\r', '\0', '\u{202e}', '\u{2066}', '\u{200b}'
        ]),
        "{shown:?}"
    );
    assert!(
        !shown
            .replace("&amp;", "")
            .replace("&lt;", "")
            .replace("&gt;", "")
            .replace("&quot;", "")
            .replace("&#39;", "")
            .contains('&'),
        "{shown:?}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&listing(vec![file(name, 1, 0)]).to_json()).unwrap();
    assert_eq!(json["entries"][0]["name"], name);
}

#[test]
fn hostile_names_stay_names() {
    for name in HOSTILE {
        assert_safe(name);
    }
}

#[test]
fn a_hostile_path_is_escaped_wherever_it_is_shown() {
    let path = "/<script>/\"'&\u{202e}/".to_owned();
    let html = Listing {
        path: path.clone(),
        ..listing(vec![])
    }
    .to_html(Sort::default());
    assert!(!html.contains("<script>") && !html.contains('\u{202e}'));
    assert_eq!(
        html.matches("&lt;script&gt;").count(),
        3,
        "title, breadcrumb, heading"
    );
    assert!(html.contains("<a href=\"../../\">") && html.contains("<a href=\"../\">"));
    let json: serde_json::Value = serde_json::from_str(
        &Listing {
            path: path.clone(),
            ..listing(vec![])
        }
        .to_json(),
    )
    .unwrap();
    assert_eq!(json["path"], path);
}

#[test]
fn invisible_characters_are_written_out() {
    let html = listing(vec![file("a\u{202e}b\nc\u{7f}\u{85}", 1, 0)]).to_html(Sort::default());
    assert_eq!(
        between(row(&html), "<bdi>", "</bdi>"),
        "a⟨U+202E⟩b␊c␡⟨U+0085⟩"
    );
}

proptest! {
    #[test]
    fn no_name_leaves_its_place(name in "[^/]{1,60}") {
        assert_safe(&name);
    }

    #[test]
    fn no_ascii_name_leaves_its_place(name in "[\\x00-\\x2e\\x30-\\x7f]{1,40}") {
        assert_safe(&name);
    }

    #[test]
    fn any_query_gives_an_order(query in ".*") {
        let _ = Sort::from_query(Some(&query));
    }
}

#[test]
fn the_query_decides_the_order_and_what_it_does_not_know_is_ignored() {
    let sort = |by, order| Sort { by, order };
    for (query, expected) in [
        ("", sort(SortBy::Name, Order::Ascending)),
        ("sort=size", sort(SortBy::Size, Order::Ascending)),
        (
            "sort=modified&order=desc",
            sort(SortBy::Modified, Order::Descending),
        ),
        (
            "order=desc&x=1&sort=name",
            sort(SortBy::Name, Order::Descending),
        ),
        (
            "sort=owner&order=sideways",
            sort(SortBy::Name, Order::Ascending),
        ),
        ("SORT=size", sort(SortBy::Name, Order::Ascending)),
    ] {
        assert_eq!(Sort::from_query(Some(query)), expected, "{query}");
    }
    assert_eq!(Sort::from_query(None), Sort::default());
}

#[test]
fn entries_come_in_the_order_asked() {
    let listing = listing(vec![
        file("b", 2, 30),
        file("C", 1, 10),
        directory("z"),
        file("a", 3, 20),
        directory("Y"),
    ]);
    for (query, expected) in [
        ("", "Y z a b C"),
        ("order=desc", "z Y C b a"),
        ("sort=size", "Y z C b a"),
        ("sort=size&order=desc", "a b C Y z"),
        ("sort=modified", "Y z C a b"),
        ("sort=modified&order=desc", "b a C Y z"),
    ] {
        let sorted = listing.sorted(Sort::from_query(Some(query)));
        let names: Vec<&str> = sorted.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names.join(" "), expected, "{query}");
    }
}

#[test]
fn header_links_sort_and_the_sorted_column_says_so() {
    let html = listing(vec![]).to_html(Sort::default());
    assert!(html.contains(
        "<th scope=\"col\" aria-sort=\"ascending\"><a href=\"?sort=name&amp;order=desc\">"
    ));
    assert!(html.contains("<th scope=\"col\"><a href=\"?sort=size&amp;order=desc\">"));
    let html = listing(vec![]).to_html(Sort::from_query(Some("sort=size&order=desc")));
    assert!(html.contains(
        "<th scope=\"col\" aria-sort=\"descending\"><a href=\"?sort=size&amp;order=asc\">"
    ));
    assert!(html.contains("<th scope=\"col\"><a href=\"?sort=name&amp;order=asc\">"));
    assert_eq!(html.matches("aria-sort").count(), 1 + STYLE_ARIA_SORTS);
}

const STYLE_ARIA_SORTS: usize = 3;

#[test]
fn directories_end_in_a_slash_and_only_the_docroot_has_no_parent() {
    let inner = listing(vec![directory("d e")]);
    let html = inner.to_html(Sort::default());
    assert!(html.contains("<a href=\"./d%20e/\"><bdi>d e</bdi>/</a>"));
    assert!(html.contains("<a href=\"../\">Parent folder</a>"));
    let html = Listing {
        at_root: true,
        path: "/".to_owned(),
        ..inner
    }
    .to_html(Sort::default());
    assert!(!html.contains("../"));
}

#[test]
fn counts_and_the_truncation_are_told() {
    let html =
        listing(vec![directory("d"), file("f", 1, 0), file("g", 1, 0)]).to_html(Sort::default());
    assert!(html.contains("1 folder, 2 files") && !html.contains("holds more than is shown"));
    let html = Listing {
        truncated: true,
        ..listing(vec![])
    }
    .to_html(Sort::default());
    assert!(
        html.contains("a listing ends at 10,000 entries") && html.contains("0 folders, 0 files")
    );
}

#[test]
fn sizes_and_times_are_readable_and_exact() {
    let html = listing(vec![file("f", 1_234_567, 1_709_210_096)]).to_html(Sort::default());
    assert!(html.contains("<data value=\"1234567\" title=\"1,234,567 bytes\">1.1 MiB</data>"));
    assert!(
        html.contains(
            "<time datetime=\"2024-02-29T12:34:56Z\">2024-02-29 <span>12:34</span></time>"
        )
    );
}

#[test]
fn json_has_the_documented_shape() {
    let listing = Listing {
        truncated: true,
        ..listing(vec![file("f", 7, 0), directory("d")])
    };
    assert_eq!(
        listing.to_json(),
        "{\"path\":\"/x/\",\"truncated\":true,\"entries\":[\
         {\"name\":\"d\",\"type\":\"directory\",\"size\":null,\"modified\":null},\
         {\"name\":\"f\",\"type\":\"file\",\"size\":7,\"modified\":\"1970-01-01T00:00:00Z\"}]}"
    );
}

#[test]
fn the_policy_allows_exactly_the_style_sheet_that_is_sent() {
    let html = listing(vec![]).to_html(Sort::default());
    let sent = between(&html, "<style>", "</style>");
    let expected = format!("style-src 'sha256-{}'", base64(&Sha256::digest(sent)));
    assert!(
        CONTENT_SECURITY_POLICY.contains(&expected),
        "the style sheet changed: CONTENT_SECURITY_POLICY needs {expected}"
    );
    assert!(
        !html.contains("style=\""),
        "an inline style attribute would be blocked"
    );
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte))
            << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let sextet = (bits >> (18 - 6 * index)) & 63;
            text.push(if index <= chunk.len() {
                char::from(ALPHABET[sextet as usize])
            } else {
                '='
            });
        }
    }
    text
}
