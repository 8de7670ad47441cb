//! Connections: from a listener to the application and back.
//!
//! 1. [`Listener`] is bound before anything else, so that a taken address is an error at start and not a log line.
//! 2. Workers accept ([`worker`]); a connection lives and dies on the worker that accepted it.
//! 3. Before HTTP comes what its listener was configured to begin with ([`prologue`]), such as TLS ([`tls`]).
//! 4. A connection ([`connection`]) speaks HTTP/1.1 or HTTP/2 and keeps the limits.
//! 5. While it serves, a [`Handle`] takes another configuration, or hands the sockets to another process.
//! 6. At the end ([`shutdown`]): no new connections, idle ones are closed, answers under way are finished, up to a deadline.

mod accept;
pub(crate) mod activity;
mod admin;
pub(crate) mod app;
mod connection;
mod connection_info;
pub(crate) mod deadline;
mod error;
pub(crate) mod generation;
pub(crate) mod guarded_body;
mod handle;
mod handover;
#[cfg(any(test, fuzzing))]
pub(crate) mod in_memory;
mod limit;
pub(crate) mod listener;
mod log;
mod observed;
pub(crate) mod peer;
mod plan;
pub(crate) mod presence;
mod prologue;
pub(crate) mod proxy_protocol;
mod sandbox;
pub(crate) mod shutdown;
pub(crate) mod tls;
mod watched;
mod worker;

#[cfg(target_os = "linux")]
mod privileges;
#[cfg(not(target_os = "linux"))]
#[path = "privileges_portable.rs"]
mod privileges;

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

pub use admin::AdminServer;
pub use connection_info::ConnectionInfo;
pub use error::ServeError;
pub use handle::Handle;
pub use handover::{HandoverError, Takeover};
pub use listener::{InheritedSocket, Listener};
pub use privileges::drop_privileges;
pub use sandbox::{Sandbox, SandboxOutcome};
pub use tls::{ClientCertificate, TlsSession};

use crate::config::Config;
use crate::routing::Gate;
use app::App;

/// Serves HTTP/1.1 and HTTP/2 (by prior knowledge) on listeners that are already bound.
///
/// It installs no logger, reads no environment, catches no signals and never exits the process: that is the program's part.
#[derive(Debug)]
pub struct Server {
    handle: Handle,
}

/// At the end, whichever way it comes, sockets are closed and records written, also when a [`Handle`] is left.
struct Finish(Handle);

impl Drop for Finish {
    fn drop(&mut self) {
        self.0.finish();
    }
}

impl Server {
    /// Serves the sites of a configuration.
    ///
    /// # Errors
    /// When the access log cannot be opened.
    pub fn new(config: &Config) -> Result<Self, ServeError> {
        let app = App::Gate(Arc::new(Gate::new(config)));
        let handle = Handle::new(config, app)?;
        Ok(Self { handle })
    }

    /// Serves a router of your own, with the limits and the access log of a configuration. Its handlers find the client's address as
    /// axum's `ConnectInfo<SocketAddr>`, more in [`ConnectionInfo`], and what was agreed on over TLS as [`TlsSession`], all of them extensions
    /// of the request. With `trusted_proxies` in the configuration, the client is whom they speak for.
    ///
    /// # Errors
    /// When the access log cannot be opened.
    pub fn with_app(config: &Config, app: axum::Router) -> Result<Self, ServeError> {
        let handle = Handle::new(config, App::Router(app))?;
        Ok(Self { handle })
    }

    /// What changes the server while it serves.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves on the current runtime until `shutdown` is ready, then drains: answers under way are finished, for as long as
    /// `limits.drain_timeout` allows. Dropping the future cuts every connection.
    ///
    /// # Errors
    /// When a listener cannot be used by the runtime, or when the deadline passed before the last answer was finished
    /// ([`ServeError::DrainTimedOut`]).
    pub async fn serve(
        self,
        listeners: Vec<Listener>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let finish = Finish(self.handle);
        let handle = &finish.0;
        let mut enlisted = handle.enlist(listeners, NonZeroUsize::MIN)?;
        let Some((worker, posts)) = enlisted.pop() else {
            return Ok(());
        };
        let serving = worker.serve(posts);
        tokio::pin!(serving);
        tokio::select! {
            ended = &mut serving => return ended,
            () = shutdown => handle.drain(),
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
        let handle = self.handle;
        let mut running = Vec::with_capacity(workers.get());
        for (index, (worker, posts)) in handle.enlist(listeners, workers)?.into_iter().enumerate() {
            running.push(worker.spawn(index, posts)?);
        }
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
                        handle.drain();
                    }
                }
            };
            result = both(result, outcome.unwrap_or(Err(ServeError::WorkerPanicked)));
        }
        handle.finish();
        result
    }
}

/// The first error of two workers; connections that were cut are counted together.
fn both(one: Result<(), ServeError>, other: Result<(), ServeError>) -> Result<(), ServeError> {
    match (one, other) {
        (Err(ServeError::DrainTimedOut(one)), Err(ServeError::DrainTimedOut(other))) => {
            Err(ServeError::DrainTimedOut(one + other))
        }
        (one, other) => one.and(other),
    }
}

/// The sites of a configuration as an axum router, to merge, nest and layer.
///
/// All of it sits in the router's fallback, so routes of your own win, and nothing in a configuration can make the router panic.
pub fn router(config: &Config) -> axum::Router {
    axum::Router::new().fallback_service(crate::routing::GateService(Arc::new(Gate::new(config))))
}
