//! A new process of the program takes over.
//!
//! 1. The old process starts it from the path and with the arguments that it was started with itself: a file that was put there
//!    meanwhile is another version. Its standard input is one end of a pair of sockets, and a variable says so.
//! 2. The new one receives the listening sockets, reads its configuration, serves, and says that it is ready.
//! 3. The old one drains. Had the new one failed, it would go on.

use std::{
    env,
    ffi::OsString,
    fs, io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{net::UnixStream, process::parent_id},
    },
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    time::Duration,
};

use daemun::{Handle, HandoverError, Takeover};

/// Tells a process that its standard input is the connection with the process of this number, which started it.
const VARIABLE: &str = "DAEMUN_TAKES_OVER_FROM";

/// What systemd says to one process only: which one it watches, and which sockets it passed on (they are handed over).
const OF_PROCESS: [&str; 4] = ["WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// For the new process to be ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// How this process was started.
#[derive(Clone, Debug)]
pub(super) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// To be asked at the start: later the file may have been replaced, and then the system only knows the old one.
    pub(super) fn remember() -> io::Result<Self> {
        let mut arguments = env::args_os();
        let name = arguments.next().unwrap_or_default();
        let current = env::current_exe()?;
        Ok(Self {
            path: path_of(Path::new(&name), &current),
            arguments: arguments.collect(),
        })
    }

    /// Starts a new process and hands the server's sockets to it: the number of that process. Blocks until the outcome is known.
    pub(super) fn upgrade(&self, handle: &Handle) -> Result<u32, HandoverError> {
        let (ours, theirs) = UnixStream::pair().map_err(HandoverError::Connection)?;
        ours.set_read_timeout(Some(PATIENCE))
            .and_then(|()| ours.set_write_timeout(Some(PATIENCE)))
            .map_err(HandoverError::Connection)?;
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .env(VARIABLE, process::id().to_string())
            .stdin(Stdio::from(OwnedFd::from(theirs)));
        for variable in OF_PROCESS {
            command.env_remove(variable);
        }
        let spawned = command.spawn();
        // It holds the other end as long as it lives, and the end of the connection is to be seen.
        drop(command);
        let mut child = spawned.map_err(|error| {
            let path = self.path.display();
            HandoverError::Refused(format!("error: cannot start {path}: {error}"))
        })?;
        let outcome = handle.hand_over(&ours);
        if outcome.is_err() {
            // It may only be slow: two that serve would be one too many.
            let _ = child.kill();
            let _ = child.wait();
        }
        outcome.map(|()| child.id())
    }
}

/// What the process that started this one hands over, if it does.
pub(super) fn from_parent() -> io::Result<Option<Takeover>> {
    let is_ours = |pid: &OsString| pid.to_str() == Some(&parent_id().to_string());
    if !env::var_os(VARIABLE).as_ref().is_some_and(is_ours) {
        return Ok(None);
    }
    let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    stream.set_read_timeout(Some(PATIENCE))?;
    Takeover::receive(stream).map(Some)
}

/// The path by which the program was called, so that a link in it that leads elsewhere by then is followed anew.
fn path_of(name: &Path, current: &Path) -> PathBuf {
    let is_current = |path: &PathBuf| {
        fs::canonicalize(path).is_ok_and(|path| Some(path) == fs::canonicalize(current).ok())
    };
    let called = if name.components().count() > 1 {
        std::path::absolute(name).ok()
    } else {
        let folders = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&folders)
            .map(|folder| folder.join(name))
            .find(|path| is_current(path))
    };
    called
        .filter(is_current)
        .unwrap_or_else(|| current.to_owned())
}
