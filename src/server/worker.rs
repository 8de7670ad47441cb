//! A worker: accepts on its sockets, serves what it accepted, and takes orders.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::ServeError;
use super::accept::{Post, Service, Socket, accept};
use super::app::{Answer, App};
use super::generation::{Generation, Shared};
use super::limit::{Limit, Open};
use super::shutdown::Drain;
use crate::config::Limits;
use crate::header::forwarded::TrustedProxies;
use crate::observe::Outlets;
use crate::observe::tally::Tally;
use crate::routing::Gate;

/// How long the connections may take to obey the cut.
const CUT: std::time::Duration = std::time::Duration::from_secs(1);

/// What a worker is told while it serves. Sockets are told themselves when to stop.
#[derive(Debug)]
pub(super) enum Order {
    /// Accept there too.
    Listen(Post),
    /// Finish what has begun, and end.
    Drain,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) shared: AnyShared,
    pub(super) limit: Arc<Limit>,
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
}

/// What a worker's connections have in common, for either kind of application. The outer count of references is the worker's own.
#[allow(clippy::redundant_allocation)]
#[derive(Clone, Debug)]
pub(super) enum AnyShared {
    Gate(Arc<Shared<Arc<Arc<Gate>>>>),
    Router(Arc<Shared<axum::Router>>),
}

impl AnyShared {
    pub(super) fn new(
        app: &App,
        limits: &Limits,
        outlets: &Outlets,
        trusted: &TrustedProxies,
        tally: Arc<Tally>,
    ) -> Self {
        let (limits, outlets, trusted) = (limits.clone(), outlets.clone(), trusted.clone());
        match app {
            App::Gate(gate) => {
                let app = Arc::new(Arc::clone(gate));
                Self::Gate(Shared::new(
                    Generation::new(app, limits, outlets, trusted),
                    tally,
                ))
            }
            App::Router(router) => Self::Router(Shared::new(
                Generation::new(router.clone(), limits, outlets, trusted),
                tally,
            )),
        }
    }

    /// From the next request on, this counts. A worker's kind of application never changes.
    pub(super) fn renew(
        &self,
        app: &App,
        limits: &Limits,
        outlets: &Outlets,
        trusted: &TrustedProxies,
    ) {
        let (limits, outlets, trusted) = (limits.clone(), outlets.clone(), trusted.clone());
        match (self, app) {
            (Self::Gate(shared), App::Gate(gate)) => {
                shared.renew(Generation::new(
                    Arc::new(Arc::clone(gate)),
                    limits,
                    outlets,
                    trusted,
                ));
            }
            (Self::Router(shared), App::Router(router)) => {
                shared.renew(Generation::new(router.clone(), limits, outlets, trusted));
            }
            _ => debug_assert!(false, "a server has one kind of application"),
        }
    }
}

impl Worker {
    /// On a thread and runtime of its own.
    pub(super) fn spawn(
        self,
        index: usize,
        posts: Vec<Post>,
    ) -> Result<oneshot::Receiver<Result<(), ServeError>>, ServeError> {
        self.spawn_named(format!("worker-{index}"), posts)
    }

    pub(super) fn spawn_named(
        self,
        name: String,
        posts: Vec<Post>,
    ) -> Result<oneshot::Receiver<Result<(), ServeError>>, ServeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // A look at the sockets costs a system call; with many connections ready there is enough to do between two.
            .event_interval(61)
            .build()
            .map_err(ServeError::Worker)?;
        let (tell, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name(name)
            .spawn(move || {
                let result = runtime.block_on(self.serve(posts));
                // Whatever was left holds a part of the server; only then is it told that this one has ended.
                drop(runtime);
                // Whoever waited may have gone.
                let _ = tell.send(result);
            })
            .map_err(ServeError::Worker)?;
        Ok(ended)
    }

    /// Accepts until told to drain, then waits for the connections to end.
    pub(super) async fn serve(self, posts: Vec<Post>) -> Result<(), ServeError> {
        match self.shared {
            AnyShared::Gate(shared) => run(shared, &self.limit, self.orders, posts).await,
            AnyShared::Router(shared) => run(shared, &self.limit, self.orders, posts).await,
        }
    }
}

/// Each socket on its own; they share the worker's thread and the limit on connections.
async fn run<A: Answer>(
    shared: Arc<Shared<A>>,
    limit: &Arc<Limit>,
    mut orders: mpsc::UnboundedReceiver<Order>,
    posts: Vec<Post>,
) -> Result<(), ServeError> {
    shared.begin();
    // Dropped with this future, the drain cuts the connections.
    let (drain, draining) = Drain::new();
    let service = Arc::new(Service {
        shared,
        open: Open::new(limit),
        draining,
    });
    let mut accepting = JoinSet::new();
    for post in posts {
        listen(&mut accepting, &service, post)?;
    }
    loop {
        tokio::select! {
            biased;
            Some(ended) = accepting.join_next() => ended.map_err(|_| ServeError::WorkerPanicked)?,
            // When nobody is left to give orders, it goes on as it is.
            Some(order) = orders.recv() => match order {
                Order::Listen(post) => {
                    if let Err(error) = listen(&mut accepting, &service, post) {
                        tracing::error!(%error, "a worker cannot accept on a new listener");
                    }
                }
                Order::Drain => break,
            },
            else => std::future::pending().await,
        }
    }
    drain.begin();
    // Each has been told to stop, and first takes what waits.
    while let Some(ended) = accepting.join_next().await {
        ended.map_err(|_| ServeError::WorkerPanicked)?;
    }
    let allowed = service.shared.generation().limits.drain_timeout;
    let open = &service.open;
    if tokio::time::timeout(allowed, open.all_closed())
        .await
        .is_ok()
    {
        return Ok(());
    }
    let cut = open.count();
    drain.cut();
    // So that the access log hears of them. Who does not obey ends with the runtime.
    let _ = tokio::time::timeout(CUT, open.all_closed()).await;
    Err(ServeError::DrainTimedOut(cut))
}

fn listen<A: Answer>(
    accepting: &mut JoinSet<()>,
    service: &Arc<Service<A>>,
    post: Post,
) -> Result<(), ServeError> {
    let address = post.socket.local_address();
    let socket = Socket::new(post.socket).map_err(|source| ServeError::listen(&address, source))?;
    accepting.spawn(accept(
        socket,
        post.prologue,
        post.stop,
        Arc::clone(service),
    ));
    Ok(())
}
