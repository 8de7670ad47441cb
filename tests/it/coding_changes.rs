//! Codings of files that change, of a memory that is too small, and of another configuration.

use std::fs;

use daemun::Config;

use crate::coding::{CODINGS, decoded, expect_coded, words};
use crate::harness::{Back, Client, Docroot, PUBLISHED, Response, TestServer, in_front};
use crate::reload::{Serving, free_address};

const ALL: &str = "Accept-Encoding: gzip, deflate, br, zstd";

fn accept(coding: &str) -> String {
    format!("Accept-Encoding: {coding}")
}

#[test]
fn the_very_next_request_gets_a_coding_of_what_is_there_now() {
    let docroot = Docroot::standard();
    docroot.publish("busy.css", words(9000, 0));
    let server = TestServer::with_docroot(docroot, "");
    let mut client = server.connect();
    for round in 1..25 {
        let file = words(9000, round);
        match round % 3 {
            0 => server.docroot.write("busy.css", &file),
            1 => server.docroot.replace("busy.css", &file),
            // Of the same size and date as the one before.
            _ => {
                server.docroot.replace("busy.css", &file);
                server.docroot.date("busy.css", PUBLISHED);
            }
        }
        let mut tags = Vec::new();
        for coding in CODINGS {
            let answer = client.get("/busy.css", &[&accept(coding)]).expect(200);
            let answer = expect_coded(answer, coding, file.as_bytes());
            tags.push(answer.entity_tag().to_owned());
        }
        server.docroot.write("busy.css", words(9000, round + 100));
        for (coding, tag) in CODINGS.iter().zip(&tags) {
            let held = format!("If-None-Match: {tag}");
            let answer = client
                .get("/busy.css", &[&accept(coding), &held])
                .expect(200);
            expect_coded(answer, coding, words(9000, round + 100).as_bytes());
            let held = format!("If-Range: {tag}");
            let range = "Range: bytes=10-";
            let answer = client.get("/busy.css", &[&accept(coding), range, &held]);
            expect_coded(
                answer.expect(200),
                coding,
                words(9000, round + 100).as_bytes(),
            );
        }
    }
}

#[test]
fn a_file_that_is_gone_or_shrinks_has_no_coding_left() {
    let docroot = Docroot::standard();
    docroot.publish("a.css", words(9000, 1));
    let server = TestServer::with_docroot(docroot, "");
    let ask = || server.get("/a.css", &[ALL]);
    expect_coded(ask().expect(200), "br", words(9000, 1).as_bytes());
    server.docroot.replace("a.css", "short");
    ask()
        .expect(200)
        .expect_no("Content-Encoding")
        .expect_body("short");
    server.docroot.replace("a.css", words(9000, 2));
    expect_coded(ask().expect(200), "br", words(9000, 2).as_bytes());
    server.docroot.remove("a.css");
    ask().expect(404);
    fs::create_dir(server.docroot.path("a.css")).unwrap();
    assert_ne!(ask().status(), 200);
}

#[test]
fn a_file_that_is_written_to_all_the_time_is_never_half_old_and_half_new() {
    let docroot = Docroot::standard();
    docroot.publish("a.css", words(20_000, 0));
    let server = TestServer::with_docroot(docroot, "");
    let address = server.address;
    let states: Vec<String> = (0..40).map(|seed| words(20_000, seed)).collect();
    std::thread::scope(|scope| {
        let states = &states;
        let asking: Vec<_> = CODINGS
            .map(|coding| {
                scope.spawn(move || {
                    let mut client = Client::connect(address);
                    for _ in 0..60 {
                        let answer = client.get("/a.css", &[&accept(coding)]).expect(200);
                        let plain = decoded(&answer);
                        let is_one = states.iter().any(|state| state.as_bytes() == plain);
                        assert!(is_one, "a mixture: {answer:?}");
                    }
                })
            })
            .into();
        for state in states {
            server.docroot.replace("a.css", state);
            std::thread::yield_now();
        }
        for asked in asking {
            asked.join().unwrap();
        }
    });
}

#[test]
fn with_little_or_no_memory_all_is_sent_all_the_same() {
    for memory in ["0", "\"64KiB\"", "\"1MiB\""] {
        let docroot = Docroot::standard();
        let file = |number: u32| words(30_000, number);
        for number in 0..30 {
            docroot.publish(&format!("{number}.css"), file(number));
        }
        docroot.publish("large.css", words(700_000, 99));
        let server = TestServer::with_docroot(docroot, &format!("[cache]\nmemory = {memory}\n"));
        let mut client = server.connect();
        for round in 0..2 {
            for number in 0..30 {
                let coding = CODINGS[(number + round) as usize % 3];
                let path = format!("/{number}.css");
                let answer = client.get(&path, &[&accept(coding)]).expect(200);
                assert!(answer.lists("Vary", "Accept-Encoding"), "{answer:?}");
                assert_eq!(answer.value("Content-Encoding"), Some(coding), "{answer:?}");
                assert!(decoded(&answer) == file(number).as_bytes(), "{answer:?}");
            }
            let answer = client.get("/large.css", &[ALL]).expect(200);
            assert!(decoded(&answer) == words(700_000, 99).as_bytes());
        }
    }
}

#[test]
fn the_settings_say_what_is_compressed_and_how() {
    let page = words(5000, 1);
    for (keys, file, accepted, coding) in [
        (
            "codings = [\"gzip\", \"br\"]",
            "x.html",
            "br, zstd, gzip",
            Some("gzip"),
        ),
        (
            "codings = [\"gzip\", \"br\"]",
            "x.html",
            "br, zstd",
            Some("br"),
        ),
        ("codings = [\"gzip\", \"br\"]", "x.html", "zstd", None),
        (
            "codings = [\"zstd\", \"gzip\"]",
            "x.html",
            "gzip;q=0.9, zstd;q=0.8",
            Some("gzip"),
        ),
        ("codings = []", "x.html", "br, zstd, gzip", None),
        (
            "media_types = [\"application/pdf\"]",
            "x.pdf",
            "br",
            Some("br"),
        ),
        ("media_types = [\"application/pdf\"]", "x.html", "br", None),
        (
            "media_types = [\"default\", \"image/*\"]",
            "x.png",
            "br",
            Some("br"),
        ),
        (
            "media_types = [\"default\", \"image/*\"]",
            "x.html",
            "br",
            Some("br"),
        ),
        ("media_types = []", "x.html", "br", None),
        ("smallest = 5001", "x.html", "br", None),
        ("smallest = 5000", "x.html", "br", Some("br")),
        (
            "threads = 1\nimprove = false",
            "x.html",
            "zstd",
            Some("zstd"),
        ),
    ] {
        let docroot = Docroot::standard();
        docroot.publish(file, &page);
        let server = TestServer::with_docroot(docroot, &format!("[compression]\n{keys}\n"));
        let answer = server
            .get(&format!("/{file}"), &[&accept(accepted)])
            .expect(200);
        let is_as_said = answer.value("Content-Encoding") == coding;
        assert!(is_as_said, "{keys}, {accepted}: {answer:?}");
        assert_eq!(decoded(&answer), page.as_bytes());
    }
}

#[test]
fn the_settings_count_for_sidecars_as_far_as_their_order() {
    let order = "[compression]\ncodings = [\"zstd\", \"gzip\"]\n";
    let server = TestServer::with_site(order);
    let ask = |accepted: &str| server.get("/a.js", &[&accept(accepted)]).expect(200);
    ask("gzip, br, zstd").expect_field("Content-Encoding", "zstd");
    ask("gzip, br").expect_field("Content-Encoding", "gzip");
    // Not made, but there.
    ask("br").expect_field("Content-Encoding", "br");
    let none = TestServer::with_site("[compression]\ncodings = []\n");
    none.get("/a.js", &[ALL])
        .expect(200)
        .expect_field("Content-Encoding", "br");
}

#[test]
fn the_settings_count_for_the_answers_of_applications() {
    let body = words(2000, 3);
    let ask = |media_type: &str, accepted: &str, rest: &str| -> Response {
        let back = Back::answering(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let server = in_front(&[&back], "compress = true", rest);
        let answer = server.get("/x", &[&accept(accepted)]).expect(200);
        assert_eq!(decoded(&answer), body.as_bytes(), "{answer:?}");
        answer
    };
    let own =
        "[compression]\ncodings = [\"gzip\", \"zstd\"]\nmedia_types = [\"application/x-own\"]\n";
    for (media_type, accepted, rest, coding) in [
        ("text/html", "br, zstd, gzip", "", Some("br")),
        ("application/x-own", "br, zstd, gzip", "", None),
        ("application/x-own", "br, zstd, gzip", own, Some("gzip")),
        ("application/x-own", "br", own, None),
        ("text/html", "gzip", own, None),
        (
            "text/html",
            "gzip",
            "[compression]\nsmallest = 2001\n",
            None,
        ),
        (
            "text/html",
            "gzip",
            "[compression]\nsmallest = 2000\n",
            Some("gzip"),
        ),
        ("text/html", "gzip", "[compression]\ncodings = []\n", None),
        (
            "text/event-stream",
            "gzip",
            "[compression]\nmedia_types = [\"text/*\"]\n",
            None,
        ),
    ] {
        let answer = ask(media_type, accepted, rest);
        let is_as_said = answer.value("Content-Encoding") == coding;
        assert!(is_as_said, "{media_type}, {accepted}, {rest}: {answer:?}");
    }
}

#[test]
fn another_configuration_compresses_otherwise_from_the_next_request_on() {
    let docroot = Docroot::standard();
    let page = words(5000, 1);
    docroot.publish("x.html", &page);
    let address = free_address();
    let config = |keys: &str| {
        let root = docroot.root();
        let text = format!(
            "[[listen]]\naddress = \"{address}\"\n[[site]]\ndocroot = \"{}\"\n{keys}\n",
            root.display()
        );
        Config::parse(&text, &docroot.path("test.toml")).unwrap_or_else(|error| panic!("{error}"))
    };
    let server = Serving::start(&config("compress = false"), 2);
    let mut client = Client::connect(address);
    let mut expect = |coding: Option<&str>| {
        for _ in 0..3 {
            let answer = client.get("/x.html", &[ALL]).expect(200);
            assert_eq!(answer.value("Content-Encoding"), coding, "{answer:?}");
            assert_eq!(decoded(&answer), page.as_bytes());
        }
    };
    expect(None);
    for (keys, coding) in [
        ("", Some("br")),
        ("[compression]\ncodings = [\"zstd\"]", Some("zstd")),
        ("[compression]\nmedia_types = []", None),
        ("[compression]\nsmallest = \"4KiB\"", Some("br")),
        ("[compression]\nsmallest = \"6KiB\"", None),
        ("compress = false", None),
        ("compress = true", Some("br")),
    ] {
        server.reload(&config(keys));
        expect(coding);
    }
}
