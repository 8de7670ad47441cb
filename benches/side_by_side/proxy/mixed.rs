//! The soak's load: requests of all kinds in no order, and clients that leave in the middle.

use std::io::{Error, ErrorKind, Result as IoResult};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::upstream::{CHUNKED, CHUNKED_BODY, CUT, SLOW, SLOW_TIME};
use super::websocket::Socket;
use crate::Result;
use crate::load;

/// The first argument that makes this program the load.
pub(crate) const WORD: &str = "mixed-load";

/// Clients at a time.
const CLIENTS: u64 = 48;

/// Between two requests of a client.
const PAUSE: Duration = Duration::from_millis(10);

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Kinds of errors that are written out.
const SHOWN: usize = 10;

/// Asks for so long, and says how many answers came whole and how many did not come that should have.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [server, seconds] = arguments else {
        return Err("an address and seconds are needed".into());
    };
    let (server, seconds): (SocketAddr, u64) = (server.parse()?, seconds.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let begin = Instant::now();
        let end = begin + Duration::from_secs(seconds);
        let clients: Vec<_> = (1..=CLIENTS)
            .map(|seed| tokio::spawn(client(server, seed, end)))
            .collect();
        let (mut errors, mut waits) = (Vec::new(), Vec::new());
        for client in clients {
            let (some_errors, some_waits) = client.await?;
            errors.extend(some_errors);
            waits.extend(some_waits);
        }
        for error in errors.iter().take(SHOWN) {
            eprintln!("proxy-soak: {server}: {error}");
        }
        load::say(0, begin.elapsed().as_secs_f64(), errors.len(), waits);
        Ok(())
    })
}

/// One client: the errors it has seen, and how long what went well has taken.
async fn client(server: SocketAddr, seed: u64, end: Instant) -> (Vec<String>, Vec<Duration>) {
    let (mut errors, mut waits) = (Vec::new(), Vec::new());
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut kept = None;
    while Instant::now() < end {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let begun = Instant::now();
        let which = random >> 32;
        match timeout(PATIENCE, act(server, which, &mut kept)).await {
            Ok(Ok(())) => waits.push(begun.elapsed()),
            Ok(Err(error)) => {
                errors.push(format!("{}: {error}", which % KINDS));
                kept = None;
            }
            Err(_) => {
                errors.push(format!("{}: no answer in time", which % KINDS));
                kept = None;
            }
        }
        sleep(PAUSE).await;
    }
    (errors, waits)
}

/// The kinds of requests in [`act`].
const KINDS: u64 = 12;

/// One request, or what a client does in its place.
async fn act(server: SocketAddr, which: u64, kept: &mut Option<TcpStream>) -> IoResult<()> {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {server}\r\n\r\n").into_bytes();
    let post =
        |framing: &str| format!("POST /form HTTP/1.1\r\nHost: {server}\r\n{framing}\r\n\r\n");
    match which % KINDS {
        0 | 1 => ask(server, kept, &get("/1k.html"), 1024).await,
        2 => ask(server, kept, &get("/100k.js"), 100 * 1024).await,
        3 => {
            let mut request = post("Content-Length: 65536").into_bytes();
            request.extend_from_slice(&vec![b'p'; 65_536]);
            ask(server, kept, &request, 5).await
        }
        4 => {
            let mut request = post("Transfer-Encoding: chunked").into_bytes();
            for _ in 0..3 {
                request.extend_from_slice(b"400\r\n");
                request.extend_from_slice(&[b'p'; 1024]);
                request.extend_from_slice(b"\r\n");
            }
            request.extend_from_slice(b"0\r\n\r\n");
            ask(server, kept, &request, 5).await
        }
        5 => chunked(server, &get(CHUNKED)).await,
        // The client leaves in the middle of an answer,
        6 => {
            let mut stream = send(server, &get("/1m.bin")).await?;
            stream.read_exact(&mut [0; 10_000]).await?;
            Ok(())
        }
        // in the middle of its own body,
        7 => {
            let mut request = post("Content-Length: 1000000").into_bytes();
            request.extend_from_slice(&vec![b'p'; 100_000]);
            send(server, &request).await.map(drop)
        }
        // before the answer begins,
        8 => {
            let _stream = send(server, &get(SLOW)).await?;
            sleep(SLOW_TIME / 10).await;
            Ok(())
        }
        // and in the middle of a head.
        9 => send(server, b"GET /1k.html HTTP/1.1\r\nHo").await.map(drop),
        10 => {
            let mut socket = Socket::connect(server).await?;
            for _ in 0..10 {
                socket.exchange().await?;
            }
            Ok(())
        }
        _ => cut(server, &get(CUT)).await,
    }
}

async fn send(server: SocketAddr, request: &[u8]) -> IoResult<TcpStream> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(request).await?;
    Ok(stream)
}

/// On the client's kept connection, whose answer has a length.
async fn ask(
    server: SocketAddr,
    kept: &mut Option<TcpStream>,
    request: &[u8],
    length: usize,
) -> IoResult<()> {
    let mut stream = match kept.take() {
        Some(stream) => stream,
        None => TcpStream::connect(server).await?,
    };
    stream.write_all(request).await?;
    let (head, mut body) = head(&mut stream).await?;
    let announced = format!("content-length: {length}");
    if !head.starts_with("HTTP/1.1 200 ") || !head.to_ascii_lowercase().contains(&announced) {
        return Err(Error::other(head));
    }
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    if body.len() > length {
        return Err(Error::other("more than was announced"));
    }
    *kept = Some(stream);
    Ok(())
}

/// The head of an answer, and what came with it.
async fn head(stream: &mut TcpStream) -> IoResult<(String, Vec<u8>)> {
    let mut read = Vec::with_capacity(16 * 1024);
    loop {
        if let Some(end) = memmem::find(&read, b"\r\n\r\n") {
            let body = read.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&read).into_owned(), body));
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Whatever chunks the proxy makes of it, this is in them.
async fn chunked(server: SocketAddr, request: &[u8]) -> IoResult<()> {
    let mut stream = send(server, request).await?;
    let (head, mut body) = head(&mut stream).await?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(Error::other(head));
    }
    // The end of the trailers, or of the last chunk when the proxy drops them.
    while !body.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    // Sizes and trailers come on top.
    if body.len() < CHUNKED_BODY.len() {
        return Err(Error::other(format!("{} bytes in chunks", body.len())));
    }
    Ok(())
}

/// The upstream breaks off; the client has to see that the answer is not whole.
async fn cut(server: SocketAddr, request: &[u8]) -> IoResult<()> {
    let mut stream = send(server, request).await?;
    let (head, mut body) = head(&mut stream).await?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    // An error of the connection says it as well.
    while !matches!(stream.read_buf(&mut body).await, Ok(0) | Err(_)) {}
    if body.len() >= 100_000 {
        return Err(Error::other("a whole answer, of which half was sent"));
    }
    Ok(())
}
