//! How a person or a supervisor tells the server to stop.

use std::{io, process::ExitCode};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT (Ctrl+C) and SIGTERM, from the moment of [`Signals::watch`] on.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// One of the two.
#[derive(Clone, Copy, Debug)]
pub(super) enum StopSignal {
    Interrupt,
    Terminate,
}

impl Signals {
    /// Takes both over from the system, whose own answer would be the end of the process.
    pub(super) fn watch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> StopSignal {
        tokio::select! {
            _ = self.interrupt.recv() => StopSignal::Interrupt,
            _ = self.terminate.recv() => StopSignal::Terminate,
        }
    }
}

impl StopSignal {
    /// The code of a process that this signal ended, as shells give it: 128 and the signal's number.
    pub(super) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        })
    }
}
