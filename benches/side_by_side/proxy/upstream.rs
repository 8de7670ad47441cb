//! The upstream: answers that are ready before they are asked for, so that it is the proxies that are measured.
//!
//! It believes what it reads: whoever speaks to it is a proxy under test.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Result as IoResult, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use memchr::memmem;
use rustix::fs::sendfile;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::{TcpListener, TcpStream};

use super::gateway::Forwards;
use super::websocket;
use crate::Result;
use crate::document_root::DocumentRoot;
use crate::options::Options;
use crate::process::{cpu_seconds_of, free_port, own};

/// The first argument that makes this program the upstream.
pub(crate) const WORD: &str = "proxy-upstream";

/// Answers with the head of the request.
pub(crate) const FIELDS: &str = "/fields";

/// Answers in chunks, with a trailer.
pub(crate) const CHUNKED: &str = "/chunked";

/// What is in those chunks.
pub(crate) const CHUNKED_BODY: &[u8] = &[b'c'; CHUNKS * CHUNK_LENGTH];
const CHUNKS: usize = 8;
const CHUNK_LENGTH: usize = 4_000;

/// Answers after [`SLOW_TIME`].
pub(crate) const SLOW: &str = "/slow";
pub(crate) const SLOW_TIME: Duration = Duration::from_millis(200);

/// Ends in the middle of an answer.
pub(crate) const CUT: &str = "/cut";

/// The files that it has.
const FILES: [&str; 3] = ["1k.html", "100k.js", "1m.bin"];

/// From this length on an answer is sent from a file.
const SENDFILE_LENGTH: usize = 16 * 1024;

/// Room for what is read at a time.
const READ_LENGTH: usize = 16 * 1024;

/// How long it may take until it accepts connections.
const PATIENCE: Duration = Duration::from_secs(10);

/// The upstream as a process on the load's core, stopped when this value goes away.
pub(crate) struct Upstream {
    child: Child,
    port: u16,
}

impl Upstream {
    pub(crate) fn start(options: &Options, root: &DocumentRoot) -> Result<Self> {
        let port = free_port()?;
        let child = own(options.load_core, WORD)?
            .args([root.path().display().to_string(), port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let upstream = Self { child, port };
        let deadline = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > deadline {
                return Err("the upstream accepts no connection".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(upstream)
    }

    /// What a proxy is to forward to.
    pub(crate) fn forwards(&self, options: &Options) -> Forwards {
        Forwards {
            port: self.port,
            tells_client: !options.bare,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    pub(crate) fn cpu_seconds(&self) -> f64 {
        cpu_seconds_of(self.child.id())
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers on a port of the loopback address until it is stopped.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [folder, port] = arguments else {
        return Err("a folder and a port are needed".into());
    };
    let port: u16 = port.parse()?;
    let answers = Arc::new(Answers::make(folder)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let answers = Arc::clone(&answers);
            tokio::spawn(async move {
                let buffer = Vec::new();
                // Proxies close as they like.
                let _ = Connection { stream, buffer }.serve(&answers).await;
            });
        }
    })
}

/// Whole answers, heads included, by path.
struct Answers(Vec<(String, Ready)>);

/// An answer that is sent as it is.
enum Ready {
    Small(Vec<u8>),
    /// The kernel sends it from the file: no copy of it is made on the core that the load needs.
    Large {
        file: File,
        length: u64,
    },
}

impl Answers {
    fn make(folder: &str) -> Result<Self> {
        let file = |name: &str| {
            let answer = answer(&fs::read(format!("{folder}/{name}"))?);
            Result::Ok((format!("/{name}"), Ready::make(answer)?))
        };
        Ok(Self(FILES.into_iter().map(file).collect::<Result<_>>()?))
    }

    fn get(&self, path: &str) -> Option<&Ready> {
        let (_, answer) = self.0.iter().find(|(candidate, _)| candidate == path)?;
        Some(answer)
    }
}

impl Ready {
    fn make(answer: Vec<u8>) -> Result<Self> {
        if answer.len() < SENDFILE_LENGTH {
            return Ok(Self::Small(answer));
        }
        let mut file = tempfile::tempfile()?;
        file.write_all(&answer)?;
        let length = answer.len() as u64;
        Ok(Self::Large { file, length })
    }

    async fn send(&self, stream: &mut TcpStream) -> IoResult<()> {
        match self {
            Self::Small(answer) => stream.write_all(answer).await,
            Self::Large { file, length } => {
                let mut sent = 0;
                while sent < *length {
                    let rest = usize::try_from(*length - sent).unwrap_or(usize::MAX);
                    let transfer = || Ok(sendfile(&*stream, file, Some(&mut sent), rest)?);
                    stream.async_io(Interest::WRITABLE, transfer).await?;
                }
                Ok(())
            }
        }
    }
}

/// With the fields that applications send.
fn answer(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: upstream\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/html; charset=utf-8\r\n\
         Content-Length: {}\r\nCache-Control: private, max-age=0\r\nETag: \"5f1a-61d2\"\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A connection of a proxy.
struct Connection {
    stream: TcpStream,
    /// What was read and not yet used.
    buffer: Vec<u8>,
}

impl Connection {
    async fn serve(&mut self, answers: &Answers) -> IoResult<()> {
        loop {
            let length = self.find(b"\r\n\r\n").await?;
            let head = str::from_utf8(&self.buffer[..length]).unwrap_or_default();
            let found = answers.get(path_of(head));
            if let Some(answer) = found.filter(|_| head.starts_with("GET ")) {
                self.buffer.drain(..length);
                answer.send(&mut self.stream).await?;
                continue;
            }
            let head = head.to_owned();
            self.buffer.drain(..length);
            self.take_body(&head).await?;
            match path_of(&head) {
                websocket::PATH => return self.echo().await,
                FIELDS => self.stream.write_all(&answer(head.as_bytes())).await?,
                CHUNKED => self.stream.write_all(&chunked()).await?,
                SLOW => {
                    tokio::time::sleep(SLOW_TIME).await;
                    self.stream.write_all(&answer(b"at last")).await?;
                }
                CUT => {
                    let whole = answer(&vec![b'x'; 100_000]);
                    return self.stream.write_all(&whole[..50_000]).await;
                }
                _ => self.stream.write_all(&answer(b"taken")).await?,
            }
        }
    }

    /// Reads until the buffer has this, and says where it ends.
    async fn find(&mut self, end: &[u8]) -> IoResult<usize> {
        loop {
            if let Some(start) = memmem::find(&self.buffer, end) {
                return Ok(start + end.len());
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> IoResult<()> {
        self.buffer.reserve(READ_LENGTH);
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(Error::from(ErrorKind::UnexpectedEof));
        }
        Ok(())
    }

    /// Reads the body that belongs to this head, and forgets it.
    async fn take_body(&mut self, head: &str) -> IoResult<()> {
        let head = head.to_ascii_lowercase();
        let length = if head.contains("\r\ntransfer-encoding: chunked\r\n") {
            // No body that is sent to it holds these bytes.
            self.find(b"0\r\n\r\n").await?
        } else {
            let value = head.split_once("\r\ncontent-length: ");
            let value = value.and_then(|(_, rest)| rest.split_once("\r\n"));
            value.map_or(0, |(value, _)| value.parse().unwrap_or(0))
        };
        while self.buffer.len() < length {
            self.read().await?;
        }
        self.buffer.drain(..length);
        Ok(())
    }

    /// Sends back every message, as servers do: without a mask.
    async fn echo(&mut self) -> IoResult<()> {
        self.stream.write_all(websocket::SWITCHING).await?;
        let mut echoes = Vec::new();
        loop {
            let used = websocket::echo(&self.buffer, &mut echoes);
            self.buffer.drain(..used);
            self.stream.write_all(&echoes).await?;
            echoes.clear();
            self.read().await?;
        }
    }
}

fn path_of(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

fn chunked() -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n".to_vec();
    for chunk in CHUNKED_BODY.chunks(CHUNK_LENGTH) {
        answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        answer.extend_from_slice(chunk);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"0\r\nX-Sum: 1\r\n\r\n");
    answer
}
