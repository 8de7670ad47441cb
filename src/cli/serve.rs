//! `daemun serve`: the default verb.
//!
//! 1. Flags and file become a configuration.
//! 2. Addresses are bound, or taken over from systemd or from the process that this one replaces, so that what is told at the start is
//!    true.
//! 3. What is not needed any more is given up: files outside of the configuration, the rights of root.
//! 4. It is told.
//! 5. Serve; reload, reopen and upgrade as asked, until a signal, or until another process has taken over.
//! 6. Drain until all is answered, the deadline has passed, or a second signal comes.

mod args;
mod hint;
mod operator;
mod self_signed;
mod upgrade;
mod watch;

use std::{
    convert::Infallible,
    error::Error,
    future::Future,
    io,
    num::NonZeroUsize,
    path::{self, Path},
    pin::{Pin, pin},
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use daemun::{
    AdminServer, Config, ConfigError, Listener, Sandbox, SandboxOutcome, ServeError, Server,
    Takeover,
};
use tokio::{runtime, sync::Notify};

pub(crate) use self::args::ServeArgs;
use self::{
    args::Content, operator::Operator, self_signed::SelfSigned, upgrade::Program, watch::Watch,
};
use super::{
    control::{self, Control},
    descriptors, diagnostics, report_text, say,
    signals::{Asked, Signals},
    sockets::PassedSockets,
    supervisor::{self, Moment},
    welcome::{self, Spoken},
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
    descriptors::raise();
    let mut takeover = match upgrade::from_parent() {
        Ok(takeover) => takeover,
        Err(error) => {
            eprintln!("error: cannot take over from the running server: {error}");
            return ExitCode::FAILURE;
        }
    };
    let passed = PassedSockets::take();
    let content = args.content();
    start(args, &content, passed, &mut takeover).unwrap_or_else(|message| {
        say(&message);
        if let Some(takeover) = takeover {
            // Where nobody hears it, the running server sees the end of this process.
            let _ = takeover.refuse(&message);
        }
        ExitCode::FAILURE
    })
}

/// An error is a message for the person.
fn start(
    args: &ServeArgs,
    content: &Content,
    passed: PassedSockets,
    takeover: &mut Option<Takeover>,
) -> Result<ExitCode, String> {
    let own = args
        .tls_self_signed
        .then(SelfSigned::take_or_make)
        .transpose()
        .map_err(|error| format!("error: {error}"))?;
    let origin = Origin {
        args,
        content,
        own: own.as_ref(),
    };
    let config = origin.configure().map_err(|error| {
        let text = report_text(&error, content.file());
        match hint::hint(args) {
            Some(hint) => format!("{text}\n  help: {hint}"),
            None => text,
        }
    })?;
    if args.watch && content.file().is_none() {
        return Err("error: `--watch` is for a configuration file, and none is read here\n  help: files that are served need no watching: a changed file is sent changed".to_owned());
    }
    let told = |error: Box<dyn Error>| format!("error: {error}");
    // The workers have runtimes of their own; this one waits for signals.
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| told(error.into()))?;
    let code = runtime.block_on(serve(origin, &config, passed, takeover));
    // Not waited for: after a second signal there may be work left, and it is not wanted any more.
    runtime.shutdown_background();
    code.map_err(told)
}

/// What the configuration is made of, now and at each reload.
#[derive(Clone, Copy)]
struct Origin<'a> {
    args: &'a ServeArgs,
    content: &'a Content,
    /// The certificate of `--tls-self-signed`.
    own: Option<&'a SelfSigned>,
}

impl Origin<'_> {
    fn configure(self) -> Result<Config, ConfigError> {
        self.args.configure(self.content, self.own)
    }
}

async fn serve(
    origin: Origin<'_>,
    config: &Config,
    passed: PassedSockets,
    takeover: &mut Option<Takeover>,
) -> Result<ExitCode, Box<dyn Error>> {
    let signals = Signals::watch()?;
    let program = Program::remember()?;
    let (prepared, admin) = prepare(origin.content, config, passed, takeover)?;
    let operator = Operator::new(origin, config, prepared.server.handle(), program);
    let left = serve_prepared(origin, config, prepared, operator, (signals, takeover)).await;
    // As long as anything goes on it can be asked, and then its socket's file goes.
    admin.end().await;
    left
}

async fn serve_prepared(
    origin: Origin<'_>,
    config: &Config,
    prepared: Prepared,
    operator: Operator<'_>,
    (mut signals, takeover): (Signals, &mut Option<Takeover>),
) -> Result<ExitCode, Box<dyn Error>> {
    let Origin { args, content, own } = origin;
    let watch = Watch::new(content.file().filter(|_| args.watch));
    let Prepared {
        listeners,
        workers,
        addresses,
        admin_addresses,
        server,
        mut control,
    } = prepared;
    if !args.quiet {
        welcome::tell(config, (&addresses, &admin_addresses), content.file());
        if let Some(own) = own {
            own.tell();
        }
    }
    let stop = Notify::new();
    let serving = server.serve_with_workers(listeners, workers, stop.notified());
    let (mut serving, mut alive) = (pin!(serving), pin!(supervisor::keep_watch()));
    // Its first step starts the workers.
    tokio::select! {
        biased;
        ended = &mut serving => return Ok(ended.map(|()| ExitCode::SUCCESS)?),
        () = std::future::ready(()) => {}
    }
    if let Some(takeover) = takeover.take() {
        control = open_control(content);
        takeover.ready()?;
    } else if args.open {
        open_browser(&addresses);
    }
    supervisor::tell(Moment::Ready);
    let operation = operate(operator, &mut signals, control, watch, serving.as_mut());
    let left = tokio::select! {
        left = operation => left,
        never = &mut alive => match never {},
    };
    match left {
        Left::Ended(ended) => return Ok(ended.map(|()| ExitCode::SUCCESS)?),
        Left::Asked => supervisor::tell(Moment::Stopping),
        // It is for the new process to speak now.
        Left::Replaced => {}
    }
    stop.notify_one();
    tokio::select! {
        ended = serving => Ok(ended.map(|()| ExitCode::SUCCESS)?),
        signal = signals.next_stop() => Ok(signal.exit_code()),
        // Told only when there is something to wait for.
        never = tell_of_drain(args.quiet) => match never {},
        never = alive => match never {},
    }
}

/// Everything that serving takes.
struct Prepared {
    listeners: Vec<Listener>,
    workers: NonZeroUsize,
    addresses: Vec<Spoken>,
    /// Of the configuration.
    admin_addresses: Vec<Spoken>,
    server: Server,
    control: Option<Control>,
}

/// Steps 2 and 3.
fn prepare(
    content: &Content,
    config: &Config,
    passed: PassedSockets,
    takeover: &mut Option<Takeover>,
) -> Result<(Prepared, AdminServer), ServeError> {
    // How many there are is asked of files that may be out of reach later.
    let workers = config.workers();
    let (listeners, told_at) = match takeover {
        Some(takeover) => (
            takeover.listeners(config)?,
            takeover.admin_listeners(config)?,
        ),
        None => (passed.listen(config)?, AdminServer::bind(config)?),
    };
    enter_sandbox(config, content)?;
    let server = Server::new(config)?;
    let addresses = welcome::spoken(&listeners);
    // Before it is told that the server listens: then it can be asked. As long as another one serves, it is that one that is asked.
    let control = match takeover {
        Some(_) => None,
        None => open_control(content),
    };
    let admin_addresses = welcome::spoken(&told_at);
    let admin = start_admin(&server, told_at)?;
    let listeners = Listener::for_workers(listeners, workers)?;
    daemun::drop_privileges(config)?;
    let prepared = Prepared {
        listeners,
        workers,
        addresses,
        admin_addresses,
        server,
        control,
    };
    Ok((prepared, admin))
}

/// At the configured addresses, and for `daemun status` and its like at a socket of its own.
fn start_admin(server: &Server, mut listeners: Vec<Listener>) -> Result<AdminServer, ServeError> {
    let own = control::admin_address()
        .map_err(|error| error.to_string())
        .and_then(|at| AdminServer::bind_own(&at).map_err(|error| error.to_string()));
    match own {
        Ok(own) => listeners.push(own),
        Err(error) => {
            tracing::warn!(
                "`daemun status`, `top` and `explain` will not find this server: {error}"
            );
        }
    }
    AdminServer::start(&server.handle(), listeners)
}

/// From here on, only what the configuration names can be reached; the configuration itself too, to be read again, and the control
/// socket.
fn enter_sandbox(config: &Config, content: &Content) -> Result<(), ServeError> {
    let mut sandbox = Sandbox::new(config);
    let file = content.file().and_then(|file| path::absolute(file).ok());
    if let Some(folder) = file.as_deref().and_then(Path::parent) {
        sandbox = sandbox.readable(folder);
    }
    // Without one, there will be no socket, which is told when it is opened.
    if let Ok(folder) = control::open_folder() {
        sandbox = sandbox.sockets_in(folder);
    }
    if sandbox.enter()? == SandboxOutcome::Unavailable {
        tracing::warn!("the kernel has no Landlock: `sandbox` holds nothing back");
    }
    Ok(())
}

/// Why there is nothing more to do but to drain.
enum Left {
    Ended(Result<(), ServeError>),
    Asked,
    /// Another process has taken over.
    Replaced,
}

/// Does what is asked until it is to stop.
async fn operate(
    mut operator: Operator<'_>,
    signals: &mut Signals,
    mut control: Option<Control>,
    mut watch: Watch,
    mut serving: Pin<&mut impl Future<Output = Result<(), ServeError>>>,
) -> Left {
    loop {
        let commands = async {
            match &mut control {
                Some(control) => control.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = &mut serving => return Left::Ended(ended),
            () = operator.upgraded() => return Left::Replaced,
            asked = signals.next() => match asked {
                Asked::Stop(_) => return Left::Asked,
                Asked::Reload => drop(operator.reload()),
                Asked::ReopenLog => operator.reopen_log(),
                Asked::Upgrade => operator.begin_upgrade(None),
            },
            (command, client) = commands => operator.command(command, client),
            () = watch.changed() => drop(operator.reload()),
        }
    }
}

/// A server that cannot be asked by command can be by signal.
fn open_control(content: &Content) -> Option<Control> {
    Control::open(content.file())
        .map_err(|error| {
            tracing::warn!("`daemun reload` and `daemun upgrade` will not find this server; signals will: {error}");
        })
        .ok()
}

async fn tell_of_drain(quiet: bool) -> Infallible {
    tokio::time::sleep(DRAIN_IS_LONG).await;
    if !quiet {
        say("waiting for open responses to end; Ctrl+C once more stops at once");
    }
    std::future::pending().await
}

/// A browser that does not open is no reason not to serve.
fn open_browser(addresses: &[Spoken]) {
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
