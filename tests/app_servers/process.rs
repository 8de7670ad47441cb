//! A server as a process group of its own, which ends with the tests.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use crate::client::Client;
use crate::ports;

/// Two JVMs that start beside everything else on two cores.
const START: Duration = Duration::from_secs(120);
const END: Duration = Duration::from_secs(15);

/// Ends the group when the tests end, however that comes about: its input is a pipe that only they hold. It has the signals
/// of a terminal pass it by.
const GUARD: &str = "trap '' INT HUP; read -r _; kill -TERM -- -$1 2>/dev/null
for _ in $(seq 150); do kill -0 -- -$1 2>/dev/null || exit 0; sleep 0.1; done
kill -KILL -- -$1";

/// How a server is started; as often as is wanted, at the same place.
#[derive(Clone)]
pub(crate) struct Recipe {
    pub(crate) name: String,
    pub(crate) port: u16,
    /// Its working folder, empty to begin with; `log` in it is what it says.
    pub(crate) folder: PathBuf,
    command: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    ready: Ready,
}

/// When it has started.
#[derive(Clone)]
enum Ready {
    /// It answers this path with something else than an error.
    Answers(&'static str),
    Connects,
    ConnectsTo(PathBuf),
}

impl Recipe {
    pub(crate) fn new(name: &str) -> Self {
        let port = ports::free();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("app_servers")
            .join(format!("{name}-{port}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self {
            name: name.to_owned(),
            port,
            folder,
            command: Vec::new(),
            environment: Vec::new(),
            ready: Ready::Connects,
        }
    }

    /// The program, then its arguments.
    pub(crate) fn run<T: Into<OsString>>(mut self, command: impl IntoIterator<Item = T>) -> Self {
        self.command = command.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Its port, as most programs take it.
    pub(crate) fn with_port(self) -> Self {
        let port = self.port.to_string();
        self.env("PORT", port)
    }

    pub(crate) fn answers(mut self, path: &'static str) -> Self {
        self.ready = Ready::Answers(path);
        self
    }

    pub(crate) fn connects_to(mut self, socket: PathBuf) -> Self {
        self.ready = Ready::ConnectsTo(socket);
        self
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Started, and ready.
    pub(crate) fn start(&self) -> Server {
        let mut server = self.spawn();
        server.wait();
        server
    }

    fn spawn(&self) -> Server {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .unwrap();
        let child = Command::new(&self.command[0])
            .args(&self.command[1..])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let guard = Command::new("bash")
            .args(["-c", GUARD, "guard", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("bash");
        Server {
            recipe: self.clone(),
            child,
            guard,
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn is_ready(&self) -> bool {
        match &self.ready {
            Ready::Connects => TcpStream::connect(self.address()).is_ok(),
            Ready::ConnectsTo(socket) => UnixStream::connect(socket).is_ok(),
            Ready::Answers(path) => Client::new(self.address())
                .request("GET", path, &[], b"")
                .is_ok_and(|answer| answer.status < 400),
        }
    }
}

/// Starts them side by side.
pub(crate) fn start_all<const N: usize>(recipes: [Recipe; N]) -> [Server; N] {
    let mut servers = recipes.map(|recipe| recipe.spawn());
    servers.iter_mut().for_each(Server::wait);
    servers
}

/// A server that runs. Dropping it ends it.
pub(crate) struct Server {
    pub(crate) recipe: Recipe,
    child: Child,
    guard: Child,
}

impl Server {
    pub(crate) fn address(&self) -> SocketAddr {
        self.recipe.address()
    }

    /// All that it has said.
    pub(crate) fn log(&self) -> String {
        fs::read(self.recipe.log())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + START;
        while !self.recipe.is_ready() {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "{} does not start: {ended:?}\n{}",
                self.recipe.name,
                self.log()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it without a word, as the kernel does when memory runs out.
    pub(crate) fn kill(mut self) {
        self.stop(Signal::KILL);
    }

    /// Has it end as it likes to.
    pub(crate) fn end(mut self) {
        self.stop(Signal::TERM);
    }

    fn stop(&mut self, signal: Signal) {
        let group = Pid::from_child(&self.child);
        let deadline = Instant::now() + END;
        let mut signal = signal;
        // The leader is still to be waited for until here, so its number is nobody else's yet.
        let _ = kill_process_group(group, signal);
        loop {
            let ended = self.child.try_wait().unwrap().is_some();
            if ended && test_kill_process_group(group).is_err() {
                break;
            }
            if Instant::now() > deadline && signal != Signal::KILL {
                signal = Signal::KILL;
                let _ = kill_process_group(group, signal);
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.guard.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        if thread::panicking() {
            eprintln!("{} has said:\n{}", self.recipe.name, self.log());
        }
        self.stop(Signal::TERM);
    }
}
