//! A real Prometheus asks a real server, while real clients and applications do what they do.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]
#![allow(dead_code, reason = "other tests use more of the reader")]

mod exposition;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use daemun::{Config, Handle, ListenAddress, Listener, Server};
use tokio::sync::oneshot;

use exposition::Exposition;

const PATIENCE: Duration = Duration::from_secs(60);

/// A server, and another one that tells of it.
struct Served {
    site: SocketAddr,
    admin: SocketAddr,
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    fn start(config: &str) -> Self {
        let config = Config::parse(config, Path::new("test.toml")).unwrap();
        let (site, admin) = (listener(), listener());
        let addresses = (address(&site), address(&admin));
        let server = Server::new(&config).unwrap();
        let handle = server.handle();
        let told = Server::with_app(&config, handle.admin()).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let serving = server.serve(vec![site], std::future::pending());
                let telling = told.serve(vec![admin], std::future::pending());
                tokio::select! {
                    _ = serving => {}
                    _ = telling => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            site: addresses.0,
            admin: addresses.1,
            handle,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn scrape(&self) -> Exposition {
        Exposition::read(&get(self.admin, "/metrics"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

fn listener() -> Listener {
    let any: ListenAddress = "127.0.0.1:0".parse().unwrap();
    Listener::bind(&any).unwrap()
}

fn address(listener: &Listener) -> SocketAddr {
    match listener.local_address() {
        ListenAddress::Tcp(address) => address,
        other => panic!("{other}"),
    }
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The body of an answer with status 200.
fn try_get(at: SocketAddr, target: &str) -> Option<String> {
    let mut stream = TcpStream::connect(at).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    // HTTP/1.0, so that nothing comes in chunks.
    write!(stream, "GET {target} HTTP/1.0\r\nHost: {at}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split(' ').nth(1).filter(|status| *status == "200")?;
    Some(body.to_owned())
}

#[track_caller]
fn get(at: SocketAddr, target: &str) -> String {
    try_get(at, target).unwrap_or_else(|| panic!("no answer to {target}"))
}

fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    holds()
}

/// Prometheus, that asks once a second.
fn prometheus(folder: &Path, target: SocketAddr) -> (Process, SocketAddr) {
    let file = folder.join("prometheus.yml");
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: daemun\n  static_configs: [{{targets: [\"{target}\"]}}]\n"
    );
    fs::write(&file, config).unwrap();
    let mut child = Command::new("prometheus")
        .arg(format!("--config.file={}", file.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.join("data").display()
        ))
        .arg("--web.listen-address=127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("prometheus is installed: .ci/tools prometheus");
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let process = Process(child);
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "it has ended");
        let said = line.contains("\"Listening on\"");
        if let Some((_, address)) = line.split_once(" address=").filter(|_| said) {
            break address.trim().parse().unwrap();
        }
    };
    // What it says from now on has to go somewhere.
    std::thread::spawn(move || std::io::copy(&mut told, &mut std::io::sink()));
    (process, address)
}

/// The value of an expression that comes to one.
fn query(prometheus: SocketAddr, expression: &str) -> Option<f64> {
    let mut escaped = String::new();
    for byte in expression.bytes() {
        let _ = write!(escaped, "%{byte:02X}");
    }
    let answer = try_get(prometheus, &format!("/api/v1/query?query={escaped}"))?;
    let answer: serde_json::Value = serde_json::from_str(&answer).ok()?;
    let value = &answer["data"]["result"][0]["value"][1];
    value.as_str()?.parse().ok()
}

fn docroot() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("a.txt"), vec![b'a'; 1024]).unwrap();
    let config = format!("[[site]]\ndocroot = {:?}\n", root.display().to_string());
    (folder, config)
}

#[test]
fn prometheus_counts_what_wrk_sent() {
    const CONNECTIONS: f64 = 8.0;
    let (folder, config) = docroot();
    let served = Served::start(&config);
    let (_prometheus, at) = prometheus(folder.path(), served.admin);
    let wrk = Command::new("wrk")
        .args(["-t1", "-c8", "-d3s"])
        .arg(format!("http://{}/a.txt", served.site))
        .output()
        .expect("wrk is installed: .ci/tools wrk");
    let said = String::from_utf8(wrk.stdout).unwrap();
    let sent = said
        .lines()
        .find_map(|line| line.split_once(" requests in"));
    let sent: f64 = sent.unwrap().0.trim().parse().unwrap();
    assert!(sent > 0.0, "{said}");

    // Each connection was closed with an answer under way, of which wrk knows nothing.
    let total = || query(at, "sum(daemun_requests_total)").unwrap_or_default();
    let is_told = || (sent..=sent + CONNECTIONS).contains(&total());
    assert!(eventually(is_told), "{sent} sent, {} told", total());
    let is_still = || {
        let told = served.scrape().sum("daemun_requests_total", &[]);
        (total() - told).abs() < 0.5
    };
    assert!(eventually(is_still));
    let total = total();
    assert!((sent..=sent + CONNECTIONS).contains(&total));
    for same in [
        "sum(daemun_requests_total{class=\"2xx\",protocol=\"HTTP/1.1\"})",
        "sum(daemun_request_duration_seconds_count)",
        "sum(daemun_request_duration_seconds_bucket{le=\"+Inf\"})",
        "sum(daemun_response_size_bytes_count)",
        "sum(daemun_response_size_bytes_bucket{le=\"1024\"})",
        "sum(daemun_cache_hits_total) + sum(daemun_cache_misses_total)",
    ] {
        let value = query(at, same).unwrap();
        assert!((value - total).abs() < 0.5, "{same}: {value}, not {total}");
    }
    let bytes = query(at, "sum(daemun_response_size_bytes_sum)").unwrap();
    assert!(bytes >= sent * 1024.0 && bytes <= total * 1024.0);
    assert_eq!(query(at, "up"), Some(1.0));
    let median = "histogram_quantile(0.5, sum by (le) (daemun_request_duration_seconds_bucket))";
    assert!(query(at, median).unwrap() > 0.0);
}

#[test]
fn promtool_has_nothing_to_say_against_it() {
    let (_folder, config) = docroot();
    let config = config
        + "[[site.route]]\npath = \"/app/\"\nupstream = \"app\"\n\
           [upstream.app]\nservers = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n";
    let served = Served::start(&config);
    get(served.site, "/a.txt");
    try_get(served.site, "/app/");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed: .ci/tools prometheus");
    let text = get(served.admin, "/metrics");
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{text}");
    assert!(said.trim().is_empty(), "{said}");
}

/// An application in a process of its own.
fn application(port: u16) -> (Process, u16) {
    let mut child = Command::new("python3")
        .args(["-u", "-m", "http.server", "--bind", "127.0.0.1"])
        .arg(port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 is installed: .ci/tools python3");
    let mut said = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let process = Process(child);
    output.read_line(&mut said).unwrap();
    let port = said.split_once(" port ").and_then(|(_, rest)| {
        let port = rest.split(' ').next()?;
        port.parse().ok()
    });
    let port = port.unwrap_or_else(|| panic!("it does not serve: {said:?}"));
    (process, port)
}

#[test]
fn an_application_that_is_killed_is_told_with_the_reason_and_so_is_its_return() {
    let (_folder, config) = docroot();
    let (first, port) = application(0);
    let config = format!(
        "{config}[[site.route]]\npath = \"/app/\"\nupstream = \"app\"\n\
         [upstream.app]\nservers = [\"127.0.0.1:{port}\"]\n\
         health_path = \"/\"\nhealth_interval = \"200ms\"\nhealth_fall = 1\nhealth_rise = 1\n"
    );
    let served = Served::start(&config);
    let name = format!("127.0.0.1:{port}");
    let labels = [("upstream", "app"), ("server", name.as_str())];
    let is_up = |value: f64| {
        let now = served.scrape().value("daemun_upstream_server_up", &labels);
        (now - value).abs() < 0.5
    };
    let told = || served.handle.status().upstreams[0].servers[0].clone();
    assert!(eventually(|| told().state == "up"));
    assert!(is_up(1.0));
    let since = told().since;

    // SIGKILL.
    drop(first);
    assert!(eventually(|| is_up(0.0)));
    let down = told();
    assert_eq!(down.state, "down");
    assert!(down.since > since);
    let (why, trouble) = (down.why.unwrap(), down.trouble.unwrap());
    assert!(
        why.contains("refused") && trouble == why,
        "{why}, {trouble}"
    );
    let page = get(served.admin, "/status");
    assert!(page.contains("\"state\":\"down\""), "{page}");

    let (_second, _) = application(port);
    assert!(eventually(|| is_up(1.0)));
    let up = told();
    assert_eq!((&*up.state, up.trouble), ("up", None));
    assert!(up.since > down.since);
}
