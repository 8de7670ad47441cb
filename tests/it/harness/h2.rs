//! As much of HTTP/2 as a test needs: a preface, one HEADERS frame, and the frames that come back (RFC 9113, RFC 7541).

use std::time::Instant;

use super::client::{Client, PATIENCE};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) struct H2Client {
    client: Client,
    next_stream: u32,
    /// What came and is not a whole frame yet.
    buffer: Vec<u8>,
}

/// What became of one stream.
#[derive(Debug, PartialEq)]
pub(crate) enum H2Outcome {
    Response {
        status: u16,
        body: Vec<u8>,
    },
    Reset(u32),
    GoAway(u32),
    /// The connection ended without a word about it.
    Closed,
}

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl H2Client {
    /// Prior knowledge: the preface goes first, without an upgrade.
    pub(crate) fn over(mut client: Client) -> Self {
        client.send(PREFACE);
        let mut this = Self {
            client,
            next_stream: 1,
            buffer: Vec::new(),
        };
        this.send_frame(SETTINGS, 0, 0, &[]);
        this
    }

    /// Sends the pseudo-fields and fields as given, in this order, and reads what comes of it.
    pub(crate) fn exchange(&mut self, fields: &[(&str, &str)]) -> H2Outcome {
        let stream = self.begin(fields);
        self.finish(stream)
    }

    /// Sends a request and reads nothing: the server can send as much as the first window holds, 64 KiB.
    pub(crate) fn begin(&mut self, fields: &[(&str, &str)]) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        let block = block(fields);
        self.send_frame(HEADERS, END_STREAM | END_HEADERS, stream, &block);
        stream
    }

    /// Waits until something more has come, and keeps it for later.
    pub(crate) fn peek(&mut self) {
        while self.buffer.len() < 20_000 {
            let piece = self.client.read_some(usize::MAX);
            assert!(!piece.is_empty(), "the connection ended");
            self.buffer.extend(piece);
        }
    }

    /// Opens the windows of the connection and of a stream wide.
    pub(crate) fn widen(&mut self, stream: u32) {
        for of in [0, stream] {
            self.send_frame(WINDOW_UPDATE, 0, of, &(1_u32 << 30).to_be_bytes());
        }
    }

    /// Begins a request whose fields never end, in so many frames of 16 KiB: true when the server ended the connection.
    pub(crate) fn flood(&mut self, frames: usize) -> bool {
        // A literal field of 16 KiB: name, length (RFC 7541 §5.1), value.
        let value = 16_000_u32 - 127;
        let mut block = vec![
            0,
            1,
            b'x',
            0x7f,
            u8::try_from(value & 0x7f | 0x80).expect("7 bits"),
            u8::try_from(value >> 7).expect("7 bits"),
        ];
        block.resize(block.len() + 16_000, b'a');
        self.send_frame(HEADERS, END_STREAM, 1, &block);
        for _ in 0..frames {
            self.send_frame(CONTINUATION, 0, 1, &block);
            if self.client.is_reset() {
                return true;
            }
        }
        false
    }

    /// Opens so many streams and gives each one up at once.
    pub(crate) fn rapid_reset(&mut self, streams: usize) {
        for _ in 0..streams {
            let stream = self.begin(&[
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", "localhost"),
                (":path", "/t.css"),
            ]);
            self.send_frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
            if self.client.is_reset() {
                return;
            }
        }
    }

    pub(crate) fn ping(&mut self) {
        self.send_frame(PING, 0, 0, b"how long");
    }

    /// Reads frames until the server ends the connection.
    pub(crate) fn expect_close(&mut self) {
        self.client.read_to_end();
    }

    /// Waits for the server to take leave, sends one more request as soon as it does, and answers its ping only then: the last streams
    /// that it named, and the status of the answer.
    pub(crate) fn take_leave(&mut self) -> (Vec<u32>, u16) {
        let (mut last, mut late, mut status) = (Vec::new(), 0, 0);
        while last.len() < 2 || status == 0 {
            let frame = self.read_frame().expect("a frame");
            match frame.kind {
                GOAWAY => {
                    last.push(number(&frame.payload[..4]));
                    if last.len() == 1 {
                        late = self.begin(&[
                            (":method", "GET"),
                            (":scheme", "http"),
                            (":authority", "localhost"),
                            (":path", "/t.css"),
                        ]);
                    }
                }
                PING if frame.flags & ACK == 0 => self.send_frame(PING, ACK, 0, &frame.payload),
                HEADERS if frame.stream == late => status = status_of(&frame.payload),
                _ => {}
            }
        }
        (last, status)
    }

    pub(crate) fn get(&mut self, path: &str) -> H2Outcome {
        self.exchange(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", path),
        ])
    }

    /// Reads what becomes of a stream.
    pub(crate) fn finish(&mut self, stream: u32) -> H2Outcome {
        let (mut status, mut body) = (0, Vec::new());
        loop {
            let Some(frame) = self.read_frame() else {
                return H2Outcome::Closed;
            };
            match frame.kind {
                SETTINGS if frame.flags & ACK == 0 => self.send_frame(SETTINGS, ACK, 0, &[]),
                GOAWAY => return H2Outcome::GoAway(number(&frame.payload[4..8])),
                RST_STREAM if frame.stream == stream => {
                    return H2Outcome::Reset(number(&frame.payload));
                }
                HEADERS if frame.stream == stream => status = status_of(&frame.payload),
                DATA if frame.stream == stream => body.extend_from_slice(&frame.payload),
                _ => continue,
            }
            if matches!(frame.kind, HEADERS | DATA)
                && frame.stream == stream
                && frame.flags & END_STREAM != 0
            {
                return H2Outcome::Response { status, body };
            }
        }
    }

    /// The number of a stream that is not open yet.
    pub(crate) fn new_stream(&mut self) -> u32 {
        self.next_stream += 2;
        self.next_stream - 2
    }

    pub(crate) fn send_frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.client.send(frame(kind, flags, stream, payload));
    }

    /// Sends a frame so many times, many at once; false when the server reads no more of them, or is gone.
    pub(crate) fn repeat(&mut self, frames: &[u8], times: usize) -> bool {
        let at_once = (64 << 10) / frames.len() + 1;
        let piece = frames.repeat(at_once);
        (0..times.div_ceil(at_once)).all(|_| self.client.try_send(&piece))
    }

    /// Sends frames as they stand; false when the server reads no more of them, or is gone.
    pub(crate) fn send_raw(&mut self, frames: &[u8]) -> bool {
        self.client.try_send(frames)
    }

    /// Whether a stream was reset, or the connection is on its way out, as far as can be read without waiting.
    pub(crate) fn has_reset(&mut self) -> bool {
        let has_ended = match self.client.try_read_some() {
            Some(piece) => {
                self.buffer.extend(&piece);
                piece.is_empty()
            }
            None => false,
        };
        while self.buffer.len() >= 9 {
            let length = number(&[0, self.buffer[0], self.buffer[1], self.buffer[2]]) as usize;
            if matches!(self.buffer[3], RST_STREAM | GOAWAY) {
                return true;
            }
            if self.buffer.len() < 9 + length {
                break;
            }
            self.buffer.drain(..9 + length);
        }
        has_ended
    }

    /// Reads frames until the server ends the connection; false when it still has not after [`PATIENCE`].
    pub(crate) fn ends(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self
                .client
                .try_read_some()
                .is_some_and(|piece| piece.is_empty())
            {
                return true;
            }
        }
        false
    }

    fn read_frame(&mut self) -> Option<Frame> {
        let head = self.take(9)?;
        let length = number(&[0, head[0], head[1], head[2]]);
        let payload = self.take(length as usize)?;
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: number(&head[5..9]) & 0x7fff_ffff,
            payload,
        })
    }

    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            let piece = self.client.read_some(usize::MAX);
            if piece.is_empty() {
                return None;
            }
            self.buffer.extend(piece);
        }
        Some(self.buffer.drain(..count).collect())
    }
}

/// A frame as it goes over the wire (RFC 9113 §4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .expect("a small frame")
        .to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// Fields as a block: each a literal without indexing, name and value without Huffman (RFC 7541 §6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// An integer with a prefix of seven bits (RFC 7541 §5.1).
pub(crate) fn length(block: &mut Vec<u8>, length: usize) {
    let byte = |bits: usize| u8::try_from(bits).expect("a byte");
    if length < 127 {
        return block.push(byte(length));
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        block.push(byte(rest % 128 + 128));
        rest /= 128;
    }
    block.push(byte(rest));
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().expect("four bytes"))
}

/// The first field of a response is its status: one of the seven of the static table, or that name with a literal value (RFC 7541 App. A).
fn status_of(block: &[u8]) -> u16 {
    // A size update of the dynamic table may come first (§4.2).
    let block = if block[0] & 0xe0 == 0x20 {
        &block[1..]
    } else {
        block
    };
    let indexed = [200, 204, 206, 304, 400, 404, 500];
    match block[0] {
        index @ 0x88..=0x8e => indexed[usize::from(index - 0x88)],
        // A literal value of a few digits, plain or in Huffman's code for digits (App. B).
        _ if block[1] & 0x80 == 0 => {
            let text = &block[2..2 + usize::from(block[1])];
            std::str::from_utf8(text)
                .ok()
                .and_then(|text| text.parse().ok())
                .expect("a status")
        }
        _ => huffman_digits(&block[2..2 + usize::from(block[1] & 0x7f)]),
    }
}

/// `0`, `1`, `2` are five bits long, `3` to `9` six (RFC 7541 App. B).
fn huffman_digits(code: &[u8]) -> u16 {
    let bits: Vec<u8> = code
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |shift| byte >> shift & 1))
        .collect();
    let take = |from: usize, count: usize| {
        bits[from..from + count]
            .iter()
            .fold(0, |value, bit| value << 1 | u16::from(*bit))
    };
    let (mut at, mut status) = (0, 0);
    for _ in 0..3 {
        let short = take(at, 5);
        let (digit, length) = if short <= 2 {
            (short, 5)
        } else {
            (take(at, 6) - 0x19 + 3, 6)
        };
        at += length;
        status = status * 10 + digit;
    }
    status
}
