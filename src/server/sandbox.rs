//! The sandbox: after it is entered, the kernel refuses the process every file that its configuration does not name.
//!
//! 1. What the configuration needs ([`Sandbox::new`]), and what the program adds.
//! 2. The fence goes up ([`Sandbox::enter`]), for the present thread and those it starts; there is no way back.
//! 3. A later configuration may need more than the fence lets through: [`Sandbox::admits`] tells.

#[cfg(target_os = "linux")]
#[path = "sandbox/landlock.rs"]
mod fence;
#[cfg(not(target_os = "linux"))]
#[path = "sandbox/portable.rs"]
mod fence;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::ServeError;
use super::listener::is_abstract;
use crate::config::{Config, ListenAddress, SandboxPolicy};
use crate::observe::process;

/// Files in which names of users and groups are looked up, when a configuration is read again.
const ACCOUNTS: [&str; 3] = ["/etc/passwd", "/etc/group", "/etc/nsswitch.conf"];

/// How names of servers are looked up.
const NAMES: [&str; 3] = ["/etc/hosts", "/etc/host.conf", "/etc/resolv.conf"];

/// Where systems keep the authorities that they trust, which are read again with a new configuration.
const AUTHORITIES: [&str; 8] = [
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
];

/// Whether the fence is up: it is the process's, not a value's.
static IS_UP: AtomicBool = AtomicBool::new(false);

/// What the process may reach in the file system, held by the kernel (Landlock).
///
/// Files that are open already, and connections, are not concerned. Nothing can be executed, nothing removed or made but logs,
/// sockets and dictionaries.
#[derive(Clone, Debug)]
pub struct Sandbox {
    policy: SandboxPolicy,
    readable: Vec<PathBuf>,
    writable: Vec<PathBuf>,
    /// Read, written, and tidied up.
    kept: Vec<PathBuf>,
    sockets: Vec<PathBuf>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SandboxOutcome {
    /// The configuration asks for none.
    Off,
    /// The fence is up.
    Entered,
    /// The kernel has none; the configuration goes on without.
    Unavailable,
}

impl Sandbox {
    /// What this configuration needs: docroots and the folders of certificates and of the admin listener's token to be read, the folder of the access log to be written,
    /// those of unix sockets for sockets, that of dictionaries for all of it.
    pub fn new(config: &Config) -> Self {
        let folder = |path: &Path| path.parent().map(Path::to_owned);
        let mut readable: Vec<PathBuf> = config.folders().iter().map(Into::into).collect();
        readable.extend(ACCOUNTS.map(PathBuf::from));
        if !config.upstreams().is_empty() || config.traces.is_some() {
            for path in NAMES.map(Path::new) {
                readable.push(path.to_owned());
                // What a link leads to is made anew at any time, in a folder that holds nothing else.
                let target = fs::canonicalize(path).ok().filter(|target| target != path);
                readable.extend(target.and_then(|target| folder(&target)));
            }
            readable.extend(AUTHORITIES.map(PathBuf::from));
        }
        readable.extend(config.admin.token_file.as_deref().and_then(folder));
        // Renewal puts other files there. A link to one leads to a folder of its own.
        for file in config.tls_files() {
            readable.extend(folder(file));
            readable.extend(fs::canonicalize(file).ok().and_then(|file| folder(&file)));
        }
        let addresses = config.listen.iter().map(|listen| &listen.address);
        let sockets = addresses
            .chain(&config.admin.listen)
            .filter_map(|address| match address {
                ListenAddress::Unix(path) if !is_abstract(path) => folder(path),
                _ => None,
            });
        Self {
            policy: config.sandbox,
            readable,
            writable: config
                .log
                .file
                .iter()
                .filter_map(|file| folder(file))
                .collect(),
            kept: (config.compression.dictionaries.folder.iter().cloned()).collect(),
            sockets: sockets.collect(),
        }
    }

    /// A further file, or a folder and all beneath it, to be read: the configuration file's, to read it again.
    #[must_use]
    pub fn readable(mut self, path: impl Into<PathBuf>) -> Self {
        self.readable.push(path.into());
        self
    }

    /// A further folder in which unix sockets, and links to them, may be made and removed.
    #[must_use]
    pub fn sockets_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.sockets.push(folder.into());
        self
    }

    /// Puts the fence up, if the configuration asks for it. Only the present thread, and threads that it starts from now on, are held
    /// by it: to be called after listeners are bound, before the server is made and serves.
    ///
    /// # Errors
    /// When the configuration requires it and the kernel has none, and when a path of the configuration cannot be opened.
    pub fn enter(&self) -> Result<SandboxOutcome, ServeError> {
        if self.policy == SandboxPolicy::Off {
            return Ok(SandboxOutcome::Off);
        }
        process::open();
        let is_required = self.policy == SandboxPolicy::Required;
        let is_up = fence::put_up(self, is_required)?;
        IS_UP.store(is_up, Ordering::Relaxed);
        Ok(if is_up {
            SandboxOutcome::Entered
        } else {
            SandboxOutcome::Unavailable
        })
    }

    /// Whether the files of another configuration can be reached from within the sandbox that was entered, if one was. The kernel
    /// widens none: what is outside needs a new process.
    ///
    /// # Errors
    /// The first folder that cannot be opened.
    pub fn admits(config: &Config) -> Result<(), ServeError> {
        if !IS_UP.load(Ordering::Relaxed) {
            return Ok(());
        }
        let dictionaries = config.compression.dictionaries.folder.as_deref();
        for docroot in config.folders().into_iter().chain(dictionaries) {
            File::open(docroot).map_err(|source| ServeError::Sandbox {
                step: format!(
                    "the folder {} is outside of the one that was set up at the start, which cannot be widened: restart the server",
                    docroot.display()
                ),
                source: Some(source),
            })?;
        }
        Ok(())
    }
}
