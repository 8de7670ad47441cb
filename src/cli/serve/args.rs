//! The flags of `daemun serve`, and the configuration that they and the file come to.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use clap::{
    Args, ValueHint,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use daemun::{AccessLog, Config, ConfigBuilder, ConfigError, ListenAddress, SymlinkPolicy};

use super::self_signed::SelfSigned;
use crate::cli::CONFIG_FILE;

const CONTENT: &str = "Content";
const NETWORK: &str = "Network";
const OUTPUT: &str = "Output";

// One flag a field: that is what a command line is.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The folder to serve [default: what `daemun.toml` says if it is here, else ./public, else this folder]
    #[arg(value_hint = ValueHint::DirPath, conflicts_with = "config")]
    pub(super) root: Option<PathBuf>,

    /// Read a configuration file; only --listen, --admin, --workers and --access-log go with it
    #[arg(short, long, value_name = "FILE", help_heading = CONTENT, value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,

    /// For single-page applications: answer visits to missing paths with FILE [default: index.html]
    #[arg(long, value_name = "FILE", help_heading = CONTENT, num_args = 0..=1, require_equals = true, default_missing_value = "index.html")]
    pub(super) spa: Option<String>,

    /// Answer /page with page.html
    #[arg(long, help_heading = CONTENT)]
    clean_urls: bool,

    /// List folders that have no index.html
    #[arg(long, help_heading = CONTENT)]
    listing: bool,

    /// Serve names that begin with a dot, such as .env (/.well-known/ always is)
    #[arg(long, help_heading = CONTENT)]
    hidden: bool,

    /// Follow symbolic links: within the root [default], none, or all
    #[arg(long, value_name = "POLICY", help_heading = CONTENT,
        value_parser = PossibleValuesParser::new(["within-root", "deny", "follow"]).try_map(|word| word.parse::<SymlinkPolicy>()))]
    symlinks: Option<SymlinkPolicy>,

    /// Send files as they are: do not compress those without a .br, .zst or .gz file beside them
    #[arg(long, help_heading = CONTENT)]
    no_compress: bool,

    /// Let scripts of ORIGIN read the responses [default: any origin]; may be repeated
    #[arg(long, value_name = "ORIGIN", help_heading = CONTENT, num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    pub(super) cors: Vec<String>,

    /// Set a field on every response; may be repeated
    #[arg(long, value_name = "NAME: VALUE", help_heading = CONTENT, value_parser = field)]
    header: Vec<(String, String)>,

    /// Set Cache-Control for all files [default: immutable for fingerprinted names, else no-cache]
    #[arg(long, value_name = "VALUE", help_heading = CONTENT)]
    cache_control: Option<String>,

    /// Forward PATH and all below it to the server at URL [default: all that is no file]; may be repeated
    #[arg(long, value_name = "[PATH=]URL", help_heading = CONTENT, value_parser = proxied)]
    proxy: Vec<(String, String)>,

    #[arg(short, long, value_name = "ADDR", help_heading = NETWORK, help = "Listen on ADDR: 8080, :8080 (every interface), \
        127.0.0.1:8080, [::1]:8080, unix:PATH; may be repeated [default: 127.0.0.1:8080]")]
    listen: Vec<ListenAddress>,

    /// Speak TLS with the certificate (and its chain) in FILE, in PEM
    #[arg(long, value_name = "FILE", help_heading = NETWORK, requires = "tls_key", value_hint = ValueHint::FilePath)]
    tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert, in PEM
    #[arg(long, value_name = "FILE", help_heading = NETWORK, requires = "tls_cert", value_hint = ValueHint::FilePath)]
    tls_key: Option<PathBuf>,

    /// Speak TLS with a certificate made here, for development: browsers will warn of it
    #[arg(long, help_heading = NETWORK, conflicts_with_all = ["tls_cert", "tls_key", "config"])]
    pub(super) tls_self_signed: bool,

    /// Tell about the server (status page, metrics, health) at ADDR too: 9180, 127.0.0.1:9180, unix:PATH; may be repeated
    #[arg(long, value_name = "ADDR", help_heading = NETWORK)]
    admin: Vec<ListenAddress>,

    /// Serve with N threads [default: one for each core]
    #[arg(long, value_name = "N", help_heading = NETWORK)]
    workers: Option<NonZeroUsize>,

    /// Read the configuration file again whenever it changes
    #[arg(long, help_heading = CONTENT)]
    pub(super) watch: bool,

    /// Open the browser
    #[arg(long, help_heading = NETWORK)]
    pub(super) open: bool,

    /// Log requests to standard output [default: combined]
    #[arg(long, value_name = "FORMAT", help_heading = OUTPUT,
        value_parser = PossibleValuesParser::new(["combined", "json", "off"]).try_map(|word| word.parse::<AccessLog>()))]
    access_log: Option<AccessLog>,

    /// Tell errors only; log requests only if --access-log is given
    #[arg(short, long, help_heading = OUTPUT, conflicts_with = "verbose")]
    pub(super) quiet: bool,

    /// Tell of each connection; twice: tell everything
    #[arg(short, long, help_heading = OUTPUT, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

/// What to serve.
pub(super) enum Content {
    File(PathBuf),
    Folder(PathBuf),
    /// All is forwarded.
    Elsewhere,
}

impl Content {
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Folder(_) | Self::Elsewhere => None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Folder(path) => path,
            Self::Elsewhere => Path::new("."),
        }
    }
}

impl ServeArgs {
    pub(super) fn content(&self) -> Content {
        if let Some(file) = &self.config {
            Content::File(file.clone())
        } else if let Some(root) = &self.root {
            Content::Folder(root.clone())
        } else if Path::new(CONFIG_FILE).is_file() {
            Content::File(CONFIG_FILE.into())
        } else if Path::new("public").is_dir() {
            Content::Folder("public".into())
        } else if self.proxy.iter().any(|(path, _)| path == "/") {
            // An application's own folder: its source is not to be served.
            Content::Elsewhere
        } else {
            Content::Folder(".".into())
        }
    }

    /// `own` is the certificate of --tls-self-signed.
    pub(super) fn configure(
        &self,
        content: &Content,
        own: Option<&SelfSigned>,
    ) -> Result<Config, ConfigError> {
        let mut builder = match content {
            Content::File(file) => Config::builder().file(file),
            Content::Folder(root) => Config::builder().docroot(root),
            Content::Elsewhere => Config::builder(),
        };
        builder = self.site_settings(builder);
        for address in &self.listen {
            builder = builder.listen(address.clone());
        }
        for address in &self.admin {
            builder = builder.admin(address.clone());
        }
        if let (Some(cert), Some(key)) = (&self.tls_cert, &self.tls_key) {
            builder = builder.tls_certificate(cert, key);
        }
        if let Some(own) = own {
            builder = builder.tls_certificate_pem(&own.pem, &own.pem);
        }
        if let Some(workers) = self.workers {
            builder = builder.workers(workers);
        }
        if let Some(format) = self.access_log {
            builder = builder.access_log(format);
        }
        if !self.quiet {
            builder = builder.access_log_by_default(AccessLog::Combined);
        }
        builder.build()
    }

    /// Only what was given: beside a file, each of these is an error.
    fn site_settings(&self, mut builder: ConfigBuilder) -> ConfigBuilder {
        if let Some(file) = &self.spa {
            builder = builder.spa(file);
        }
        if self.clean_urls {
            builder = builder.clean_urls(true);
        }
        if self.listing {
            builder = builder.listing(true);
        }
        if self.hidden {
            builder = builder.hidden(true);
        }
        if let Some(policy) = self.symlinks {
            builder = builder.symlinks(policy);
        }
        if self.no_compress {
            builder = builder.compress(false);
        }
        for origin in &self.cors {
            builder = builder.cors(origin);
        }
        for (name, value) in &self.header {
            builder = builder.header(name, value);
        }
        for (path, url) in &self.proxy {
            builder = builder.proxy(path, url);
        }
        if let Some(value) = &self.cache_control {
            builder = builder.cache_control(value);
        }
        builder
    }
}

/// `/path=URL`, or the URL alone
fn proxied(text: &str) -> Result<(String, String), String> {
    // An exact path begins with an equals sign of its own.
    let own = usize::from(text.starts_with('='));
    let Some((path, url)) = text[own..].split_once('=') else {
        return Ok(("/".to_owned(), text.to_owned()));
    };
    let path = &text[..own + path.len()];
    if path.contains(':') {
        // The path of a socket.
        return Ok(("/".to_owned(), text.to_owned()));
    }
    if !path.starts_with(['/', '=', '*']) {
        return Err(format!("a path begins with a slash: '/{path}={url}'"));
    }
    Ok((path.to_owned(), url.to_owned()))
}

/// `Name: value`
fn field(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        None => Err("write it as 'Name: value'".to_owned()),
    }
}
