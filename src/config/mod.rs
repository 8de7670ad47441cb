//! Configuration: text → as written → resolved.
//!
//! 1. [`ConfigBuilder`] is the one place where flags, the file and library code meet.
//! 2. `parse` reads TOML into `file`: the keys as written, with their places, and their documentation.
//! 3. `resolve` judges every value and makes a [`Config`]: what exists in it is valid.
//! 4. [`ConfigError`] tells all that is wrong: where, and what to do.

mod accounts;
mod admin;
mod builder;
mod compression;
mod error;
mod file;
mod keys;
mod listen;
mod log;
mod parse;
mod quantity;
mod read;
mod resolve;
pub(crate) mod shown;
mod site;
#[cfg(test)]
mod tests;
mod tls;
pub(crate) mod upstream;

use std::{
    num::NonZeroUsize,
    path::Path,
    str::FromStr,
    sync::{Arc, OnceLock},
    time::Duration,
};

#[cfg(test)]
pub(crate) use self::admin::Token as AdminToken;
use self::shown::Shown;
use self::upstream::{ProxyConfig, UpstreamConfig};
pub(crate) use self::{
    accounts::Identity,
    admin::AdminConfig,
    compression::{CompressionConfig, DictionaryConfig, DictionaryPolicy},
    listen::SocketAccess,
    log::{LogConfig, Share, SyslogTarget, TracesConfig},
    site::{Cors, Health, Hsts, RouteAction, RouteConfig, SiteConfig},
    tls::{CertificateSource, ClientAuth, TlsSettings, TlsVersion, UnknownNames},
};
pub use self::{
    builder::ConfigBuilder,
    error::ConfigError,
    listen::{Listen, ListenAddress},
};

use crate::header::forwarded::TrustedProxies;
use crate::static_files::Settings;

/// Everything the server needs to know, judged and ready to use.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # std::fs::create_dir(folder.path().join("public"))?;
/// # let file = folder.path().join("daemun.toml");
/// let config = daemun::Config::parse(
///     r#"
///     [[site]]
///     docroot = "public"
///     clean_urls = true
///     "#,
///     &file, // relative paths are relative to its folder
/// )?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) listen: Vec<Listen>,
    pub(crate) workers: Option<NonZeroUsize>,
    /// At least one.
    pub(crate) sites: Vec<SiteConfig>,
    pub(crate) cache: CacheConfig,
    pub(crate) compression: Arc<CompressionConfig>,
    pub(crate) limits: Limits,
    pub(crate) log: LogConfig,
    pub(crate) traces: Option<TracesConfig>,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) identity: Option<Identity>,
    pub(crate) sandbox: SandboxPolicy,
    /// Whether or not a route leads to them.
    pub(crate) named_upstreams: Vec<Arc<UpstreamConfig>>,
    pub(crate) admin: AdminConfig,
    pub(crate) shown: Arc<Shown>,
}

impl Config {
    /// Reads and judges the file at `path`; relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// All that is wrong with the file, each with its place and the next step.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::builder().file(path).build()
    }

    /// Judges `text` as if it stood in `file`, which need not exist: messages name it, and relative paths are relative to its folder.
    ///
    /// # Errors
    /// All that is wrong with the text, each with its place and the next step.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        Self::builder().text(text, file).build()
    }

    /// Starts a configuration in code: a docroot, or a file and what overrides it.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// Where the server listens; at least one listener.
    pub fn listen(&self) -> &[Listen] {
        &self.listen
    }

    /// Where the server tells about itself, beside the program's own socket.
    pub fn admin_listen(&self) -> &[ListenAddress] {
        &self.admin.listen
    }

    /// How many worker threads serve connections: as configured, else one for each core that the process may use.
    pub fn workers(&self) -> NonZeroUsize {
        /// Asked once: later the files that tell it may be out of reach, and a reload would come to another number.
        static CORES: OnceLock<NonZeroUsize> = OnceLock::new();
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.workers.unwrap_or_else(|| *CORES.get_or_init(cores))
    }

    /// The docroots of the sites and of their routes, each once, in the order of the file.
    pub fn docroots(&self) -> Vec<&Path> {
        each_once(self.served_settings())
    }

    /// All folders with files that may be sent, each once: the docroots, and those from which applications may have files sent.
    pub(crate) fn folders(&self) -> Vec<&Path> {
        each_once(self.file_settings())
    }

    /// The files of certificates, keys and authorities.
    pub(crate) fn tls_files(&self) -> impl Iterator<Item = &Path> {
        // All listeners share what is said of it.
        let tls = self.listen.iter().find_map(|listen| listen.tls.as_ref());
        let of_listeners = tls.into_iter().flat_map(|tls| tls.settings().files());
        let upstreams = self.upstreams().into_iter();
        of_listeners.chain(upstreams.flat_map(|upstream| upstream.tls.files()))
    }

    /// How the files of the sites and of their routes are sent, those included that applications may have sent.
    pub(crate) fn file_settings(&self) -> Vec<&Settings> {
        let accels = self.proxies().filter_map(|(_, proxy)| proxy.accel.as_ref());
        let mut settings = self.served_settings();
        settings.extend(accels.map(|accel| &accel.files));
        settings
    }

    /// How the files of the sites and of their routes are served, in the order of the file.
    fn served_settings(&self) -> Vec<&Settings> {
        let of_sites = self.sites.iter().flat_map(|site| {
            let of_routes = site.routes.iter().filter_map(|route| match &route.action {
                RouteAction::Files(settings) => Some(settings),
                RouteAction::Upstream(proxy) => proxy.files.as_ref(),
                _ => None,
            });
            site.files.iter().chain(of_routes)
        });
        of_sites.collect()
    }

    /// The upstreams that routes lead to, each once.
    pub(crate) fn upstreams(&self) -> Vec<&Arc<UpstreamConfig>> {
        let mut upstreams: Vec<&Arc<UpstreamConfig>> = Vec::new();
        for (_, proxy) in self.proxies() {
            // A name stands for one only; that of a server by itself is its URL.
            if !upstreams
                .iter()
                .any(|known| known.name == proxy.upstream.name)
            {
                upstreams.push(&proxy.upstream);
            }
        }
        upstreams
    }

    /// Which paths are forwarded, and to what: a route's path, and the name or URL of its upstream. In the order of the file.
    pub fn forwards(&self) -> Vec<(String, &str)> {
        self.proxies()
            .map(|(route, proxy)| (route.pattern.to_string(), &*proxy.upstream.name))
            .collect()
    }

    fn proxies(&self) -> impl Iterator<Item = (&RouteConfig, &ProxyConfig)> {
        let routes = self.sites.iter().flat_map(|site| &site.routes);
        routes.filter_map(|route| match &route.action {
            RouteAction::Upstream(proxy) => Some((route, &**proxy)),
            _ => None,
        })
    }

    /// How much is configured: `1 site, 3 routes, 2 listeners`.
    pub fn summary(&self) -> String {
        let routes = self.sites.iter().map(|site| site.routes.len()).sum();
        let counted = |count: usize, noun: &str| {
            format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
        };
        [
            counted(self.sites.len(), "site"),
            counted(routes, "route"),
            counted(self.listen.len(), "listener"),
        ]
        .join(", ")
    }
}

fn each_once(settings: Vec<&Settings>) -> Vec<&Path> {
    let mut folders: Vec<&Path> = Vec::new();
    for settings in settings {
        if !folders.contains(&settings.docroot.as_path()) {
            folders.push(&settings.docroot);
        }
    }
    folders
}

/// Whether the kernel fences the process in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SandboxPolicy {
    #[default]
    Off,
    /// As far as the kernel is able.
    On,
    /// Or not at all.
    Required,
}

impl SandboxPolicy {
    pub(crate) const NAMES: [(&str, Self); 3] = [
        ("off", Self::Off),
        ("on", Self::On),
        ("required", Self::Required),
    ];
}

/// How much of the files is held in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CacheConfig {
    /// Bytes; 0: nothing is held. Default: 256 MiB.
    pub(crate) memory: u64,
    /// The largest file held, in bytes. Default: 1 MiB.
    pub(crate) file: u64,
    /// How long a held file is trusted; zero: `statx` at each request. Default: zero.
    pub(crate) revalidate: Duration,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            file: 1 << 20,
            revalidate: Duration::ZERO,
        }
    }
}

/// What a client may take.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// For the head of a request to arrive. Default: 10 s.
    pub(crate) header_timeout: Duration,
    /// Between two requests. Default: 75 s.
    pub(crate) keep_alive_timeout: Duration,
    /// Bytes in the head of a request; 8 KiB to 1 MiB. Default: 32 KiB.
    pub(crate) header_size: usize,
    /// Fields in the head of a request; at least 1. Default: 100.
    pub(crate) header_count: usize,
    /// Bytes in the body of a request. Default: 1 GiB.
    pub(crate) body_size: u64,
    /// Between two parts of a request's body. Default: 30 s.
    pub(crate) body_timeout: Duration,
    /// Bytes a second that a request's body comes with, the time of one `body_timeout` aside; 0: any. Default: 500.
    pub(crate) body_rate: u64,
    /// For a client to take another part of a response. Default: 60 s.
    pub(crate) write_timeout: Duration,
    /// What becomes of fields whose names an application could take for others. Default: dropped.
    pub(crate) odd_names: OddNames,
    /// Connections open at a time; at least 1. Default: 65,536.
    pub(crate) connections: usize,
    /// Connections of one client address; 0: any number. Default: 0.
    pub(crate) connections_per_client: usize,
    /// Requests on one connection; 0: any number. Default: 0.
    pub(crate) requests_per_connection: usize,
    /// How old a connection may become; the response under way is finished. Zero: any age. Default: 1 h.
    pub(crate) connection_age: Duration,
    /// For open responses to end when the server stops. Default: 30 s.
    pub(crate) drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(75),
            header_size: 32 << 10,
            header_count: 100,
            body_size: 1 << 30,
            body_timeout: Duration::from_secs(30),
            body_rate: 500,
            write_timeout: Duration::from_secs(60),
            odd_names: OddNames::Drop,
            connections: 65_536,
            connections_per_client: 0,
            requests_per_connection: 0,
            connection_age: Duration::from_secs(60 * 60),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// What becomes of request fields with `_` or `.` in their names.
///
/// Applications behind CGI's mapping of names (PHP, WSGI, Rack and others) cannot tell `X_Forwarded_For` from `X-Forwarded-For`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OddNames {
    #[default]
    Drop,
    Refuse,
    Pass,
}

impl OddNames {
    pub(crate) const NAMES: [&str; 3] = ["drop", "refuse", "pass"];
}

/// The format of the access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessLog {
    /// Nothing is logged.
    #[default]
    Off,
    /// The combined format of Apache and nginx.
    Combined,
    /// One JSON object a line.
    Json,
}

impl AccessLog {
    /// The accepted spellings.
    pub(crate) const NAMES: [&str; 3] = ["combined", "json", "off"];
}

impl FromStr for AccessLog {
    type Err = ConfigError;

    /// Reads `combined`, `json` or `off`.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "off" => Ok(Self::Off),
            "combined" => Ok(Self::Combined),
            "json" => Ok(Self::Json),
            _ => Err(ConfigError::unknown_word(
                "access log format",
                text,
                &Self::NAMES,
            )),
        }
    }
}
