//! `daemun serve`: the default verb.
//!
//! 1. Flags and file become a configuration.
//! 2. Addresses are bound, so that what is told at the start is true.
//! 3. What is not needed any more is given up: files outside of the configuration, the rights of root.
//! 4. It is told.
//! 5. Serve until a signal.
//! 6. Drain until all is answered, the deadline has passed, or a second signal comes.

mod args;
mod hint;

use std::{
    error::Error,
    io,
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use daemun::{Config, ListenAddress, Listener, Sandbox, SandboxOutcome, ServeError, Server};
use tokio::{runtime, sync::Notify};

pub(crate) use self::args::ServeArgs;
use super::{
    diagnostics, report,
    signals::Signals,
    sockets::PassedSockets,
    supervisor::{self, Moment},
    welcome,
};

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
    let config = match args.configure(&content) {
        Ok(config) => config,
        Err(error) => {
            report(&error, content.file());
            if let Some(hint) = hint::hint(args) {
                eprintln!("  help: {hint}");
            }
            return ExitCode::FAILURE;
        }
    };
    let passed = PassedSockets::take();
    match start(args, &config, content.file(), passed) {
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
    file: Option<&Path>,
    passed: PassedSockets,
) -> Result<ExitCode, Box<dyn Error>> {
    // The workers have runtimes of their own; this one waits for signals.
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(serve(args, config, file, passed));
    // Not waited for: after a second signal there may be work left, and it is not wanted any more.
    runtime.shutdown_background();
    code
}

async fn serve(
    args: &ServeArgs,
    config: &Config,
    file: Option<&Path>,
    passed: PassedSockets,
) -> Result<ExitCode, Box<dyn Error>> {
    let mut signals = Signals::watch()?;
    // How many there are is asked of files that may be out of reach later.
    let workers = config.workers();
    let listeners = passed.listen(config)?;
    enter_sandbox(config, file)?;
    let server = Server::new(config)?;
    let addresses: Vec<_> = listeners.iter().map(Listener::local_address).collect();
    let listeners = Listener::for_workers(listeners, workers)?;
    daemun::drop_privileges(config)?;
    if !args.quiet {
        welcome::tell(config, &addresses, file);
    }
    if args.open {
        open_browser(&addresses);
    }

    let stop = Notify::new();
    let serving = server.serve_with_workers(listeners, workers, stop.notified());
    let watch = supervisor::keep_watch();
    tokio::pin!(serving, watch);
    supervisor::tell(Moment::Ready);
    tokio::select! {
        ended = &mut serving => return Ok(ended.map(|()| ExitCode::SUCCESS)?),
        _ = signals.next() => stop.notify_one(),
        () = &mut watch => {}
    }
    supervisor::tell(Moment::Stopping);
    // Told only when there is something to wait for.
    let told = tell_of_drain(args.quiet);
    tokio::pin!(told);
    loop {
        tokio::select! {
            ended = &mut serving => return Ok(ended.map(|()| ExitCode::SUCCESS)?),
            signal = signals.next() => return Ok(signal.exit_code()),
            () = &mut told => {}
            () = &mut watch => {}
        }
    }
}

/// From here on, only what the configuration names can be reached; the configuration itself too, to be read again.
fn enter_sandbox(config: &Config, file: Option<&Path>) -> Result<(), ServeError> {
    let mut sandbox = Sandbox::new(config);
    if let Some(folder) =
        file.and_then(|file| std::path::absolute(file).ok()?.parent().map(Path::to_owned))
    {
        sandbox = sandbox.readable(folder);
    }
    if sandbox.enter()? == SandboxOutcome::Unavailable {
        tracing::warn!("the kernel has no Landlock: `sandbox` holds nothing back");
    }
    Ok(())
}

async fn tell_of_drain(quiet: bool) {
    tokio::time::sleep(DRAIN_IS_LONG).await;
    if !quiet {
        eprintln!("waiting for open responses to end; Ctrl+C once more stops at once");
    }
    std::future::pending::<()>().await;
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
