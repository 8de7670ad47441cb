//! What a person or a supervisor tells the server by signals.
//!
//! | signal | |
//! |---|---|
//! | SIGTERM, SIGINT (Ctrl+C), SIGQUIT | drain, and end; a second one ends at once |
//! | SIGHUP | read the configuration again; where the terminal was closed: as SIGTERM |
//! | SIGUSR1 | open the access log's file again |
//! | SIGUSR2 | have a new process of the program take over |

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Those above, from the moment of [`Signals::watch`] on.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    quit: Signal,
    hang_up: Signal,
    user_1: Signal,
    user_2: Signal,
    has_terminal: bool,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    Stop(StopSignal),
    Reload,
    ReopenLog,
    Upgrade,
}

/// One of those that end the server.
#[derive(Clone, Copy, Debug)]
pub(super) enum StopSignal {
    HangUp,
    Interrupt,
    Quit,
    Terminate,
}

impl Signals {
    /// Takes them over from the system, whose own answer would be the end of the process.
    pub(super) fn watch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            hang_up: signal(SignalKind::hangup())?,
            user_1: signal(SignalKind::user_defined1())?,
            user_2: signal(SignalKind::user_defined2())?,
            has_terminal: io::stderr().is_terminal(),
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Stop(StopSignal::Interrupt),
            _ = self.terminate.recv() => Asked::Stop(StopSignal::Terminate),
            _ = self.quit.recv() => Asked::Stop(StopSignal::Quit),
            _ = self.user_1.recv() => Asked::ReopenLog,
            _ = self.user_2.recv() => Asked::Upgrade,
            _ = self.hang_up.recv() => {
                // The system says the same when the window is closed that the server was started in: it is not to live on unseen.
                if self.has_terminal && !io::stderr().is_terminal() {
                    Asked::Stop(StopSignal::HangUp)
                } else {
                    Asked::Reload
                }
            }
        }
    }

    /// The next one that ends the server.
    pub(super) async fn next_stop(&mut self) -> StopSignal {
        loop {
            if let Asked::Stop(signal) = self.next().await {
                return signal;
            }
        }
    }
}

impl StopSignal {
    /// The code of a process that this signal ended, as shells give it: 128 and the signal's number.
    pub(super) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::HangUp => 129,
            Self::Interrupt => 130,
            Self::Quit => 131,
            Self::Terminate => 143,
        })
    }
}
