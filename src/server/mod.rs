//! Connections: from a listener to the application and back.
//!
//! 1. [`Listener`] is bound before anything else, so that a taken address is an error at start and not a log line.
//! 2. Workers accept ([`worker`]); a connection lives and dies on the worker that accepted it.
//! 3. A connection ([`connection`]) speaks HTTP/1.1 or HTTP/2 and keeps the limits.
//! 4. At the end ([`shutdown`]): no new connections, idle ones are closed, answers under way are finished, up to a deadline.

pub(crate) mod activity;
pub(crate) mod app;
mod connection;
pub(crate) mod deadline;
mod error;
pub(crate) mod generation;
#[cfg(any(test, fuzzing))]
pub(crate) mod in_memory;
mod listener;
pub(crate) mod peer;
mod prologue;
mod shutdown;
mod worker;

use std::fs::OpenOptions;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

pub use error::ServeError;
pub use listener::Listener;

use crate::config::{self, Config, Limits};
use crate::observe::{AccessRecorder, LogFormat};
use crate::routing::Gate;
use app::App;
use shutdown::Drain;
use worker::Worker;

/// Serves HTTP/1.1 and HTTP/2 (by prior knowledge) on listeners that are already bound.
///
/// It installs no logger, reads no environment, catches no signals and never exits the process: that is the program's part.
#[derive(Clone, Debug)]
pub struct Server {
    app: App,
    limits: Limits,
    log: Option<AccessRecorder>,
}

impl Server {
    /// Serves the sites of a configuration.
    ///
    /// # Errors
    /// When the access log cannot be opened.
    pub fn new(config: &Config) -> Result<Self, ServeError> {
        Ok(Self {
            app: App::Gate(Arc::new(Gate::new(config))),
            limits: config.limits.clone(),
            log: open_log(&config.log)?,
        })
    }

    /// Serves a router of your own, with the limits and the access log of a configuration. Its handlers find the client's address as
    /// axum's `ConnectInfo<SocketAddr>`.
    ///
    /// # Errors
    /// When the access log cannot be opened.
    pub fn with_app(config: &Config, app: axum::Router) -> Result<Self, ServeError> {
        Ok(Self {
            app: App::Router(app),
            limits: config.limits.clone(),
            log: open_log(&config.log)?,
        })
    }

    /// Serves on the current runtime until `shutdown` is ready, then drains: answers under way are finished, for as long as
    /// `limits.drain_timeout` allows.
    ///
    /// # Errors
    /// When a listener cannot be used by the runtime, or when the deadline passed before the last answer was finished
    /// ([`ServeError::DrainTimedOut`]).
    pub async fn serve(
        self,
        listeners: Vec<Listener>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let (drain, draining) = Drain::new();
        let worker = Worker::new(self.app, self.limits, self.log);
        let serving = worker.serve(listeners, draining);
        tokio::pin!(serving);
        tokio::select! {
            ended = &mut serving => return ended,
            () = shutdown => drain.begin(),
        }
        serving.await
    }

    /// Serves on so many threads, each with a runtime and listening sockets of its own, until `shutdown` is ready; then drains.
    /// Dropping the future ends nothing that the threads are doing: return from `main` to stop at once.
    ///
    /// # Errors
    /// As [`Server::serve`], and when the system has no more threads or sockets to give.
    pub async fn serve_with_workers(
        self,
        listeners: Vec<Listener>,
        workers: NonZeroUsize,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let (drain, draining) = Drain::new();
        let mut shares = listener::share(listeners, workers)?;
        let connections = worker::connection_limit(&self.limits);
        let mut running = Vec::with_capacity(workers.get());
        for (index, listeners) in shares.drain(..).enumerate() {
            let worker = Worker::with_limit(
                self.app.clone(),
                self.limits.clone(),
                self.log.clone(),
                Arc::clone(&connections),
            );
            running.push(worker.spawn(index, listeners, draining.clone())?);
        }
        drop((draining, self));
        tokio::pin!(shutdown);
        let mut result = Ok(());
        let mut is_draining = false;
        for ended in running {
            let mut ended = std::pin::pin!(ended);
            let outcome = loop {
                tokio::select! {
                    outcome = &mut ended => break outcome,
                    () = &mut shutdown, if !is_draining => {
                        is_draining = true;
                        drain.begin();
                    }
                }
            };
            result = result.and(outcome.unwrap_or(Err(ServeError::WorkerPanicked)));
        }
        result
    }
}

/// The sites of a configuration as an axum router, to merge, nest and layer.
///
/// All of it sits in the router's fallback, so routes of your own win, and nothing in a configuration can make the router panic.
pub fn router(config: &Config) -> axum::Router {
    axum::Router::new().fallback_service(crate::routing::GateService(Arc::new(Gate::new(config))))
}

fn open_log(config: &config::LogConfig) -> Result<Option<AccessRecorder>, ServeError> {
    let format = match config.access {
        config::AccessLog::Off => return Ok(None),
        config::AccessLog::Combined => LogFormat::Combined,
        config::AccessLog::Json => LogFormat::Json,
    };
    let recorder = match &config.file {
        None => AccessRecorder::to_writer(format, std::io::stdout()),
        Some(path) => OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .and_then(|file| AccessRecorder::to_writer(format, file)),
    };
    recorder.map(Some).map_err(|source| ServeError::AccessLog {
        file: config.file.clone(),
        source,
    })
}
