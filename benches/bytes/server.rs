//! The servers: started on a free port, stopped when the value goes away.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::client::Client;
use crate::options::Options;

/// How long a server may take until it accepts connections, and to stop after it was asked to.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a first answer may take: a large file is coded before it comes.
const ANSWER: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Daemun,
    /// At level 6 and for every type, which is more than it does by default.
    Nginx,
    /// `encode zstd gzip`, at its default levels.
    Caddy,
}

pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Daemun => "Daemun",
            Self::Nginx => "nginx",
            Self::Caddy => "Caddy",
        }
    }

    /// What it is configured with.
    fn configuration(self, served: &str, folder: &str, port: u16) -> String {
        match self {
            Self::Daemun => format!(
                r#"[[listen]]
address = "127.0.0.1:{port}"

[[site]]
docroot = "{served}"

[log]
access = "off"
"#
            ),
            Self::Nginx => {
                // As root its worker would become another user, which may not enter the temporary folder.
                let is_root = fs::read_to_string("/proc/self/status")
                    .is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:\t0\t")));
                let user = if is_root { "user root;" } else { "" };
                format!(
                    r"{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
events {{ }}
http {{
    include /etc/nginx/mime.types;
    access_log off;
    gzip on;
    gzip_comp_level 6;
    gzip_types *;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {served};
    }}
}}
"
                )
            }
            Self::Caddy => format!(
                "{{\n admin off\n auto_https off\n}}\nhttp://127.0.0.1:{port} {{\n bind 127.0.0.1\n root * {served}\n encode zstd gzip\n file_server\n}}\n"
            ),
        }
    }

    fn command(self, options: &Options, configuration: &Path, folder: &Path) -> Command {
        let mut command;
        match self {
            Self::Daemun => {
                command = Command::new(&options.daemun);
                command.args(["serve", "--config"]).arg(configuration);
            }
            Self::Nginx => {
                // Debian's folder of system programs is not in everybody's `PATH`.
                command = Command::new("/usr/sbin/nginx");
                command
                    .arg("-p")
                    .arg(folder)
                    .args(["-e", "error.log", "-c"]);
                command.arg(configuration);
            }
            Self::Caddy => {
                command = Command::new("caddy");
                command.args(["run", "--adapter", "caddyfile", "--config"]);
                command.arg(configuration);
                // It would keep its state in the home folder.
                command
                    .env("XDG_CONFIG_HOME", folder)
                    .env("XDG_DATA_HOME", folder);
            }
        }
        command
    }
}

impl Running {
    /// Starts a server and waits until it accepts connections.
    pub(crate) fn start(
        kind: Kind,
        options: &Options,
        served: &Path,
        scratch: &Path,
    ) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let folder = scratch.join(format!("{}-{port}", kind.name()));
        fs::create_dir_all(&folder)?;
        let configuration = folder.join("configuration.toml");
        let [served, writable] = [served, &folder].map(|path| path.display().to_string());
        fs::write(&configuration, kind.configuration(&served, &writable, port))?;
        let said = File::create(folder.join("said"))?;
        let child = kind
            .command(options, &configuration, &folder)
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .map_err(|error| format!("{}: {error}", kind.name()))?;
        let mut running = Self {
            child,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(running.address).is_err() {
            if running.child.try_wait()?.is_some() || Instant::now() > deadline {
                let said = fs::read_to_string(folder.join("said")).unwrap_or_default();
                return Err(format!("{} does not start: {said}", kind.name()).into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(running)
    }

    /// A new connection, on which answers may be waited for.
    pub(crate) fn client(&self) -> Result<Client> {
        Client::patient(self.address, ANSWER)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked first: nginx ends its workers itself, and they would outlive a master that is killed.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
