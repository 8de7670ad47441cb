//! Asks a running server about itself, over the admin socket beside its control socket.
//!
//! 1. The server is found as for `daemun reload`: by its configuration file, by its process, or as the only one.
//! 2. Each question is a request of HTTP/1.1 on a connection of its own.
//! 3. The answer is taken whole, or it is an error: a status that was cut in the middle must not be shown.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use super::control::{self, TargetArgs};

/// A server that takes longer than this for a part of its answer is not well.
const PATIENCE: Duration = Duration::from_secs(5);

/// More than any answer has, in bytes.
const MOST: u64 = 64 << 20;

/// A running server.
#[derive(Clone, Debug)]
pub(super) struct AdminClient {
    socket: PathBuf,
}

impl AdminClient {
    /// Finds the server that is meant. After an upgrade it is another process: connect once more.
    ///
    /// # Errors
    /// For a person: which servers there are, and what to do; without `error: ` before it.
    pub(super) fn connect(target: &TargetArgs) -> Result<Self, String> {
        let client = Self {
            socket: admin_socket(&control::find_socket(target)?),
        };
        // What is there, but does not answer, is found out by the first question.
        match UnixStream::connect(&client.socket) {
            Ok(_) => Ok(client),
            Err(error) => Err(format!(
                "the server tells nothing about itself at {}: {error}\n  help: a server of an earlier version does not: daemun upgrade",
                client.socket.display()
            )),
        }
    }

    /// The status and the body of what `path` answers: `/status`, `/explain/0a1b`.
    ///
    /// # Errors
    /// For a person: the server is gone, or does not answer; without `error: ` before it.
    pub(super) fn get(&self, path: &str) -> Result<(u16, String), String> {
        self.ask(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                "the server is gone".to_owned()
            }
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => format!(
                "the server does not answer: nothing came for {} seconds",
                PATIENCE.as_secs()
            ),
            _ => format!("the server does not answer: {error}"),
        })
    }

    fn ask(&self, path: &str) -> io::Result<(u16, String)> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(MOST).read_to_end(&mut answer)?;
        parse(&answer)
    }
}

/// `PID.admin` beside `PID.sock`.
pub(super) fn admin_socket(control: &Path) -> PathBuf {
    control.with_extension("admin")
}

/// A whole answer: RFC 9112, as far as our own server makes use of it.
fn parse(answer: &[u8]) -> io::Result<(u16, String)> {
    let wrong = || io::Error::other("its answer is not whole");
    let text = std::str::from_utf8(answer).map_err(|_| wrong())?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(wrong)?;
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(wrong)?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok());
    if length == Some(body.len()) {
        Ok((status, body.to_owned()))
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_whole_or_not_at_all() {
        let cases = [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                Some((200, "ok")),
            ),
            (
                "HTTP/1.1 503 Service Unavailable\r\nx: y\r\ncontent-length: 5\r\n\r\na\r\n\r\n",
                Some((503, "a\r\n\r\n")),
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", None),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok", None),
            ("HTTP/1.1 200 OK\r\n\r\nok", None),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0", None),
            ("HTTP/1.1 é\r\nContent-Length: 0\r\n\r\n", None),
            ("", None),
        ];
        for (answer, expected) in cases {
            let parsed = parse(answer.as_bytes()).ok();
            let expected = expected.map(|(status, body)| (status, body.to_owned()));
            assert_eq!(parsed, expected, "{answer:?}");
        }
        assert!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff").is_err());
    }

    #[test]
    fn a_server_that_is_gone_is_called_so() {
        let client = AdminClient {
            socket: PathBuf::from("/nonexistent/1.admin"),
        };
        assert_eq!(client.get("/status").unwrap_err(), "the server is gone");
    }
}
