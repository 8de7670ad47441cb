//! Two servers read the same bytes before the same router: what both take for a request, both read alike. Ours may refuse more.

use std::cell::Cell;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

use crate::harness::{Client, HyperPeer, Journal, Seen, TestServer};

#[test]
fn what_both_accept_both_read_alike() {
    let (server, ours) = TestServer::app("");
    let (peer, theirs) = HyperPeer::app();
    let (sound, wrong) = (Cell::new(0), Cell::new(0));
    runner(4000)
        .run(&conversation(), |bytes| {
            send(server.connect(), &[&bytes]);
            send(peer.connect(), &[&bytes]);
            let (ours, theirs) = (ours.take(), theirs.take());
            let whole = ours.iter().filter(|seen| seen.is_whole).count();
            sound.set(sound.get() + whole);
            wrong.set(wrong.get() + theirs.len().max(ours.len()) - whole);
            compare(&ours, &theirs, &bytes)
        })
        .unwrap_or_else(|error| panic!("{error}"));
    // Neither side alone would have tested anything.
    assert!(
        sound.get() > 1500 && wrong.get() > 100,
        "{sound:?} {wrong:?}"
    );
}

#[test]
fn bytes_are_read_alike_however_they_come() {
    let (server, journal) = TestServer::app("");
    runner(300)
        .run(&(conversation(), any::<Index>()), |(bytes, cut)| {
            let (first, rest) = bytes.split_at(cut.index(bytes.len()));
            send(server.connect(), &[&bytes]);
            let whole = journal.take();
            send(server.connect(), &[first, rest]);
            prop_assert_eq!(whole, journal.take(), "{}", bytes.escape_ascii());
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

/// The same conversations at every run, unless `PROPTEST_CASES` asks for more of them: then others.
fn runner(cases: u32) -> TestRunner {
    let config = Config {
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return TestRunner::new(config);
    }
    let algorithm = proptest::test_runner::RngAlgorithm::ChaCha;
    TestRunner::new_with_rng(
        Config { cases, ..config },
        proptest::test_runner::TestRng::deterministic_rng(algorithm),
    )
}

/// Sends all of it and reads until the server is done; what it answers is for other tests.
fn send(mut client: Client, pieces: &[&[u8]]) {
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        client.send(piece);
    }
    client.shut_write();
    client.read_to_end();
}

fn compare(ours: &[Seen], theirs: &[Seen], bytes: &[u8]) -> Result<(), TestCaseError> {
    for (index, own) in ours.iter().enumerate() {
        if !own.is_whole {
            prop_assert!(
                index + 1 == ours.len(),
                "a request after one that broke off\n{}\n{ours:?}",
                bytes.escape_ascii()
            );
            return Ok(());
        }
        let Some(other) = theirs.get(index).filter(|other| other.is_whole) else {
            return Err(TestCaseError::fail(format!(
                "accepted, and refused by the other\n{}\nours:   {own:?}\ntheirs: {theirs:?}",
                bytes.escape_ascii()
            )));
        };
        let without_trailers = |seen: &Seen| Seen {
            trailers: Vec::new(),
            ..seen.clone()
        };
        prop_assert_eq!(
            without_trailers(own),
            without_trailers(other),
            "{}",
            bytes.escape_ascii()
        );
        // Those that are none are left out.
        let known = own
            .trailers
            .iter()
            .all(|trailer| other.trailers.contains(trailer));
        prop_assert!(known, "{own:?}\n{other:?}\n{}", bytes.escape_ascii());
    }
    Ok(())
}

/// Up to three requests, most of them sound, and now and then a byte changed.
fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let mutation = prop_oneof![
        6 => Just(None),
        1 => (any::<Index>(), 0..3_u8, select(&b"\r\n \t:;,0a\0\"\x0b"[..])).prop_map(Some),
    ];
    (vec(request(), 1..4), mutation).prop_map(|(requests, mutation)| {
        let mut bytes = requests.concat();
        if let Some((place, kind, byte)) = mutation {
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ => drop(bytes.remove(place)),
            }
        }
        bytes
    })
}

/// One of `usual`, or now and then one of `odd`.
fn mostly(
    usual: &'static [&'static str],
    odd: &'static [&'static str],
) -> impl Strategy<Value = String> {
    prop_oneof![24 => select(usual), 1 => select(odd)].prop_map(str::to_owned)
}

fn line_end() -> impl Strategy<Value = String> {
    prop_oneof![60 => Just("\r\n"), 1 => select(&["\n", "\r", "\r\r\n", " \r\n", ""][..])]
        .prop_map(str::to_owned)
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let line = (
        mostly(
            &["GET", "POST", "PUT", "HEAD", "DELETE"],
            &["get", "G@T", "POST\t", "", "OPTIONS"],
        ),
        mostly(
            &["/x", "/x?y=1", "/x/%41", "http://localhost/x"],
            &["x", "/x#f", "*", "/x y", "/x\u{e9}", "http://other/x"],
        ),
        mostly(
            &["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"],
            &["HTTP/1.2", "http/1.1", "HTTP/2.0", "HTTP/1.1 ", "HTTP/01.1"],
        ),
        line_end(),
    )
        .prop_map(|(method, target, version, end)| format!("{method} {target} {version}{end}"));
    (line, vec(field(), 0..3), framed()).prop_map(|(line, fields, framed)| {
        format!("{line}Host: localhost\r\n{}{framed}", fields.concat()).into_bytes()
    })
}

fn field() -> impl Strategy<Value = String> {
    let field = mostly(
        &[
            "X-A: b",
            "X-B:",
            "X-C: \t v w \t",
            "Connection: close",
            "Connection: keep-alive",
            "Expect: 100-continue",
            "TE: trailers",
            "X-Obs: \u{e9}",
        ],
        &[
            "X-D: a\u{1}b",
            "X-E : f",
            " X-F: g",
            "X-G: h\r\n i",
            "Host: localhost",
            "no colon",
            ": x",
            "X-H: a\0b",
            "Content-Length: 3",
            "Transfer-Encoding: chunked",
            "Transfer-Encoding: identity",
            "Connection: \"close\"",
        ],
    );
    (field, line_end()).prop_map(|(field, end)| field + &end)
}

/// The fields that frame the body, the empty line, and the body.
fn framed() -> impl Strategy<Value = String> {
    let by_length = (
        mostly(
            &["Content-Length: 5"],
            &[
                "Content-Length: +5",
                "Content-Length: 05",
                "Content-Length: 5, 5",
                "Content-Length: 5\r\nContent-Length: 5",
                "Content-Length: 5 5",
                "Content-Length: 0x5",
                "Content-Length: 6",
                "Content-Length: 4",
                "content-length:5",
                "Content-Length : 5",
            ],
        ),
        line_end(),
    )
        .prop_map(|(field, end)| format!("{field}\r\n{end}hello"));
    let by_chunks = (
        mostly(
            &["Transfer-Encoding: chunked"],
            &[
                "Transfer-Encoding: Chunked",
                "Transfer-Encoding:chunked",
                "Transfer-Encoding: chunked, chunked",
                "Transfer-Encoding: gzip, chunked",
                "Transfer-Encoding: chunked, identity",
                "Transfer-Encoding: xchunked",
                "Transfer-Encoding : chunked",
                "Transfer-Encoding:\u{b}chunked",
            ],
        ),
        line_end(),
        vec(chunk(), 0..4),
        last_chunk(),
    )
        .prop_map(|(field, end, chunks, last)| {
            format!("{field}\r\n{end}{}{last}", chunks.concat())
        });
    prop_oneof![2 => line_end(), 2 => by_length, 4 => by_chunks]
}

fn chunk() -> impl Strategy<Value = String> {
    (
        mostly(
            &["5", "05", "0000000005"],
            &[
                "+5",
                "-5",
                "0x5",
                "5 ",
                " 5",
                "6",
                "4",
                "5h",
                "",
                "00000000000000000005",
                "10000000000000005",
            ],
        ),
        extension(),
        line_end(),
        line_end(),
    )
        .prop_map(|(size, extension, end, after)| format!("{size}{extension}{end}hello{after}"))
}

fn last_chunk() -> impl Strategy<Value = String> {
    let trailers = mostly(
        &["", "", "X-Sum: 1\r\n", "X-Sum: 1\r\nX-Other: 2\r\n"],
        &[
            "X-Sum : 1\r\n",
            "X-Sum: 1\n",
            " X-Sum: 1\r\n",
            "X-Sum: 1\r\n 2\r\n",
            "Content-Length: 3\r\n",
            "no colon\r\n",
            ": 1\r\n",
        ],
    );
    (
        mostly(&["0", "000"], &["0 ", "", "00x"]),
        extension(),
        line_end(),
        trailers,
        line_end(),
    )
        .prop_map(|(size, extension, end, trailers, last)| {
            format!("{size}{extension}{end}{trailers}{last}")
        })
}

fn extension() -> impl Strategy<Value = String> {
    mostly(
        &["", "", "", ";a", ";a=b", ";a=\"b;c\""],
        &[
            ";",
            ";a=",
            ";a=\"b",
            ";a\n",
            ";a\r",
            "; a",
            " ;a",
            ";a=\"\\\"\"",
            ";\0",
        ],
    )
}

impl Journal {
    /// What was seen since the last time.
    fn take(&self) -> Vec<Seen> {
        let seen = self.seen();
        self.clear();
        seen
    }
}
