//! Files that the server compresses itself: each coding is a representation of its own, with its own tag, length and parts.

use std::io::Read as _;

use crate::harness::{Client, Docroot, H2Client, H2Outcome, Response, TestServer, parts, request};

const PAGE: &str = "/page.html";
pub(crate) const CODINGS: [&str; 3] = ["br", "zstd", "gzip"];

/// Words in no order: about three quarters of it can be saved.
pub(crate) fn words(length: usize, seed: u32) -> String {
    let mut state = seed;
    let mut text = String::new();
    while text.len() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let word = [
            "gate", "house", "yard", "wall", "roof", "door", "well", "path",
        ];
        text.push_str(word[(state >> 13) as usize % word.len()]);
        text.push(if state >> 29 == 0 { '\n' } else { ' ' });
    }
    text.truncate(length);
    text
}

/// What a client makes of the body.
#[track_caller]
pub(crate) fn decoded(response: &Response) -> Vec<u8> {
    decode(response.value("Content-Encoding"), &response.body)
}

#[track_caller]
pub(crate) fn decode(coding: Option<&str>, mut body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let read = match coding {
        None => body.read_to_end(&mut plain),
        Some("gzip") => flate2::read::GzDecoder::new(body).read_to_end(&mut plain),
        Some("br") => brotli_decompressor::Decompressor::new(body, 4096).read_to_end(&mut plain),
        Some("zstd") => zstd::stream::read::Decoder::new(body)
            .and_then(|mut decoder| decoder.read_to_end(&mut plain)),
        Some(other) => panic!("the coding {other}"),
    };
    read.unwrap_or_else(|error| panic!("{coding:?}: {error}"));
    plain
}

/// The file, in this coding or as it is, with the fields that belong to every answer with it.
#[track_caller]
pub(crate) fn expect_coded(response: Response, coding: &str, file: &[u8]) -> Response {
    let expected = (coding != "identity").then_some(coding);
    assert_eq!(response.value("Content-Encoding"), expected, "{response:?}");
    assert!(
        response.lists("Vary", "Accept-Encoding"),
        "§12.5.5: {response:?}"
    );
    assert!(decoded(&response) == file, "another content: {response:?}");
    assert_eq!(response.content_length(), response.body.len() as u64);
    if expected.is_some() {
        assert!(response.body.len() < file.len(), "{response:?}");
    }
    response
}

fn page() -> String {
    words(50_000, 1)
}

fn serve() -> TestServer {
    let docroot = Docroot::standard();
    docroot.publish(&PAGE[1..], page());
    TestServer::with_docroot(docroot, "")
}

fn accept(coding: &str) -> String {
    format!("Accept-Encoding: {coding}")
}

/// Like [`TestServer::get`] for the page, with this `Accept-Encoding`.
#[track_caller]
fn ask(server: &TestServer, coding: &str, more: &[&str]) -> Response {
    let accept = accept(coding);
    let fields: Vec<&str> = std::iter::once(&*accept)
        .chain(more.iter().copied())
        .collect();
    server.get(PAGE, &fields)
}

#[test]
fn the_first_answer_is_coded_already() {
    for coding in CODINGS {
        let server = serve();
        let first = expect_coded(
            ask(&server, coding, &[]).expect(200),
            coding,
            page().as_bytes(),
        );
        assert!(first.body.len() < page().len() / 2, "{first:?}");
        let plain = server.get(PAGE, &[]).expect(200).expect_body(page());
        for name in [
            "Content-Type",
            "Last-Modified",
            "Cache-Control",
            "Accept-Ranges",
        ] {
            assert_eq!(first.field(name), plain.field(name), "{name}");
        }
        // From what is held, on a connection that stays.
        let mut client = server.connect();
        for _ in 0..3 {
            let again = client.get(PAGE, &[&accept(coding)]).expect(200);
            expect_coded(again, coding, page().as_bytes())
                .expect_field("ETag", first.entity_tag())
                .expect_body(&first.body);
        }
    }
}

#[test]
fn the_client_chooses_and_the_server_where_it_does_not() {
    let server = serve();
    for (accepted, coding) in [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate, zstd", "zstd"),
        ("gzip, deflate", "gzip"),
        ("gzip;q=1.0, br;q=0.5, zstd;q=0.8", "gzip"),
        ("br;q=0.1, gzip;q=0.101", "gzip"),
        ("*", "br"),
        ("br;q=0, *", "zstd"),
        ("*;q=0, gzip;q=0.001", "gzip"),
        ("identity;q=0, zstd", "zstd"),
        ("X-GZIP", "gzip"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0.000, br;q=0", "identity"),
        ("identity, gzip;q=0.9", "identity"),
        ("deflate, compress, foo", "identity"),
        ("dcb, dcz", "identity"),
        ("gzip;q=2", "identity"),
        ("", "identity"),
    ] {
        expect_coded(
            ask(&server, accepted, &[]).expect(200),
            coding,
            page().as_bytes(),
        );
    }
    expect_coded(
        server.get(PAGE, &[]).expect(200),
        "identity",
        page().as_bytes(),
    );
    for accepted in ["identity;q=0", "*;q=0", "identity;q=0, foo"] {
        ask(&server, accepted, &[])
            .expect_any(&[200, 406])
            .expect_no("Content-Encoding");
    }
}

#[test]
fn each_coding_has_a_tag_of_its_own_and_the_same_on_every_server() {
    let (one, other) = (serve(), serve());
    let mut tags = Vec::new();
    for coding in ["identity", "br", "zstd", "gzip"] {
        let tag = ask(&one, coding, &[]).expect(200).entity_tag().to_owned();
        assert!(!tag.starts_with("W/"), "known byte for byte: {tag}");
        ask(&other, coding, &[])
            .expect(200)
            .expect_field("ETag", &tag);
        assert!(!tags.contains(&tag), "§8.8.3.3: {coding} {tags:?}");
        tags.push(tag);
    }
}

#[test]
fn the_tag_received_with_a_coding_gives_304_with_it() {
    let server = serve();
    for coding in CODINGS {
        let first = ask(&server, coding, &[]).expect(200);
        let tag = first.entity_tag();
        for held in [
            tag.to_owned(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            let field = format!("If-None-Match: {held}");
            let unchanged = ask(&server, coding, &[&field]).expect(304);
            for name in ["ETag", "Vary", "Cache-Control"] {
                assert_eq!(unchanged.field(name), first.field(name), "{name}");
            }
            assert!(unchanged.body.is_empty());
        }
        let held = format!("If-None-Match: {tag}");
        // It says nothing of the other codings.
        let other = if coding == "gzip" { "br" } else { "gzip" };
        ask(&server, other, &[&held]).expect(200);
        server.get(PAGE, &[&held]).expect(200).expect_body(page());
        // RFC 9110 §13.2.2: before the range.
        ask(&server, coding, &[&held, "Range: bytes=0-4"]).expect(304);
    }
}

#[test]
fn if_match_is_of_the_coding_that_would_be_sent() {
    let server = serve();
    let gzip = ask(&server, "gzip", &[]).entity_tag().to_owned();
    let held = format!("If-Match: {gzip}");
    ask(&server, "gzip", &[&held]).expect(200);
    ask(&server, "br", &[&held]).expect(412);
    server.get(PAGE, &[&held]).expect(412);
    ask(&server, "gzip", &[&format!("If-Match: W/{gzip}")]).expect(412);
}

#[test]
fn a_part_is_one_of_the_coding() {
    let server = serve();
    for coding in CODINGS {
        // Nobody has asked for it before: the length is known all the same.
        let part = ask(&server, coding, &["Range: bytes=10-19"]).expect(206);
        let whole = ask(&server, coding, &[]).expect(200);
        let length = whole.body.len();
        assert_eq!(part.value("Content-Encoding"), Some(coding));
        assert_eq!(part.entity_tag(), whole.entity_tag());
        assert!(part.lists("Vary", "Accept-Encoding"), "{part:?}");
        part.expect_field("Content-Range", &format!("bytes 10-19/{length}"))
            .expect_body(&whole.body[10..20]);
        ask(&server, coding, &["Range: bytes=-7"])
            .expect(206)
            .expect_body(&whole.body[length - 7..]);
        // Beyond the coding, though within the file.
        let beyond = format!("Range: bytes={length}-");
        ask(&server, coding, &[&beyond])
            .expect(416)
            .expect_field("Content-Range", &format!("bytes */{length}"));
        let two = ask(&server, coding, &["Range: bytes=0-1,100-104"]).expect(206);
        assert_eq!(two.value("Content-Encoding"), Some(coding), "{two:?}");
        let (_, found) = parts(&two);
        assert_eq!(found.len(), 2, "{two:?}");
        // Put together from parts, it is what it was.
        let mut joined = Vec::new();
        for first in (0..length).step_by(1000) {
            let range = format!("Range: bytes={first}-{}", first + 999);
            let condition = format!("If-Range: {}", whole.entity_tag());
            joined.extend(ask(&server, coding, &[&range, &condition]).expect(206).body);
        }
        assert!(decode(Some(coding), &joined) == page().as_bytes());
    }
}

#[test]
fn parts_of_two_codings_are_never_put_together() {
    let server = serve();
    let tag = |coding: &str| ask(&server, coding, &[]).entity_tag().to_owned();
    let (gzip, br, plain) = (tag("gzip"), tag("br"), tag("identity"));
    for (held, accepted, status) in [
        (&gzip, "gzip", 206),
        (&br, "gzip", 200),
        (&plain, "gzip", 200),
        (&gzip, "identity", 200),
        (&plain, "identity", 206),
        (&format!("W/{gzip}"), "gzip", 200),
    ] {
        let condition = format!("If-Range: {held}");
        let answer = ask(&server, accepted, &["Range: bytes=5-", &condition]).expect(status);
        if status == 200 {
            expect_coded(answer, accepted, page().as_bytes());
        }
    }
}

#[test]
fn head_says_what_get_would() {
    for coding in ["br", "zstd", "gzip", "identity", "foo", "*"] {
        let server = serve();
        // Before anybody has asked with GET.
        let head = server.head(PAGE, &[&accept(coding)]).expect(200);
        let get = ask(&server, coding, &[]).expect(200);
        for name in [
            "Content-Encoding",
            "Content-Type",
            "Content-Length",
            "ETag",
            "Vary",
            "Cache-Control",
            "Last-Modified",
            "Accept-Ranges",
        ] {
            assert_eq!(head.value(name), get.value(name), "{name} for {coding}");
        }
        server
            .head(PAGE, &[&accept(coding), "Range: bytes=0-4"])
            .expect(200)
            .expect_field("Content-Length", get.field("Content-Length"));
    }
}

#[test]
fn one_connection_may_ask_for_all_codings_at_once() {
    let server = serve();
    let mut client = server.connect();
    let asked = ["br", "identity", "gzip", "zstd", "gzip", "br", "foo"];
    let requests: Vec<String> = asked
        .map(|coding| request("GET", PAGE, &[&accept(coding)]))
        .into();
    client.send(requests.concat());
    for (coding, request) in asked.iter().zip(&requests) {
        let coding = if *coding == "foo" { "identity" } else { coding };
        expect_coded(client.read(request).expect(200), coding, page().as_bytes());
    }
    client.finish();
}

#[test]
fn all_who_ask_at_once_get_the_same() {
    let docroot = Docroot::standard();
    let file = words(600_000, 2);
    docroot.publish("large.css", &file);
    let server = TestServer::start_with_workers(docroot, "[[site]]\ndocroot = \"$ROOT\"\n", 2);
    let address = server.address;
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let ask = |number: usize| {
            let accept = accept(CODINGS[number % 3]);
            let mut client = Client::connect(address);
            client.get("/large.css", &[&accept]).expect(200)
        };
        let asking: Vec<_> = (0..24)
            .map(|number| scope.spawn(move || ask(number)))
            .collect();
        asking
            .into_iter()
            .map(|asked| asked.join().unwrap())
            .collect()
    });
    for (number, answer) in answers.into_iter().enumerate() {
        expect_coded(answer, CODINGS[number % 3], file.as_bytes());
    }
}

#[test]
fn http_2_sends_the_same_bytes() {
    let server = serve();
    let mut client = H2Client::over(server.connect());
    for coding in CODINGS {
        let asked = |method| {
            [
                (":method", method),
                (":scheme", "http"),
                (":authority", "localhost"),
                (":path", PAGE),
                ("accept-encoding", coding),
            ]
        };
        let H2Outcome::Response { status, body } = client.exchange(&asked("GET")) else {
            panic!("an answer");
        };
        assert_eq!(status, 200);
        assert!(decode(Some(coding), &body) == page().as_bytes(), "{coding}");
        ask(&server, coding, &[]).expect(200).expect_body(&body);
        let head = client.exchange(&asked("HEAD"));
        let empty = H2Outcome::Response {
            status: 200,
            body: Vec::new(),
        };
        assert_eq!(head, empty);
        let mut part = asked("GET").to_vec();
        part.push(("range", "bytes=3-12"));
        let part = client.exchange(&part);
        let expected = H2Outcome::Response {
            status: 206,
            body: body[3..13].to_vec(),
        };
        assert_eq!(part, expected);
    }
}
