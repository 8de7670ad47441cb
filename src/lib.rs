//! Daemun is the front of a production site: it serves a document root from memory, correct case by case and fresh on every request, and
//! forwards the rest to application servers.
//!
//! There are three ways to use it:
//!
//! - **Serve a static site** from the command line: `daemun ./public`.
//! - **Serve the sites of a configuration** in your own program: [`Config`] and [`Server`].
//! - **Embed it** in your own router: [`StaticFiles`] and [`Proxy`] are tower services, [`router`] makes an [`axum::Router`] of a
//!   configuration.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use daemun::{Config, Listener, Server};
//!
//! let config = Config::load("daemun.toml")?;
//! let listeners = config.listen().iter().map(Listener::bind).collect::<Result<_, _>>()?;
//! let shutdown = async { tokio::signal::ctrl_c().await.expect("a handler for Ctrl+C") };
//! Server::new(&config)?.serve(listeners, shutdown).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Life of a request
//!
//! The modules stand in the order in which a request meets them.
//!
//! 1. `server`: a worker accepts the connection, which is served within limits of time and size.
//! 2. `http1`: its bytes become requests, or are refused, and answers become bytes (HTTP/2 is hyper's).
//! 3. `routing`: the request must be sound, its host picks the site, its path the route.
//! 4. `static_files`: the path becomes a file beneath the document root (or a redirect, a listing, a refusal); the file's best coding
//!    is chosen; preconditions and ranges are judged; the response is put together, mostly from values made before.
//! 5. `proxy`, where the route leads to an upstream: a server is picked, the request goes on over a connection of the pool (`http1` has both
//!    sides), and what comes back is the answer; bodies go through as they come.
//! 6. `transform`: the cache policy by what came out, the page for an error, the coding of an application's answer where a route asks.
//!    `coding` makes bytes smaller for it and for files, on threads of its own.
//! 7. `observe`: those before have told the request's story; when the last byte has left, or never will, it is counted, remembered for a while
//!    and logged. Whoever asks the [`Handle`] gets the sum: [`Handle::status`], [`Handle::metrics`], [`Handle::explain`], or all of it as a
//!    router ([`Handle::admin`]), which [`AdminServer`] serves. [`rehearse`] tells how a request would go.
//!
//! `header` holds the rules of RFC 9110 to 9112 that all of them share: pure functions on values. `config` builds the rest: TOML
//! text, as written, then resolved.
//!
//! # Features
//!
//! `cli` (default): the `daemun` program. A library user turns default features off and gets no argument parser, no subscriber for
//! diagnostics and no allocator. Diagnostics are emitted through [`tracing`] all the same.
//!
//! `opentelemetry`: spans of requests, and of attempts to have applications answer them, are sent to a collector where `[log] traces` of the
//! configuration names one (OTLP over HTTP). Without it, that key is an error.

mod server;

mod http1;

mod routing;

mod static_files;

mod proxy;

mod transform;

mod coding;

mod observe;

mod config;
mod header;
mod rejection;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

pub use coding::sidecars::{
    Sidecar, SidecarCoding, SidecarState, SidecarWork, Sidecars, UnknownCoding,
};
pub use config::{AccessLog, Config, ConfigBuilder, ConfigError, Listen, ListenAddress};
pub use http1::Interim;
pub use observe::status;
pub use observe::{AccessLogLayer, AccessLogService, AccessRecorder, LogFormat, LoggedBody};
pub use proxy::{Proxy, ServerState, State as ServerCondition, Upstream};
pub use rejection::Rejection;
pub use routing::rehearse;
pub use server::{
    AdminServer, ClientCertificate, ConnectionInfo, Handle, HandoverError, InheritedSocket,
    Listener, Sandbox, SandboxOutcome, ServeError, Server, Takeover, TlsSession, drop_privileges,
    router,
};
pub use static_files::body::Body;
pub use static_files::service::StaticFiles;
pub use static_files::settings::SymlinkPolicy;

/// The README's examples are tested as documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
