//! A server that serves the files of the status page, and tells what it was told to tell.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use daemun::status::Status;

/// It ends with the test: its threads wait in the kernel until then.
pub(crate) struct StandIn {
    address: SocketAddr,
    told: Arc<Mutex<Told>>,
}

struct Told {
    status: String,
    /// It closes its streams, and has an error for whoever asks again.
    is_gone: bool,
}

impl StandIn {
    pub(crate) fn start(status: &Status) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let told = Arc::new(Mutex::new(Told {
            status: json(status),
            is_gone: false,
        }));
        let shared = Arc::clone(&told);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let told = Arc::clone(&shared);
                // Whoever leaves in the midst of an answer has left.
                thread::spawn(move || answer(stream, &told));
            }
        });
        Self { address, told }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn tell(&self, status: &Status) {
        lock(&self.told).status = json(status);
    }

    pub(crate) fn set_gone(&self, is_gone: bool) {
        lock(&self.told).is_gone = is_gone;
    }
}

fn json(status: &Status) -> String {
    serde_json::to_string(status).expect("a status is JSON")
}

fn lock(told: &Mutex<Told>) -> std::sync::MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut stream: TcpStream, told: &Mutex<Told>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?)
        .lines()
        .map_while(Result::ok);
    let path = lines.next()?.split([' ', '?']).nth(1)?.to_owned();
    lines.find(String::is_empty)?;
    if path == "/events" && !lock(told).is_gone {
        return tell(stream, told);
    }
    let (status, media_type, content) = content(&path);
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:";
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {media_type}; charset=utf-8\r\ncontent-security-policy: {policy}\r\n\
         cache-control: no-store\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{content}",
        content.len()
    )
    .ok()
}

fn content(path: &str) -> (&'static str, &'static str, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/admin/page");
    let file = |name: &str| fs::read_to_string(folder.join(name)).expect("a file of the page");
    match path {
        "/" => ("200 OK", "text/html", file("page.html")),
        "/configuration" => (
            "200 OK",
            "text/plain",
            "[[site]]\ndocroot = \"/srv/<www>\"\n".to_owned(),
        ),
        _ if path.starts_with("/explain/") => (
            "200 OK",
            "text/plain",
            "GET /<i>\u{202e}x</i>\n  1. matched the site example.com\n".to_owned(),
        ),
        _ => match path.strip_prefix("/page/") {
            Some(name) if name == "page.css" => ("200 OK", "text/css", file(name)),
            Some(name) => ("200 OK", "text/javascript", file(name)),
            None => ("503 Service Unavailable", "text/plain", String::new()),
        },
    }
}

fn tell(mut stream: TcpStream, told: &Mutex<Told>) -> Option<()> {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\nconnection: close\r\n\r\n")
        .ok()?;
    loop {
        let status = {
            let told = lock(told);
            if told.is_gone {
                return None;
            }
            told.status.clone()
        };
        write!(stream, "event: status\ndata: {status}\n\n").ok()?;
        thread::sleep(Duration::from_millis(100));
    }
}
