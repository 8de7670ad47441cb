//! The servers: how each is configured and started. One worker each, no log unless it is asked for.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::Result;
use crate::certificate::{self, Key};
use crate::document_root::DocumentRoot;
use crate::proxy::gateway::{self, Forwards};
use crate::{serve_dir, tools};

/// A server program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Daemun,
    /// With `tcp_nopush on`, as Debian configures it: what the others are compared with.
    Nginx,
    /// With `tcp_nopush off`, which costs it small files and gains it those that do not fit a packet of the loopback device.
    NginxUncorked,
    /// `tower_http::services::ServeDir` on `axum::serve`.
    ServeDir,
    Caddy,
    StaticWebServer,
    /// Only forwards.
    HaProxy,
}

/// What a server speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wire {
    /// HTTP/1.1.
    Plain,
    /// HTTP/2 by prior knowledge.
    H2c,
    /// HTTP/2 over TLS, with a certificate of this kind.
    Tls(Key),
}

/// A server program in one of its settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Contender {
    pub(crate) kind: Kind,
    /// Whether it writes a combined access log to a file.
    pub(crate) logs: bool,
    /// Whether it counts and remembers requests; Daemun does unless it is told not to.
    pub(crate) observes: bool,
    pub(crate) wire: Wire,
    /// Whether it gets connections in great numbers, for which nginx sets memory aside at its start.
    pub(crate) is_crowded: bool,
    /// What it forwards to, when it serves no files.
    pub(crate) forwards: Option<Forwards>,
    pub(crate) codes: Codes,
}

/// What a server makes of `Accept-Encoding`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Codes {
    /// Nobody sends one, and the servers that would have to be told to code are not.
    Unasked,
    /// It codes, as each server does by default when it is told to.
    Itself,
    /// It sends the coded file that lies beside the one that is asked for.
    Sidecars,
}

impl Kind {
    /// The peer of this name on the command line.
    pub(crate) fn peer(name: &str) -> Result<Self> {
        match name {
            "serve-dir" => Ok(Self::ServeDir),
            "caddy" => Ok(Self::Caddy),
            "static-web-server" => Ok(Self::StaticWebServer),
            _ => Err(format!("there is no peer {name}; see --help").into()),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Daemun => "daemun",
            Self::Nginx => "nginx",
            Self::NginxUncorked => "nginx-nopush-off",
            Self::ServeDir => "serve-dir",
            Self::Caddy => "caddy",
            Self::StaticWebServer => "static-web-server",
            Self::HaProxy => "haproxy",
        }
    }

    /// The program and the Debian package that brings it.
    pub(crate) fn debian_package(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Nginx | Self::NginxUncorked => Some(("nginx", "nginx-light")),
            Self::Caddy => Some(("caddy", "caddy")),
            Self::HaProxy => Some(("haproxy", "haproxy")),
            Self::Daemun | Self::ServeDir | Self::StaticWebServer => None,
        }
    }

    /// What the program says about its version.
    pub(crate) fn version(self) -> String {
        let mut command = match self {
            Self::ServeDir => return "tower-http 0.7 on axum 0.8".to_owned(),
            Self::Daemun => return env!("CARGO_PKG_VERSION").to_owned(),
            Self::Nginx | Self::NginxUncorked => Command::new(NGINX),
            Self::Caddy => Command::new("caddy"),
            Self::StaticWebServer => Command::new(static_web_server()),
            Self::HaProxy => Command::new(HAPROXY),
        };
        let flag = match self {
            Self::Caddy => "version",
            Self::HaProxy => "-v",
            _ => "-V",
        };
        let output = command
            .arg(flag)
            .output()
            .map(|output| [output.stdout, output.stderr].concat())
            .unwrap_or_default();
        let said = String::from_utf8_lossy(&output);
        let line = said.lines().next().unwrap_or("unknown");
        line.trim_start_matches("nginx version: nginx/")
            .trim_start_matches("Version:")
            .trim_start_matches("HAProxy version")
            .trim_end_matches("- https://haproxy.org/")
            .trim()
            .to_owned()
    }
}

impl Contender {
    pub(crate) fn plain(kind: Kind) -> Self {
        Self {
            kind,
            logs: false,
            observes: true,
            wire: Wire::Plain,
            is_crowded: false,
            forwards: None,
            codes: Codes::Unasked,
        }
    }

    pub(crate) fn name(self) -> String {
        let log = if self.logs { " + log" } else { "" };
        let blind = if self.observes { "" } else { " blind" };
        format!("{}{log}{blind}", self.kind.name())
    }

    /// The command that serves the root on this port of the loopback address; writes the configuration it needs.
    pub(crate) fn command(self, root: &DocumentRoot, port: u16) -> Result<Vec<String>> {
        let folder = root.scratch().join(format!("{}-{port}", self.kind.name()));
        fs::create_dir_all(&folder)?;
        // static-web-server insists on the ending, the others do not mind it.
        let file = folder.join("configuration.toml");
        let served = root.path().display().to_string();
        let (configuration, file_text) = (
            file.display().to_string(),
            self.configuration(root, &folder.display().to_string(), port)?,
        );
        fs::write(&file, file_text)?;
        let words: Vec<String> = match self.kind {
            Kind::Daemun => vec![
                env!("CARGO_BIN_EXE_daemun").into(),
                "serve".into(),
                "--config".into(),
                configuration,
            ],
            Kind::Nginx | Kind::NginxUncorked => {
                vec![
                    NGINX.into(),
                    "-p".into(),
                    folder.display().to_string(),
                    "-e".into(),
                    "error.log".into(),
                    "-c".into(),
                    configuration,
                ]
            }
            Kind::HaProxy => [HAPROXY, "-db", "-f", &configuration]
                .map(str::to_owned)
                .to_vec(),
            Kind::ServeDir => vec![
                std::env::current_exe()?.display().to_string(),
                serve_dir::WORD.into(),
                served,
                port.to_string(),
            ],
            Kind::Caddy => [
                "caddy",
                "run",
                "--adapter",
                "caddyfile",
                "--config",
                &configuration,
            ]
            .map(str::to_owned)
            .to_vec(),
            Kind::StaticWebServer => {
                vec![
                    static_web_server().display().to_string(),
                    "--config-file".into(),
                    configuration,
                ]
            }
        };
        Ok(words)
    }

    fn configuration(self, root: &DocumentRoot, folder: &str, port: u16) -> Result<String> {
        if let Some(forwards) = self.forwards {
            return gateway::configuration(self.kind, forwards, folder, port);
        }
        let served = root.path().display().to_string();
        let tls = match self.wire {
            Wire::Tls(kind) => Some(certificate::pair(root.scratch(), kind)?),
            Wire::Plain | Wire::H2c => None,
        };
        let tls = tls.map(|pair| {
            let [certificate, key] =
                [pair.certificate, pair.key].map(|file| file.display().to_string());
            if self.kind == Kind::Daemun {
                format!(
                    "tls = true\n\n[[certificate]]\ncert = \"{certificate}\"\nkey = \"{key}\"\n"
                )
            } else {
                format!("ssl_certificate {certificate}; ssl_certificate_key {key};")
            }
        });
        let tls = tls.unwrap_or_default();
        Ok(match self.kind {
            Kind::Daemun => daemun(&served, folder, port, self, &tls),
            Kind::Nginx => nginx(&served, folder, port, self, "on", &tls),
            Kind::NginxUncorked => nginx(&served, folder, port, self, "off", &tls),
            Kind::Caddy => {
                let codes = match self.codes {
                    Codes::Unasked => "file_server",
                    Codes::Itself => "encode gzip\n file_server",
                    Codes::Sidecars => "file_server {\n precompressed gzip\n }",
                };
                format!(
                    "{{\n admin off\n auto_https off\n}}\nhttp://127.0.0.1:{port} {{\n bind 127.0.0.1\n root * {served}\n {codes}\n}}\n"
                )
            }
            Kind::StaticWebServer => format!(
                "[general]\nhost = \"127.0.0.1\"\nport = {port}\nroot = \"{served}\"\nlog-level = \"error\"\ncompression = false\nthreads-multiplier = 1\n"
            ),
            Kind::ServeDir | Kind::HaProxy => String::new(),
        })
    }
}

/// Debian's folder of system programs is not in everybody's `PATH`.
const NGINX: &str = "/usr/sbin/nginx";
const HAPROXY: &str = "/usr/sbin/haproxy";

fn static_web_server() -> PathBuf {
    PathBuf::from(tools::STATIC_WEB_SERVER_ROOT).join("bin/static-web-server")
}

fn daemun(served: &str, folder: &str, port: u16, contender: Contender, tls: &str) -> String {
    let access = if contender.logs { "combined" } else { "off" };
    let observes = contender.observes;
    format!(
        r#"workers = 1

[[listen]]
address = "127.0.0.1:{port}"
{tls}

[[site]]
docroot = "{served}"

[log]
access = "{access}"
file = "{folder}/access.log"

[admin]
observe = {observes}
"#
    )
}

/// nginx at its best for static files: descriptors held open, sendfile, connections never retired.
fn nginx(
    served: &str,
    folder: &str,
    port: u16,
    contender: Contender,
    nopush: &str,
    tls: &str,
) -> String {
    let connections = if contender.is_crowded { 20_000 } else { 4_096 };
    let wire = match contender.wire {
        Wire::Plain => "",
        Wire::H2c => " http2",
        Wire::Tls(_) => " ssl http2",
    };
    // As root its worker would become another user, which may not enter the temporary folder.
    let user = if tools::is_root() { "user root;" } else { "" };
    // At its default level, which is 1, and for its default type, which is HTML.
    let codes = match contender.codes {
        Codes::Unasked => "",
        Codes::Itself => "gzip on;",
        Codes::Sidecars => "gzip_static on;",
    };
    let access_log = if contender.logs {
        format!("{folder}/access.log combined buffer=64k flush=1s")
    } else {
        "off".to_owned()
    };
    format!(
        r"{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 65535;
pid {folder}/pid;
events {{ worker_connections {connections}; }}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush {nopush};
    open_file_cache max=20000 inactive=60s;
    open_file_cache_valid 1s;
    keepalive_requests 1000000000;
    access_log {access_log};
    {codes}
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port}{wire} backlog=4096;
        {tls}
        ssl_protocols TLSv1.3;
        root {served};
    }}
}}
"
    )
}
