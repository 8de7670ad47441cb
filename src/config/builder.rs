//! The one place where flags, the configuration file and library code meet.
//!
//! 1. Read the file, if one is named, or make one of the settings of the one site.
//! 2. Resolve it.
//! 3. Lay the overrides over it.

mod rest;

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

use toml::Spanned;

use self::rest::{beside_a_file, own_tls};
use super::{
    AccessLog, CertificateSource, Config, ConfigError, Listen, ListenAddress,
    error::{NOWHERE, Problem, Source},
    file::{File, Route, Site, Text},
    parse,
    read::read,
    resolve,
    shown::Shown,
};
use crate::static_files::SymlinkPolicy;

/// Makes a [`Config`] from a docroot and settings in code, or from a file and what overrides it.
///
/// A file describes its sites itself: the settings of a site beside a file are an error that names the key to set there. `listen`,
/// `admin`, `workers`, `access_log`, `log_file` and `cache_memory` override the file.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let docroot = folder.path();
/// let config = daemun::Config::builder()
///     .docroot(docroot)
///     .listing(true)
///     .header("X-Frame-Options", "DENY")
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ConfigBuilder {
    written: Written,
    docroot: Option<PathBuf>,
    /// But for its docroot.
    site: Site,
    /// The settings of a site that were given: as a flag, and as a line of the file with its table.
    site_settings: Vec<(&'static str, &'static str, String)>,
    listen: Vec<ListenAddress>,
    admin: Vec<ListenAddress>,
    certificates: Vec<CertificateSource>,
    workers: Option<NonZeroUsize>,
    access_log: Option<AccessLog>,
    unset_access_log: AccessLog,
    log_file: Option<PathBuf>,
    cache_memory: Option<u64>,
}

/// Where the configuration text is.
#[derive(Clone, Debug, Default)]
enum Written {
    #[default]
    Nowhere,
    File(PathBuf),
    Text(String, PathBuf),
}

impl ConfigBuilder {
    /// Reads the file at `path`. Relative paths in it are relative to its folder.
    #[must_use]
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.written = Written::File(path.as_ref().to_owned());
        self
    }

    /// Reads `text` as if it stood in `file`, which need not exist.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>, file: impl AsRef<Path>) -> Self {
        self.written = Written::Text(text.into(), file.as_ref().to_owned());
        self
    }

    /// The folder whose files are served, relative to the current folder.
    #[must_use]
    pub fn docroot(mut self, folder: impl AsRef<Path>) -> Self {
        let folder = folder.as_ref().to_owned();
        self.note(
            "ROOT",
            format!("docroot = {:?}", folder.display().to_string()),
        );
        self.docroot = Some(folder);
        self
    }

    /// An address to listen on; may be called again. Replaces the file's listeners, or `127.0.0.1:8080`.
    ///
    /// TLS is spoken there when a certificate is given to this builder, or when all listeners of the file speak it.
    #[must_use]
    pub fn listen(mut self, address: impl Into<ListenAddress>) -> Self {
        self.listen.push(address.into());
        self
    }

    /// An address at which the server tells about itself; may be called again. Replaces those of the file.
    ///
    /// An address that other machines reach is refused unless the file has a token for them.
    #[must_use]
    pub fn admin(mut self, address: impl Into<ListenAddress>) -> Self {
        self.admin.push(address.into());
        self
    }

    /// Speaks TLS on all listeners, with the certificate and the key in these files, in PEM; relative to the current folder. May be called
    /// again: clients get the certificate for the name they ask for, and the first when there is none. Changed files are taken into use
    /// by themselves, within 10 s.
    #[must_use]
    pub fn tls_certificate(mut self, cert: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        let (cert, key) = (cert.as_ref(), key.as_ref());
        let shown = [cert, key].map(|path| path.display().to_string());
        self.note_certificate("--tls-cert", &shown);
        self.certificates.push(CertificateSource::Files {
            cert: resolve::absolute(cert),
            key: resolve::absolute(key),
        });
        self
    }

    /// [`tls_certificate`](Self::tls_certificate) with the PEM itself, in memory.
    #[must_use]
    pub fn tls_certificate_pem(mut self, cert: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        self.note_certificate("--tls-self-signed", &["…".to_owned(), "…".to_owned()]);
        self.certificates.push(CertificateSource::Memory {
            cert: cert.as_ref().into(),
            key: key.as_ref().into(),
        });
        self
    }

    /// File names that answer for a directory; the first that exists is sent. Default: `index.html`.
    #[must_use]
    pub fn index<I: Into<String>>(mut self, names: impl IntoIterator<Item = I>) -> Self {
        self.site.index = Some(names.into_iter().map(text).collect());
        self.note("--index", "index = […]");
        self
    }

    /// The file, relative to the docroot, that answers navigations to paths where there is no file. Default: none.
    #[must_use]
    pub fn spa(mut self, file: impl Into<String>) -> Self {
        let file = file.into();
        self.note("--spa", format!("spa = {file:?}"));
        self.site.spa = Some(text(file));
        self
    }

    /// Whether directories without an index file are listed. Default: false.
    #[must_use]
    pub fn listing(mut self, on: bool) -> Self {
        self.site.listing = Some(on);
        self.note("--listing", format!("listing = {on}"));
        self
    }

    /// Most entries that a listing shows. Default: 10,000.
    #[must_use]
    pub fn listing_limit(mut self, entries: usize) -> Self {
        self.site.listing_limit = Some(Spanned::new(
            NOWHERE,
            i64::try_from(entries).unwrap_or(i64::MAX),
        ));
        self.note("--listing-limit", format!("listing_limit = {entries}"));
        self
    }

    /// Whether names that begin with a dot are served; `/.well-known/` always is. Default: false.
    #[must_use]
    pub fn hidden(mut self, on: bool) -> Self {
        self.site.hidden = Some(on);
        self.note("--hidden", format!("hidden = {on}"));
        self
    }

    /// Which symbolic links are followed. Default: those that lead to a place beneath the docroot.
    #[must_use]
    pub fn symlinks(mut self, policy: SymlinkPolicy) -> Self {
        self.note("--symlinks", format!("symlinks = {:?}", policy.name()));
        self.site.symlinks = Some(text(policy.name()));
        self
    }

    /// Whether `/page` is answered with `page.html`. Default: false.
    #[must_use]
    pub fn clean_urls(mut self, on: bool) -> Self {
        self.site.clean_urls = Some(on);
        self.note("--clean-urls", format!("clean_urls = {on}"));
        self
    }

    /// Whether fresh `.br`, `.zst` and `.gz` files beside a file are sent in its place. Default: true.
    #[must_use]
    pub fn sidecars(mut self, on: bool) -> Self {
        self.site.sidecars = Some(on);
        self.note("--sidecars", format!("sidecars = {on}"));
        self
    }

    /// Whether files without such a file beside them are compressed for clients that accept it, once. Default: true.
    #[must_use]
    pub fn compress(mut self, on: bool) -> Self {
        self.site.compress = Some(Spanned::new(NOWHERE, on));
        self.note("--no-compress", format!("compress = {on}"));
        self
    }

    /// An origin whose scripts may read the responses, or `*` for any; may be called again. Default: none.
    #[must_use]
    pub fn cors(mut self, origin: impl Into<String>) -> Self {
        self.site.cors.get_or_insert_default().push(text(origin));
        self.note("--cors", "cors = [\"…\"]");
        self
    }

    /// A field set on every response; may be called again.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        let value = value.into();
        self.site_settings
            .push(("--header", "[site.headers]", format!("{name} = {value:?}")));
        self.site.headers.0.push((text(name), text(value)));
        self
    }

    /// `Cache-Control` for every file. Default: by outcome; `immutable` for files with a fingerprint in their name, else `no-cache`.
    #[must_use]
    pub fn cache_control(mut self, value: impl Into<String>) -> Self {
        let value = value.into();
        self.note("--cache-control", format!("cache_control = {value:?}"));
        self.site.cache_control = Some(text(value));
        self
    }

    /// Forwards requests for `path` to the server at `url`, with their path as it is; may be called again.
    ///
    /// `path` is written as that of a route: `/api` and all below it, `=/exact`, `*.jsp`. With `/`, files that exist in the docroot come
    /// first. `url` is `http://127.0.0.1:3000` or another form of a server: `https://`, `h2c://`, `unix:` with a path relative to the current
    /// folder. Without a docroot, there are only these paths.
    #[must_use]
    pub fn proxy(mut self, path: impl Into<String>, url: impl Into<String>) -> Self {
        let (path, url) = (path.into(), resolve::server_url(&url.into()));
        let lines = format!("path = {path:?}` and `upstream = {url:?}");
        self.site_settings
            .push(("--proxy", "[[site.route]]", lines));
        let route = Route::forwarding(text(path), text(url));
        self.site.route.push(route);
        self
    }

    /// How many worker threads `Server::serve_with_workers` is to be given: see [`Config::workers`]. Default: one for each core.
    #[must_use]
    pub fn workers(mut self, workers: NonZeroUsize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// The format of the access log; overrides the file.
    #[must_use]
    pub fn access_log(mut self, format: AccessLog) -> Self {
        self.access_log = Some(format);
        self
    }

    /// The format of the access log when neither the file nor [`access_log`](Self::access_log) says. Default: [`AccessLog::Off`].
    #[must_use]
    pub fn access_log_by_default(mut self, format: AccessLog) -> Self {
        self.unset_access_log = format;
        self
    }

    /// The file that access records are appended to, relative to the current folder. Default: standard output.
    #[must_use]
    pub fn log_file(mut self, path: impl AsRef<Path>) -> Self {
        self.log_file = Some(path.as_ref().to_owned());
        self
    }

    /// Most memory for files held, in bytes; 0 holds nothing. Default: 256 MiB.
    #[must_use]
    pub fn cache_memory(mut self, bytes: u64) -> Self {
        self.cache_memory = Some(bytes);
        self
    }

    /// Judges it all.
    ///
    /// # Errors
    /// All that is wrong, each with its place and the next step.
    pub fn build(self) -> Result<Config, ConfigError> {
        let mut config = match &self.written {
            Written::Nowhere => self.resolve_settings()?,
            Written::File(path) => self.resolve_text(read(path)?, path)?,
            Written::Text(text, path) => self.resolve_text(text.clone(), path)?,
        };
        if !self.listen.is_empty() {
            let is_all_tls = config.listen.iter().all(Listen::is_tls);
            let tls = config.listen.first().and_then(|listen| listen.tls.clone());
            let tls = tls.filter(|_| is_all_tls);
            let plain = self.listen.into_iter().map(Listen::from);
            config.listen = plain
                .map(|listen| Listen {
                    tls: tls.clone(),
                    ..listen
                })
                .collect();
        }
        if !self.certificates.is_empty() {
            let tls = own_tls(self.certificates)?;
            for listen in &mut config.listen {
                listen.tls = Some(tls.clone());
            }
        }
        config.admin.listen_instead(self.admin)?;
        config.workers = self.workers.or(config.workers);
        config.log.access = self.access_log.unwrap_or(config.log.access);
        config.log.syslog = config.log.syslog.filter(|_| self.log_file.is_none());
        config.log.file = self
            .log_file
            .map(|path| resolve::absolute(&path))
            .or(config.log.file);
        config.cache.memory = self.cache_memory.unwrap_or(config.cache.memory);
        Ok(config)
    }

    fn resolve_settings(&self) -> Result<Config, ConfigError> {
        if self.docroot.is_none() && self.site.route.is_empty() {
            return Err(Problem::new("there is nothing to serve")
                .help("give a docroot, or a configuration file")
                .into());
        }
        // A path need not be UTF-8, which a value of the file is; so the docroot is the base, and the docroot relative to it is `.`.
        let base = resolve::absolute(self.docroot.as_deref().unwrap_or(Path::new(".")));
        let docroot = self.docroot.as_ref().map(|_| text("."));
        let mut site = Site {
            docroot: docroot.clone(),
            ..self.site.clone()
        };
        for route in &mut site.route {
            if route.path.get_ref() == "/" {
                route.docroot.clone_from(&docroot);
            }
        }
        let file = File {
            site: vec![Spanned::new(NOWHERE, site)],
            ..File::default()
        };
        resolve::resolve(file, &base, self.unset_access_log)
            .map_err(|problems| ConfigError::new(problems, None))
    }

    fn resolve_text(&self, text: String, path: &Path) -> Result<Config, ConfigError> {
        let mut problems: Vec<Problem> = self
            .site_settings
            .iter()
            .map(|(flag, table, line)| beside_a_file(flag, table, line, path))
            .collect();
        let folder = resolve::absolute(path)
            .parent()
            .map_or_else(|| PathBuf::from("/"), Path::to_owned);
        let resolved = parse::parse(&text).and_then(|file| {
            let shown = Shown::new(resolve::absolute(path), &text, &file);
            let mut config = resolve::resolve(file, &folder, self.unset_access_log)?;
            config.shown = Arc::new(shown);
            Ok(config)
        });
        match resolved {
            Ok(config) if problems.is_empty() => Ok(config),
            other => {
                problems.extend(other.err().unwrap_or_default());
                Err(ConfigError::new(problems, Some(Source::new(path, text))))
            }
        }
    }

    fn note_certificate(&mut self, flag: &'static str, [cert, key]: &[String; 2]) {
        let lines = format!("cert = {cert:?}` and `key = {key:?}");
        self.site_settings.push((flag, "[[certificate]]", lines));
    }

    fn note(&mut self, flag: &'static str, line: impl Into<String>) {
        self.site_settings.push((flag, "[[site]]", line.into()));
    }
}

fn text(text: impl Into<String>) -> Text {
    Text::new(NOWHERE, text.into())
}
