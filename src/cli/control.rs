//! The control socket: how `daemun reload` and `daemun upgrade` reach the process that serves.
//!
//! It is a unix socket in a folder of the user's. The client sends one line, `reload` or `upgrade`; the answer is a line `ok` or `failed`,
//! then text for the person, up to the end of the connection.
//!
//! Names: `PID.sock` is the socket, and `PID.admin` the one where the process tells about itself (see `admin_client`); for a configuration file, `NAME.config` is a symbolic link to it, where NAME comes of the file's
//! canonical path. The process that began to serve last has the link.

mod client;
mod folder;

use std::{
    fs, io,
    io::Write as _,
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use daemun::ListenAddress;
use tokio::{
    io::AsyncReadExt as _, net::UnixListener, sync::mpsc, task::JoinHandle, time::timeout,
};

pub(crate) use client::TargetArgs;
pub(super) use client::{CLIENT_HELP, ask, find_socket};
pub(super) use folder::open as open_folder;

/// Where this process tells about itself.
pub(super) fn admin_address() -> io::Result<ListenAddress> {
    let name = format!("{}.admin", process::id());
    Ok(ListenAddress::Unix(folder::open()?.join(name)))
}

/// How long a client may take for its line, or to take the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Reload,
    Upgrade,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) is_good: bool,
    /// For the person.
    pub(super) text: String,
}

/// A client that waits for the outcome.
#[derive(Debug)]
pub(super) struct Client(UnixStream);

/// The server's side; removed with the process.
#[derive(Debug)]
pub(super) struct Control {
    asked: mpsc::Receiver<(Command, Client)>,
    accepting: JoinHandle<()>,
    socket: PathBuf,
    link: Option<PathBuf>,
}

impl Command {
    fn word(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Upgrade => "upgrade",
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let commands = [Self::Reload, Self::Upgrade];
        commands.into_iter().find(|command| command.word() == line)
    }
}

impl Control {
    /// Listens; on the current runtime.
    pub(super) fn open(config: Option<&Path>) -> io::Result<Self> {
        let folder = folder::open()?;
        folder::tidy(&folder);
        let pid = process::id();
        let socket = folder.join(format!("{pid}.sock"));
        // Of a process with the same number, which is dead: this one has it.
        let _ = fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket)?;
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o600))?;
        let link = config.map(|config| folder.join(folder::config_name(config)));
        if let Some(link) = &link {
            // Renamed into place, so that there is always one process behind it.
            let new = folder.join(format!("{pid}.new"));
            let _ = fs::remove_file(&new);
            symlink(format!("{pid}.sock"), &new)?;
            fs::rename(&new, link)?;
        }
        let (tell, asked) = mpsc::channel(8);
        Ok(Self {
            asked,
            accepting: tokio::spawn(accept(listener, tell)),
            socket,
            link,
        })
    }

    /// The next command. It never ends: without clients it waits.
    pub(super) async fn next(&mut self) -> (Command, Client) {
        match self.asked.recv().await {
            Some(asked) => asked,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.accepting.abort();
        if let Some(link) = &self.link
            // Another process may have taken it over.
            && fs::canonicalize(link).ok() == fs::canonicalize(&self.socket).ok()
        {
            let _ = fs::remove_file(link);
        }
        let _ = fs::remove_file(&self.socket);
    }
}

impl Client {
    pub(super) fn answer(mut self, outcome: &Outcome) {
        let word = if outcome.is_good { "ok" } else { "failed" };
        // Who does not wait for the answer does not want it.
        let _ = self
            .0
            .write_all(format!("{word}\n{}\n", outcome.text.trim_end()).as_bytes());
    }
}

async fn accept(listener: UnixListener, tell: mpsc::Sender<(Command, Client)>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(hear(stream, tell.clone()))),
            Err(error) => {
                tracing::warn!(%error, "the control socket cannot accept");
                tokio::time::sleep(PATIENCE).await;
            }
        }
    }
}

async fn hear(mut stream: tokio::net::UnixStream, tell: mpsc::Sender<(Command, Client)>) {
    if !stream
        .peer_cred()
        .is_ok_and(|peer| folder::may_command(peer.uid()))
    {
        return;
    }
    let mut line = Vec::new();
    let read = async {
        while !line.ends_with(b"\n") && line.len() < 64 {
            line.push(stream.read_u8().await?);
        }
        io::Result::Ok(())
    };
    if !matches!(timeout(PATIENCE, read).await, Ok(Ok(()))) {
        return;
    }
    let Some(client) = blocking(stream).map(Client) else {
        return;
    };
    match Command::parse(String::from_utf8_lossy(&line).trim_end()) {
        // The receiver lives as long as the server.
        Some(command) => drop(tell.send((command, client)).await),
        None => client.answer(&Outcome {
            is_good: false,
            text: "error: the server does not know this command".to_owned(),
        }),
    }
}

/// An answer is short, and written in one go.
fn blocking(stream: tokio::net::UnixStream) -> Option<UnixStream> {
    let stream = stream.into_std().ok()?;
    stream.set_nonblocking(false).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    Some(stream)
}
