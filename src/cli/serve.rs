//! `daemun serve`: the default verb.
//!
//! 1. flags and file → configuration; 2. addresses are bound, so that what is told at the start is true; 3. it is told; 4. serve until a
//! signal; 5. drain until all is answered, the deadline has passed, or a second signal comes.

use std::{
    error::Error,
    io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use clap::{
    Args, ValueHint,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use daemun::{
    AccessLog, Config, ConfigBuilder, ConfigError, ListenAddress, Listener, Server, SymlinkPolicy,
};
use tokio::{runtime, sync::Notify};

use super::{CONFIG_FILE, diagnostics, report, signals::Signals, welcome};

const CONTENT: &str = "Content";
const NETWORK: &str = "Network";
const OUTPUT: &str = "Output";

// One flag a field: that is what a command line is.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The folder to serve [default: what `daemun.toml` says if it is here, else ./public, else this folder]
    #[arg(value_hint = ValueHint::DirPath, conflicts_with = "config")]
    root: Option<PathBuf>,

    /// Read a configuration file; only --listen, --workers and --access-log go with it
    #[arg(short, long, value_name = "FILE", help_heading = CONTENT, value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,

    /// For single-page applications: answer visits to missing paths with FILE [default: index.html]
    #[arg(long, value_name = "FILE", help_heading = CONTENT, num_args = 0..=1, require_equals = true, default_missing_value = "index.html")]
    spa: Option<String>,

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

    /// Let scripts of ORIGIN read the responses [default: any origin]; may be repeated
    #[arg(long, value_name = "ORIGIN", help_heading = CONTENT, num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    cors: Vec<String>,

    /// Set a field on every response; may be repeated
    #[arg(long, value_name = "NAME: VALUE", help_heading = CONTENT, value_parser = field)]
    header: Vec<(String, String)>,

    /// Set Cache-Control for all files [default: immutable for fingerprinted names, else no-cache]
    #[arg(long, value_name = "VALUE", help_heading = CONTENT)]
    cache_control: Option<String>,

    /// Listen on ADDR: 8080, :8080 (every interface), 127.0.0.1:8080, [::1]:8080, unix:PATH; may be repeated
    /// [default: 127.0.0.1:8080]
    #[arg(short, long, value_name = "ADDR", help_heading = NETWORK)]
    listen: Vec<ListenAddress>,

    /// Serve with N threads [default: one for each core]
    #[arg(long, value_name = "N", help_heading = NETWORK)]
    workers: Option<NonZeroUsize>,

    /// Open the browser
    #[arg(long, help_heading = NETWORK)]
    open: bool,

    /// Log requests to standard output [default: combined]
    #[arg(long, value_name = "FORMAT", help_heading = OUTPUT,
        value_parser = PossibleValuesParser::new(["combined", "json", "off"]).try_map(|word| word.parse::<AccessLog>()))]
    access_log: Option<AccessLog>,

    /// Tell errors only; log requests only if --access-log is given
    #[arg(short, long, help_heading = OUTPUT, conflicts_with = "verbose")]
    quiet: bool,

    /// Tell of each connection; twice: tell everything
    #[arg(short, long, help_heading = OUTPUT, action = clap::ArgAction::Count)]
    verbose: u8,
}

pub(crate) fn run(args: &ServeArgs) -> ExitCode {
    diagnostics::start(match (args.quiet, args.verbose) {
        (true, _) => diagnostics::Level::Errors,
        (false, 0) => diagnostics::Level::Warnings,
        (false, 1) => diagnostics::Level::Details,
        (false, _) => diagnostics::Level::Everything,
    });
    let content = args.content();
    let config = match args.configure(&content) {
        Ok(config) => config,
        Err(error) => {
            report(&error, content.file());
            if let Some(hint) = hint(args) {
                eprintln!("  help: {hint}");
            }
            return ExitCode::FAILURE;
        }
    };
    match start(args, &config, content.file()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A person wonders by then why nothing happens.
const DRAIN_IS_LONG: Duration = Duration::from_millis(300);

/// What to serve.
enum Content {
    File(PathBuf),
    Folder(PathBuf),
}

impl Content {
    fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Folder(_) => None,
        }
    }
}

impl ServeArgs {
    fn content(&self) -> Content {
        if let Some(file) = &self.config {
            Content::File(file.clone())
        } else if let Some(root) = &self.root {
            Content::Folder(root.clone())
        } else if Path::new(CONFIG_FILE).is_file() {
            Content::File(CONFIG_FILE.into())
        } else if Path::new("public").is_dir() {
            Content::Folder("public".into())
        } else {
            Content::Folder(".".into())
        }
    }

    fn configure(&self, content: &Content) -> Result<Config, ConfigError> {
        let mut builder = match content {
            Content::File(file) => Config::builder().file(file),
            Content::Folder(root) => Config::builder().docroot(root),
        };
        builder = self.site_settings(builder);
        for address in &self.listen {
            builder = builder.listen(address.clone());
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
        for origin in &self.cors {
            builder = builder.cors(origin);
        }
        for (name, value) in &self.header {
            builder = builder.header(name, value);
        }
        if let Some(value) = &self.cache_control {
            builder = builder.cache_control(value);
        }
        builder
    }
}

/// `Name: value`
fn field(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        None => Err("write it as 'Name: value'".to_owned()),
    }
}

/// What was likely meant by a root that is no folder.
fn hint(args: &ServeArgs) -> Option<String> {
    let root = args.root.as_deref().filter(|root| !root.is_dir())?;
    let word = root.to_str()?;
    if args.spa.is_some() {
        return Some(format!(
            "the file of --spa follows an equals sign: --spa={word}"
        ));
    }
    if !args.cors.is_empty() && word.contains("://") {
        return Some(format!(
            "the origin of --cors follows an equals sign: --cors={word}"
        ));
    }
    if root.is_file()
        && root
            .extension()
            .is_some_and(|extension| extension == "toml")
    {
        return Some(format!("to read it as the configuration: daemun -c {word}"));
    }
    if word.parse::<ListenAddress>().is_ok() {
        return Some(format!("to listen there: daemun -l {word}"));
    }
    let is_near = |verb: &&str| strsim::damerau_levenshtein(verb, word) <= 2;
    let verb = ["serve", "check", "completions", "help"]
        .into_iter()
        .find(is_near)?;
    Some(format!("for the command: daemun {verb}"))
}

fn start(
    args: &ServeArgs,
    config: &Config,
    file: Option<&Path>,
) -> Result<ExitCode, Box<dyn Error>> {
    // The workers have runtimes of their own; this one waits for signals.
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(serve(args, config, file));
    // Not waited for: after a second signal there may be work left, and it is not wanted any more.
    runtime.shutdown_background();
    code
}

async fn serve(
    args: &ServeArgs,
    config: &Config,
    file: Option<&Path>,
) -> Result<ExitCode, Box<dyn Error>> {
    let mut signals = Signals::watch()?;
    let listeners = config
        .listen()
        .iter()
        .map(Listener::bind)
        .collect::<Result<Vec<_>, _>>()?;
    let server = Server::new(config)?;
    let addresses: Vec<_> = listeners.iter().map(Listener::local_address).collect();
    if !args.quiet {
        welcome::tell(config, &addresses, file);
    }
    if args.open {
        open_browser(&addresses);
    }

    let stop = Notify::new();
    let serving = server.serve_with_workers(listeners, config.workers(), stop.notified());
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => return Ok(ended.map(|()| ExitCode::SUCCESS)?),
        _ = signals.next() => stop.notify_one(),
    }
    // Told only when there is something to wait for.
    let told = tell_of_drain(args.quiet);
    tokio::pin!(told);
    loop {
        tokio::select! {
            ended = &mut serving => return Ok(ended.map(|()| ExitCode::SUCCESS)?),
            signal = signals.next() => return Ok(signal.exit_code()),
            () = &mut told => {}
        }
    }
}

async fn tell_of_drain(quiet: bool) {
    tokio::time::sleep(DRAIN_IS_LONG).await;
    if !quiet {
        eprintln!("waiting for open responses to end; Ctrl+C once more stops at once");
    }
    std::future::pending().await
}

/// A browser that does not open is no reason not to serve.
fn open_browser(addresses: &[ListenAddress]) {
    let Some(url) = welcome::local_url(addresses) else {
        tracing::warn!("a browser cannot open a Unix socket");
        return;
    };
    let mut command = Command::new("xdg-open");
    command
        .arg(&url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let opened: io::Result<()> = command.spawn().map(|mut child| {
        // Somebody has to take note of its end.
        std::thread::spawn(move || child.wait());
    });
    if let Err(error) = opened {
        tracing::warn!("cannot open {url} with `xdg-open`: {error}");
    }
}
