//! Every example runs and answers as its comment says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

const PUBLIC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/public");

#[test]
fn static_site_serves_the_folder() {
    let example = Example::start("static_site");
    let index = example.get("/");
    assert_eq!(index.status, 200);
    assert_eq!(index.body, file("index.html"));
    assert_eq!(index.field("referrer-policy"), Some("same-origin"));
    assert_eq!(example.get("/guide").body, file("guide.html"));
    assert_eq!(example.get("/no-such-page").status, 404);
}

#[test]
fn front_of_app_answers_the_routes_of_both() {
    let example = Example::start("front_of_app");
    assert_eq!(example.get("/api/visits").body, b"1\n");
    assert_eq!(example.get("/api/visits").body, b"2\n");
    assert_eq!(example.get("/").body, file("index.html"));
    let asset = example.get("/assets/gate.svg");
    assert_eq!(asset.body, file("assets/gate.svg"));
    assert_eq!(asset.field("cache-control"), Some("public, max-age=600"));
    assert_eq!(example.get("/healthy").body, b"yes\n");
    let moved = example.get("/home");
    assert_eq!((moved.status, moved.field("location")), (308, Some("/")));
}

#[test]
fn embed_in_axum_serves_beneath_its_path() {
    let example = Example::start("embed_in_axum");
    assert_eq!(example.get("/api/greeting/Ada").body, b"Hello, Ada\n");
    assert_eq!(example.get("/site/").body, file("index.html"));
    assert_eq!(example.get("/site/guide").body, file("guide.html"));
    assert_eq!(example.get("/index.html").status, 404);
}

#[test]
fn proxy_in_axum_forwards_beneath_its_path() {
    let example = Example::start("proxy_in_axum");
    assert_eq!(example.get("/hello").body, b"Hello from this program\n");
    let basket = example.get("/shop/basket");
    assert_eq!(basket.body, b"/basket beneath /shop for 127.0.0.1\n");
    let moved = example.get("/shop/old");
    assert_eq!(moved.status, 303);
    assert_eq!(moved.field("location"), Some("/shop/basket"));
    assert_eq!(example.get("/").body, file("index.html"));
    assert_eq!(example.get("/shop/a%2Fb").status, 400);
}

#[test]
fn custom_layer_sees_every_answer() {
    let example = Example::start("custom_layer");
    let found = example.get("/");
    assert_eq!(found.body, file("index.html"));
    assert!(
        found
            .field("server-timing")
            .is_some_and(|timing| timing.starts_with("daemun;dur="))
    );
    let refused = example.get("/.env");
    assert_eq!(refused.status, 404);
    assert!(refused.field("server-timing").is_some());
}

/// The bytes that are to be sent for a file of the bundled site.
fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(PUBLIC).join(name)).expect("the bundled site has it")
}

/// An example that runs on a free port. Dropping it stops it.
struct Example {
    child: Child,
    address: String,
}

impl Example {
    fn start(name: &str) -> Self {
        let mut child = Command::new(built().join(name))
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example was built");
        let mut line = String::new();
        let said = child.stdout.take().expect("it was piped");
        BufReader::new(said)
            .read_line(&mut line)
            .expect("its output is text");
        let address = line
            .trim()
            .strip_prefix("http://")
            .expect("it prints its URL");
        let address = address.split('/').next().unwrap_or_default().to_owned();
        Self { child, address }
    }

    fn get(&self, path: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).expect("it listens there");
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("not zero");
        let host = &self.address;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .expect("the request is sent");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the answer ends");
        Answer::parse(&bytes).expect("it is a response")
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self {
            status,
            head,
            body: bytes[end + 4..].to_vec(),
        })
    }

    fn field(&self, name: &str) -> Option<&str> {
        let fields = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'));
        let mut named = fields.filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.trim())
    }
}

/// The folder of the examples. `cargo test` builds them by itself, `cargo test --test examples` does not: cargo is asked
/// to, with the profile and the target folder of this test, and does nothing when they are there.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let test = std::env::current_exe().expect("a running program has a path");
        // TARGET/PROFILE/deps/examples-HASH
        let [_, profile, target] =
            [1, 2, 3].map(|up| test.ancestors().nth(up).expect("cargo put it there"));
        let mut build = Command::new(env!("CARGO"));
        build
            .args(["build", "--quiet", "--examples", "--target-dir"])
            .arg(target);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        let status = build
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the examples do not build");
        profile.join("examples")
    })
}
