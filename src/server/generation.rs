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
use crate::observe::Outlets;
use crate::observe::access_log::{Exchange, Observers};
use crate::observe::request_id::RequestId;
use crate::observe::story::Story;
use crate::observe::tally::Tally;
use crate::observe::traces::Span;
use crate::proxy::caller::Caller;

/// A reload puts another in its place; requests that have begun keep theirs.
#[derive(Debug)]
pub(crate) struct Generation<A> {
    pub(crate) app: A,
    pub(crate) limits: Limits,
    pub(crate) outlets: Outlets,
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
    /// What this worker counts.
    tally: Arc<Tally>,
}

impl<A: Answer> Generation<A> {
    pub(super) fn new(
        app: A,
        limits: Limits,
        outlets: Outlets,
        trusted_proxies: TrustedProxies,
    ) -> Arc<Self> {
        let tunnels = !A::IS_ROUTER && app.reads_bodies();
        let protocol = connection::protocol(&limits, tunnels);
        Arc::new(Self {
            app,
            limits,
            outlets,
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

    /// Whether a request's fields have to be looked at to know who asks.
    pub(crate) fn trusts(&self, peer: &Peer) -> bool {
        self.trusted_proxies.trusts(peer.address)
    }

    /// What the request is in a trace, where any are recorded.
    fn begin_span(&self, request: &Parts, peer: &Peer) -> Option<Span> {
        let tracer = self.outlets.tracer.as_ref()?;
        let is_trusted = !peer.is_unknown && self.trusts(peer);
        let client = peer::client(peer, &request.headers, &self.trusted_proxies);
        Some(Span {
            is_encrypted: peer::is_encrypted(peer, client),
            ..tracer.begin(&request.headers, is_trusted)
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
        }
    }
}

impl<A: Answer> Shared<A> {
    pub(super) fn new(generation: Arc<Generation<A>>, tally: Arc<Tally>) -> Arc<Self> {
        Arc::new(Self {
            generation: RwLock::new(generation),
            version: AtomicU64::new(0),
            runtime: OnceLock::new(),
            tally,
        })
    }

    /// The counts, where any are kept.
    pub(crate) fn tally(&self) -> Option<&Arc<Tally>> {
        Some(&self.tally).filter(|tally| tally.is_on())
    }

    fn observers<'g>(&'g self, generation: &'g Generation<A>) -> Observers<'g> {
        Observers {
            log: generation.outlets.log.as_ref(),
            tracer: generation.outlets.tracer.as_ref(),
            tally: self.tally(),
        }
    }

    /// A request has come: its story begins, and where anybody hears of it, its record.
    pub(crate) fn begin_request(
        &self,
        generation: &Generation<A>,
        request: &Parts,
        peer: &Peer,
    ) -> (Arc<Story>, Option<Box<Exchange>>) {
        let observers = self.observers(generation);
        if observers.is_nobody() {
            return (Story::unheard(&request.headers), None);
        }
        let trace = generation.begin_span(request, peer);
        let story = Story::traced(RequestId::of(&request.headers), trace);
        let line = (&request.method, &request.uri, request.version);
        let client = client_address(peer, &request.headers, &generation.trusted_proxies);
        let exchange = Exchange::begin(
            observers,
            Arc::clone(&story),
            line,
            &request.headers,
            client,
        );
        (story, Some(Box::new(exchange)))
    }

    /// The same for what was no request.
    pub(crate) fn begin_unreadable(
        &self,
        generation: &Generation<A>,
        peer: &Peer,
    ) -> (Arc<Story>, Option<Box<Exchange>>) {
        let observers = self.observers(generation);
        let story = Story::new(RequestId::new());
        let exchange = (!observers.is_nobody())
            .then(|| Exchange::begin_unreadable(observers, Arc::clone(&story), peer.ip()));
        (story, exchange.map(Box::new))
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
