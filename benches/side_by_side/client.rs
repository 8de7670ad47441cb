//! A small HTTP/1.1 client that takes nothing for granted: it reads what the server says, byte by byte.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Result;

/// How long the server may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection on which one request follows the other.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(host: SocketAddr) -> Result<Self> {
        Self::patient(host, PATIENCE)
    }

    /// The server may be silent for so long.
    pub(crate) fn patient(host: SocketAddr, patience: Duration) -> Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            host,
        })
    }

    /// Asks for a path, with these fields beside `Host`, and reads the answer.
    pub(crate) fn get(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n", self.host);
        for (name, value) in fields {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        request += "\r\n";
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Answer> {
        let status_line = self.line()?;
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| format!("not a status line: {status_line:?}"))?;
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| format!("not a field: {line:?}"))?;
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer {
            status,
            fields,
            body: Vec::new(),
        };
        if status == 304 {
            return Ok(answer);
        }
        if answer.field("transfer-encoding") == Some("chunked") {
            answer.body = self.chunks()?;
        } else {
            let length = answer
                .field("content-length")
                .ok_or("an answer without Content-Length")?;
            answer.body = vec![0; length.parse()?];
            self.stream.read_exact(&mut answer.body)?;
        }
        Ok(answer)
    }

    /// A body whose length its server did not know in advance (RFC 9112 §7.1).
    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line()?, 16)?;
            let begin = body.len();
            body.resize(begin + length, 0);
            self.stream.read_exact(&mut body[begin..])?;
            if !self.line()?.is_empty() {
                return Err("a chunk that does not end where it says".into());
            }
            if length == 0 {
                return Ok(body);
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Whether the server ends the connection without another byte.
    pub(crate) fn is_closed_by_server(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0))
    }
}

impl Answer {
    /// The value of a field, by its name in lower case.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(candidate, _)| candidate == name);
        found.map(|(_, value)| value.as_str())
    }
}
