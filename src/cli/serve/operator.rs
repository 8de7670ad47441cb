//! What can be asked of the program while it serves: by signal, by command, or by an edit of the watched file.

use std::process;

use daemun::{Config, Handle, HandoverError};
use tokio::task::JoinHandle;

use super::{Origin, upgrade::Program};
use crate::cli::{
    control::{Client, Command, Outcome},
    report_text, say,
    supervisor::{Moment, tell},
};

pub(super) struct Operator<'a> {
    origin: Origin<'a>,
    handle: Handle,
    program: Program,
    /// Those that run; a reload does not change it.
    workers: usize,
    upgrade: Option<Upgrade>,
}

/// One that is under way, and who waits for it.
struct Upgrade {
    outcome: JoinHandle<Result<u32, HandoverError>>,
    clients: Vec<Client>,
}

impl<'a> Operator<'a> {
    pub(super) fn new(
        origin: Origin<'a>,
        config: &Config,
        handle: Handle,
        program: Program,
    ) -> Self {
        Self {
            origin,
            handle,
            program,
            workers: config.workers().get(),
            upgrade: None,
        }
    }

    pub(super) fn command(&mut self, command: Command, client: Client) {
        match command {
            Command::Reload => client.answer(&self.reload()),
            Command::Upgrade => self.begin_upgrade(Some(client)),
        }
    }

    /// Takes the configuration as it is now, or stays with the one before.
    pub(super) fn reload(&self) -> Outcome {
        tell(Moment::Reloading);
        let outcome = match self.try_reload() {
            Ok(text) => {
                if !self.origin.args.quiet {
                    say(&text);
                }
                Outcome {
                    is_good: true,
                    text,
                }
            }
            Err(text) => {
                let text = format!("{text}\nnothing has changed: the server goes on as before");
                say(&text);
                Outcome {
                    is_good: false,
                    text,
                }
            }
        };
        tell(Moment::Ready);
        outcome
    }

    fn try_reload(&self) -> Result<String, String> {
        let config = self
            .origin
            .configure()
            .map_err(|error| report_text(&error, self.origin.content.file()))
            .inspect_err(|why| self.handle.note_refused_configuration(why))?;
        self.handle
            .reload(&config)
            .map_err(|error| format!("error: {error}"))?;
        let reloaded = format!(
            "reloaded {} ({})",
            self.origin.content.path().display(),
            config.summary()
        );
        let workers = config.workers().get();
        Ok(if workers == self.workers {
            reloaded
        } else {
            format!(
                "{reloaded}\nwarning: the {} workers stay; {workers} begin with the next upgrade or start",
                self.workers
            )
        })
    }

    pub(super) fn reopen_log(&self) {
        if let Err(error) = self.handle.reopen_log() {
            say(&format!("error: {error}"));
        }
    }

    pub(super) fn begin_upgrade(&mut self, client: Option<Client>) {
        let upgrade = self.upgrade.get_or_insert_with(|| {
            let (program, handle) = (self.program.clone(), self.handle.clone());
            Upgrade {
                outcome: tokio::task::spawn_blocking(move || program.upgrade(&handle)),
                clients: Vec::new(),
            }
        });
        upgrade.clients.extend(client);
    }

    /// Waits for the upgrade that is under way, if there is one; ready when a new process serves.
    pub(super) async fn upgraded(&mut self) {
        loop {
            let Some(upgrade) = &mut self.upgrade else {
                return std::future::pending().await;
            };
            let outcome = (&mut upgrade.outcome).await;
            let outcome = outcome.unwrap_or(Err(HandoverError::Ended));
            let clients = self.upgrade.take().map(|upgrade| upgrade.clients);
            let outcome = self.tell_of_upgrade(outcome);
            let is_good = outcome.is_good;
            for client in clients.into_iter().flatten() {
                client.answer(&outcome);
            }
            if is_good {
                return;
            }
        }
    }

    fn tell_of_upgrade(&self, outcome: Result<u32, HandoverError>) -> Outcome {
        let pid = process::id();
        match outcome {
            Ok(new) => {
                tell(Moment::MainProcess(new));
                let text = format!(
                    "process {new} serves now; process {pid} finishes its open responses and ends"
                );
                if !self.origin.args.quiet {
                    say(&text);
                }
                Outcome {
                    is_good: true,
                    text,
                }
            }
            Err(error) => {
                let failed = format!("the upgrade failed: process {pid} goes on as before");
                let text = match &error {
                    HandoverError::Refused(said) => format!("{}\n{failed}", said.trim_end()),
                    other => format!("error: {other}\n{failed}"),
                };
                say(&text);
                Outcome {
                    is_good: false,
                    text,
                }
            }
        }
    }
}
