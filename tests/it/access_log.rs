//! The access log: one record a request, of what was really sent.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use socket2::SockRef;

use crate::harness::{Docroot, TestServer, eventually, request};

const FILE: &str = "access.log";

fn logged(format: &str) -> TestServer {
    let docroot = Docroot::standard();
    docroot.sparse("big", 64 << 20);
    TestServer::with_docroot(
        docroot,
        &format!("[log]\naccess = \"{format}\"\nfile = \"$PARENT/{FILE}\"\n"),
    )
}

fn text(server: &TestServer) -> String {
    fs::read_to_string(server.docroot.parent().join(FILE)).unwrap_or_default()
}

/// The lines once there are so many: the writer is not in a hurry.
#[track_caller]
fn lines(server: &TestServer, count: usize) -> Vec<String> {
    let whole = || text(server).matches('\n').count() >= count;
    assert!(eventually(whole), "{count} records: {}", text(server));
    let text = text(server);
    assert!(text.ends_with('\n'), "whole lines: {text}");
    assert_eq!(text.lines().count(), count, "one record a request: {text}");
    text.lines().map(str::to_owned).collect()
}

#[track_caller]
fn records(server: &TestServer, count: usize) -> Vec<Value> {
    let lines = lines(server, count);
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The bytes of the body that a record counts.
#[track_caller]
fn bytes(record: &Value) -> u64 {
    record["bytes"]
        .as_u64()
        .unwrap_or_else(|| panic!("bytes: {record}"))
}

#[test]
fn a_combined_record_has_the_fields_that_tools_know() {
    let server = logged("combined");
    server
        .get(
            "/t.bin?x=1",
            &["User-Agent: test/1.0", "Referer: http://localhost/from"],
        )
        .expect(200);
    let line = lines(&server, 1).remove(0);
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    let (_, rest) = line.split_once("] ").expect("a time in brackets");
    assert!(
        rest.starts_with(
            "\"GET /t.bin?x=1 HTTP/1.1\" 200 1000 \"http://localhost/from\" \"test/1.0\""
        ),
        "{line}"
    );
    let time = line.split_once('[').unwrap().1.split_once(']').unwrap().0;
    let form: String = time
        .chars()
        .map(|c| {
            if c.is_ascii_digit() {
                '0'
            } else if c.is_ascii_alphabetic() {
                'A'
            } else {
                c
            }
        })
        .collect();
    assert!(
        ["00/AAA/0000:00:00:00 +0000", "00/AAA/0000:00:00:00 -0000"].contains(&form.as_str()),
        "{time}"
    );
}

#[test]
fn a_combined_record_without_the_fields_has_dashes() {
    let server = logged("combined");
    server.get("/missing", &[]).expect(404);
    let line = lines(&server, 1).remove(0);
    assert!(
        line.contains("\"GET /missing HTTP/1.1\" 404 ") && line.contains("\"-\" \"-\""),
        "{line}"
    );
}

#[test]
fn hostile_values_stay_in_their_field() {
    let server = logged("combined");
    server.exchange(b"GET /t.bin HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a\"b\\c\x80 \xff\x09d\r\nReferer: \" 200 1 \"\r\n\r\n".as_slice());
    server
        .get("/a%0a127.0.0.1%22", &["User-Agent: \"-\" \"x\""])
        .expect(400);
    for line in lines(&server, 2) {
        assert!(
            line.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "printable: {line}"
        );
        let quotes = line
            .replace("\\\\", "")
            .replace("\\\"", "")
            .matches('"')
            .count();
        assert_eq!(quotes, 6, "request, referrer, agent: {line}");
    }
}

#[test]
fn a_json_record_says_what_happened() {
    let server = logged("json");
    server
        .get(
            "/t.bin?x=1",
            &["User-Agent: a\"b\\c", "Host: Example.com:80"],
        )
        .expect(200);
    let record = records(&server, 1).remove(0);
    assert_eq!(record["status"], 200, "{record}");
    assert_eq!(record["method"], "GET", "{record}");
    assert_eq!(bytes(&record), 1000, "{record}");
    let text = record.to_string();
    assert!(
        text.contains("/t.bin?x=1")
            && text.contains("127.0.0.1")
            && text.to_ascii_lowercase().contains("example.com"),
        "{record}"
    );
    assert!(
        record["duration_ms"]
            .as_f64()
            .is_some_and(|time| time > 0.0),
        "{record}"
    );
    assert!(
        record["request_id"]
            .as_str()
            .is_some_and(|id| !id.is_empty()),
        "{record}"
    );
    assert_eq!(record["user_agent"], "a\"b\\c", "{record}");
    assert!(record["refused"].is_null(), "{record}");
}

#[test]
fn every_outcome_is_one_record() {
    let server = logged("json");
    let mut expected = Vec::new();
    for (method, path, field, status) in [
        ("GET", "/t.bin", "Accept: */*", 200),
        ("HEAD", "/t.bin", "Accept: */*", 200),
        ("GET", "/t.bin", "Range: bytes=0-4", 206),
        ("GET", "/t.bin", "If-None-Match: *", 304),
        ("GET", "/t.bin", "If-Match: \"x\"", 412),
        ("GET", "/t.bin", "Range: bytes=1000-", 416),
        ("GET", "/missing", "Accept: */*", 404),
        ("GET", "/..", "Accept: */*", 400),
        ("POST", "/t.bin", "Content-Length: 0", 405),
        ("BREW", "/t.bin", "Accept: */*", 501),
        ("GET", "/t.bin", "Expect: tea", 417),
        ("OPTIONS", "/t.bin", "Accept: */*", 204),
    ] {
        let response = server.send(method, path, &[field]).expect(status);
        expected.push((status, response.body.len() as u64));
    }
    let found: Vec<(u16, u64)> = records(&server, expected.len())
        .iter()
        .map(|record| {
            (
                u16::try_from(record["status"].as_u64().unwrap()).unwrap(),
                bytes(record),
            )
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_refusal_has_its_reason() {
    let server = logged("json");
    server.get("/..", &[]).expect(400);
    server.get("/.env", &[]).expect(404);
    server.get("/missing", &[]).expect(404);
    let records = records(&server, 3);
    for record in &records {
        assert!(
            record["refused"]
                .as_str()
                .is_some_and(|reason| !reason.is_empty()),
            "{record}"
        );
    }
}

#[test]
fn an_aborted_transfer_counts_what_was_sent_and_says_so() {
    let server = logged("json");
    let mut client = server.connect();
    let text = request("GET", "/big", &[]);
    client.send(&text);
    client.read_head(&text);
    SockRef::from(client.stream())
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(client);
    server.get("/t.bin", &[]).expect(200);
    let records = records(&server, 2);
    let aborted = records
        .iter()
        .find(|record| record.to_string().contains("/big"))
        .expect("a record of it");
    let whole = records
        .iter()
        .find(|record| record.to_string().contains("/t.bin"))
        .expect("a record of it");
    assert!(bytes(aborted) < 64 << 20, "{aborted}");
    assert_eq!(bytes(whole), 1000);
    assert_eq!(aborted["outcome"], "aborted", "{aborted}");
    assert_eq!(whole["outcome"], "whole", "{whole}");
}

#[test]
fn a_truncated_file_is_an_aborted_transfer() {
    let server = logged("json");
    let mut client = server.connect();
    let text = request("GET", "/big", &[]);
    client.send(&text);
    client.read_head(&text);
    fs::OpenOptions::new()
        .write(true)
        .open(server.docroot.path("big"))
        .unwrap()
        .set_len(1000)
        .unwrap();
    let received = client.count_to_end();
    let record = records(&server, 1).remove(0);
    assert_eq!(record["outcome"], "aborted", "{record}");
    assert!(bytes(&record) >= received, "{record}");
}

#[test]
fn pipelined_and_concurrent_requests_are_each_one_record() {
    let server = logged("json");
    let address = server.address;
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(move || {
                let mut client = crate::harness::Client::connect(address);
                let text = request("GET", "/t.bin", &[]);
                client.send(text.repeat(20));
                for _ in 0..20 {
                    client.read(&text).expect(200);
                }
            });
        }
    });
    assert!(
        records(&server, 200)
            .iter()
            .all(|record| record["status"] == 200 && bytes(record) == 1000)
    );
}

#[test]
fn the_records_are_written_when_the_server_stops() {
    let mut server = logged("combined");
    for _ in 0..50 {
        server.get("/t.bin", &[]).expect(200);
    }
    server.stop_within(crate::harness::PATIENCE);
    assert_eq!(
        text(&server).lines().count(),
        50,
        "nothing is lost at the end"
    );
}

#[test]
fn off_is_off() {
    let server = logged("off");
    server.get("/t.bin", &[]).expect(200);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(text(&server), "");
}

#[test]
fn http_2_and_routes_are_named() {
    let docroot = Docroot::standard();
    let settings = format!(
        "[[site.route]]\npath = \"/dir/\"\n[log]\naccess = \"json\"\nfile = \"$PARENT/{FILE}\"\n"
    );
    let server = TestServer::with_docroot(docroot, &settings);
    let mut client = crate::harness::H2Client::over(server.connect());
    client.get("/t.bin");
    client.get("/dir/index.html");
    client.exchange(&[
        (":method", "HEAD"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/t.bin"),
    ]);
    let records = records(&server, 3);
    for record in &records {
        assert_eq!(record["status"], 200, "{record}");
        assert_eq!(record["outcome"], "whole", "{record}");
        assert!(
            record["protocol"]
                .as_str()
                .is_some_and(|protocol| protocol.starts_with("HTTP/2")),
            "{record}"
        );
        assert!(
            record["host"]
                .as_str()
                .is_some_and(|host| host == "localhost"),
            "{record}"
        );
    }
    assert_eq!((bytes(&records[0]), bytes(&records[2])), (1000, 0));
    assert_eq!(records[1]["route"], "/dir/", "{}", records[1]);
}
