//! The program while it serves: reload, upgrade, signals, the drain; each by real processes, under load where nothing may be lost.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with two sites, and a configuration of the first.
struct Site {
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Site {
    fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["one", "two"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
            fs::write(folder.path().join(name).join("index.html"), name).expect("a file");
        }
        // Free when this returns; who takes it first has it.
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("an address");
        let site = Self { folder, address };
        site.configure("one", more);
        site
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn configure(&self, docroot: &str, more: &str) {
        let text = format!(
            "[[listen]]\naddress = \"{}\"\n[[site]]\ndocroot = \"{docroot}\"\n{more}",
            self.address
        );
        // As editors and deployments do it.
        fs::write(self.path().join("daemun.toml.new"), text).expect("a file");
        let to = self.path().join("daemun.toml");
        fs::rename(self.path().join("daemun.toml.new"), to).expect("the file is replaced");
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
        (
            status.code().expect("an exit code"),
            text(stdout),
            text(stderr),
        )
    }

    fn start(&self, args: &[&str]) -> Running {
        self.start_with(&[args, &["--access-log", "off", "--workers", "2"]].concat())
    }

    fn start_with(&self, args: &[&str]) -> Running {
        let mut child = self
            .command(args)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let told = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut running = Running { child, told };
        running.wait_for("listening on");
        running
    }

    fn get(&self) -> String {
        get(self.address, "/").expect("an answer")
    }
}

struct Running {
    child: Child,
    told: BufReader<std::process::ChildStderr>,
}

impl Running {
    fn wait_for(&mut self, text: &str) -> String {
        let mut all = String::new();
        loop {
            let before = all.len();
            let read = self.told.read_line(&mut all).expect("a line");
            assert!(read > 0, "{text:?} is not in {all:?}");
            if all[before..].contains(text) {
                return all;
            }
        }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
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

/// A process that an upgrade started; it is nobody's child once the old one has ended.
struct Stray(u32);

impl Stray {
    /// `process N serves now; …`
    fn of(told: &str) -> Self {
        let pid = told
            .lines()
            .find_map(|line| line.strip_prefix("process ")?.split_once(" serves now"));
        let (pid, _) = pid.unwrap_or_else(|| panic!("{told}"));
        Self(pid.parse().expect("a number"))
    }

    fn stop(self) {
        send(self.0, Signal::TERM);
        assert!(eventually(|| !is_alive(self.0)), "{} does not end", self.0);
    }
}

impl Drop for Stray {
    fn drop(&mut self) {
        if is_alive(self.0) {
            send(self.0, Signal::KILL);
        }
    }
}

fn process(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).expect("fits")).expect("not 0")
}

fn send(pid: u32, signal: Signal) {
    let _ = kill_process(process(pid), signal);
}

/// One that has ended may wait for somebody to take note of it.
fn is_alive(pid: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    test_kill_process(process(pid)).is_ok() && !state.contains(") Z ")
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

/// Clients that ask again and again, each on a connection that it keeps as long as the server does.
struct Load {
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Counted>>,
}

#[derive(Debug, Default)]
struct Counted {
    answered: usize,
    /// Connections that were refused, or reset before their first answer.
    refused: usize,
    /// Requests on connections that had worked, and answers that came only in part.
    failed: Vec<String>,
}

impl Load {
    fn start(address: SocketAddr, clients: usize) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let client = |_| {
            let is_over = Arc::clone(&is_over);
            thread::spawn(move || ask_on(address, &is_over))
        };
        Self {
            clients: (0..clients).map(client).collect(),
            is_over,
        }
    }

    fn end(self) -> Counted {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = Counted::default();
        for client in self.clients {
            let one = client.join().expect("the client ends");
            all.answered += one.answered;
            all.refused += one.refused;
            all.failed.extend(one.failed);
        }
        all
    }
}

/// Ends when it is over, or when the server is gone.
fn ask_on(address: SocketAddr, is_over: &AtomicBool) -> Counted {
    let mut counted = Counted::default();
    while !is_over.load(Ordering::Relaxed) {
        let Ok(stream) = TcpStream::connect(address) else {
            counted.refused += 1;
            break;
        };
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut stream = BufReader::new(stream);
        let mut answered = 0;
        while !is_over.load(Ordering::Relaxed) {
            match exchange(&mut stream) {
                Ok(goes_on) => {
                    answered += 1;
                    if !goes_on {
                        break;
                    }
                }
                Err(_) if answered == 0 => {
                    counted.refused += 1;
                    break;
                }
                Err(error) => {
                    counted.failed.push(error.to_string());
                    break;
                }
            }
        }
        counted.answered += answered;
    }
    counted
}

/// Whether the connection goes on.
fn exchange(stream: &mut BufReader<TcpStream>) -> std::io::Result<bool> {
    stream
        .get_mut()
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let (mut length, mut goes_on) = (0, true);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().expect("a number");
        }
        goes_on &= line != "connection: close";
        if line.is_empty() {
            break;
        }
    }
    stream.read_exact(&mut vec![0; length])?;
    Ok(goes_on)
}

// Reload

#[test]
fn a_reload_is_asked_for_by_signal_or_command() {
    let site = Site::new("");
    let mut server = site.start(&[]);
    assert!(site.get().ends_with("one"));

    site.configure("two", "");
    server.signal(Signal::HUP);
    server.wait_for("reloaded daemun.toml (1 site, 0 routes, 1 listener)");
    assert!(site.get().ends_with("two"));

    site.configure("one", "");
    for target in [
        vec!["reload"],
        vec!["reload", "-c", "./daemun.toml"],
        vec!["reload", "--pid", &server.pid().to_string()],
    ] {
        let (code, told, errors) = site.run(&target);
        assert_eq!((code, &errors[..]), (0, ""), "{target:?}");
        assert_eq!(
            told,
            "reloaded daemun.toml (1 site, 0 routes, 1 listener)\n"
        );
    }
    assert!(site.get().ends_with("one"));

    server.signal(Signal::TERM);
    assert_eq!(server.end().code(), Some(0));
}

#[test]
fn workers_stay_and_the_command_says_so() {
    let site = Site::new("");
    let file = site.path().join("daemun.toml");
    let text = fs::read_to_string(&file).expect("the configuration");
    fs::write(&file, format!("workers = 2\n{text}")).expect("a file");
    let _server = site.start_with(&["--access-log", "off"]);
    fs::write(&file, format!("workers = 3\n{text}")).expect("a file");
    let (code, told, _) = site.run(&["reload"]);
    assert_eq!(code, 0);
    assert!(
        told.ends_with("\nwarning: the 2 workers stay; 3 begin with the next upgrade or start\n"),
        "{told}"
    );
}

#[test]
fn a_mistake_is_told_with_its_place_and_changes_nothing() {
    let site = Site::new("");
    let mut server = site.start(&[]);
    site.configure("two", "listng = true\n");
    let (code, told, errors) = site.run(&["reload"]);
    assert_eq!((code, &told[..]), (1, ""));
    assert!(errors.starts_with("daemun.toml:5:1: "), "{errors}");
    assert!(
        errors.contains("did you mean") || errors.contains("listing"),
        "{errors}"
    );
    assert!(
        errors.ends_with("\nnothing has changed: the server goes on as before\n"),
        "{errors}"
    );
    assert_eq!(server.wait_for("nothing has changed"), errors);
    server.signal(Signal::HUP);
    assert_eq!(server.wait_for("nothing has changed"), errors);
    assert!(site.get().ends_with("one"));
}

#[test]
fn without_a_server_a_command_says_what_to_do() {
    let site = Site::new("");
    for (args, why) in [
        (
            &["reload"][..],
            "error: no server is running with the configuration /",
        ),
        (
            &["upgrade", "-c", "other.toml"],
            "help: start it: daemun -c other.toml",
        ),
        (
            &["reload", "--pid", "1"],
            "error: no server of this user is process 1\n",
        ),
    ] {
        let (code, told, errors) = site.run(args);
        assert_eq!((code, &told[..]), (1, ""), "{args:?}");
        assert!(errors.contains(why), "{args:?}: {errors}");
    }
}

#[test]
fn a_server_of_a_folder_is_found_and_reloaded_as_it_was_started() {
    let site = Site::new("");
    fs::remove_file(site.path().join("daemun.toml")).expect("it is there");
    let listen = site.address.to_string();
    let server = site.start(&["one", "-l", &listen]);
    let (code, told, errors) = site.run(&["reload"]);
    assert_eq!(
        (code, &told[..], &errors[..]),
        (0, "reloaded one (1 site, 0 routes, 1 listener)\n", "")
    );
    assert!(site.get().ends_with("one"));
    drop(server);
}

#[test]
fn a_watched_file_is_read_when_it_changes() {
    let site = Site::new("");
    let mut server = site.start(&["--watch"]);
    site.configure("two", "");
    server.wait_for("reloaded daemun.toml");
    assert!(site.get().ends_with("two"));
    site.configure("one", "nonsense");
    server.wait_for("nothing has changed");
    assert!(site.get().ends_with("two"));
    site.configure("one", "");
    server.wait_for("reloaded daemun.toml");
    assert!(site.get().ends_with("one"));
}

#[test]
fn watching_needs_a_file() {
    let site = Site::new("");
    let (code, _, errors) = site.run(&["one", "--watch"]);
    assert_eq!(code, 1);
    assert!(
        errors.starts_with("error: `--watch` is for a configuration file"),
        "{errors}"
    );
}

#[test]
fn a_renamed_log_is_left_for_a_new_one() {
    let site = Site::new("");
    site.configure(
        "one",
        "[log]\naccess = \"combined\"\nfile = \"access.log\"\n",
    );
    let mut server = site.start_with(&[]);
    let read = |name: &str| fs::read_to_string(site.path().join(name)).unwrap_or_default();
    let get = |path: &str| drop(get(site.address, path).expect("an answer"));
    get("/first");
    assert!(eventually(|| read("access.log").contains("/first")));
    fs::rename(
        site.path().join("access.log"),
        site.path().join("access.log.1"),
    )
    .expect("the log is renamed");
    get("/second");
    server.signal(Signal::USR1);
    assert!(eventually(|| site.path().join("access.log").exists()));
    get("/third");
    server.signal(Signal::TERM);
    assert_eq!(server.end().code(), Some(0));
    // A record is written when its answer has ended, which may be after the client has it.
    let all = read("access.log.1") + &read("access.log");
    for path in ["/first", "/second", "/third"] {
        assert_eq!(all.matches(path).count(), 1, "{path}: {all}");
    }
    assert!(read("access.log").contains("/third"));
}

// Upgrade

#[test]
fn upgrades_lose_no_request_and_refuse_no_connection() {
    let site = Site::new("");
    let mut server = site.start(&[]);
    let load = Load::start(site.address, 8);
    let mut current = None;
    for round in 0..5 {
        let new = if round == 0 {
            server.signal(Signal::USR2);
            Stray::of(&server.wait_for("serves now"))
        } else {
            let (code, told, errors) = site.run(&["upgrade"]);
            assert_eq!((code, &errors[..]), (0, ""), "{round}");
            Stray::of(&told)
        };
        if let Some(Stray(old)) = current.replace(new) {
            assert!(eventually(|| !is_alive(old)), "{old} drains");
        } else {
            assert_eq!(server.end().code(), Some(0), "drained");
        }
        // The configuration is read again by the new process.
        site.configure(if round % 2 == 0 { "two" } else { "one" }, "");
    }
    let counted = load.end();
    assert_eq!(counted.failed, Vec::<String>::new());
    assert_eq!(counted.refused, 0, "of {counted:?}");
    assert!(counted.answered > 100, "{counted:?}");
    assert!(site.get().ends_with("one"));
    current.expect("five of them").stop();
    assert!(TcpStream::connect(site.address).is_err());
}

#[test]
fn an_upgrade_that_fails_leaves_the_old_process_serving() {
    let site = Site::new("");
    let mut server = site.start(&[]);
    site.configure("two", "nonsense\n");
    let (code, told, errors) = site.run(&["upgrade"]);
    assert_eq!((code, &told[..]), (1, ""));
    let pid = server.pid();
    assert!(errors.starts_with("daemun.toml:5:"), "{errors}");
    assert!(
        errors.ends_with(&format!(
            "\nthe upgrade failed: process {pid} goes on as before\n"
        )),
        "{errors}"
    );
    assert!(site.get().ends_with("one"));
    site.configure("two", "");
    let (code, told, _) = site.run(&["upgrade"]);
    assert_eq!(code, 0);
    let new = Stray::of(&told);
    assert_eq!(server.end().code(), Some(0));
    assert!(site.get().ends_with("two"));
    new.stop();
}

// Drain

#[test]
fn a_drain_loses_no_request() {
    for signal in [Signal::TERM, Signal::QUIT] {
        let site = Site::new("");
        let mut server = site.start(&[]);
        let load = Load::start(site.address, 8);
        thread::sleep(Duration::from_millis(200));
        server.signal(signal);
        assert_eq!(server.end().code(), Some(0));
        let counted = load.end();
        assert_eq!(counted.failed, Vec::<String>::new());
        assert!(counted.answered > 100, "{counted:?}");
    }
}

#[test]
fn a_drain_that_takes_too_long_is_told_and_exits_with_1() {
    let site = Site::new("[limits]\ndrain_timeout = \"300ms\"\n");
    let large = fs::File::create(site.path().join("one/large.bin")).expect("a file");
    large.set_len(1 << 30).expect("a sparse file");
    let mut server = site.start(&[]);
    let mut clients: Vec<TcpStream> = (0..3)
        .map(|_| TcpStream::connect(site.address).expect("a connection"))
        .collect();
    for client in &mut clients {
        client
            .write_all(b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .expect("a request");
        client.read_exact(&mut [0; 16]).expect("the answer begins");
    }
    server.signal(Signal::TERM);
    server.wait_for("the drain took too long: 3 connections were cut");
    assert_eq!(server.end().code(), Some(1));
}

// Heavy

#[test]
fn a_thousand_downloads_survive_ten_reloads() {
    const LENGTH: u64 = 8 << 20;
    let site = Site::new("");
    for name in ["one", "two"] {
        let large = fs::File::create(site.path().join(name).join("large.bin")).expect("a file");
        large.set_len(LENGTH).expect("a sparse file");
    }
    let mut server = site.start(&[]);
    let (begun, begins) = std::sync::mpsc::channel();
    let is_over = Arc::new(AtomicBool::new(false));
    let download = |_| {
        let (address, begun, is_over) = (site.address, begun.clone(), Arc::clone(&is_over));
        thread::spawn(move || {
            let mut stream = TcpStream::connect(address).expect("a connection");
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            stream
                .write_all(
                    b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                )
                .expect("a request");
            let mut piece = vec![0; 64 << 10];
            let mut received = stream.read(&mut piece).expect("the answer begins") as u64;
            begun.send(()).expect("the test waits");
            // Slowly, as long as the server reloads.
            while !is_over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(200));
                received += stream.read(&mut piece).expect("more") as u64;
            }
            loop {
                match stream.read(&mut piece).expect("more") as u64 {
                    0 => return received,
                    more => received += more,
                }
            }
        })
    };
    let downloads: Vec<_> = (0..1000).map(download).collect();
    for _ in 0..downloads.len() {
        begins.recv_timeout(PATIENCE).expect("all begin");
    }
    for round in 0..10 {
        site.configure(if round % 2 == 0 { "two" } else { "one" }, "");
        assert_eq!(site.run(&["reload"]).0, 0);
    }
    is_over.store(true, Ordering::Relaxed);
    for download in downloads {
        let received = download.join().expect("it ends");
        assert!(received > LENGTH && received < LENGTH + 1024, "{received}");
    }
    server.signal(Signal::TERM);
    assert_eq!(server.end().code(), Some(0));
}
