//! A client that sends bytes as they stand and takes responses apart without mercy.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::response::{Framing, Head, Response};
use super::server::request;

/// The most that any single step of a test waits for the server.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A response that this client is not ready to hold in memory is a bug of the test or of the server.
const LARGEST_BODY: usize = 96 << 20;

pub(crate) struct Client {
    stream: TcpStream,
    /// None: plain.
    tls: Option<Box<rustls::ClientConnection>>,
    /// Bytes received and not yet taken.
    buffer: Vec<u8>,
    sending_failed: bool,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the server accepts");
        Self::over(stream)
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            tls: None,
            buffer: Vec::new(),
            sending_failed: false,
        }
    }

    /// Over TLS, once its handshake is finished. An end that the server does not announce (`close_notify`) is an error from then on.
    pub(crate) fn over_tls(
        stream: TcpStream,
        mut tls: rustls::ClientConnection,
    ) -> Result<Self, std::io::Error> {
        let mut this = Self::over(stream);
        while tls.is_handshaking() {
            tls.complete_io(&mut this.stream)?;
        }
        this.tls = Some(Box::new(tls));
        Ok(this)
    }

    pub(crate) fn tls(&self) -> &rustls::ClientConnection {
        self.tls.as_ref().expect("a connection over TLS")
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes as they stand. A server may answer and close before it has read them all: that shows when the answer is read.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = match &mut self.tls {
            None => self.stream.write_all(bytes.as_ref()),
            Some(tls) => {
                rustls::Stream::new(tls.as_mut(), &mut self.stream).write_all(bytes.as_ref())
            }
        };
        match sent {
            Ok(()) => {}
            Err(error) if is_disconnect(&error) => self.sending_failed = true,
            Err(error) => panic!("sending: {error}"),
        }
    }

    /// The same; false when the server is gone, or takes nothing more for a second.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream
            .set_write_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        self.stream.write_all(bytes).is_ok()
    }

    /// What comes within a second; empty: the end.
    pub(crate) fn try_read_some(&mut self) -> Option<Vec<u8>> {
        self.stream
            .set_read_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        let read = self.fill();
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        read.ok().map(|_| std::mem::take(&mut self.buffer))
    }

    /// Says that nothing more will be sent.
    pub(crate) fn shut_write(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            tls.write_tls(&mut self.stream).ok();
        }
        self.stream.shutdown(Shutdown::Write).ok();
    }

    /// Sends one request and reads its response; the connection stays as the server leaves it.
    #[track_caller]
    pub(crate) fn exchange(&mut self, request: impl AsRef<[u8]>) -> Response {
        let request = request.as_ref();
        self.send(request);
        self.read(request)
    }

    #[track_caller]
    pub(crate) fn get(&mut self, target: &str, fields: &[&str]) -> Response {
        self.exchange(request("GET", target, fields))
    }

    #[track_caller]
    pub(crate) fn head(&mut self, target: &str, fields: &[&str]) -> Response {
        self.exchange(request("HEAD", target, fields))
    }

    /// Reads the response to this request, interim ones (1xx) included, and checks it.
    #[track_caller]
    pub(crate) fn read(&mut self, request: impl AsRef<[u8]>) -> Response {
        match self.try_read(request.as_ref()) {
            Ok(response) => response,
            Err(reason) => panic!("{reason}\nsent: {}", request.as_ref().escape_ascii()),
        }
    }

    /// The same; a response that the connection cut short is an `Err` that says how.
    #[track_caller]
    pub(crate) fn try_read(&mut self, request: &[u8]) -> Result<Response, String> {
        let head = self.try_read_head(request)?;
        let mut trailers = Vec::new();
        let body = match head.framing() {
            Framing::None => Vec::new(),
            Framing::Length(length) => {
                assert!(
                    length <= LARGEST_BODY as u64,
                    "a body of {length} bytes is read in pieces: {head:?}"
                );
                self.take(usize::try_from(length).expect("fits"))
                    .map_err(|error| format!("{error} in the body of {head:?}"))?
            }
            Framing::Chunked => self
                .read_chunks(&mut trailers)
                .map_err(|error| format!("{error} in the chunks of {head:?}"))?,
            Framing::UntilClose => self.read_to_end(),
        };
        let response = Response {
            head,
            body,
            trailers,
        };
        response.check();
        Ok(response)
    }

    #[track_caller]
    pub(crate) fn read_head(&mut self, request: impl AsRef<[u8]>) -> Head {
        self.try_read_head(request.as_ref())
            .unwrap_or_else(|reason| panic!("{reason}"))
    }

    /// Reads up to the empty line; the body is the caller's.
    pub(crate) fn try_read_head(&mut self, request: &[u8]) -> Result<Head, String> {
        let end = loop {
            if let Some(end) = self
                .buffer
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                break end + 4;
            }
            if self.fill()? == 0 {
                return Err(format!(
                    "the connection ended in the head, after: {}",
                    self.buffer.escape_ascii()
                ));
            }
        };
        let text: Vec<u8> = self.buffer.drain(..end).collect();
        Ok(Head::parse(&text, request))
    }

    /// Up to `limit` bytes of what comes next; an empty answer is the end of the connection.
    pub(crate) fn read_some(&mut self, limit: usize) -> Vec<u8> {
        if self.buffer.is_empty() {
            self.fill().unwrap_or_else(|reason| panic!("{reason}"));
        }
        let taken = self.buffer.len().min(limit);
        self.buffer.drain(..taken).collect()
    }

    /// Takes what the server still sends, until it ends the connection, and keeps none of it: the number of bytes.
    pub(crate) fn count_to_end(&mut self) -> u64 {
        let mut count = 0;
        loop {
            let piece = self.read_some(usize::MAX);
            if piece.is_empty() {
                return count;
            }
            count += piece.len() as u64;
        }
    }

    /// Everything until the server ends the connection.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let piece = self.read_some(usize::MAX);
            if piece.is_empty() {
                return all;
            }
            all.extend_from_slice(&piece);
            assert!(all.len() <= LARGEST_BODY, "the server sends without end");
        }
    }

    /// Says goodbye and sees the server do the same, without a byte beyond the responses read so far.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        self.shut_write();
        self.expect_close();
    }

    /// Waits for the server to end the connection, without a byte beyond the responses read so far.
    #[track_caller]
    pub(crate) fn expect_close(&mut self) {
        let rest = self.read_to_end();
        assert!(
            rest.is_empty(),
            "bytes beyond the response: {}",
            rest.escape_ascii()
        );
    }

    /// True when something can be read, be it the end.
    pub(crate) fn has_bytes(&mut self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let has_bytes = self.stream.peek(&mut [0]).is_ok();
        self.stream.set_nonblocking(false).unwrap();
        has_bytes
    }

    /// True when sending has become pointless: what was sent last found nobody.
    pub(crate) fn is_reset(&self) -> bool {
        self.sending_failed
    }

    /// RFC 9112 §7.1, as narrow as the grammar is.
    fn read_chunks(&mut self, trailers: &mut Vec<(String, String)>) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        loop {
            let line = self.take_line()?;
            let size = usize::from_str_radix(&line, 16)
                .ok()
                .filter(|_| line.bytes().all(|byte| byte.is_ascii_hexdigit()))
                .ok_or_else(|| format!("a chunk size of {line:?}"))?;
            if size == 0 {
                break;
            }
            body.extend(self.take(size)?);
            if !self.take_line()?.is_empty() {
                return Err("a chunk longer than it said".to_owned());
            }
        }
        loop {
            let line = self.take_line()?;
            if line.is_empty() {
                return Ok(body);
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| format!("a trailer: {line:?}"))?;
            trailers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn take_line(&mut self) -> Result<String, String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return String::from_utf8(line[..end].to_vec()).map_err(|error| error.to_string());
            }
            if self.fill()? == 0 {
                return Err("the connection ended".to_owned());
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<Vec<u8>, String> {
        while self.buffer.len() < count {
            if self.fill()? == 0 {
                return Err(format!(
                    "the connection ended after {} of {count} bytes",
                    self.buffer.len()
                ));
            }
        }
        Ok(self.buffer.drain(..count).collect())
    }

    /// Reads once: 0 is the end, orderly or not.
    fn fill(&mut self) -> Result<usize, String> {
        let mut piece = [0; 16 << 10];
        let read = match &mut self.tls {
            None => self.stream.read(&mut piece),
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut self.stream).read(&mut piece),
        };
        match read {
            Ok(read) => {
                self.buffer.extend_from_slice(&piece[..read]);
                Ok(read)
            }
            Err(error) if is_disconnect(&error) => Ok(0),
            Err(error) => Err(format!(
                "reading: {error}, after: {}",
                self.buffer.escape_ascii()
            )),
        }
    }
}

fn is_disconnect(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
    )
}
