//! What keeps a server from starting, or from stopping well.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::config::ListenAddress;

/// Why a server did not start or did not stop as asked. The message says what to do next.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// Another program (or another server of this one) listens there.
    AddressInUse(ListenAddress),
    /// Ports below 1024 are for privileged processes; a unix socket's folder may not be writable.
    PermissionDenied(ListenAddress),
    /// The address belongs to no interface of this machine.
    AddressNotAvailable(ListenAddress),
    /// Anything else that binding an address can meet.
    Listen {
        /// What was to be bound.
        address: ListenAddress,
        /// Why it was not.
        source: io::Error,
    },
    /// A listener is to take the sockets of this name (none: any) that systemd opened, and none was passed on.
    NotInherited(Option<String>),
    /// The process cannot become the user of the configuration.
    Identity {
        /// What failed.
        step: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The process cannot be fenced in as configured.
    Sandbox {
        /// What failed.
        step: String,
        /// Why; none: the kernel has no Landlock, or not enough of it.
        source: Option<io::Error>,
    },
    /// The access log could not be opened.
    AccessLog {
        /// Its path; none for standard output.
        file: Option<PathBuf>,
        /// Why it was not opened.
        source: io::Error,
    },
    /// Traces cannot be sent: there is no thread for it, or no authority to trust their collector by.
    Traces(io::Error),
    /// A worker thread or its runtime could not be started.
    Worker(io::Error),
    /// A worker thread ended by a panic.
    WorkerPanicked,
    /// The drain's deadline passed; so many connections were cut.
    DrainTimedOut(usize),
}

impl ServeError {
    pub(super) fn listen(address: &ListenAddress, source: io::Error) -> Self {
        let address = address.clone();
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::AddressInUse(address),
            io::ErrorKind::PermissionDenied => Self::PermissionDenied(address),
            io::ErrorKind::AddrNotAvailable => Self::AddressNotAvailable(address),
            _ => Self::Listen { address, source },
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_what(f)?;
        match self.help() {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl ServeError {
    fn fmt_what(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressInUse(address) => {
                write!(
                    f,
                    "cannot listen on {address}: the address is already in use"
                )
            }
            Self::PermissionDenied(address) => {
                write!(f, "cannot listen on {address}: permission denied")
            }
            Self::AddressNotAvailable(address) => {
                write!(
                    f,
                    "cannot listen on {address}: no network interface of this machine has that address"
                )
            }
            Self::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Self::NotInherited(None) => f.write_str("systemd passed no socket on"),
            Self::NotInherited(Some(name)) => {
                write!(f, "systemd passed no socket on that is named `{name}`")
            }
            Self::Identity { step, source } => write!(f, "cannot {step}: {source}"),
            Self::Sandbox {
                step,
                source: Some(source),
            } => {
                write!(f, "cannot set up the sandbox: {step}: {source}")
            }
            Self::Sandbox { step, source: None } => {
                write!(f, "cannot set up the sandbox: {step}")
            }
            Self::AccessLog {
                file: Some(file),
                source,
            } => {
                write!(f, "cannot open the access log {}: {source}", file.display())
            }
            Self::AccessLog { file: None, source } => {
                write!(f, "cannot start the access log: {source}")
            }
            Self::Traces(source) => write!(f, "cannot send traces: {source}"),
            Self::Worker(source) => write!(f, "cannot start a worker: {source}"),
            Self::WorkerPanicked => {
                f.write_str("a worker ended by a panic; this is a bug, its message stands above")
            }
            Self::DrainTimedOut(1) => {
                f.write_str("the drain took too long: one connection was cut")
            }
            Self::DrainTimedOut(cut) => {
                write!(f, "the drain took too long: {cut} connections were cut")
            }
        }
    }

    /// The next step, where there is one.
    fn help(&self) -> Option<String> {
        Some(match self {
            Self::AddressInUse(ListenAddress::Tcp(tcp)) => {
                let port = tcp.port();
                let other = port.checked_add(1).unwrap_or(8080);
                format!(
                    "stop the program that has it (find it: ss -ltnp 'sport = :{port}'), or name another to --listen or --admin: {other}"
                )
            }
            Self::AddressInUse(ListenAddress::Unix(path)) => {
                format!("a program answers on {}: stop it, or choose another path", path.display())
            }
            Self::PermissionDenied(ListenAddress::Tcp(_)) => {
                "ports below 1024 need a privilege: choose a higher one, or give the program CAP_NET_BIND_SERVICE".into()
            }
            Self::PermissionDenied(ListenAddress::Unix(_)) => {
                "the folder of the socket must be writable for the user that runs the server".into()
            }
            Self::NotInherited(name) => {
                let name = name.as_ref().map_or(String::new(), |name| {
                    format!(", with `FileDescriptorName={name}`")
                });
                format!("start it by `systemctl start NAME.service` with a NAME.socket unit beside it{name}; to bind an address yourself, write it in place of `systemd`")
            }
            Self::Identity { .. } => {
                "only root can become another user: start the server as root, or remove `user` and `group`".into()
            }
            Self::Sandbox { source: None, .. } => {
                "Landlock needs Linux 5.13 and `landlock` in /sys/kernel/security/lsm; `sandbox = \"on\"` goes on without it".into()
            }
            Self::AddressNotAvailable(_) => {
                "list them with `ip address`, or listen on all: --listen 0.0.0.0:PORT".into()
            }
            Self::AccessLog { file: Some(_), .. } => "its folder must exist and be writable".into(),
            _ => return None,
        })
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Listen { source, .. }
            | Self::AccessLog { source, .. }
            | Self::Identity { source, .. }
            | Self::Traces(source)
            | Self::Worker(source) => Some(source),
            Self::Sandbox { source, .. } => source.as_ref().map(|source| source as _),
            _ => None,
        }
    }
}
