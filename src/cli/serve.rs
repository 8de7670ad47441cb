//! `daemun serve`: the default verb.
//!
//! 1. Flags and file become a configuration.
//! 2. Addresses are bound, or taken over from the process that this one replaces, so that what is told at the start is true.
//! 3. It is told.
//! 4. Serve; reload, reopen and upgrade as asked, until a signal, or until another process has taken over.
//! 5. Drain until all is answered, the deadline has passed, or a second signal comes.

mod args;
mod hint;
mod operator;
mod self_signed;
mod upgrade;
mod watch;

use std::{
    error::Error,
    future::Future,
    io,
    pin::Pin,
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use daemun::{Config, ConfigError, Listener, ServeError, Server, Takeover};
use tokio::{runtime, sync::Notify};

pub(crate) use self::args::ServeArgs;
use self::{
    args::Content, operator::Operator, self_signed::SelfSigned, upgrade::Program, watch::Watch,
};
use super::{
    control::Control,
    diagnostics, report_text, say,
    signals::{Asked, Signals},
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
    let mut takeover = match upgrade::from_parent() {
        Ok(takeover) => takeover,
        Err(error) => {
            eprintln!("error: cannot take over from the running server: {error}");
            return ExitCode::FAILURE;
        }
    };
    let content = args.content();
    start(args, &content, &mut takeover).unwrap_or_else(|message| {
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
    let code = runtime.block_on(serve(origin, &config, takeover));
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
    takeover: &mut Option<Takeover>,
) -> Result<ExitCode, Box<dyn Error>> {
    let Origin { args, content, own } = origin;
    let mut signals = Signals::watch()?;
    let program = Program::remember()?;
    let watch = Watch::new(content.file().filter(|_| args.watch));
    let listeners = match takeover {
        Some(takeover) => takeover.listeners(config)?,
        None => config
            .listen()
            .iter()
            .map(Listener::bind)
            .collect::<Result<_, _>>()?,
    };
    let server = Server::new(config)?;
    let addresses = welcome::spoken(&listeners);
    // Before it is told that the server listens: then it can be asked. As long as another one serves, it is that one that is asked.
    let mut control = match takeover {
        Some(_) => None,
        None => open_control(content),
    };
    if !args.quiet {
        welcome::tell(config, &addresses, content.file());
        if let Some(own) = own {
            own.tell();
        }
    }
    let operator = Operator::new(origin, config, server.handle(), program);
    let stop = Notify::new();
    let serving = server.serve_with_workers(listeners, config.workers(), stop.notified());
    let mut serving = std::pin::pin!(serving);
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
    if let Some(ended) = operate(operator, &mut signals, control, watch, serving.as_mut()).await {
        return Ok(ended.map(|()| ExitCode::SUCCESS)?);
    }
    supervisor::tell(Moment::Stopping);
    stop.notify_one();
    // Told only when there is something to wait for.
    let told = tell_of_drain(args.quiet);
    tokio::pin!(told);
    loop {
        tokio::select! {
            ended = &mut serving => return Ok(ended.map(|()| ExitCode::SUCCESS)?),
            signal = signals.next_stop() => return Ok(signal.exit_code()),
            () = &mut told => {}
        }
    }
}

/// Does what is asked until it is to stop; `Some` when the server has ended by itself.
async fn operate(
    mut operator: Operator<'_>,
    signals: &mut Signals,
    mut control: Option<Control>,
    mut watch: Watch,
    mut serving: Pin<&mut impl Future<Output = Result<(), ServeError>>>,
) -> Option<Result<(), ServeError>> {
    loop {
        let commands = async {
            match &mut control {
                Some(control) => control.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = &mut serving => return Some(ended),
            () = operator.upgraded() => return None,
            asked = signals.next() => match asked {
                Asked::Stop(_) => return None,
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

async fn tell_of_drain(quiet: bool) {
    tokio::time::sleep(DRAIN_IS_LONG).await;
    if !quiet {
        say("waiting for open responses to end; Ctrl+C once more stops at once");
    }
    std::future::pending::<()>().await;
}

/// A browser that does not open is no reason not to serve.
fn open_browser(addresses: &[welcome::Spoken]) {
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
