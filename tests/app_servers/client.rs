//! A client of HTTP/1.1 as plain as can be: one connection, kept alive, and a jar of cookies.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
    pub(crate) cookies: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        value(&self.fields, name)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut named = fields
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.as_str())
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connection: None,
            cookies: BTreeMap::new(),
        }
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
            .unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// What a form sends.
    pub(crate) fn post(&mut self, path: &str, form: &str) -> Answer {
        let fields = [("Content-Type", "application/x-www-form-urlencoded")];
        self.request("POST", path, &fields, form.as_bytes())
            .unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut connection = self.send(method, path, fields, body)?;
        let answer = read_answer(&mut connection, method)?;
        if value(&answer.fields, "connection").is_none_or(|value| !value.contains("close")) {
            self.connection = Some(connection);
        }
        self.keep_cookies(&answer.fields);
        Ok(answer)
    }

    /// An answer whose body goes on, chunk by chunk, until it is dropped.
    pub(crate) fn open(mut self, path: &str) -> Stream {
        let mut connection = self.send("GET", path, &[], b"").unwrap();
        let (status, fields) = read_head(&mut connection).unwrap();
        Stream {
            status,
            fields,
            connection,
            text: String::new(),
        }
    }

    fn send(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<BufReader<TcpStream>> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in fields {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if !self.cookies.is_empty() {
            let crumbs = self.cookies.iter();
            let crumbs: Vec<_> = crumbs
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let _ = write!(head, "Cookie: {}\r\n", crumbs.join("; "));
        }
        if !matches!(method, "GET" | "HEAD") {
            let _ = write!(head, "Content-Length: {}\r\n", body.len());
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        connection.get_mut().write_all(&bytes)?;
        Ok(connection)
    }

    fn connect(&self) -> io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }

    fn keep_cookies(&mut self, fields: &[(String, String)]) {
        for (name, value) in fields {
            if name.eq_ignore_ascii_case("set-cookie") {
                let pair = value.split(';').next().unwrap_or_default();
                if let Some((name, value)) = pair.split_once('=') {
                    self.cookies.insert(name.to_owned(), value.to_owned());
                }
            }
        }
    }
}

pub(crate) struct Stream {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    connection: BufReader<TcpStream>,
    text: String,
}

impl Stream {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        value(&self.fields, name)
    }

    /// Takes the body until this text has come; several pieces may come as one.
    pub(crate) fn read_until(&mut self, text: &str) {
        while !self.text.contains(text) {
            let chunk = read_chunk(&mut self.connection).unwrap();
            assert!(!chunk.is_empty(), "{text:?} is not in {:?}", self.text);
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            assert!(self.text.len() < 100_000, "{text:?} does not come");
        }
    }
}

fn read_answer(connection: &mut BufReader<TcpStream>, method: &str) -> io::Result<Answer> {
    let (mut status, mut fields) = read_head(connection)?;
    while (100..200).contains(&status) {
        (status, fields) = read_head(connection)?;
    }
    let mut body = Vec::new();
    if method == "HEAD" || matches!(status, 204 | 304) {
        // It ends with its head.
    } else if value(&fields, "transfer-encoding").is_some() {
        loop {
            let chunk = read_chunk(connection)?;
            if chunk.is_empty() {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        // Trailers.
        read_fields(connection)?;
    } else if let Some(length) = value(&fields, "content-length") {
        let length = length.parse().map_err(|_| invalid("a bad length"))?;
        body.resize(length, 0);
        connection.read_exact(&mut body)?;
    } else {
        connection.read_to_end(&mut body)?;
    }
    Ok(Answer {
        status,
        fields,
        body,
    })
}

fn read_head(connection: &mut BufReader<TcpStream>) -> io::Result<(u16, Vec<(String, String)>)> {
    let line = read_line(connection)?;
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| invalid(&format!("no status line: {line:?}")))?;
    Ok((status, read_fields(connection)?))
}

fn read_fields(connection: &mut BufReader<TcpStream>) -> io::Result<Vec<(String, String)>> {
    let mut fields = Vec::new();
    loop {
        let line = read_line(connection)?;
        if line.is_empty() {
            return Ok(fields);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| invalid(&line))?;
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// Empty: it was the last one, and trailers follow.
fn read_chunk(connection: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let line = read_line(connection)?;
    let size = line.split(';').next().unwrap_or_default();
    let size = usize::from_str_radix(size, 16).map_err(|_| invalid(&line))?;
    let mut chunk = vec![0; size];
    connection.read_exact(&mut chunk)?;
    if size > 0 {
        read_line(connection)?;
    }
    Ok(chunk)
}

fn read_line(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    connection.read_until(b'\n', &mut line)?;
    if !line.ends_with(b"\r\n") {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the connection was closed",
        ));
    }
    line.truncate(line.len() - 2);
    String::from_utf8(line).map_err(|_| invalid("not text"))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
