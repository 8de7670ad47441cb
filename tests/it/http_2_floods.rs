//! Floods over HTTP/2: each ends, costs little, and keeps nobody else waiting. The server is a process of its own, whose memory shows.

use std::time::{Duration, Instant};

use crate::harness::h2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, block, frame, length,
};
use crate::harness::{H2Client, H2Outcome, PATIENCE, Program, eventually};

/// What a flood may cost, in KiB. What it would cost if it were kept is several times that.
const AFFORDABLE: u64 = 32 << 10;

const GET: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "localhost"),
    (":path", "/t.bin"),
];

/// A flood that is under way, seen from beside it.
struct Watched {
    program: Program,
    before: u64,
}

impl Watched {
    fn start(keys: &str) -> Self {
        let program = Program::with_site(keys);
        // Everything that is made once is made by now.
        program.connect().get("/t.bin", &[]).expect(200);
        let mut client = H2Client::over(program.connect());
        client.get("/t.bin");
        let before = program.resident_kib();
        Self { program, before }
    }

    fn connect(&self) -> H2Client {
        H2Client::over(self.program.connect())
    }

    /// Others are served, and memory has not grown.
    #[track_caller]
    fn expect_calm(&self) {
        let begun = Instant::now();
        self.program.connect().get("/t.bin", &[]).expect(200);
        assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
        let grown = self.program.resident_kib().saturating_sub(self.before);
        assert!(grown < AFFORDABLE, "{grown} KiB");
    }
}

#[test]
fn streams_opened_to_be_reset() {
    // CVE-2023-44487.
    let server = Watched::start("");
    let mut client = server.connect();
    for _ in 0..20_000 {
        let stream = client.new_stream();
        let pair = [
            frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(GET)),
            frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()),
        ];
        if !client.send_raw(&pair.concat()) {
            break;
        }
    }
    server.expect_calm();
}

#[test]
fn streams_that_make_the_server_reset_them() {
    // CVE-2025-8671, MadeYouReset: an increment of 0 is a stream error (RFC 9113 §6.9).
    let server = Watched::start("");
    let mut client = server.connect();
    for _ in 0..20_000 {
        let stream = client.new_stream();
        let frames = [
            frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(GET)),
            frame(WINDOW_UPDATE, 0, stream, &0_u32.to_be_bytes()),
        ];
        if !client.send_raw(&frames.concat()) {
            break;
        }
    }
    assert!(client.ends(), "it goes on resetting");
    server.expect_calm();
}

#[test]
fn data_on_streams_that_were_closed() {
    // The same by RFC 9113 §5.1: DATA on a half-closed stream is a stream error.
    let server = Watched::start("");
    let mut client = server.connect();
    for _ in 0..20_000 {
        let stream = client.new_stream();
        let frames = [
            frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(GET)),
            frame(DATA, 0, stream, b"more"),
        ];
        if !client.send_raw(&frames.concat()) {
            break;
        }
    }
    assert!(client.ends(), "it goes on resetting");
    server.expect_calm();
}

#[test]
fn windows_that_overflow() {
    let server = Watched::start("");
    let mut client = server.connect();
    for _ in 0..20_000 {
        let stream = client.new_stream();
        let most = 0x7fff_ffff_u32.to_be_bytes();
        let frames = [
            frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(GET)),
            frame(WINDOW_UPDATE, 0, stream, &most),
            frame(WINDOW_UPDATE, 0, stream, &most),
        ];
        if !client.send_raw(&frames.concat()) {
            break;
        }
    }
    assert!(client.ends(), "it goes on resetting");
    server.expect_calm();
}

#[test]
fn fields_without_end() {
    // CVE-2024-27316.
    let server = Watched::start("");
    for size in [0, 1, 16_000] {
        let mut client = server.connect();
        let mut field = Vec::new();
        if size > 0 {
            field.extend([0, 1, b'x']);
            length(&mut field, size);
            field.resize(field.len() + size, b'a');
        }
        client.send_frame(HEADERS, END_STREAM, 1, &block(GET));
        client.repeat(&frame(CONTINUATION, 0, 1, &field), 50_000);
        assert!(
            client.ends(),
            "frames of {size} bytes are taken without end"
        );
    }
    server.expect_calm();
}

#[test]
fn pings_and_settings_whose_answers_nobody_reads() {
    let server = Watched::start("");
    let mut pinging = server.connect();
    pinging.repeat(&frame(PING, 0, 0, b"how long"), 400_000);
    let mut setting = server.connect();
    let change = [0, 4, 0, 0, 0xff, 0xff];
    setting.repeat(&frame(SETTINGS, 0, 0, &change), 400_000);
    server.expect_calm();
}

#[test]
fn data_frames_without_data() {
    let server = Watched::start("");
    let mut client = server.connect();
    let stream = client.new_stream();
    let mut post = GET.to_vec();
    post[0] = (":method", "POST");
    client.send_frame(HEADERS, END_HEADERS, stream, &block(&post));
    client.repeat(&frame(DATA, 0, stream, b""), 400_000);
    server.expect_calm();
}

#[test]
fn one_field_said_a_hundred_thousand_times() {
    // The HPACK bomb: a large entry in the table, then a byte for each time it is meant.
    let server = Watched::start("");
    for times in [100, 16_000, 100_000] {
        let mut client = server.connect();
        let stream = client.new_stream();
        let mut fields = block(GET);
        // A literal with incremental indexing (RFC 7541 §6.2.1): the newest entry, 62.
        fields.extend([0x40, 1, b'x']);
        length(&mut fields, 3000);
        fields.resize(fields.len() + 3000, b'a');
        fields.resize(fields.len() + times, 0x80 + 62);
        let outcome = send_block(&mut client, stream, &fields);
        let is_refused = !matches!(outcome, H2Outcome::Response { status: 200, .. });
        assert!(is_refused, "{times} times 3 KB: {outcome:?}");
        server.expect_calm();
    }
}

#[test]
fn a_cookie_in_fifty_thousand_crumbs() {
    let server = Watched::start("");
    let mut client = server.connect();
    client.send_frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let stream = client.new_stream();
    let crumbs = block(&[("cookie", "a=b")]).repeat(50_000);
    let outcome = send_block(&mut client, stream, &[block(GET), crumbs].concat());
    let is_refused = !matches!(outcome, H2Outcome::Response { status: 200, .. });
    assert!(is_refused, "{outcome:?}");
    server.expect_calm();
}

#[test]
fn more_fields_than_a_head_may_have() {
    // As many as HTTP/1.1 refuses, by number and by size.
    let server = Watched::start("");
    for fields in [
        block(&[("x-many", "x")]).repeat(150),
        block(&[("x-large", &"x".repeat(40 << 10))]),
    ] {
        let mut client = server.connect();
        let stream = client.new_stream();
        let outcome = send_block(&mut client, stream, &[block(GET), fields].concat());
        let is_refused = !matches!(outcome, H2Outcome::Response { status: 200, .. });
        assert!(is_refused, "{outcome:?}");
    }
    server.expect_calm();
}

#[test]
fn a_window_held_at_zero() {
    // What waits for a window that never opens is given up (CVE-2019-9517 and its kin).
    let server = Watched::start("[limits]\nwrite_timeout = \"500ms\"\n");
    let mut client = server.connect();
    client.send_frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let stream = client.begin(GET);
    let outcome = client.finish(stream);
    let is_given_up = !matches!(outcome, H2Outcome::Response { .. });
    assert!(is_given_up, "{outcome:?}");
    server.expect_calm();
}

#[test]
fn windows_held_at_zero_by_a_client_that_pings() {
    let server = Watched::start("[limits]\nwrite_timeout = \"500ms\"\n");
    let mut client = server.connect();
    client.send_frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    for _ in 0..100 {
        client.begin(GET);
    }
    let ended = eventually(|| {
        std::thread::sleep(Duration::from_millis(50));
        !client.send_raw(&frame(PING, 0, 0, b"still on")) || client.has_reset()
    });
    assert!(ended, "a hundred answers wait for good");
    server.expect_calm();
}

#[test]
fn a_body_that_never_comes() {
    let server =
        Watched::start("[limits]\nbody_timeout = \"500ms\"\nkeep_alive_timeout = \"500ms\"\n");
    let mut client = server.connect();
    let mut post = GET.to_vec();
    post[0] = (":method", "POST");
    let stream = client.new_stream();
    client.send_frame(HEADERS, END_HEADERS, stream, &block(&post));
    // The answer does not need the body; that it does not come may be the answer as well.
    let outcome = client.finish(stream);
    assert!(
        matches!(
            outcome,
            H2Outcome::Response {
                status: 405 | 408,
                ..
            }
        ),
        "{outcome:?}"
    );
    assert!(client.ends(), "idle, but for a stream that nobody needs");
    server.expect_calm();
}

/// A block in as many frames as it needs; what becomes of its stream.
fn send_block(client: &mut H2Client, stream: u32, fields: &[u8]) -> H2Outcome {
    let mut pieces = fields.chunks(16_000).peekable();
    let (mut kind, mut first) = (HEADERS, END_STREAM);
    while let Some(piece) = pieces.next() {
        let last = if pieces.peek().is_none() {
            END_HEADERS
        } else {
            0
        };
        if !client.send_raw(&frame(kind, first | last, stream, piece)) {
            return H2Outcome::Closed;
        }
        (kind, first) = (CONTINUATION, 0);
    }
    client.finish(stream)
}
