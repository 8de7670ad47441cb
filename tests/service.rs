//! The program as a service: sockets of systemd, what systemd is told, another user, the sandbox, modes of sockets.
//!
//! What only root can do is tested when root runs the tests, and told on standard error otherwise.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
/// The user and group that every system has for those who own nothing.
const NOBODY: u32 = 65_534;

/// A folder with `public/index.html` that every user can read.
fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("its mode");
    fs::create_dir(folder.path().join("public")).expect("a folder");
    fs::write(folder.path().join("public/index.html"), "<p>public\n").expect("a file");
    // For control sockets, of whichever user.
    let run = folder.path().join(".run");
    fs::create_dir(&run).expect("a folder");
    fs::set_permissions(&run, Permissions::from_mode(0o777)).expect("its mode");
    folder
}

/// The program, to be run with this configuration.
fn daemun(folder: &Path, config: &str) -> Command {
    daemun_by(folder, "daemun.toml", config)
}

fn daemun_by(folder: &Path, file: &str, config: &str) -> Command {
    fs::write(folder.join(file), config).expect("the configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_daemun"));
    command
        .args(["-c", file])
        .current_dir(folder)
        .env_remove("NOTIFY_SOCKET")
        .env_remove("WATCHDOG_USEC")
        .env("XDG_RUNTIME_DIR", folder.join(".run"))
        .env_remove("RUNTIME_DIRECTORY")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the program runs"))
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.0.id());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.expect("sh runs").success());
    }

    /// Waits for the end: the exit code and what was told.
    fn end(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match self.0.try_wait().expect("a status") {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "the server does not end"),
            }
            thread::sleep(Duration::from_millis(5));
        };
        let mut told = String::new();
        let stderr = self.0.stderr.as_mut().expect("a pipe");
        stderr.read_to_string(&mut told).expect("UTF-8");
        (status.code(), told)
    }

    fn stop(self) -> (Option<i32>, String) {
        self.signal("TERM");
        self.end()
    }

    /// The values of a line of `/proc/PID/status`, for each thread.
    fn of_threads(&self, line: &str) -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.0.id())).expect("its threads");
        let value = |task: std::io::Result<fs::DirEntry>| {
            let status = fs::read_to_string(task.ok()?.path().join("status")).ok()?;
            let found = status.lines().find_map(|text| text.strip_prefix(line));
            found.map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        tasks.filter_map(value).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves it running; one that did not has waited for its end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "it does not come");
        thread::sleep(Duration::from_millis(5));
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn answer(mut stream: impl Read + Write) -> String {
    stream.write_all(GET).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    String::from_utf8(answer).expect("UTF-8")
}

/// The answer of a server that is starting.
fn get(port: u16) -> String {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    answer(eventually(|| TcpStream::connect(address).ok()))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

// Sockets that were passed on

/// The descriptors as a child inherits them: one after the other, from `first` on.
fn to_pass(sockets: Vec<OwnedFd>, first: i32) -> Vec<OwnedFd> {
    let moved = sockets.into_iter().zip(first..).map(|(socket, place)| {
        let copy = rustix::io::fcntl_dupfd_cloexec(&socket, place).expect("a descriptor");
        assert_eq!(copy.as_raw_fd(), place, "nobody else is there");
        rustix::io::fcntl_setfd(&copy, rustix::io::FdFlags::empty()).expect("it is inherited");
        copy
    });
    moved.collect()
}

#[test]
fn sockets_of_systemd_are_served_by_name_and_by_address() {
    let folder = site();
    let path = folder.path().join("socket");
    let named = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let rest = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let unix = UnixListener::bind(&path).expect("a socket");
    let addresses = [&named, &rest].map(|socket| socket.local_addr().expect("an address"));
    let passed = to_pass(vec![named.into(), unix.into(), rest.into()], 200);
    let config = format!(
        "workers = 3\n[[listen]]\naddress = \"systemd:web\"\n[[listen]]\naddress = \"systemd\"\n[[listen]]\naddress = \"unix:{}\"\n",
        path.display()
    );
    let server = Running::start(
        daemun(folder.path(), &config)
            .env("LISTEN_FDS", "3")
            .env("LISTEN_FDS_FIRST_FD", "200")
            .env("LISTEN_FDNAMES", "web:daemun.socket:x"),
    );
    drop(passed);
    for _ in 0..20 {
        for address in addresses {
            assert!(get(address.port()).contains("<p>public"));
        }
        let stream = UnixStream::connect(&path).expect("a connection");
        assert!(answer(stream).contains("<p>public"));
    }
    let (code, told) = server.stop();
    assert_eq!(code, Some(0), "{told}");
    for address in addresses {
        assert!(
            told.contains(&format!("listening on http://{address}/")),
            "{told}"
        );
    }
    assert!(path.exists(), "the socket is systemd's to remove");
}

#[test]
fn a_socket_of_systemd_that_is_not_there_is_an_error() {
    let folder = site();
    for (address, want) in [
        (
            "systemd",
            "error: systemd passed no socket on\n  help: start it by",
        ),
        (
            "systemd:web",
            "error: systemd passed no socket on that is named `web`\n  help: ",
        ),
    ] {
        let config = format!("[[listen]]\naddress = \"{address}\"\n");
        let server = Running::start(&mut daemun(folder.path(), &config));
        let (code, told) = server.end();
        assert_eq!(code, Some(1));
        assert!(told.starts_with(want), "{told}");
    }
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    let folder = site();
    let config = "[[listen]]\naddress = \"systemd\"\n";
    let mut command = daemun(folder.path(), config);
    command.env("LISTEN_FDS", "1").env("LISTEN_PID", "1");
    let (code, told) = Running::start(&mut command).end();
    assert_eq!(code, Some(1));
    assert!(told.contains("passed no socket"), "{told}");
}

// What systemd is told

struct Supervisor(UnixDatagram);

impl Supervisor {
    fn new(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self(socket)
    }

    /// The value in the next datagram, if it is there.
    fn hears_value(&self, name: &str) -> Option<String> {
        let mut buffer = [0; 4096];
        let length = self.0.recv(&mut buffer).expect("a datagram");
        let told = String::from_utf8_lossy(&buffer[..length]);
        told.lines()
            .find_map(|line| line.strip_prefix(name).map(str::to_owned))
    }

    /// What was told and not heard yet.
    fn has_heard(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        self.0.set_nonblocking(true).expect("a mode");
        let heard = self.0.recv(&mut buffer);
        self.0.set_nonblocking(false).expect("a mode");
        Some(String::from_utf8_lossy(&buffer[..heard.ok()?]).into_owned())
    }

    /// Waits for a datagram with this line; what else it says.
    #[track_caller]
    fn hears(&self, line: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self.0.recv(&mut buffer).expect("a datagram");
            let told = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if told.lines().any(|one| one == line) {
                return told;
            }
        }
    }
}

/// A process that an upgrade started.
struct Stray(u32);

impl Stray {
    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.0);
        let _ = Command::new("sh").args(["-c", &kill]).status();
    }
}

impl Drop for Stray {
    fn drop(&mut self) {
        if thread::panicking() {
            self.signal("KILL");
        }
    }
}

#[test]
fn systemd_is_told_of_the_start_the_end_and_of_life_between() {
    let folder = site();
    let path = folder.path().join("notify");
    let supervisor = Supervisor::new(&path);
    let port = free_port();
    let config = format!("[[listen]]\naddress = \"{port}\"\n");
    let server = Running::start(
        daemun(folder.path(), &config)
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "100000"),
    );
    let told = supervisor.hears("READY=1");
    assert!(told.contains("STATUS=Serving"), "{told}");
    // Whoever is told may connect at once.
    TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    for _ in 0..3 {
        supervisor.hears("WATCHDOG=1");
    }
    server.signal("TERM");
    supervisor.hears("STOPPING=1");
    assert_eq!(server.end().0, Some(0));
}

#[test]
fn a_supervisor_that_is_gone_is_no_reason_not_to_serve() {
    let folder = site();
    let port = free_port();
    let config = format!("[[listen]]\naddress = \"{port}\"\n");
    let server =
        Running::start(daemun(folder.path(), &config).env("NOTIFY_SOCKET", "/no/such/socket"));
    assert!(get(port).contains("<p>public"));
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn after_an_upgrade_it_is_the_new_process_that_is_watched() {
    let folder = site();
    let path = folder.path().join("notify");
    let supervisor = Supervisor::new(&path);
    let socket = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let port = socket.local_addr().expect("an address").port();
    let passed = to_pass(vec![socket.into()], 210);
    let config = "[[listen]]\naddress = \"systemd:web\"\n";
    let mut server = Running::start(
        daemun(folder.path(), config)
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "100000")
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDS_FIRST_FD", "210")
            .env("LISTEN_FDNAMES", "web")
            .stderr(Stdio::null()),
    );
    drop(passed);
    supervisor.hears("READY=1");
    server.signal("USR2");
    let new = eventually(|| supervisor.hears_value("MAINPID="));
    let new = Stray(new.parse().expect("a number"));
    let status = eventually(|| server.0.try_wait().expect("a status"));
    assert!(status.success(), "{status}");
    // All that was told before the old one ended was heard; it did not say that the service stops.
    while let Some(told) = supervisor.has_heard() {
        assert!(!told.contains("STOPPING=1"), "{told}");
    }
    supervisor.hears("WATCHDOG=1");
    assert!(get(port).contains("<p>public"));
    new.signal("TERM");
    supervisor.hears("STOPPING=1");
    eventually(|| TcpStream::connect(("127.0.0.1", port)).err());
}

// Modes of sockets

#[test]
fn a_unix_socket_has_the_mode_and_group_it_is_given() {
    let folder = site();
    let path = folder.path().join("socket");
    let group = rustix::process::getegid().as_raw();
    for mode in [0o600, 0o660, 0o666] {
        let config = format!(
            "[[listen]]\naddress = \"unix:socket\"\nmode = \"{mode:04o}\"\ngroup = \"{group}\"\n"
        );
        let server = Running::start(&mut daemun(folder.path(), &config));
        // Whoever can connect sees the final mode.
        let stream = eventually(|| UnixStream::connect(&path).ok());
        let found = fs::metadata(&path).expect("a file");
        assert_eq!((found.mode() & 0o777, found.gid()), (mode, group));
        assert!(answer(stream).contains("<p>public"));
        assert_eq!(server.stop().0, Some(0));
        assert!(!path.exists(), "it goes with the server");
    }
}

#[test]
fn a_unix_socket_belongs_to_the_owner_it_is_given() {
    let folder = site();
    let config = format!("[[listen]]\naddress = \"unix:socket\"\nowner = \"{NOBODY}\"\n");
    let mut command = daemun(folder.path(), &config);
    if !is_root() {
        eprintln!("only what happens without root's rights is tested");
        let (code, told) = Running::start(&mut command).end();
        assert_eq!(code, Some(1));
        assert!(told.contains("its owner cannot be set"), "{told}");
        return;
    }
    let path = folder.path().join("socket");
    let server = Running::start(&mut command);
    eventually(|| UnixStream::connect(&path).ok());
    assert_eq!(fs::metadata(&path).expect("a file").uid(), NOBODY);
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn an_abstract_socket_has_no_file() {
    let folder = site();
    let name = format!("daemun-test-{}", std::process::id());
    let config = format!("[[listen]]\naddress = \"unix:@{name}\"\n");
    let server = Running::start(&mut daemun(folder.path(), &config));
    let address = socket2::SockAddr::unix(format!("\0{name}")).expect("an address");
    let stream = eventually(|| {
        let socket =
            socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).ok()?;
        socket.connect(&address).ok()?;
        Some(UnixStream::from(socket))
    });
    assert!(answer(stream).contains("<p>public"));
    let (code, told) = server.stop();
    assert_eq!(code, Some(0));
    assert!(
        told.contains(&format!("listening on unix:@{name}\n")),
        "{told}"
    );
}

// Another user

/// As systemd runs it with `DynamicUser=`: the folder of its sockets is that user's.
#[test]
fn root_asks_and_commands_the_service_of_another_user() {
    if !is_root() {
        eprintln!("not tested: only root may ask the server of another user");
        return;
    }
    let folder = site();
    let port = free_port();
    let runtime = folder.path().join("runtime");
    fs::create_dir(&runtime).expect("a folder");
    std::os::unix::fs::chown(&runtime, Some(NOBODY), None).expect("its owner");
    let mut command = daemun(
        folder.path(),
        &format!("[[listen]]\naddress = \"{port}\"\n"),
    );
    command.env("RUNTIME_DIRECTORY", &runtime);
    let server = Running::start(command.uid(NOBODY).gid(NOBODY));
    assert!(get(port).contains("<p>public"));
    let ask = |verb: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daemun"));
        command
            .args([verb, "-c", "daemun.toml"])
            .current_dir(folder.path())
            .env("RUNTIME_DIRECTORY", &runtime);
        command.output().expect("the program runs")
    };
    for verb in ["status", "reload"] {
        let answer = ask(verb);
        assert!(answer.status.success(), "{verb}: {answer:?}");
    }
    // A folder that others can write to is nobody's.
    fs::set_permissions(&runtime, Permissions::from_mode(0o777)).expect("its mode");
    let answer = ask("status");
    assert_eq!(answer.status.code(), Some(1), "{answer:?}");
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn root_becomes_the_user_of_the_configuration_for_good() {
    if !is_root() {
        eprintln!("not tested: only root can become another user");
        return;
    }
    let folder = site();
    let port = free_port();
    let config = format!(
        "user = \"{NOBODY}\"\ngroup = \"{NOBODY}\"\nworkers = 2\n[log]\nfile = \"log\"\n[[listen]]\naddress = \"{port}\"\n"
    );
    let server = Running::start(&mut daemun(folder.path(), &config));
    assert!(get(port).contains("<p>public"));
    for line in ["Uid:", "Gid:"] {
        let of_threads = server.of_threads(line);
        assert!(of_threads.len() >= 3, "{of_threads:?}");
        for ids in of_threads {
            assert_eq!(ids, [NOBODY.to_string().as_str(); 4].join(" "), "{line}");
        }
    }
    // Each worker has a queue of its own, bound while it was root's: the port in hexadecimal, a socket that listens.
    let sockets = fs::read_to_string("/proc/net/tcp").expect("the sockets");
    let listens = |line: &&str| line.contains(&format!(":{port:04X} 00000000:0000 0A"));
    assert_eq!(sockets.lines().filter(listens).count(), 2);
    let root_s = |group: &str| group.split(' ').any(|id| id == "0");
    assert!(
        !server
            .of_threads("Groups:")
            .iter()
            .any(|groups| root_s(groups))
    );
    for capabilities in server.of_threads("CapEff:") {
        assert_eq!(capabilities, "0000000000000000");
    }
    assert_eq!(server.stop().0, Some(0));
    let log = fs::read_to_string(folder.path().join("log")).expect("the log");
    assert!(log.contains("GET / HTTP/1.1"), "opened while it was root's");
}

#[test]
fn without_root_s_rights_another_user_is_an_error() {
    let folder = site();
    let port = free_port();
    let config = format!("user = \"1\"\ngroup = \"1\"\n[[listen]]\naddress = \"{port}\"\n");
    let mut command = daemun(folder.path(), &config);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let (code, told) = Running::start(&mut command).end();
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.starts_with("error: cannot become the user of the configuration: ")
            && told.contains("\n  help: only root can become another user"),
        "{told}"
    );
}

#[test]
fn who_is_the_user_already_stays_it() {
    let folder = site();
    let port = free_port();
    let (user, group) = if is_root() {
        (NOBODY, NOBODY)
    } else {
        (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        )
    };
    let config =
        format!("user = \"{user}\"\ngroup = \"{group}\"\n[[listen]]\naddress = \"{port}\"\n");
    let mut command = daemun(folder.path(), &config);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let server = Running::start(&mut command);
    assert!(get(port).contains("<p>public"));
    assert_eq!(server.stop().0, Some(0));
}

// The sandbox

/// Whether the server was able to read what was put in the place of its docroot: a folder that no rule names.
fn reads_beyond(policy: &str) -> Option<bool> {
    let folder = site();
    let port = free_port();
    let config = format!(
        "sandbox = \"{policy}\"\n[cache]\nmemory = 0\n[compression]\ndictionary_folder = \"../kept\"\n[log]\nfile = \"../logs/access.log\"\naccess = \"json\"\n[[listen]]\naddress = \"{port}\"\n[[listen]]\naddress = \"unix:../sockets/daemun\"\n[[site]]\ndocroot = \"../public\"\n[[site.route]]\npath = \"/more/\"\ndocroot = \"../more\"\nstrip_prefix = true\n"
    );
    for name in ["logs", "sockets", "more", "conf", "kept"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    let more = folder.path().join("more");
    fs::write(more.join("index.html"), "<p>more\n").expect("a file");
    // In a folder of its own, which can be read too.
    let server = Running::start(&mut daemun_by(folder.path(), "conf/daemun.toml", &config));
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut server = server;
    let connected = eventually(|| match server.0.try_wait().expect("a status") {
        Some(_) => Some(None),
        None => TcpStream::connect(address).ok().map(Some),
    });
    let Some(stream) = connected else {
        let (_, told) = server.end();
        assert!(
            told.contains("the kernel has no Landlock\n  help: "),
            "{told}"
        );
        return None;
    };
    assert!(answer(stream).contains("<p>public"));
    let ask = |target: &str| {
        let mut stream = TcpStream::connect(address).expect("a connection");
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    assert!(
        ask("/more/").contains("<p>more"),
        "each docroot is in reach"
    );
    fs::write(folder.path().join("public/new.html"), "<p>new\n").expect("a file");
    assert!(ask("/new.html").contains("<p>new"), "what is new in it too");

    // A link within the docroot leads nowhere else either way; the folder itself is replaced.
    fs::rename(folder.path().join("public"), folder.path().join("old")).expect("a move");
    fs::create_dir(folder.path().join("public")).expect("a folder");
    fs::write(folder.path().join("public/index.html"), "<p>outside\n").expect("a file");
    let is_read = ask("/").contains("<p>outside");
    assert_eq!(server.stop().0, Some(0));
    assert!(
        !folder.path().join("sockets/daemun").exists(),
        "sockets can be removed"
    );
    Some(is_read)
}

#[test]
fn the_kernel_keeps_the_process_from_what_no_key_names() {
    assert_eq!(reads_beyond("off"), Some(true));
    let Some(is_read) = reads_beyond("required") else {
        eprintln!("not tested: the kernel has no Landlock");
        return;
    };
    assert!(!is_read, "the sandbox held");
    assert_eq!(reads_beyond("on"), Some(false));
}

#[test]
fn nothing_can_be_run_in_the_sandbox_and_its_rules_are_each_thread_s() {
    let folder = site();
    let port = free_port();
    let config = format!("sandbox = \"on\"\nworkers = 2\n[[listen]]\naddress = \"{port}\"\n");
    let server = Running::start(&mut daemun(folder.path(), &config));
    assert!(get(port).contains("<p>public"));
    // A process with rules of its own cannot gain rights by running another.
    for value in server.of_threads("NoNewPrivs:") {
        if value == "0" {
            eprintln!("not tested: the kernel has no Landlock");
        }
    }
    assert_eq!(server.stop().0, Some(0));
}

/// A certificate for `localhost` that nobody vouches for, and its key, in PEM.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// Whether this certificate is shown on the port.
fn is_shown(port: u16, certificate: &str) -> bool {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    let der = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(der).expect("it can be trusted");
    let provider = rustls::crypto::aws_lc_rs::default_provider().into();
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let mut tls = rustls::ClientConnection::new(config.into(), name).expect("a connection");
    let mut stream = eventually(|| TcpStream::connect(("127.0.0.1", port)).ok());
    while tls.is_handshaking() {
        if tls.complete_io(&mut stream).is_err() {
            return false;
        }
    }
    true
}

/// As certbot has it: links in `live` that lead to files in `archive`, where each renewal puts new ones.
#[test]
fn certificates_are_renewed_and_commands_heard_in_the_sandbox() {
    let folder = site();
    for name in ["live", "archive", "conf"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    let issue = |number: usize| {
        let (cert, key) = certificate();
        for (name, text) in [("cert", &cert), ("key", &key)] {
            let file = format!("{name}{number}.pem");
            fs::write(folder.path().join("archive").join(&file), text).expect("a file");
            let link = folder.path().join("live").join(name);
            let new = link.with_extension("new");
            std::os::unix::fs::symlink(format!("../archive/{file}"), &new).expect("a link");
            fs::rename(&new, &link).expect("a link");
        }
        cert
    };
    let first = issue(1);
    let port = free_port();
    let config = format!(
        "sandbox = \"on\"\n[tls]\nrevalidate = \"20ms\"\n[[certificate]]\ncert = \"../live/cert\"\nkey = \"../live/key\"\n[[listen]]\naddress = \"{port}\"\ntls = true\n[[site]]\ndocroot = \"../public\"\n"
    );
    let server = Running::start(&mut daemun_by(folder.path(), "conf/daemun.toml", &config));
    assert!(is_shown(port, &first));
    let second = issue(2);
    eventually(|| is_shown(port, &second).then_some(()));
    // None of its threads is outside of the fence.
    for value in server.of_threads("NoNewPrivs:") {
        if value == "0" {
            eprintln!("not tested: the kernel has no Landlock");
        }
    }
    let mut reload = Command::new(env!("CARGO_BIN_EXE_daemun"));
    reload
        .args(["reload", "-c", "conf/daemun.toml"])
        .current_dir(folder.path())
        .env("XDG_RUNTIME_DIR", folder.path().join(".run"))
        .env_remove("RUNTIME_DIRECTORY");
    let reloaded = reload.output().expect("the program runs");
    assert!(reloaded.status.success(), "{reloaded:?}");
    assert!(is_shown(port, &second));
    let (code, told) = server.stop();
    assert_eq!(code, Some(0), "{told}");
    let left: Vec<_> = fs::read_dir(folder.path().join(".run/daemun"))
        .expect("a folder")
        .collect();
    assert!(
        left.is_empty(),
        "the control socket and its link can be removed: {left:?}"
    );
}
