//! A message has exactly the length it promised, whatever happens to the file meanwhile (RFC 9112 §6.3, §8).

use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, SystemTime};

use crate::harness::{
    Docroot, H2Client, H2Outcome, PATIENCE, PUBLISHED, TestServer, pattern, request,
};

/// More than all socket buffers of a connection hold, so that a file is still being sent when the client reads none of it.
const LARGE: u64 = 32 << 20;

#[test]
fn a_file_that_changed_after_the_start_has_its_new_length() {
    let server = TestServer::standard();
    server.get("/t.bin", &[]).expect(200);
    for length in [1500, 500, 0, 619] {
        server.docroot.write("t.bin", pattern(length));
        server
            .get("/t.bin", &[])
            .expect(200)
            .expect_body(pattern(length));
    }
}

#[test]
fn a_file_truncated_while_being_sent_cuts_the_connection() {
    let docroot = Docroot::empty();
    docroot.sparse("big", LARGE);
    let server = TestServer::with_docroot(docroot, "");
    let mut client = server.connect();
    let text = request("GET", "/big", &[]);
    client.send(&text);
    let head = client.read_head(&text);
    assert_eq!(
        head.value("Content-Length"),
        Some(LARGE.to_string().as_str())
    );
    OpenOptions::new()
        .write(true)
        .open(server.docroot.path("big"))
        .unwrap()
        .set_len(1000)
        .unwrap();
    let received = client.count_to_end();
    assert!(received < LARGE, "never padded: {received}");
    // Other clients see the file as it is.
    assert_eq!(server.get("/big", &[]).expect(200).content_length(), 1000);
}

#[test]
fn a_range_of_a_file_truncated_while_being_sent_cuts_the_connection() {
    let docroot = Docroot::empty();
    docroot.sparse("big", LARGE);
    let server = TestServer::with_docroot(docroot, "");
    let mut client = server.connect();
    let text = request("GET", "/big", &["Range: bytes=1-"]);
    client.send(&text);
    assert_eq!(client.read_head(&text).status, 206);
    OpenOptions::new()
        .write(true)
        .open(server.docroot.path("big"))
        .unwrap()
        .set_len(1000)
        .unwrap();
    assert!(client.count_to_end() < LARGE - 1);
}

#[test]
fn a_file_that_grows_while_being_sent_ends_where_it_said() {
    let docroot = Docroot::empty();
    docroot.sparse("big", LARGE);
    docroot.publish("t.bin", pattern(1000));
    let server = TestServer::with_docroot(docroot, "");
    let mut client = server.connect();
    let text = request("GET", "/big", &[]);
    client.send(&text);
    let head = client.read_head(&text);
    assert_eq!(
        head.value("Content-Length"),
        Some(LARGE.to_string().as_str())
    );
    let forged = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nEVIL!".repeat(1000);
    OpenOptions::new()
        .append(true)
        .open(server.docroot.path("big"))
        .unwrap()
        .write_all(&forged)
        .unwrap();
    let mut received = 0;
    while received < LARGE {
        let piece = client.read_some(usize::try_from(LARGE - received).unwrap());
        assert!(!piece.is_empty(), "the connection ended after {received}");
        assert!(
            piece.iter().all(|byte| *byte == 0),
            "what was promised, not what came after"
        );
        received += piece.len() as u64;
    }
    client
        .get("/t.bin", &[])
        .expect(200)
        .expect_body(pattern(1000));
    client.finish();
}

#[test]
fn a_file_replaced_while_being_sent_is_all_old_then_all_new() {
    let docroot = Docroot::empty();
    docroot.sparse("big", LARGE);
    let server = TestServer::with_docroot(docroot, "");
    let mut client = server.connect();
    let text = request("GET", "/big", &[]);
    client.send(&text);
    let old = client.read_head(&text);
    server.docroot.replace("big", vec![1; 5000]);
    let mut received = 0;
    while received < LARGE {
        let piece = client.read_some(usize::try_from(LARGE - received).unwrap());
        assert!(
            !piece.is_empty() && piece.iter().all(|byte| *byte == 0),
            "all old bytes"
        );
        received += piece.len() as u64;
    }
    let new = client
        .get("/big", &[])
        .expect(200)
        .expect_body(vec![1; 5000]);
    assert_ne!(Some(new.entity_tag()), old.value("ETag"));
}

#[test]
fn a_file_deleted_while_being_sent_is_sent_to_its_end() {
    let docroot = Docroot::empty();
    docroot.sparse("big", LARGE);
    let server = TestServer::with_docroot(docroot, "");
    let mut client = server.connect();
    let text = request("GET", "/big", &["Connection: close"]);
    client.send(&text);
    client.read_head(&text);
    server.docroot.remove("big");
    assert_eq!(client.count_to_end(), LARGE);
    server.get("/big", &[]).expect(404);
}

#[test]
fn same_size_and_date_but_other_content_is_seen() {
    let server = TestServer::standard();
    let old = server.get("/t.bin", &[]).expect(200);
    let tag = format!("If-None-Match: {}", old.entity_tag());
    let changed: Vec<u8> = old.body.iter().map(|byte| !byte).collect();
    server.docroot.write("t.bin", &changed);
    server.docroot.date("t.bin", PUBLISHED);
    let new = server
        .get("/t.bin", &[&tag])
        .expect(200)
        .expect_body(&changed);
    assert_ne!(new.entity_tag(), old.entity_tag());
    // And by rename, which gives another inode.
    let again: Vec<u8> = pattern(2000)[1000..].to_vec();
    server.docroot.replace("t.bin", &again);
    server.docroot.date("t.bin", PUBLISHED);
    server
        .get("/t.bin", &[&format!("If-None-Match: {}", new.entity_tag())])
        .expect(200)
        .expect_body(&again);
}

#[test]
fn same_content_has_the_same_tag_wherever_it_lies() {
    let tag = || {
        let docroot = Docroot::standard();
        docroot.write("copy.bin", pattern(1000));
        let server = TestServer::with_docroot(docroot, "");
        let tag = server.get("/t.bin", &[]).entity_tag().to_owned();
        assert_eq!(
            server.get("/copy.bin", &[]).entity_tag(),
            tag,
            "the content's, whatever name and date"
        );
        tag
    };
    assert_eq!(tag(), tag(), "the same on every replica");
}

#[test]
fn two_writes_of_one_size_within_a_second_have_two_tags() {
    let server = TestServer::standard();
    for size in [1000, 3 << 20] {
        let mut last = (String::new(), Vec::new());
        for round in 0..5_u8 {
            let content = vec![round; size];
            server.docroot.write("busy.bin", &content);
            let response = server
                .get("/busy.bin", &[])
                .expect(200)
                .expect_body(&content);
            let tag = response.entity_tag().to_owned();
            assert!(
                tag.starts_with("W/") || tag != last.0,
                "one strong tag for two contents: {tag}"
            );
            last = (tag, content);
        }
    }
}

#[test]
fn a_date_in_the_future_is_not_passed_on() {
    let server = TestServer::standard();
    let future = SystemTime::now() + Duration::from_secs(100_000);
    server.docroot.date_exactly("t.bin", future);
    // The harness holds every Last-Modified against Date.
    let whole = server.get("/t.bin", &[]).expect(200);
    server.head("/t.bin", &[]).expect(200);
    server.get("/t.bin", &["Range: bytes=0-4"]).expect(206);
    server
        .get(
            "/t.bin",
            &[&format!("If-None-Match: {}", whole.entity_tag())],
        )
        .expect(304);
    let future = httpdate::fmt_http_date(future);
    server
        .get(
            "/t.bin",
            &["Range: bytes=0-4", &format!("If-Range: {future}")],
        )
        .expect_any(&[200, 206]);
}

#[test]
fn a_date_before_the_epoch_does_no_harm() {
    let server = TestServer::standard();
    server.docroot.date_exactly(
        "t.bin",
        SystemTime::UNIX_EPOCH - Duration::from_secs(100_000),
    );
    server
        .get("/t.bin", &[])
        .expect(200)
        .expect_body(pattern(1000));
    server.docroot.date_exactly("t.bin", SystemTime::UNIX_EPOCH);
    server.get("/t.bin", &[]).expect(200);
}

#[test]
fn a_missing_fingerprinted_file_is_not_immutable() {
    let server = TestServer::standard();
    let response = server.get("/app.3f9a1c7b.js", &[]).expect(404);
    assert!(!response.lives_long(), "{response:?}");
}

#[test]
fn a_file_overwritten_while_being_sent_is_not_passed_off_as_whole() {
    let docroot = Docroot::empty();
    docroot.sparse("big", LARGE);
    let server = TestServer::with_docroot(docroot, "");
    let mut client = server.connect();
    let text = request("GET", "/big", &["Connection: close"]);
    client.send(&text);
    client.read_head(&text);
    let mut file = OpenOptions::new()
        .write(true)
        .open(server.docroot.path("big"))
        .unwrap();
    file.write_all(&vec![1; usize::try_from(LARGE).unwrap()])
        .unwrap();
    // Old and new bytes are mixed: the client must see that it does not hold a whole file.
    assert!(client.count_to_end() < LARGE);
}

#[test]
fn a_file_appended_to_while_being_sent_is_whole_as_promised() {
    let docroot = Docroot::empty();
    docroot.sparse("big", LARGE);
    let server = TestServer::with_docroot(docroot, "");
    let mut client = server.connect();
    let text = request("GET", "/big", &["Connection: close"]);
    client.send(&text);
    client.read_head(&text);
    OpenOptions::new()
        .append(true)
        .open(server.docroot.path("big"))
        .unwrap()
        .write_all(b"a line of a log\n")
        .unwrap();
    assert_eq!(client.count_to_end(), LARGE);
}

#[test]
fn a_file_written_to_without_pause_is_answered_all_the_same() {
    let server = TestServer::standard();
    server.docroot.write("busy.bin", [0; 1000]);
    let path = server.docroot.path("busy.bin");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::os::unix::fs::FileExt;
            let file = OpenOptions::new().write(true).open(path).unwrap();
            // A bound of its own, so that a server that waits for the end of it fails and does not hang.
            let begun = std::time::Instant::now();
            let mut round = 0_u8;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) && begun.elapsed() < PATIENCE / 4
            {
                round = round.wrapping_add(1);
                file.write_all_at(&[round; 1000], 0).unwrap();
            }
        });
        let begun = std::time::Instant::now();
        let answers: Vec<_> = (0..5).map(|_| server.get("/busy.bin", &[])).collect();
        let took = begun.elapsed();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for answer in answers {
            // What it holds at such a moment is anybody's guess, but there is an answer.
            answer.expect_any(&[200, 503]);
        }
        assert!(took < PATIENCE / 5, "{took:?}");
    });
}

const BIG: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "localhost"),
    (":path", "/big"),
];

#[test]
fn on_http_2_a_file_truncated_while_being_sent_resets_the_stream() {
    let docroot = Docroot::standard();
    docroot.sparse("big", 8 << 20);
    let server = TestServer::with_docroot(docroot, "");
    let mut client = H2Client::over(server.connect());
    let stream = client.begin(&BIG);
    // The first bytes have come, so the length is promised.
    client.peek();
    OpenOptions::new()
        .write(true)
        .open(server.docroot.path("big"))
        .unwrap()
        .set_len(1000)
        .unwrap();
    client.widen(stream);
    let outcome = client.finish(stream);
    assert!(matches!(outcome, H2Outcome::Reset(_)), "not a clean end");
    // The connection is not to blame.
    assert_eq!(
        client.get("/t.bin"),
        H2Outcome::Response {
            status: 200,
            body: pattern(1000)
        }
    );
}

#[test]
fn on_http_2_a_file_that_grows_while_being_sent_ends_where_it_said() {
    let docroot = Docroot::standard();
    docroot.sparse("big", 8 << 20);
    let server = TestServer::with_docroot(docroot, "");
    let mut client = H2Client::over(server.connect());
    let stream = client.begin(&BIG);
    client.peek();
    OpenOptions::new()
        .append(true)
        .open(server.docroot.path("big"))
        .unwrap()
        .write_all(&[1; 5000])
        .unwrap();
    client.widen(stream);
    let outcome = client.finish(stream);
    assert!(
        outcome
            == H2Outcome::Response {
                status: 200,
                body: vec![0; 8 << 20]
            },
        "exactly what was promised"
    );
}
