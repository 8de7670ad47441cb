//! `daemun serve`: the default verb.
//!
//! 1. Flags and file become a configuration.
//! 2. Addresses are bound, so that what is told at the start is true.
//! 3. It is told.
//! 4. Serve until a signal.
//! 5. Drain until all is answered, the deadline has passed, or a second signal comes.

mod args;
mod hint;
mod self_signed;

use std::{
    error::Error,
    io,
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use daemun::{Config, ListenAddress, Listener, Server};
use tokio::{runtime, sync::Notify};

pub(crate) use self::args::ServeArgs;
use self::self_signed::SelfSigned;
use super::{diagnostics, report, signals::Signals, welcome};

/// A person wonders by then why nothing happens.
const DRAIN_IS_LONG: Duration = Duration::from_millis(300);

pub(crate) fn run(args: &ServeArgs) -> ExitCode {
    diagnostics::start(match (args.quiet, args.verbose) {
        (true, _) => diagnostics::Level::Errors,
        (false, 0) => diagnostics::Level::Warnings,
        (false, 1) => diagnostics::Level::Details,
        (false, _) => diagnostics::Level::Everything,
    });
    let content = args.content();
    let own = if args.tls_self_signed {
        match SelfSigned::take_or_make() {
            Ok(own) => Some(own),
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::FAILURE;
            }
        }
    } else {
        None
    };
    let config = match args.configure(&content, own.as_ref()) {
        Ok(config) => config,
        Err(error) => {
            report(&error, content.file());
            if let Some(hint) = hint::hint(args) {
                eprintln!("  help: {hint}");
            }
            return ExitCode::FAILURE;
        }
    };
    match start(args, &config, (content.file(), own.as_ref())) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(
    args: &ServeArgs,
    config: &Config,
    origin: (Option<&Path>, Option<&SelfSigned>),
) -> Result<ExitCode, Box<dyn Error>> {
    // The workers have runtimes of their own; this one waits for signals.
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(serve(args, config, origin));
    // Not waited for: after a second signal there may be work left, and it is not wanted any more.
    runtime.shutdown_background();
    code
}

async fn serve(
    args: &ServeArgs,
    config: &Config,
    (file, own): (Option<&Path>, Option<&SelfSigned>),
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
        if let Some(own) = own {
            own.tell();
        }
    }
    if args.open {
        open_browser(config, &addresses);
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
    std::future::pending::<()>().await;
}

/// A browser that does not open is no reason not to serve.
fn open_browser(config: &Config, addresses: &[ListenAddress]) {
    let Some(url) = welcome::local_url(config, addresses) else {
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
