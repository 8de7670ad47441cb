//! Files larger than memory should hold: read in pieces, at any offset, for any reader.

use std::time::Instant;

use crate::harness::{Client, Docroot, PATIENCE, TestServer, parts, pattern, request};

const GIB: u64 = 1 << 30;

fn with_pattern() -> (TestServer, Vec<u8>) {
    let docroot = Docroot::standard();
    let content = pattern(3 << 20);
    docroot.publish("big.bin", &content);
    (TestServer::with_docroot(docroot, ""), content)
}

#[test]
fn a_file_larger_than_the_cache_holds_is_whole() {
    let (server, content) = with_pattern();
    let response = server
        .get("/big.bin", &[])
        .expect(200)
        .expect_body(&content);
    assert_eq!(response.content_length(), 3 << 20);
    let head = server
        .head("/big.bin", &[])
        .expect(200)
        .expect_field("Content-Length", "3145728");
    assert_eq!(head.entity_tag(), response.entity_tag());
}

#[test]
fn ranges_of_it_are_exact_at_every_edge() {
    let (server, content) = with_pattern();
    let mut client = server.connect();
    let edges = [
        0, 1, 65535, 65536, 65537, 262_143, 262_144, 262_145, 1_048_576, 2_097_151, 3_145_727,
    ];
    for (index, first) in edges.into_iter().enumerate() {
        for last in [first, first + 1, first + 262_144]
            .into_iter()
            .chain(edges.into_iter().skip(index))
        {
            let last = last.min(content.len() - 1);
            let response = client
                .get("/big.bin", &[&format!("Range: bytes={first}-{last}")])
                .expect(206);
            assert!(
                response.body == content[first..=last],
                "{first}-{last}: {response:?}"
            );
            assert_eq!(
                response.field("Content-Range"),
                format!("bytes {first}-{last}/3145728")
            );
        }
    }
    client
        .get("/big.bin", &["Range: bytes=-5"])
        .expect(206)
        .expect_body(&content[content.len() - 5..]);
    client
        .get("/big.bin", &["Range: bytes=3145728-"])
        .expect(416);
    client.finish();
}

#[test]
fn several_ranges_of_it_are_exact() {
    let (server, content) = with_pattern();
    let response = server
        .get(
            "/big.bin",
            &["Range: bytes=0-99999,1000000-1400000,-300000"],
        )
        .expect(206);
    let (_, parts) = parts(&response);
    assert_eq!(parts.len(), 3);
    for part in parts {
        let (first, last) = (
            usize::try_from(part.first).unwrap(),
            usize::try_from(part.last).unwrap(),
        );
        assert!(part.content == content[first..=last], "{first}-{last}");
        assert_eq!(part.complete, 3 << 20);
    }
}

#[test]
fn its_validators_work() {
    let (server, content) = with_pattern();
    let whole = server.get("/big.bin", &[]).expect(200);
    let tag = whole.entity_tag();
    server
        .get("/big.bin", &[&format!("If-None-Match: {tag}")])
        .expect(304);
    server.get("/big.bin", &["If-Match: \"miss\""]).expect(412);
    // A file changed just now may have a weak tag, which If-Range never takes.
    let response = server.get(
        "/big.bin",
        &["Range: bytes=0-4", &format!("If-Range: {tag}")],
    );
    if tag.starts_with("W/") {
        response.expect(200).expect_body(&content);
    } else {
        response.expect(206).expect_body(&content[..5]);
    }
    server
        .get("/big.bin", &["Range: bytes=0-4", "If-Range: \"miss\""])
        .expect(200)
        .expect_body(&content);
}

#[test]
fn the_last_byte_of_five_gibibytes_comes_at_once() {
    let docroot = Docroot::empty();
    docroot.sparse("huge", 5 * GIB);
    let server = TestServer::with_docroot(docroot, "");
    let begun = Instant::now();
    let response = server
        .get("/huge", &["Range: bytes=5368709119-"])
        .expect(206)
        .expect_body([0]);
    assert_eq!(
        response.field("Content-Range"),
        "bytes 5368709119-5368709119/5368709120"
    );
    server
        .get("/huge", &["Range: bytes=-1"])
        .expect(206)
        .expect_body([0]);
    server
        .get("/huge", &["Range: bytes=5368709120-"])
        .expect(416)
        .expect_field("Content-Range", "bytes */5368709120");
    server
        .head("/huge", &[])
        .expect(200)
        .expect_field("Content-Length", "5368709120");
    server.get("/huge", &["If-None-Match: *"]).expect(304);
    // Generous: reading or hashing five gibibytes would take longer.
    assert!(begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
}

#[test]
fn readers_that_do_not_read_cost_little_and_delay_nobody() {
    let docroot = Docroot::standard();
    docroot.sparse("huge", 10 * GIB);
    let server = TestServer::with_docroot(docroot, "[limits]\ndrain_timeout = \"1s\"\n");
    let before = resident_memory();
    let text = request("GET", "/huge", &[]);
    let mut stalled: Vec<Client> = (0..30).map(|_| server.connect()).collect();
    for client in &mut stalled {
        client.send(&text);
        client.read_head(&text);
    }
    let begun = Instant::now();
    for _ in 0..50 {
        server
            .get("/t.bin", &[])
            .expect(200)
            .expect_body(pattern(1000));
    }
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    // Other tests of this process take their share meanwhile.
    let grown = resident_memory().saturating_sub(before);
    assert!(grown < 256 << 20, "{grown} bytes for 30 readers");
}

#[test]
fn a_slow_reader_gets_it_all() {
    let (server, content) = with_pattern();
    let mut client = server.connect();
    let text = request("GET", "/big.bin", &["Connection: close"]);
    client.send(&text);
    client.read_head(&text);
    let mut received = Vec::new();
    for _ in 0..20 {
        received.extend(client.read_some(1000));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    received.extend(client.read_to_end());
    assert!(received == content);
}

/// Bytes of this process in memory.
fn resident_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("Linux says");
    line.trim()
        .trim_end_matches(" kB")
        .parse::<usize>()
        .expect("a number")
        << 10
}
