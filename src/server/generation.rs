//! What one reading of the configuration comes to for the connections of a worker.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use axum::extract::ConnectInfo;
use http::request::Parts;
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto;
use tokio::runtime::Handle;

use super::app::Answer;
use super::connection;
use super::connection_info::ConnectionInfo;
use super::peer::{self, Peer, client_address};
use crate::config::Limits;
use crate::header::forwarded::TrustedProxies;
use crate::http1::head::HeadLimits;
use crate::observe::AccessRecorder;
use crate::observe::access_log::Exchange;
use crate::proxy::caller::Caller;

/// A reload puts another in its place; requests that have begun keep theirs.
#[derive(Debug)]
pub(crate) struct Generation<A> {
    pub(crate) app: A,
    pub(crate) limits: Limits,
    pub(crate) log: Option<AccessRecorder>,
    trusted_proxies: TrustedProxies,
    /// Either version, as the first bytes say.
    pub(super) protocol: auto::Builder<TokioExecutor>,
    pub(super) http2: auto::Builder<TokioExecutor>,
    version: AtomicU64,
}

/// What the connections of a worker have in common. Each worker has its own, so that no two threads contend for it.
#[derive(Debug)]
pub(crate) struct Shared<A> {
    generation: RwLock<Arc<Generation<A>>>,
    version: AtomicU64,
    /// The worker's, once it serves.
    runtime: OnceLock<Handle>,
}

impl<A: Answer> Generation<A> {
    pub(super) fn new(
        app: A,
        limits: Limits,
        log: Option<AccessRecorder>,
        trusted_proxies: TrustedProxies,
    ) -> Arc<Self> {
        let tunnels = !A::IS_ROUTER && app.reads_bodies();
        let protocol = connection::protocol(&limits, tunnels);
        Arc::new(Self {
            app,
            limits,
            log,
            trusted_proxies,
            http2: protocol.clone().http2_only(),
            protocol,
            version: AtomicU64::new(0),
        })
    }

    pub(crate) fn head_limits(&self) -> HeadLimits {
        HeadLimits {
            size: self.limits.header_size,
            count: self.limits.header_count,
            odd_names: self.limits.odd_names,
        }
    }

    pub(crate) fn begin_log(&self, request: &Parts, peer: &Peer) -> Option<Exchange> {
        self.log.as_ref().map(|log| {
            log.begin(
                &request.method,
                &request.uri,
                request.version,
                &request.headers,
                client_address(peer, &request.headers, &self.trusted_proxies),
            )
        })
    }

    /// Who asks. A program's own router is told by extensions of the request.
    pub(crate) fn introduce(&self, request: &mut Parts, peer: &Peer) -> Caller {
        let client = peer::client(peer, &request.headers, &self.trusted_proxies);
        if A::IS_ROUTER {
            if let Some(address) = client.address {
                request.extensions.insert(ConnectInfo(address));
            }
            if let Some(session) = &peer.tls {
                request.extensions.insert(session.clone());
            }
            request.extensions.insert(ConnectionInfo::new(peer, client));
        }
        Caller {
            peer: peer.address,
            client: client.address,
            is_peer_trusted: !peer.is_unknown && self.trusted_proxies.trusts(peer.address),
            is_encrypted: peer::is_encrypted(peer, client),
            is_logged: self.log.is_some(),
        }
    }

    pub(crate) fn begin_unreadable_log(&self, peer: &Peer) -> Option<Exchange> {
        let log = self.log.as_ref();
        log.map(|log| log.begin_unreadable(peer.ip()))
    }
}

impl<A: Answer> Shared<A> {
    pub(super) fn new(generation: Arc<Generation<A>>) -> Arc<Self> {
        Arc::new(Self {
            generation: RwLock::new(generation),
            version: AtomicU64::new(0),
            runtime: OnceLock::new(),
        })
    }

    /// The worker serves, in this runtime.
    pub(super) fn begin(&self) {
        let _ = self.runtime.set(Handle::current());
        self.generation().app.start();
    }

    /// From the next request on, this counts.
    pub(super) fn renew(&self, generation: Arc<Generation<A>>) {
        if let Some(runtime) = self.runtime.get() {
            let _inside = runtime.enter();
            generation.app.start();
        }
        let mut current = self
            .generation
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let version = self.version.load(Ordering::Relaxed) + 1;
        generation.version.store(version, Ordering::Relaxed);
        *current = generation;
        self.version.store(version, Ordering::Release);
    }

    pub(crate) fn generation(&self) -> Arc<Generation<A>> {
        let current = self
            .generation
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Sees to it that a connection holds the generation that counts; one comparison when it does.
    pub(crate) fn refresh(&self, held: &mut Arc<Generation<A>>) {
        if self.version.load(Ordering::Acquire) != held.version.load(Ordering::Relaxed) {
            *held = self.generation();
        }
    }
}
