//! The program and those who look at it: its admin socket, `daemun status` and `daemun explain`, across reloads and upgrades.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use daemun::status::Status;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with a site, its configuration, and a runtime folder.
struct Site {
    folder: tempfile::TempDir,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Site {
    fn new(admin: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("public")).expect("a folder");
        fs::write(folder.path().join("public/index.html"), "public").expect("a file");
        // Free when this returns; who takes one first has it.
        let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let [address, told] = ports.map(|socket| socket.local_addr().expect("an address"));
        let site = Self {
            folder,
            address,
            admin: told,
        };
        site.configure(admin, more);
        site
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// `ADMIN` in `admin` is the address.
    fn configure(&self, admin: &str, more: &str) {
        let admin = admin.replace("ADMIN", &self.admin.to_string());
        let text = format!(
            "[[listen]]\naddress = \"{}\"\n[admin]\n{admin}\n[[site]]\ndocroot = \"public\"\n{more}\n",
            self.address
        );
        fs::write(self.path().join("daemun.toml"), text).expect("the configuration");
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daemun"));
        command
            .args(args)
            .current_dir(self.path())
            .env("XDG_RUNTIME_DIR", self.path().join(".run"))
            .env("TMPDIR", self.path())
            .env_remove("RUNTIME_DIRECTORY")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(args).output().expect("the program runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let code = status.code().expect("an exit code");
        (code, text(stdout), text(stderr))
    }

    fn start(&self, args: &[&str]) -> Running {
        let mut child = self
            .command(args)
            .args(["--access-log", "off", "--workers", "2"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut told = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut heard = String::new();
        while !heard.contains("listening on") {
            let read = told.read_line(&mut heard).expect("a line");
            assert!(read > 0, "{heard}");
        }
        Running {
            child,
            heard,
            _told: told,
        }
    }

    fn status(&self) -> Status {
        let (code, out, error) = self.run(&["status", "--json"]);
        assert_eq!((code, &*error), (0, ""));
        serde_json::from_str(&out).expect("a status")
    }

    /// The same, once it serves: it can be asked before.
    fn status_when_ready(&self) -> Status {
        assert!(eventually(|| self.status().readiness.is_ready));
        self.status()
    }

    /// The socket of a process.
    fn socket(&self, pid: u32) -> PathBuf {
        self.path().join(format!(".run/daemun/{pid}.admin"))
    }
}

struct Running {
    child: Child,
    heard: String,
    _told: BufReader<ChildStderr>,
}

impl Running {
    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that an upgrade started.
struct Stray(u32);

impl Drop for Stray {
    fn drop(&mut self) {
        send(self.0, Signal::KILL);
    }
}

fn process(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).expect("fits")).expect("not 0")
}

fn send(pid: u32, signal: Signal) {
    let _ = kill_process(process(pid), signal);
}

fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if holds() {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    holds()
}

fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_server_without_configuration_is_told_of_at_its_socket_which_goes_with_it() {
    let site = Site::new("", "");
    fs::remove_file(site.path().join("daemun.toml")).expect("no configuration");
    let mut running = site.start(&["public", "--listen", &site.address.to_string()]);
    let socket = site.socket(running.pid());
    let mode = fs::metadata(&socket)
        .expect("the socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let status = site.status_when_ready();
    assert_eq!(status.pid, running.pid());
    assert_eq!(status.listeners, [site.address.to_string()]);
    assert_eq!(status.workers, 2);
    assert_eq!(status.configuration.file, None);
    let (code, text, error) = site.run(&["status", "--pid", &running.pid().to_string()]);
    assert_eq!((code, &*error), (0, ""));
    assert!(text.contains(&running.pid().to_string()), "{text}");

    let (code, out, error) = site.run(&["explain", "no such/../id"]);
    assert_eq!((code, &*out), (1, ""));
    assert!(
        error.starts_with("error: no request with this id is remembered"),
        "{error}"
    );

    send(running.pid(), Signal::TERM);
    assert!(running.end().success());
    assert!(!socket.exists(), "its file goes with it");
    let (code, _, error) = site.run(&["status"]);
    assert_eq!(code, 1);
    assert!(
        error.starts_with("error: no server of this user is running\n  help: "),
        "{error}"
    );
}

#[test]
fn what_was_done_is_explained_as_what_would_be_done() {
    let site = Site::new("", "");
    let running = site.start(&["serve", "-c", "daemun.toml"]);
    let mut client = TcpStream::connect(site.address).expect("a connection");
    client
        .write_all(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a/b\r\nConnection: close\r\n\r\n",
        )
        .expect("it is sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    assert!(answer.ends_with("public"), "{answer}");
    assert!(eventually(|| site.run(&["explain", "a/b"]).0 == 0));
    let (code, told, error) = site.run(&["explain", "a/b"]);
    assert_eq!((code, &*error), (0, ""));
    let url = format!("http://{}/", site.address);
    let (code, rehearsed, error) = site.run(&["explain", "-c", "daemun.toml", "GET", &url]);
    assert_eq!((code, &*error), (0, ""));
    for word in ["site", "route", "file", "sent"] {
        let line = |text: &str| {
            text.lines()
                .find(|line| line.starts_with(word))
                .map(str::to_owned)
        };
        assert!(line(&told).is_some(), "{word}: {told}");
        assert_eq!(line(&told), line(&rehearsed), "{word}");
    }
    assert!(
        told.contains("answer     200 OK, 6 bytes, whole, "),
        "{told}"
    );
    assert!(rehearsed.contains("answer     200 OK\n"), "{rehearsed}");
    drop(running);
    for wrong in [
        &["GET", "/x"][..],
        &["GET", "http:///x"],
        &["G T", &url],
        &["GET", &url, "-H", "x"],
    ] {
        let args = [&["explain", "-c", "daemun.toml"], wrong].concat();
        let (code, out, error) = site.run(&args);
        assert_eq!((code, &*out), (1, ""), "{wrong:?}");
        assert!(
            error.starts_with("error: ") && error.contains("\n  help: "),
            "{error}"
        );
    }
}

#[test]
fn the_flag_tells_at_an_address_of_this_machine_and_no_other_without_a_token() {
    let site = Site::new("", "");
    let admin = site.admin.to_string();
    let running = site.start(&["--admin", &admin]);
    assert!(
        running
            .heard
            .contains(&format!("admin on http://{admin}/\n")),
        "{}",
        running.heard
    );
    assert!(eventually(|| {
        let answer = get(site.admin, "/readyz").expect("an answer");
        answer.ends_with("\r\n\r\nok\n")
    }));
    drop(running);
    let (code, _, error) = site.run(&["--admin", &format!(":{}", site.admin.port())]);
    assert_eq!(code, 1);
    assert!(
        error.contains("other machines") && error.contains("token_file"),
        "{error}"
    );
}

#[test]
fn reloads_are_counted_and_a_refused_one_is_told_with_its_reason() {
    let site = Site::new("listen = [\"ADMIN\"]", "");
    let mut running = site.start(&["-c", "daemun.toml"]);
    assert_eq!(site.run(&["reload"]).0, 0);
    let first = site.status_when_ready().configuration;
    assert_eq!(
        (first.reloads, first.failed_reloads, first.last_error),
        (1, 0, None)
    );

    site.configure("listen = [\"ADMIN\"]\nlistn = 1", "");
    assert_eq!(site.run(&["reload"]).0, 1);
    let second = site.status().configuration;
    assert_eq!((second.reloads, second.failed_reloads), (1, 1));
    let why = second.last_error.expect("an error");
    assert!(
        why.starts_with("daemun.toml:5:1: unknown key `listn`"),
        "{why}"
    );
    let ready = get(site.admin, "/readyz").expect("an answer");
    assert!(
        ready.starts_with("HTTP/1.1 200 ") && ready.contains("unknown key"),
        "{ready}"
    );
    assert!(
        !get(site.admin, "/configuration")
            .expect("an answer")
            .contains("listn")
    );

    // Another address takes its place, and the one before is given up.
    let before = site.admin;
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let after = free.local_addr().expect("an address");
    drop(free);
    site.configure(&format!("listen = [\"{after}\"]"), "");
    assert_eq!(site.run(&["reload"]).0, 0);
    assert!(get(after, "/healthz").expect("an answer").ends_with("ok\n"));
    assert!(eventually(|| TcpStream::connect(before).is_err()));
    assert_eq!(site.status().configuration.last_error, None);
    send(running.pid(), Signal::TERM);
    assert!(running.end().success());
}

#[test]
fn what_is_not_to_be_remembered_or_counted_is_not() {
    let site = Site::new("", "");
    let _server = site.start(&["-c", "daemun.toml"]);
    site.status_when_ready();
    // The id is the client's own, so that it can be asked for.
    let ask = |id: &str| {
        let mut stream = TcpStream::connect(site.address).expect("the server accepts");
        let head =
            format!("GET / HTTP/1.1\r\nhost: a\r\nx-request-id: {id}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    };
    ask("first");
    assert!(eventually(|| site.run(&["explain", "first"]).0 == 0));

    site.configure("requests = 0\n", "");
    assert_eq!(site.run(&["reload"]).0, 0);
    assert_eq!(site.run(&["explain", "first"]).0, 1);
    ask("second");
    assert!(eventually(|| site.status().total.requests == 2));
    assert_eq!(site.run(&["explain", "second"]).0, 1);
    let status = site.status();
    assert!(status.slowest.is_empty() && status.failing.is_empty() && !status.is_uncounted);

    site.configure("observe = false\n", "");
    assert_eq!(site.run(&["reload"]).0, 0);
    ask("third");
    let (_, told, _) = site.run(&["status"]);
    assert!(
        told.contains("not counted: `observe = false` in [admin]"),
        "{told}"
    );
    assert_eq!(site.status().total.requests, 2);
}

#[test]
fn a_new_process_goes_on_telling_at_the_same_addresses() {
    let site = Site::new("listen = [\"ADMIN\", \"unix:admin.sock\"]", "");
    let mut running = site.start(&["-c", "daemun.toml"]);
    let socket = site.path().join("admin.sock");
    assert!(socket.exists());
    let (code, told, error) = site.run(&["upgrade"]);
    assert_eq!((code, &*error), (0, ""), "{told}");
    let new: u32 = (told.strip_prefix("process "))
        .and_then(|rest| rest.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("{told}"));
    let new = Stray(new);
    assert!(running.end().success());
    assert!(
        !site.socket(running.pid()).exists(),
        "the old one's own is gone"
    );
    let status = site.status();
    assert_eq!(status.pid, new.0);
    let answer = get(site.admin, "/status").expect("an answer");
    assert!(answer.contains(&format!("\"pid\":{}", new.0)), "{answer}");
    let mode = fs::metadata(&socket)
        .expect("still there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    send(new.0, Signal::TERM);
    assert!(eventually(
        || test_kill_process(process(new.0)).is_err() || !socket.exists()
    ));
    assert!(eventually(
        || !socket.exists() && !site.socket(new.0).exists()
    ));
}

#[test]
fn within_the_sandbox_and_with_a_token_it_is_told_too() {
    let site = Site::new("", "");
    fs::create_dir(site.path().join("secrets")).expect("a folder");
    fs::write(site.path().join("secrets/token"), "0123456789abcdef\n").expect("a file");
    site.configure(
        "listen = [\"ADMIN\", \"unix:told.sock\"]\ntoken_file = \"secrets/token\"",
        "",
    );
    let text = fs::read_to_string(site.path().join("daemun.toml")).expect("the configuration");
    fs::write(
        site.path().join("daemun.toml"),
        format!("sandbox = \"on\"\n{text}"),
    )
    .expect("a file");
    let mut running = site.start(&["-c", "daemun.toml"]);
    assert!(
        get(site.admin, "/status")
            .expect("an answer")
            .starts_with("HTTP/1.1 401 ")
    );
    assert!(site.status_when_ready().readiness.is_ready);
    assert_eq!(
        site.run(&["reload"]),
        (0, site.run(&["reload"]).1, String::new())
    );
    send(running.pid(), Signal::TERM);
    assert!(running.end().success());
    assert!(!site.path().join("told.sock").exists());
    assert!(!site.socket(running.pid()).exists());
}
