//! A server that runs: started on its core, watched through /proc, stopped when its value goes away.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::contender::{Contender, Wire};
use crate::document_root::DocumentRoot;
use crate::options::Options;

/// How long a server may take until it accepts connections, and to stop after it was asked to.
const PATIENCE: Duration = Duration::from_secs(10);

/// `USER_HZ`, the unit of CPU time in /proc/PID/stat: 100 on every Linux that these servers run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Size of a page of memory in /proc/PID/stat, in KiB.
const PAGE_KIB: u64 = 4;

/// A started server. Dropping it stops it, on a panic as well.
pub(crate) struct Running {
    child: Child,
    pub(crate) contender: Contender,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// Starts a server and waits until it accepts connections.
    pub(crate) fn start(
        contender: Contender,
        options: &Options,
        root: &DocumentRoot,
    ) -> Result<Self> {
        let mut running = Self::spawn(contender, options, root)?;
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(running.address).is_err() {
            if let Some(status) = running.child.try_wait()? {
                return Err(running.failure(&format!("ended with {status}"), root));
            }
            if Instant::now() > deadline {
                return Err(running.failure("accepts no connection", root));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(running)
    }

    /// Starts a server and does not wait.
    pub(crate) fn spawn(
        contender: Contender,
        options: &Options,
        root: &DocumentRoot,
    ) -> Result<Self> {
        let port = free_port()?;
        let words = contender.command(root, port)?;
        let said = File::create(
            root.scratch()
                .join(contender.kind.name())
                .with_extension("out"),
        )?;
        let child = pinned(options.server_core)
            .args(words)
            // Caddy would keep its state in the home folder.
            .env("XDG_CONFIG_HOME", root.scratch())
            .env("XDG_DATA_HOME", root.scratch())
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()?;
        Ok(Self {
            child,
            contender,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        })
    }

    fn failure(&self, what: &str, root: &DocumentRoot) -> Box<dyn std::error::Error> {
        let said = root
            .scratch()
            .join(self.contender.kind.name())
            .with_extension("out");
        let said = fs::read_to_string(said).unwrap_or_default();
        format!("{} {what}\n{}", self.contender.name(), said.trim_end()).into()
    }

    /// The URL of a file.
    pub(crate) fn url(&self, name: &str) -> String {
        let scheme = match self.contender.wire {
            Wire::Tls(_) => "https",
            Wire::Plain | Wire::H2c => "http",
        };
        format!("{scheme}://{}/{name}", self.address)
    }

    /// CPU time that the server and its processes have used, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        cpu_seconds_of(self.child.id())
    }

    /// Resident memory of the server and its processes, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        family(self.child.id())
            .iter()
            .map(|process| process.fields[21] * PAGE_KIB)
            .sum()
    }

    /// Open descriptors of the server and its processes.
    pub(crate) fn descriptors(&self) -> usize {
        let of_one = |process: &Process| {
            fs::read_dir(format!("/proc/{}/fd", process.id)).map_or(0, Iterator::count)
        };
        family(self.child.id()).iter().map(of_one).sum()
    }
}

/// A command that runs on this core only; the words of the program follow.
pub(crate) fn pinned(core: usize) -> Command {
    let mut command = Command::new("setpriv");
    // The kernel ends the program if this one is killed and cannot do it itself.
    command.args(["--pdeathsig", "TERM"]);
    command.args(["taskset", "--cpu-list", &core.to_string()]);
    command
}

/// This program itself, as another program that the word stands for.
pub(crate) fn own(core: usize, word: &str) -> Result<Command> {
    let mut command = pinned(core);
    command.arg(std::env::current_exe()?).arg(word);
    Ok(command)
}

/// CPU time that a process and all that descend from it have used, in seconds.
pub(crate) fn cpu_seconds_of(id: u32) -> f64 {
    // utime and stime are the 14th and 15th fields: the 12th and 13th after the name.
    let ticks = |process: &Process| process.fields[11] + process.fields[12];
    let total: u64 = family(id).iter().map(ticks).sum();
    total as f64 / TICKS_PER_SECOND
}

/// A process and all that descend from it.
fn family(id: u32) -> Vec<Process> {
    let all: Vec<Process> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Process::read(&entry.path().join("stat")))
        .collect();
    let mut family = vec![u64::from(id)];
    let mut known = 0;
    while known < family.len() {
        let parent = family[known];
        let children = all.iter().filter(|process| process.parent() == parent);
        family.extend(children.map(|process| process.id));
        known += 1;
    }
    all.into_iter()
        .filter(|process| family.contains(&process.id))
        .collect()
}

impl Drop for Running {
    fn drop(&mut self) {
        let is_running = |child: &mut Child| matches!(child.try_wait(), Ok(None));
        if is_running(&mut self.child) {
            // Asked first: nginx ends its workers itself, and they would outlive a master that is killed.
            let id = self.child.id().to_string();
            let _ = Command::new("kill").args(["-TERM", &id]).status();
        }
        let deadline = Instant::now() + PATIENCE;
        while is_running(&mut self.child) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        if is_running(&mut self.child) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// One line of /proc/PID/stat.
struct Process {
    id: u64,
    /// The fields after the name; those that are not whole numbers are 0.
    fields: Vec<u64>,
}

impl Process {
    fn read(stat: &std::path::Path) -> Option<Self> {
        let text = fs::read_to_string(stat).ok()?;
        let (id, rest) = text.split_once(' ')?;
        // The name is in parentheses and may hold spaces and parentheses.
        let (_, fields) = rest.rsplit_once(')')?;
        let fields: Vec<u64> = fields
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0))
            .collect();
        (fields.len() > 21).then_some(Self {
            id: id.parse().ok()?,
            fields,
        })
    }

    fn parent(&self) -> u64 {
        self.fields[1]
    }
}

/// CPU time of the programs that this one has started and waited for, in seconds.
pub(crate) fn cpu_seconds_of_children() -> f64 {
    let own = Process::read(std::path::Path::new("/proc/self/stat"));
    // cutime and cstime follow utime and stime.
    own.map_or(0.0, |own| {
        (own.fields[13] + own.fields[14]) as f64 / TICKS_PER_SECOND
    })
}

/// A port that nobody listened on a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
