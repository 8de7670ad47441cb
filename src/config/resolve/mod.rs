//! The file as written → a valid [`Config`].
//!
//! Every value is judged, and every problem collected, before one of them ends the work: a person mends a file in one go.

mod admin;
mod balance;
mod compression;
mod fields;
mod health;
mod limits;
mod log;
mod methods;
mod process;
mod proxy;
mod redirect;
mod route;
mod server;
mod site;
mod sockets;
mod tls;
mod upstream;
mod upstream_tls;

use std::{
    num::NonZeroUsize,
    ops::{Range, RangeInclusive},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use toml::Spanned;

pub(super) use self::server::server_url;
use self::upstream::Upstreams;
use super::{
    AccessLog, CacheConfig, CompressionConfig, Config, Listen, ListenAddress,
    error::{Problem, nearest},
    file::{self, File, Number, Size, Text, Time},
    quantity,
};
use crate::{
    header::networks::Networks,
    server::{listener::is_abstract, tls::Tls},
};

/// The port of `https` (RFC 9110 §4.2.2).
const HTTPS: u16 = 443;

/// More threads than any machine has cores: a slip of the finger.
const MOST_WORKERS: i64 = 4096;

/// Judges `file`, whose relative paths are relative to `base`, an absolute path.
pub(super) fn resolve(
    file: File,
    base: &Path,
    unset_log: AccessLog,
) -> Result<Config, Vec<Problem>> {
    let mut judge = Judge {
        base,
        problems: Vec::new(),
        tls_port: None,
        upstreams: Upstreams::default(),
        compression: Arc::default(),
    };
    let trusted_proxies = judge.trusted_proxies(&file);
    let tls = judge.tls(&file);
    let listen = judge.listen(&file.listen, &trusted_proxies.networks, tls.as_ref());
    let workers = file.workers.and_then(|written| judge.workers(&written));
    let cache = judge.cache(&file.cache);
    let compression = Arc::new(judge.compression(&file.compression));
    judge.compression = Arc::clone(&compression);
    let limits = judge.limits(&file.limits);
    let log = judge.log(&file.log, unset_log);
    let traces = judge.traces(&file.log);
    judge.tls_port = (file.listen.iter().find(|listen| speaks_tls(listen)))
        .map(|listen| port(listen.get_ref().address.get_ref()))
        .or((!trusted_proxies.networks.is_empty()).then_some(HTTPS));
    let identity = judge.identity(file.user.as_ref(), file.group.as_ref());
    let sandbox = judge.sandbox(file.sandbox.as_ref(), &file.site);
    judge.upstreams(&file.resolvers, &file.upstream);
    let sites = judge.sites(file.site);
    let listened: Vec<_> = (listen.iter())
        .map(|listen| listen.address.clone())
        .collect();
    let admin = judge.admin(&file.admin, &listened);
    let config = Config {
        listen,
        workers,
        sites,
        cache,
        compression,
        limits,
        log,
        traces,
        trusted_proxies,
        identity,
        sandbox,
        named_upstreams: std::mem::take(&mut judge.upstreams).into_named(),
        admin,
        shown: Arc::default(),
    };
    judge.dictionaries_are_no_files(&file.compression, &config.folders());
    if judge.problems.is_empty() {
        Ok(config)
    } else {
        Err(judge.problems)
    }
}

/// Judges values and remembers what is wrong. Its methods give a stand-in for what is wrong and go on.
struct Judge<'a> {
    base: &'a Path,
    problems: Vec<Problem>,
    /// Of the first listener with TLS; without one, of the trusted proxies, which may speak it.
    tls_port: Option<u16>,
    /// Known once they were judged, before the sites.
    upstreams: Upstreams,
    /// Judged before the sites.
    compression: Arc<CompressionConfig>,
}

impl Judge<'_> {
    fn listen(
        &mut self,
        written: &[Spanned<file::Listen>],
        trusted_proxies: &Networks,
        tls: Option<&Tls>,
    ) -> Vec<Listen> {
        let mut addresses: Vec<(Listen, Range<usize>)> = Vec::new();
        for listen in written {
            let text = &listen.get_ref().address;
            let Some(address) = self.located(text, ListenAddress::parse(text.get_ref())) else {
                continue;
            };
            let address = match address {
                ListenAddress::Unix(path) if !is_abstract(&path) => {
                    ListenAddress::Unix(self.base.join(path))
                }
                other => other,
            };
            // Two listeners on port 0 are two free ports.
            let is_free_port = matches!(&address, ListenAddress::Tcp(tcp) if tcp.port() == 0);
            match addresses.iter().find(|(other, _)| other.address == address) {
                Some((_, first)) if !is_free_port => {
                    let problem =
                        Problem::new(format!("`{}` is listened on twice", text.get_ref()))
                            .first(first.clone())
                            .help("remove one of the two");
                    self.wrong(text, problem);
                }
                _ => {
                    let tls = tls.filter(|_| speaks_tls(listen)).cloned();
                    let listener = Listen {
                        tls,
                        ..self.listener(address, listen.get_ref(), trusted_proxies)
                    };
                    addresses.push((listener, text.span()));
                }
            }
        }
        if written.is_empty() {
            return vec![ListenAddress::default().into()];
        }
        addresses.into_iter().map(|(address, _)| address).collect()
    }

    fn workers(&mut self, written: &Number) -> Option<NonZeroUsize> {
        self.number(written, "workers", 1..=MOST_WORKERS)
            .and_then(NonZeroUsize::new)
    }

    fn cache(&mut self, written: &file::Cache) -> CacheConfig {
        let default = CacheConfig::default();
        CacheConfig {
            memory: self.size(written.memory.as_ref()).unwrap_or(default.memory),
            file: self.size(written.file.as_ref()).unwrap_or(default.file),
            revalidate: self
                .time(written.revalidate.as_ref())
                .unwrap_or(default.revalidate),
        }
    }

    fn number(&mut self, written: &Number, key: &str, range: RangeInclusive<i64>) -> Option<usize> {
        if !range.contains(written.get_ref()) {
            let help = format!("write a number from {} to {}", range.start(), range.end());
            self.wrong(
                written,
                Problem::new(format!("`{key}` cannot be {}", written.get_ref())).help(help),
            );
            return None;
        }
        usize::try_from(*written.get_ref()).ok()
    }

    /// A small number.
    fn count(&mut self, written: &Number, key: &str, range: RangeInclusive<i64>) -> Option<u32> {
        let number = self.number(written, key, range)?;
        u32::try_from(number).ok()
    }

    fn size(&mut self, written: Option<&Size>) -> Option<u64> {
        written.and_then(|written| self.located(written, quantity::size(written.get_ref())))
    }

    fn time(&mut self, written: Option<&Time>) -> Option<Duration> {
        written.and_then(|written| self.located(written, quantity::time(written.get_ref())))
    }

    fn positive_time(&mut self, written: Option<&Time>) -> Option<Duration> {
        self.time_above_zero(written, "no request could ever be answered")
    }

    /// `why` zero cannot be meant.
    fn time_above_zero(&mut self, written: Option<&Time>, why: &str) -> Option<Duration> {
        let time = self.time(written)?;
        if time.is_zero() {
            self.wrong(
                written?,
                Problem::new(format!("this time cannot be zero: {why}"))
                    .help("write a longer time, such as `\"10s\"`"),
            );
        }
        Some(time)
    }

    /// Keys that mean nothing without another; those that are there.
    fn orphans_of_another<'k>(
        &mut self,
        keys: impl IntoIterator<Item = (&'k str, Option<Range<usize>>)>,
        why: &str,
        help: &str,
    ) {
        for (key, place) in keys {
            if let Some(place) = place {
                let problem = Problem::new(format!("`{key}` {why}")).help(help);
                self.problems.push(problem.at(place));
            }
        }
    }

    /// The path as an absolute one, relative to the configuration file's folder.
    fn absolute(&self, path: &str) -> PathBuf {
        absolute(&self.base.join(path))
    }

    /// A docroot: it must exist and be a folder, links followed.
    fn docroot(&mut self, written: &Text) -> Option<PathBuf> {
        self.folder(written, "docroot")
    }

    /// The same, under another name.
    fn folder(&mut self, written: &Text, what: &str) -> Option<PathBuf> {
        let path = self.absolute(written.get_ref());
        match judge_folder(&path, what) {
            Ok(()) => Some(path),
            Err(problem) => {
                self.wrong(written, problem);
                None
            }
        }
    }

    fn located<T, W>(&mut self, written: &Spanned<W>, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.wrong(written, problem)).ok()
    }

    fn wrong<W>(&mut self, written: &Spanned<W>, problem: Problem) {
        self.problems.push(problem.at(written.span()));
    }
}

/// Where a value is, if it is there.
fn span<W>(written: Option<&Spanned<W>>) -> Option<Range<usize>> {
    written.map(Spanned::span)
}

fn speaks_tls(listen: &Spanned<file::Listen>) -> bool {
    listen
        .get_ref()
        .tls
        .as_ref()
        .is_some_and(|tls| *tls.get_ref())
}

/// The port that clients see, as far as it can be known; any free one is not.
fn port(address: &str) -> u16 {
    match ListenAddress::parse(address) {
        Ok(ListenAddress::Tcp(tcp)) if tcp.port() != 0 => tcp.port(),
        _ => HTTPS,
    }
}

/// The path made absolute, links left as they are: a docroot that is a link may be switched over while it is served.
pub(super) fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // Without `/.` and a slash at the end.
    path.components().collect()
}

/// Whether `path` is a folder; if not, what is there instead.
fn judge_folder(path: &Path, what: &str) -> Result<(), Problem> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(
            Problem::new(format!("the {what} `{shown}` is not a folder"))
                .help("name the folder that holds the files"),
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let problem = Problem::new(format!("the {what} `{shown}` does not exist"));
            Err(match neighbour(path) {
                Some(name) => problem.help(format!("did you mean `{name}`?")),
                None => problem.help("create the folder, or name another"),
            })
        }
        Err(error) => Err(
            Problem::new(format!("the {what} `{shown}` cannot be opened: {error}"))
                .help("see to its permissions, or name another folder"),
        ),
    }
}

/// A folder beside `path` with nearly its name.
fn neighbour(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let entries = std::fs::read_dir(path.parent()?).ok()?;
    let names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    nearest(wanted, names.iter().map(String::as_str)).map(str::to_owned)
}
