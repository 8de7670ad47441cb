//! WebSocket (RFC 6455): messages through a proxy to the upstream and back, one at a time on each connection.

use std::io::{Error, ErrorKind, Result as IoResult};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Result;
use crate::cases::Case;
use crate::load::{self, Counted};
use crate::options::Options;
use crate::process::own;

/// The first argument that makes this program the load.
pub(crate) const WORD: &str = "websocket-load";

/// Where the upstream speaks it.
pub(crate) const PATH: &str = "/ws";

/// The upstream's answer to the key that every client here sends (section 1.3).
pub(crate) const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Payload of a message, in bytes.
const LENGTH: usize = 128;

/// A final frame of binary data.
const BINARY: u8 = 0x82;

/// Says that the length is in the two bytes that follow.
const EXTENDED: u8 = 0x7e;

/// Client frames have a mask; this one stands for any.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keeps a server busy with messages, from the load's core.
pub(crate) fn load(
    case: &Case,
    server: SocketAddr,
    seconds: u32,
    options: &Options,
) -> Result<Counted> {
    let mut command = own(options.load_core, WORD)?;
    command.args([
        server.to_string(),
        case.connections.to_string(),
        seconds.to_string(),
    ]);
    load::run_own(command)
}

/// Sees ten messages come back.
pub(crate) fn check(server: SocketAddr) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut socket = Socket::connect(server).await?;
        for _ in 0..10 {
            timeout(PATIENCE, socket.exchange()).await??;
        }
        Ok(())
    })
}

/// Sends and reads messages for so long, and says how many came back.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [server, connections, seconds] = arguments else {
        return Err("an address, connections and seconds are needed".into());
    };
    let server: SocketAddr = server.parse()?;
    let (connections, seconds): (usize, u64) = (connections.parse()?, seconds.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut sockets = Vec::new();
        for _ in 0..connections {
            sockets.push(Socket::connect(server).await?);
        }
        let begin = Instant::now();
        let end = begin + Duration::from_secs(seconds);
        let tasks: Vec<_> = sockets
            .into_iter()
            .map(|socket| tokio::spawn(exchange_until(socket, end)))
            .collect();
        let (mut errors, mut waits) = (0, Vec::new());
        for task in tasks {
            let (went_well, some) = task.await?;
            errors += usize::from(!went_well);
            waits.extend(some);
        }
        load::say(0, begin.elapsed().as_secs_f64(), errors, waits);
        Ok(())
    })
}

/// What each message took, and whether all came back as they were.
async fn exchange_until(mut socket: Socket, end: Instant) -> (bool, Vec<Duration>) {
    let mut waits = Vec::new();
    let exchanges = async {
        let mut begin = Instant::now();
        while begin < end {
            socket.exchange().await?;
            let done = Instant::now();
            waits.push(done - begin);
            begin = done;
        }
        IoResult::Ok(())
    };
    let patience = end.saturating_duration_since(Instant::now()) + PATIENCE;
    let went_well = matches!(timeout(patience, exchanges).await, Ok(Ok(())));
    (went_well, waits)
}

/// A client's connection.
pub(crate) struct Socket {
    stream: TcpStream,
    /// The number of the message: each is another.
    turn: u64,
}

impl Socket {
    pub(crate) async fn connect(server: SocketAddr) -> IoResult<Self> {
        let mut stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET {PATH} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        while memmem::find(&head, b"\r\n\r\n").is_none() {
            if timeout(PATIENCE, stream.read_buf(&mut head)).await?? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        if !head.starts_with(b"HTTP/1.1 101 ") || !head.ends_with(b"\r\n\r\n") {
            return Err(Error::other(String::from_utf8_lossy(&head).into_owned()));
        }
        Ok(Self { stream, turn: 0 })
    }

    /// Sends a message and reads it back.
    pub(crate) async fn exchange(&mut self) -> IoResult<()> {
        self.turn += 1;
        let mut payload = [b'm'; LENGTH];
        payload[..8].copy_from_slice(&self.turn.to_be_bytes());
        let mut frame = Vec::with_capacity(LENGTH + 8);
        header(0x80, LENGTH, &mut frame);
        frame.extend_from_slice(&MASK);
        frame.extend(
            payload
                .iter()
                .zip(MASK.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        self.stream.write_all(&frame).await?;
        frame.clear();
        header(0, LENGTH, &mut frame);
        frame.extend_from_slice(&payload);
        let mut back = [0; LENGTH + 4];
        self.stream.read_exact(&mut back).await?;
        if back != frame[..] {
            return Err(Error::from(ErrorKind::InvalidData));
        }
        Ok(())
    }
}

/// The first two or four bytes of a frame; `mask_bit` says whether a mask follows.
fn header(mask_bit: u8, length: usize, frame: &mut Vec<u8>) {
    frame.push(BINARY);
    match u8::try_from(length) {
        Ok(short) if short < EXTENDED => frame.push(mask_bit | short),
        _ => {
            frame.push(mask_bit | EXTENDED);
            // No message here is longer than 64 KiB.
            let length = u16::try_from(length).unwrap_or(u16::MAX);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
}

/// Puts the echo of every whole frame of a client after the others, and says how many bytes those frames had.
pub(crate) fn echo(mut frames: &[u8], echoes: &mut Vec<u8>) -> usize {
    let available = frames.len();
    loop {
        let (length, payload_start) = match *frames {
            [_, short, ..] if short & 0x7f < EXTENDED => {
                (usize::from(short & 0x7f), 2 + MASK.len())
            }
            [_, _, high, low, ..] => (usize::from(u16::from_be_bytes([high, low])), 4 + MASK.len()),
            _ => return available - frames.len(),
        };
        let Some(payload) = frames.get(payload_start..payload_start + length) else {
            return available - frames.len();
        };
        let mask = &frames[payload_start - MASK.len()..payload_start];
        header(0, length, echoes);
        echoes.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        frames = &frames[payload_start + length..];
    }
}
