//! The server that is looked at.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A server on a free port; it ends with its owner.
pub(crate) struct Server {
    /// `None`: it was running already.
    child: Option<Child>,
    origin: String,
    admin: Option<String>,
}

impl Server {
    /// Serves the bundled site, or finds the server that `DAEMUN_BROWSER_URL` names.
    pub(crate) fn of_public() -> Self {
        match env::var("DAEMUN_BROWSER_URL") {
            Ok(url) => Self {
                child: None,
                origin: url.trim_end_matches('/').to_owned(),
                admin: None,
            },
            Err(_) => Self::start(&public()),
        }
    }

    /// Serves a folder, with listings.
    pub(crate) fn start(docroot: &Path) -> Self {
        let listing = OsStr::new("--listing");
        Self::run(
            ["-l", "127.0.0.1:0"]
                .map(OsStr::new)
                .into_iter()
                .chain([listing, docroot.as_os_str()]),
        )
    }

    /// Serves what a configuration says, and tells about itself at a free port.
    pub(crate) fn configured(file: &Path) -> Self {
        let admin = ["--admin", "127.0.0.1:0", "-c"].map(OsStr::new);
        Self::run(admin.into_iter().chain([file.as_os_str()]))
    }

    fn run<'a>(arguments: impl Iterator<Item = &'a OsStr>) -> Self {
        // Known only where the program is built: with the feature `cli`.
        let Some(program) = option_env!("CARGO_BIN_EXE_daemun") else {
            panic!("these checks need the program: build with the feature `cli`");
        };
        let mut child = Command::new(program)
            .args(["--access-log", "off"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let stderr = BufReader::new(child.stderr.take().expect("it was piped"));
        let (send, receive) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let mut server = Self {
            child: Some(child),
            origin: String::new(),
            admin: None,
        };
        let mut said = String::new();
        while let Ok(line) = receive.recv_timeout(Duration::from_secs(10)) {
            let spoken = |what| {
                line.split_once(what)
                    .map(|(_, address)| String::from(address.trim().trim_end_matches('/')))
            };
            if let Some(address) = spoken("listening on ") {
                server.origin = address;
                return server;
            }
            if let Some(address) = spoken("admin on http://") {
                server.admin = Some(address);
            }
            said.push_str(&line);
            said.push('\n');
        }
        panic!("the server did not say where it listens; it said:\n{said}");
    }

    /// The address of the status page.
    pub(crate) fn status_page(&self) -> String {
        let admin = self.admin.as_ref().expect("it tells about itself");
        format!("http://{admin}/")
    }

    /// Ends it at once, before its owner does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Asks for an address of this server, without a browser: the status and the content.
    pub(crate) fn get(&self, url: &str) -> (u16, String) {
        let path = url
            .strip_prefix(&self.origin)
            .expect("an address of this server");
        let host = self.origin.strip_prefix("http://").expect("an http server");
        let mut stream = TcpStream::connect(host).expect("the server accepts");
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a timeout can be set");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: text/html\r\nconnection: close\r\n\r\n"
        )
        .expect("the server listens");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the server answers");
        let answer = String::from_utf8_lossy(&answer);
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .expect("a status line");
        (
            status,
            answer
                .split_once("\r\n\r\n")
                .map_or("", |(_, content)| content)
                .to_owned(),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The bundled site.
pub(crate) fn public() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("public")
}
