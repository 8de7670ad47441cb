//! The admin listener: a small server beside the one that it tells about.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::{Asked, router};
use crate::config::{
    AdminConfig, CacheConfig, Config, Limits, Listen, ListenAddress, LogConfig, SandboxPolicy,
    SocketAccess,
};
use crate::header::forwarded::TrustedProxies;
use crate::server::app::App;
use crate::server::{Handle, Listener, ServeError};

/// Answers under way are short; those who look on are told that there is no more.
const DRAIN: Duration = Duration::from_millis(500);

/// Tells about a server, at addresses of its own, on a thread of its own: see [`Handle::admin`] for what.
///
/// It goes with the server: a reload of that one takes addresses and token of the new configuration, and it is handed over with it.
#[derive(Debug)]
pub struct AdminServer {
    /// The server that it tells about.
    about: Handle,
    own: Handle,
    /// Dropped when nobody is told more.
    open: Option<watch::Sender<()>>,
    ended: Option<oneshot::Receiver<Result<(), ServeError>>>,
}

impl AdminServer {
    /// Binds the addresses of a configuration's admin listener.
    ///
    /// # Errors
    /// As [`Listener::bind`].
    pub fn bind(config: &Config) -> Result<Vec<Listener>, ServeError> {
        listens(&config.admin).iter().map(Listener::bind).collect()
    }

    /// Binds a Unix socket that only this user can open.
    ///
    /// # Errors
    /// As [`Listener::bind`].
    pub fn bind_own(address: &ListenAddress) -> Result<Listener, ServeError> {
        Listener::bind(&listen(address))
    }

    /// Begins. Listeners beside those of the configuration stay as long as it serves.
    ///
    /// # Errors
    /// When the system has no thread to give, or a listener cannot be used.
    pub fn start(about: &Handle, listeners: Vec<Listener>) -> Result<Self, ServeError> {
        let (open, is_open) = watch::channel(());
        let app = router(Asked {
            handle: about.clone(),
            open: Some(is_open),
        });
        let own = Handle::new(&config(&about.admin_config()), App::Router(app))?;
        let enlisted = own.enlist(listeners, NonZeroUsize::MIN)?;
        let mut ended = None;
        for (worker, posts) in enlisted {
            ended = Some(worker.spawn_named("admin".to_owned(), posts)?);
        }
        about.set_teller(Some(own.clone()));
        Ok(Self {
            about: about.clone(),
            own,
            open: Some(open),
            ended,
        })
    }

    /// Stops, and waits until its sockets are closed and their files removed.
    pub async fn end(mut self) {
        self.stop();
        if let Some(ended) = self.ended.take() {
            // How it ended is of no interest any more.
            let _ = ended.await;
        }
        self.own.finish();
    }

    fn stop(&mut self) {
        self.about.set_teller(None);
        self.open = None;
        self.own.drain();
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The addresses of the admin listener; a socket's file is for this user only.
pub(in crate::server) fn listens(admin: &AdminConfig) -> Vec<Listen> {
    admin.listen.iter().map(listen).collect()
}

fn listen(address: &ListenAddress) -> Listen {
    Listen {
        access: SocketAccess {
            mode: Some(0o600),
            ..SocketAccess::default()
        },
        ..Listen::from(address.clone())
    }
}

/// Of the server that tells: few clients, small requests, no log, and nothing is told about it.
pub(in crate::server) fn config(admin: &AdminConfig) -> Config {
    Config {
        listen: listens(admin),
        workers: Some(NonZeroUsize::MIN),
        sites: Vec::new(),
        cache: CacheConfig {
            memory: 0,
            ..CacheConfig::default()
        },
        compression: Arc::default(),
        limits: Limits {
            header_size: 16 << 10,
            body_size: 1 << 10,
            connections: 64,
            drain_timeout: DRAIN,
            ..Limits::default()
        },
        log: LogConfig::default(),
        traces: None,
        trusted_proxies: TrustedProxies::default(),
        identity: None,
        sandbox: SandboxPolicy::Off,
        named_upstreams: Vec::new(),
        admin: AdminConfig {
            observes: false,
            requests: 0,
            ..AdminConfig::default()
        },
        shown: Arc::default(),
    }
}
