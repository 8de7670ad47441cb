//! The client's side: finds the process, asks it, and prints its answer.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueHint};

use super::{Command, folder};
use crate::cli::{CONFIG_FILE, print};

pub(in crate::cli) const CLIENT_HELP: &str = "\
Without -c and --pid it is the server of `daemun.toml` in this folder, or else the only one that this user runs.";

#[derive(Clone, Debug, Args)]
pub(crate) struct TargetArgs {
    /// The configuration file of the server [default: daemun.toml]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,

    /// The process of the server
    #[arg(long, value_name = "N", conflicts_with = "config")]
    pid: Option<u32>,
}

impl TargetArgs {
    /// The configuration file that was named.
    pub(in crate::cli) fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}

/// Has the server do it; its answer decides.
pub(in crate::cli) fn ask(command: Command, target: &TargetArgs) -> ExitCode {
    let answer = find(target).and_then(|found| {
        converse(found.stream, command)
            .map_err(|error| format!("the server does not answer: {error}"))
    });
    match answer {
        Ok((true, text)) => {
            print(text.as_bytes()).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        Ok((false, text)) => {
            eprint!("{text}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The answer, and whether it is a good one. An upgrade takes its time.
fn converse(mut stream: UnixStream, command: Command) -> io::Result<(bool, String)> {
    stream.write_all(format!("{}\n", command.word()).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once('\n') {
        Some(("ok", text)) => Ok((true, text.to_owned())),
        Some(("failed", text)) => Ok((false, text.to_owned())),
        _ => Err(io::Error::other("it closed the connection")),
    }
}

/// A server that answers.
struct Found {
    /// Its socket; it may be a link's name.
    socket: PathBuf,
    stream: UnixStream,
}

/// The socket of the server that is meant: `PID.sock`.
pub(in crate::cli) fn find_socket(target: &TargetArgs) -> Result<PathBuf, String> {
    let socket = find(target)?.socket;
    fs::canonicalize(&socket).map_err(|error| format!("{}: {error}", socket.display()))
}

fn find(target: &TargetArgs) -> Result<Found, String> {
    let named = |name: &str| {
        let folders = folder::to_search().into_iter();
        folders.map(|folder| folder.join(name)).find_map(connect)
    };
    if let Some(pid) = target.pid {
        return named(&format!("{pid}.sock")).ok_or_else(|| {
            format!(
                "no server of this user is process {pid}\n  help: find it with: pgrep -a daemun"
            )
        });
    }
    let default = Path::new(CONFIG_FILE);
    let config = target.config.as_deref();
    match config.or_else(|| default.is_file().then_some(default)) {
        Some(config) => named(&folder::config_name(config)).ok_or_else(|| {
            let path = fs::canonicalize(config).unwrap_or_else(|_| config.to_owned());
            let path = path.display();
            format!(
                "no server is running with the configuration {path}\n  help: start it: daemun -c {}, or name its process: --pid N",
                config.display()
            )
        }),
        None => only(),
    }
}

fn only() -> Result<Found, String> {
    let folders = folder::to_search();
    let mut sockets: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| folder::sockets(folder))
        .collect();
    sockets.sort();
    sockets.dedup();
    let mut running: Vec<Found> = sockets.into_iter().filter_map(connect).collect();
    match running.len() {
        0 => Err(
            "no server of this user is running\n  help: start one: daemun, or daemun -c FILE"
                .to_owned(),
        ),
        1 => Ok(running.remove(0)),
        _ => {
            let pids: Vec<_> = running
                .iter()
                .filter_map(|found| found.socket.file_stem()?.to_str())
                .collect();
            Err(format!(
                "several servers are running: {}\n  help: name one: --pid N, or -c FILE",
                pids.join(", ")
            ))
        }
    }
}

fn connect(socket: PathBuf) -> Option<Found> {
    let stream = UnixStream::connect(&socket).ok()?;
    Some(Found { socket, stream })
}
