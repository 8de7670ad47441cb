//! What is asked for often is compressed once more, as well as can be, and takes the place of what was made quickly.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::harness::{Client, Docroot, Response, TestServer};

/// It is done when no other test wants the processor.
const PATIENCE: Duration = Duration::from_secs(120);

const PAGE: &str = "/page.html";

/// Words in an order that a better coder makes more of.
fn text() -> String {
    let mut state = 7_u32;
    let mut text = String::new();
    while text.len() < 16_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let word = (state >> 24) % 97;
        text.push_str(["gate ", "house ", "yard ", "wall "][(state >> 12) as usize % 4]);
        text.push_str(&word.to_string());
    }
    text
}

fn serve() -> TestServer {
    let docroot = Docroot::standard();
    docroot.publish(&PAGE[1..], text());
    TestServer::with_docroot(docroot, "")
}

fn ask(server: &TestServer, coding: &str, more: &[&str]) -> Response {
    let accept = format!("Accept-Encoding: {coding}");
    let fields: Vec<&str> = std::iter::once(accept.as_str())
        .chain(more.iter().copied())
        .collect();
    server.get(PAGE, &fields)
}

/// Asks until another coding than the first is sent: the first one, and the one in its place.
fn heat(server: &TestServer, coding: &str) -> (Response, Response) {
    let first = ask(server, coding, &[]).expect(200);
    let mut client = Client::connect(server.address);
    let accept = format!("Accept-Encoding: {coding}");
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let answer = client.get(PAGE, &[&accept]).expect(200);
        if answer.entity_tag() != first.entity_tag() {
            return (first, answer);
        }
        sleep(Duration::from_millis(10));
    }
    panic!("{coding}: nothing better was made");
}

#[test]
fn what_is_asked_for_often_gets_smaller() {
    let server = serve();
    for coding in ["br", "zstd", "gzip"] {
        let (first, better) = heat(&server, coding);
        assert!(better.body.len() < first.body.len(), "{coding}");
        for answer in [first, better] {
            answer.expect_field("Content-Encoding", coding);
        }
    }
}

#[test]
fn who_has_the_former_coding_need_not_load_the_better_one() {
    let server = serve();
    let (first, better) = heat(&server, "br");
    let held = format!("If-None-Match: {}", first.entity_tag());
    // RFC 9111 §4.3.4: a strong tag in a 304 names the stored answer that goes on being good.
    ask(&server, "br", &[&held])
        .expect(304)
        .expect_field("ETag", first.entity_tag());
    let held = format!("If-None-Match: {}", better.entity_tag());
    ask(&server, "br", &[&held])
        .expect(304)
        .expect_field("ETag", better.entity_tag());
    let held = "If-None-Match: \"another\"";
    ask(&server, "br", &[held]).expect(200);
    let held = format!("If-Match: {}", first.entity_tag());
    ask(&server, "br", &[&held]).expect(412);
}

#[test]
fn parts_of_two_codings_are_never_put_together() {
    let server = serve();
    let (first, better) = heat(&server, "gzip");
    let range = |tag: &str| format!("If-Range: {tag}");
    let from = "Range: bytes=100-";
    ask(&server, "gzip", &[from, &range(first.entity_tag())])
        .expect(200)
        .expect_body(&better.body);
    ask(&server, "gzip", &[from, &range(better.entity_tag())])
        .expect(206)
        .expect_body(&better.body[100..]);
}

#[test]
fn a_file_written_again_as_it_was_keeps_its_codings() {
    let server = serve();
    let (_, better) = heat(&server, "br");
    server.docroot.replace(&PAGE[1..], text());
    let again = ask(&server, "br", &[]).expect(200);
    assert_eq!(again.entity_tag(), better.entity_tag(), "{again:?}");
    assert_ne!(again.value("Last-Modified"), better.value("Last-Modified"));
    server.docroot.replace(&PAGE[1..], text().to_uppercase());
    let other = ask(&server, "br", &[]).expect(200);
    assert_ne!(other.entity_tag(), better.entity_tag());
}
