//! What a server tells about itself as a whole: since when it serves, where, whether it is ready, and by which configuration.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Handle, State};
use crate::config::shown::Shown;
use crate::config::{AdminConfig, Config};
use crate::observe::process;
use crate::observe::status::{ConfigurationStatus, Readiness, Status};
use crate::server::app::App;
use crate::server::presence::Presence;
use crate::server::tls::Tls;

/// Part of the state of a server.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) presence: Arc<Presence>,
    pub(super) admin: Arc<AdminConfig>,
    /// The server that tells it, where there is one.
    pub(super) teller: Option<Handle>,
    started: f64,
    configuration: ConfigurationStatus,
    shown: Arc<Shown>,
}

impl Told {
    pub(super) fn new(config: &Config, app: &App) -> Self {
        let mut told = Self {
            presence: match app {
                App::Gate(gate) => Arc::clone(gate.requirements().presence()),
                App::Router(_) => Arc::default(),
            },
            admin: Arc::default(),
            teller: None,
            started: now(),
            configuration: ConfigurationStatus::default(),
            shown: Arc::default(),
        };
        told.take(config);
        told
    }

    /// A reload that took.
    pub(super) fn renew(&mut self, config: &Config) {
        self.take(config);
        self.configuration.reloads += 1;
        self.configuration.last_error = None;
    }

    fn take(&mut self, config: &Config) {
        let file = config.shown.file.as_ref();
        self.configuration.file = file.map(|file| file.display().to_string());
        self.configuration.since = now();
        self.configuration.summary = config.summary();
        self.admin = Arc::new(config.admin.clone());
        self.shown = match file {
            Some(_) => Arc::clone(&config.shown),
            None => Arc::new(Shown {
                file: None,
                text: without_file(config),
            }),
        };
    }
}

impl Handle {
    /// Notes that a configuration did not get as far as [`reload`](Self::reload), since it is no good: whoever looks at the server is told
    /// that the one before still counts, and why.
    pub fn note_refused_configuration(&self, why: impl Into<String>) {
        let configuration = &mut self.state().told.configuration;
        configuration.failed_reloads += 1;
        configuration.last_error = Some(why.into());
    }

    pub(in crate::server) fn tell_of_itself(&self, status: &mut Status) {
        status.now = now();
        let app = {
            let state = self.state();
            status.started = state.told.started;
            status.configuration = state.told.configuration.clone();
            status.workers = state.workers.len();
            for standing in &state.standing {
                let address = standing.copy.local_address().to_string();
                if !status.listeners.contains(&address) {
                    status.listeners.push(address);
                }
            }
            status.readiness.is_draining = state.told.presence.is_draining();
            state.app.clone()
        };
        let is_listening = !status.listeners.is_empty();
        status.readiness = readiness(&app, is_listening, status.readiness.is_draining);
    }

    /// Fills in what is known of all but requests.
    pub(in crate::server) fn tell(&self, status: &mut Status) {
        let state = self.state();
        state.limit.tell(&mut status.connections);
        for tls in state.tls() {
            status.certificates.extend(tls.certificates());
        }
        let app = state.app.clone();
        drop(state);
        app.tell(status);
        status.process = process::status();
    }

    /// The configuration that counts, for those who run the server.
    pub(in crate::server) fn configuration_text(&self) -> Arc<Shown> {
        Arc::clone(&self.state().told.shown)
    }

    pub(in crate::server) fn admin_config(&self) -> Arc<AdminConfig> {
        Arc::clone(&self.state().told.admin)
    }

    pub(in crate::server) fn presence(&self) -> Arc<Presence> {
        Arc::clone(&self.state().told.presence)
    }

    /// The server that tells about this one.
    pub(in crate::server) fn teller(&self) -> Option<Handle> {
        self.state().told.teller.clone()
    }

    /// From now on it is reloaded, and handed over, with this server. None: there is no such any more.
    pub(in crate::server) fn set_teller(&self, teller: Option<Handle>) {
        // Dropped without the lock.
        let before = std::mem::replace(&mut self.state().told.teller, teller);
        drop(before);
    }
}

impl State {
    /// Of all listeners, each once.
    fn tls(&self) -> Vec<Tls> {
        let mut all: Vec<Tls> = Vec::new();
        for standing in &self.standing {
            let prologue = standing.prologue.prologue();
            let tls = prologue.tls();
            all.extend(
                tls.filter(|tls| !all.iter().any(|known| known.is_same(tls)))
                    .cloned(),
            );
        }
        all
    }
}

fn readiness(app: &App, is_listening: bool, is_draining: bool) -> Readiness {
    let mut reasons = match app {
        App::Gate(gate) => gate.requirements().unmet(),
        App::Router(_) if is_draining => vec!["the server was told to stop".to_owned()],
        App::Router(_) => Vec::new(),
    };
    if !is_listening && !is_draining {
        reasons.insert(0, "the server listens nowhere".to_owned());
    }
    Readiness {
        is_ready: reasons.is_empty(),
        reasons,
        is_draining,
    }
}

/// What flags, or a program's code, came to.
fn without_file(config: &Config) -> String {
    let mut lines = vec![
        "There is no configuration file.".to_owned(),
        config.summary(),
    ];
    let listen = config.listen().iter();
    lines.extend(listen.map(|listen| format!("listen on {}", listen.address())));
    let docroots = config.docroots().into_iter();
    lines.extend(docroots.map(|docroot| format!("serve {}", docroot.display())));
    let forwards = config.forwards().into_iter();
    lines.extend(forwards.map(|(path, upstream)| format!("forward {path} to {upstream}")));
    lines
        .iter()
        .fold(String::new(), |text, line| text + "# " + line + "\n")
}

/// Seconds since 1970.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
