//! If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since, in the order of RFC 9110 §13.2.2.

use crate::harness::{PUBLISHED_DATE, Response, TestServer};

const OLDER: &str = "Thu, 01 Feb 2024 12:00:00 GMT";
const NEWER: &str = "Mon, 01 Apr 2024 12:00:00 GMT";

/// The server, the entity tag of `t.bin` and what an unconditional GET of it answers.
fn t_bin() -> (TestServer, String, Response) {
    let server = TestServer::standard();
    let whole = server.get("/t.bin", &[]).expect(200);
    let tag = whole.entity_tag().to_owned();
    (server, tag, whole)
}

#[test]
fn a_file_has_a_strong_entity_tag_and_its_date() {
    let (_server, tag, whole) = t_bin();
    assert!(
        !tag.starts_with("W/"),
        "a file held in memory is known byte for byte: {tag}"
    );
    assert_eq!(whole.field("Last-Modified"), PUBLISHED_DATE);
}

#[test]
fn the_current_tag_gives_304_with_the_fields_of_the_200() {
    let (server, tag, whole) = t_bin();
    let response = server
        .get("/t.bin", &[&format!("If-None-Match: {tag}")])
        .expect(304)
        .expect_body("");
    for name in [
        "ETag",
        "Cache-Control",
        "Vary",
        "Content-Location",
        "Expires",
    ] {
        assert_eq!(response.value(name), whole.value(name), "{name} (§15.4.5)");
    }
}

#[test]
fn a_304_of_a_negotiable_file_keeps_vary() {
    let server = TestServer::standard();
    for coding in ["gzip", "br", "zstd", "identity"] {
        let accept = format!("Accept-Encoding: {coding}");
        let whole = server.get("/a.js", &[&accept]).expect(200);
        let tag = format!("If-None-Match: {}", whole.entity_tag());
        let response = server.get("/a.js", &[&accept, &tag]).expect(304);
        assert!(response.lists("Vary", "Accept-Encoding"), "{response:?}");
        assert_eq!(response.entity_tag(), whole.entity_tag());
    }
}

#[test]
fn a_304_carries_no_content_length_but_that_of_the_200() {
    let (server, tag, whole) = t_bin();
    let response = server
        .get("/t.bin", &[&format!("If-None-Match: {tag}")])
        .expect(304);
    if let Some(length) = response.value("Content-Length") {
        assert_eq!(length, whole.field("Content-Length"), "§8.6");
    }
}

#[test]
fn the_current_tag_anywhere_in_a_list_gives_304() {
    let (server, tag, _) = t_bin();
    for list in [
        format!("\"x\", {tag}, \"y\""),
        format!("\"x\",{tag}"),
        format!("{tag},\"x\""),
        format!("\"a,b\" , {tag}"),
        format!(", ,{tag},,"),
        format!("W/\"x\",\t{tag}"),
    ] {
        server
            .get("/t.bin", &[&format!("If-None-Match: {list}")])
            .expect(304);
    }
}

#[test]
fn tags_on_several_lines_are_one_list() {
    let (server, tag, _) = t_bin();
    server
        .get(
            "/t.bin",
            &["If-None-Match: \"x\"", &format!("If-None-Match: {tag}")],
        )
        .expect(304);
    server
        .get("/t.bin", &["If-Match: \"x\"", &format!("If-Match: {tag}")])
        .expect(200);
    server
        .get("/t.bin", &["If-None-Match: \"x\"", "If-None-Match: \"y\""])
        .expect(200);
}

#[test]
fn if_none_match_compares_weakly() {
    let (server, tag, _) = t_bin();
    server
        .get("/t.bin", &[&format!("If-None-Match: W/{tag}")])
        .expect(304);
}

#[test]
fn another_tag_gives_the_whole_file() {
    let (server, tag, whole) = t_bin();
    server
        .get("/t.bin", &["If-None-Match: \"miss\""])
        .expect(200)
        .expect_body(&whole.body);
    let longer = format!("{}x\"", tag.trim_end_matches('"'));
    server
        .get("/t.bin", &[&format!("If-None-Match: {longer}")])
        .expect(200);
    // A tag within the opaque part of another one is not that tag.
    server
        .get(
            "/t.bin",
            &[&format!(
                "If-None-Match: \"x, {}",
                tag.trim_start_matches('"')
            )],
        )
        .expect(200);
}

#[test]
fn a_malformed_tag_matches_nothing() {
    let (server, tag, _) = t_bin();
    for value in [
        tag.trim_matches('"'),
        "\"",
        "w/\"x\"",
        "W/",
        "*x",
        "",
        "\"unclosed",
    ] {
        server
            .get("/t.bin", &[&format!("If-None-Match: {value}")])
            .expect(200);
        server
            .get("/t.bin", &[&format!("If-Match: {value}")])
            .expect(412);
    }
}

#[test]
fn a_star_matches_any_existing_file() {
    let server = TestServer::standard();
    server.get("/t.bin", &["If-None-Match: *"]).expect(304);
    server.head("/t.bin", &["If-None-Match: *"]).expect(304);
    server.get("/t.bin", &["If-Match: *"]).expect(200);
}

#[test]
fn if_none_match_makes_if_modified_since_void() {
    let (server, tag, _) = t_bin();
    let since = format!("If-Modified-Since: {PUBLISHED_DATE}");
    server
        .get("/t.bin", &["If-None-Match: \"miss\"", &since])
        .expect(200);
    server
        .get(
            "/t.bin",
            &[
                &format!("If-None-Match: {tag}"),
                &format!("If-Modified-Since: {OLDER}"),
            ],
        )
        .expect(304);
    // Even one that no tag could satisfy: the field is there (§13.1.3).
    server
        .get("/t.bin", &["If-None-Match: \"unclosed", &since])
        .expect(200);
}

#[test]
fn if_modified_since_the_same_date_or_later_gives_304() {
    let server = TestServer::standard();
    server
        .get("/t.bin", &[&format!("If-Modified-Since: {PUBLISHED_DATE}")])
        .expect(304);
    server
        .get("/t.bin", &[&format!("If-Modified-Since: {NEWER}")])
        .expect(304);
    server
        .get("/t.bin", &[&format!("If-Modified-Since: {OLDER}")])
        .expect(200);
    server
        .get(
            "/t.bin",
            &["If-Modified-Since: Fri, 01 Mar 2024 11:59:59 GMT"],
        )
        .expect(200);
}

#[test]
fn a_fraction_of_a_second_does_not_defeat_if_modified_since() {
    let server = TestServer::standard();
    let time = std::time::UNIX_EPOCH
        + std::time::Duration::from_millis(crate::harness::PUBLISHED * 1000 + 700);
    server.docroot.date_exactly("t.bin", time);
    server
        .get("/t.bin", &[&format!("If-Modified-Since: {PUBLISHED_DATE}")])
        .expect(304);
    server
        .get(
            "/t.bin",
            &[&format!("If-Unmodified-Since: {PUBLISHED_DATE}")],
        )
        .expect(200);
}

#[test]
fn dates_are_read_in_their_three_forms() {
    let server = TestServer::standard();
    for date in ["Friday, 01-Mar-24 12:00:00 GMT", "Fri Mar  1 12:00:00 2024"] {
        server
            .get("/t.bin", &[&format!("If-Modified-Since: {date}")])
            .expect(304);
        server
            .get("/t.bin", &[&format!("If-Unmodified-Since: {date}")])
            .expect(200);
    }
    for date in [
        "Thursday, 01-Feb-24 12:00:00 GMT",
        "Thu Feb  1 12:00:00 2024",
    ] {
        server
            .get("/t.bin", &[&format!("If-Modified-Since: {date}")])
            .expect(200);
        server
            .get("/t.bin", &[&format!("If-Unmodified-Since: {date}")])
            .expect(412);
    }
}

#[test]
fn what_is_not_a_date_is_ignored() {
    let server = TestServer::standard();
    for date in [
        "yesterday",
        "",
        "1709294400",
        "2024-03-01T12:00:00Z",
        "Fri, 32 Mar 2024 12:00:00 GMT",
    ] {
        server
            .get("/t.bin", &[&format!("If-Modified-Since: {date}")])
            .expect(200);
        server
            .get("/t.bin", &[&format!("If-Unmodified-Since: {date}")])
            .expect(200);
    }
}

#[test]
fn if_modified_since_is_for_get_and_head_alone() {
    let server = TestServer::standard();
    let since = format!("If-Modified-Since: {PUBLISHED_DATE}");
    server.head("/t.bin", &[&since]).expect(304);
    server
        .send("POST", "/t.bin", &[&since, "Content-Length: 0"])
        .expect(405);
    server.send("OPTIONS", "/t.bin", &[&since]).expect(204);
}

#[test]
fn if_match_of_another_tag_gives_412_without_the_file() {
    let (server, _, whole) = t_bin();
    let response = server.get("/t.bin", &["If-Match: \"miss\""]).expect(412);
    assert!(
        !response
            .body
            .windows(8)
            .any(|bytes| bytes == &whole.body[..8]),
        "{response:?}"
    );
    server.head("/t.bin", &["If-Match: \"miss\""]).expect(412);
}

#[test]
fn if_match_compares_strongly() {
    let (server, tag, _) = t_bin();
    server
        .get("/t.bin", &[&format!("If-Match: W/{tag}")])
        .expect(412);
    server
        .get("/t.bin", &[&format!("If-Match: {tag}")])
        .expect(200);
    server
        .get("/t.bin", &[&format!("If-Match: \"x\", {tag}")])
        .expect(200);
}

#[test]
fn if_match_makes_if_unmodified_since_void() {
    let (server, tag, _) = t_bin();
    server
        .get(
            "/t.bin",
            &[
                &format!("If-Match: {tag}"),
                &format!("If-Unmodified-Since: {OLDER}"),
            ],
        )
        .expect(200);
    server
        .get(
            "/t.bin",
            &[
                "If-Match: \"miss\"",
                &format!("If-Unmodified-Since: {NEWER}"),
            ],
        )
        .expect(412);
}

#[test]
fn if_unmodified_since_an_older_date_gives_412() {
    let server = TestServer::standard();
    server
        .get("/t.bin", &[&format!("If-Unmodified-Since: {OLDER}")])
        .expect(412);
    server
        .get("/t.bin", &[&format!("If-Unmodified-Since: {NEWER}")])
        .expect(200);
    server
        .get(
            "/t.bin",
            &[&format!("If-Unmodified-Since: {PUBLISHED_DATE}")],
        )
        .expect(200);
}

#[test]
fn if_match_is_evaluated_before_if_none_match() {
    let (server, tag, _) = t_bin();
    server
        .get(
            "/t.bin",
            &["If-Match: \"miss\"", &format!("If-None-Match: {tag}")],
        )
        .expect(412);
    server
        .get(
            "/t.bin",
            &[
                &format!("If-Match: {tag}"),
                &format!("If-None-Match: {tag}"),
            ],
        )
        .expect(304);
    server
        .get(
            "/t.bin",
            &[
                &format!("If-Unmodified-Since: {OLDER}"),
                &format!("If-None-Match: {tag}"),
            ],
        )
        .expect(412);
    server
        .get(
            "/t.bin",
            &[
                &format!("If-Unmodified-Since: {NEWER}"),
                &format!("If-None-Match: {tag}"),
            ],
        )
        .expect(304);
}

#[test]
fn preconditions_are_evaluated_before_range() {
    let (server, tag, _) = t_bin();
    let range = "Range: bytes=0-4";
    server
        .get("/t.bin", &[&format!("If-None-Match: {tag}"), range])
        .expect(304);
    server
        .get("/t.bin", &["If-Match: \"miss\"", range])
        .expect(412);
    server
        .get(
            "/t.bin",
            &[&format!("If-Modified-Since: {PUBLISHED_DATE}"), range],
        )
        .expect(304);
    server
        .get(
            "/t.bin",
            &[&format!("If-None-Match: {tag}"), "Range: bytes=1000-"],
        )
        .expect(304);
    server
        .get("/t.bin", &["If-None-Match: \"miss\"", range])
        .expect(206);
    server
        .get("/t.bin", &["If-None-Match: \"miss\"", "Range: bytes=1000-"])
        .expect(416);
}

#[test]
fn a_missing_file_is_404_whatever_the_precondition() {
    let server = TestServer::standard();
    for field in [
        "If-Match: *",
        "If-Match: \"x\"",
        "If-None-Match: *",
        "If-None-Match: \"x\"",
        &format!("If-Modified-Since: {NEWER}"),
        &format!("If-Unmodified-Since: {OLDER}"),
    ] {
        server.get("/missing", &[field]).expect(404);
        server
            .get("/missing", &[field, "Range: bytes=0-4"])
            .expect(404);
    }
}

#[test]
fn a_redirect_is_not_subject_to_preconditions() {
    let server = TestServer::standard();
    for field in ["If-Match: \"x\"", "If-None-Match: *"] {
        let status = server.get("/dir", &[field]).status();
        assert!(
            (301..=308).contains(&status) && status != 304,
            "§13.2.1: {status}"
        );
    }
}

#[test]
fn a_head_is_answered_as_its_get_is() {
    let (server, tag, _) = t_bin();
    for field in [
        format!("If-None-Match: {tag}"),
        "If-None-Match: \"miss\"".to_owned(),
        format!("If-Match: {tag}"),
        "If-Match: \"miss\"".to_owned(),
        format!("If-Modified-Since: {OLDER}"),
        format!("If-Unmodified-Since: {OLDER}"),
    ] {
        let get = server.get("/t.bin", &[&field]);
        let head = server.head("/t.bin", &[&field]).expect(get.status());
        assert_eq!(head.value("ETag"), get.value("ETag"));
        assert_eq!(head.value("Content-Length"), get.value("Content-Length"));
    }
}

#[test]
fn the_outcome_decides_the_lifetime_not_the_path() {
    let server = TestServer::with_site(
        "[[site.route]]\npath = \"/\"\ncache_control = \"public, max-age=31536000, immutable\"\n",
    );
    let whole = server.get("/t.bin", &[]).expect(200);
    assert!(whole.lives_long(), "the rule holds for the file itself");
    for (path, field, status) in [
        ("/t.bin", "If-Match: \"miss\"", 412),
        ("/t.bin", "Range: bytes=1000-", 416),
        ("/missing.app.3f9a1c7b.js", "If-Match: *", 404),
    ] {
        let response = server.get(path, &[field]).expect(status);
        assert!(!response.lives_long(), "{response:?}");
    }
    // A 304 repeats what the 200 said (RFC 9110 §15.4.5) or stays silent: never another rule.
    let response = server
        .get(
            "/t.bin",
            &[&format!("If-None-Match: {}", whole.entity_tag())],
        )
        .expect(304);
    assert!(
        !response.lives_long() || response.value("Cache-Control") == whole.value("Cache-Control"),
        "{response:?}"
    );
}
