//! What a server tells about itself, over HTTP.
//!
//! 1. Who may ask ([`guard`]): nobody without the token where one is configured, and no page of another origin.
//! 2. What is told ([`answer`]), again and again for those who look on ([`events`]), or as a page ([`page`]).
//! 3. Where ([`teller`]): the configured addresses and the program's own socket, on a thread that the sites' requests do not keep busy.

mod answer;
mod events;
mod guard;
mod page;
mod teller;

use axum::Router;
use axum::middleware;
use axum::routing::get;
use tokio::sync::watch;

use super::Handle;

pub use teller::AdminServer;
pub(super) use teller::{config, listens};

/// Whom requests ask.
#[derive(Clone, Debug)]
struct Asked {
    handle: Handle,
    /// Its sender is gone when no more is told; none: as long as anybody listens.
    open: Option<watch::Receiver<()>>,
}

impl Handle {
    /// What this server tells about itself, to be served by a program of your own: the status page at `/`, `/status` (JSON of
    /// [`status`](Self::status)), `/events` (the same each second), `/metrics`, `/healthz`, `/readyz`, `/explain/ID`, `/configuration`.
    /// [`AdminServer`] serves it at the configured addresses.
    ///
    /// Who asks over a Unix socket, as [`ConnectionInfo`](crate::ConnectionInfo) says, may know everything: see to it that nobody else can open it. Otherwise
    /// the token of the configuration is asked for, if it has one, and pages of other origins, or under names that the
    /// configuration does not know, get nothing. `Host` is believed: nothing is said of who may connect.
    pub fn admin(&self) -> Router {
        router(Asked {
            handle: self.clone(),
            open: None,
        })
    }
}

fn router(asked: Asked) -> Router {
    let guard = middleware::from_fn_with_state(asked.handle.clone(), answer::guarded);
    Router::new()
        .route("/status", get(answer::status))
        .route("/events", get(events::events))
        .route("/metrics", get(answer::metrics))
        .route("/healthz", get(answer::alive))
        .route("/readyz", get(answer::ready))
        .route("/explain/{*id}", get(answer::explain))
        .route("/configuration", get(answer::configuration))
        .with_state(asked)
        .merge(page::router())
        .fallback(answer::nothing)
        .layer(guard)
}
