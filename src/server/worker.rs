//! A worker: accepts on its listeners, and serves what it accepted.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;

use super::ServeError;
use super::app::{Answer, App};
use super::generation::{Generation, Shared};
use super::listener::{Bound, Listener, SocketFile};
use super::peer::Peer;
use super::prologue::Prologue;
use super::shutdown::Draining;
use crate::config::Limits;
use crate::observe::AccessRecorder;

/// How long to wait when the system has no descriptor (or memory) for another connection.
const BACK_OFF: Duration = Duration::from_millis(50);

pub(super) struct Worker {
    app: App,
    limits: Limits,
    log: Option<AccessRecorder>,
    /// One permit a connection, shared by all workers.
    connections: Arc<Semaphore>,
}

/// A listener of this worker's runtime.
struct Accepting {
    socket: Socket,
    prologue: Arc<Prologue>,
}

enum Socket {
    Tcp(TcpListener),
    Unix(
        UnixListener,
        #[allow(dead_code, reason = "kept for its drop: it removes the file")] Arc<SocketFile>,
    ),
}

enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

pub(super) fn connection_limit(limits: &Limits) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(
        limits.connections.min(Semaphore::MAX_PERMITS),
    ))
}

impl Worker {
    pub(super) fn new(app: App, limits: Limits, log: Option<AccessRecorder>) -> Self {
        let connections = connection_limit(&limits);
        Self::with_limit(app, limits, log, connections)
    }

    pub(super) fn with_limit(
        app: App,
        limits: Limits,
        log: Option<AccessRecorder>,
        connections: Arc<Semaphore>,
    ) -> Self {
        Self {
            app,
            limits,
            log,
            connections,
        }
    }

    /// On a thread and runtime of its own.
    pub(super) fn spawn(
        self,
        index: usize,
        listeners: Vec<Listener>,
        draining: Draining,
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
            .name(format!("worker-{index}"))
            .spawn(move || {
                let result = runtime.block_on(self.serve(listeners, draining));
                // Whoever waited may have gone.
                let _ = tell.send(result);
            })
            .map_err(ServeError::Worker)?;
        Ok(ended)
    }

    /// Accepts until the drain begins, then waits for the connections to end.
    pub(super) async fn serve(
        self,
        listeners: Vec<Listener>,
        draining: Draining,
    ) -> Result<(), ServeError> {
        let accepting = listeners
            .into_iter()
            .map(|listener| {
                let address = listener.local_address();
                Accepting::new(listener).map_err(|source| ServeError::listen(&address, source))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let (limits, log, connections) = (self.limits, self.log, self.connections);
        match self.app {
            App::Gate(gate) => {
                let shared = Shared::new(Generation::new(Arc::new(gate), limits, log));
                run(&shared, accepting, &connections, &draining).await
            }
            App::Router(router) => {
                let shared = Shared::new(Generation::new(router, limits, log));
                run(&shared, accepting, &connections, &draining).await
            }
        }
    }
}

/// Each listener on its own; they share the worker's thread and the limit on connections.
async fn run<A: Answer>(
    shared: &Arc<Shared<A>>,
    accepting: Vec<Accepting>,
    connections: &Arc<Semaphore>,
    draining: &Draining,
) -> Result<(), ServeError> {
    let mut loops = JoinSet::new();
    for listener in accepting {
        loops.spawn(serve_listener(
            listener,
            Arc::clone(shared),
            Arc::clone(connections),
            draining.clone(),
        ));
    }
    let mut cut = 0;
    while let Some(of_listener) = loops.join_next().await {
        cut += of_listener.map_err(|_| ServeError::WorkerPanicked)?;
    }
    if cut == 0 {
        Ok(())
    } else {
        Err(ServeError::DrainTimedOut(cut))
    }
}

/// Returns how many connections had to be cut.
async fn serve_listener<A: Answer>(
    listener: Accepting,
    shared: Arc<Shared<A>>,
    connections: Arc<Semaphore>,
    draining: Draining,
) -> usize {
    let mut serving = JoinSet::new();
    let mut until = draining.clone();
    let prologue = Arc::clone(&listener.prologue);
    let mut serve = |accepted, permit| {
        spawn(
            &mut serving,
            &shared,
            accepted,
            permit,
            &prologue,
            &draining,
        );
    };
    loop {
        tokio::select! {
            biased;
            () = until.begun() => break,
            // Beyond the limit, connections wait in the system's queue.
            (accepted, permit) = listener.next(&connections) => serve(accepted, permit),
        }
    }
    // Who is in the queue was told that the connection stands: let nobody down.
    while let Some(accepted) = listener.waiting().await {
        let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else {
            break;
        };
        serve(accepted, permit);
    }
    drop(listener);
    let all_ended = async { while serving.join_next().await.is_some() {} };
    match tokio::time::timeout(shared.generation().limits.drain_timeout, all_ended).await {
        Ok(()) => 0,
        // Dropped, the rest is cut.
        Err(_) => serving.len(),
    }
}

fn spawn<A: Answer>(
    serving: &mut JoinSet<()>,
    shared: &Arc<Shared<A>>,
    accepted: Accepted,
    permit: OwnedSemaphorePermit,
    prologue: &Arc<Prologue>,
    draining: &Draining,
) {
    // The set keeps those that ended until they are asked for.
    while serving.try_join_next().is_some() {}
    let (shared, draining) = (Arc::clone(shared), draining.clone());
    let prologue = Arc::clone(prologue);
    match accepted {
        Accepted::Tcp(stream, client) => serving.spawn(async move {
            let peer = Peer {
                address: Some(client),
            };
            shared.open(stream, peer, prologue, draining).await;
            drop(permit);
        }),
        Accepted::Unix(stream) => serving.spawn(async move {
            shared
                .open(stream, Peer::default(), prologue, draining)
                .await;
            drop(permit);
        }),
    };
}

impl Accepting {
    fn new(listener: Listener) -> io::Result<Self> {
        let socket = match listener.socket {
            Bound::Tcp(listener) => Socket::Tcp(TcpListener::from_std(listener)?),
            Bound::Unix(listener, file) => Socket::Unix(UnixListener::from_std(listener)?, file),
        };
        Ok(Self {
            socket,
            prologue: listener.prologue,
        })
    }

    /// The next connection. Trouble in accepting is never fatal: it is told, and tried again a little later.
    async fn next(&self, connections: &Arc<Semaphore>) -> (Accepted, OwnedSemaphorePermit) {
        let permit = Arc::clone(connections)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        loop {
            match poll_fn(|context| self.poll(context)).await {
                Ok(accepted) => return (accepted, permit),
                // The client changed its mind while it waited.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::error!(%error, "a connection could not be accepted; trying again in {BACK_OFF:?}");
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }

    /// A connection that waits already, if there is one.
    async fn waiting(&self) -> Option<Accepted> {
        poll_fn(|context| match self.poll(context) {
            Poll::Ready(accepted) => Poll::Ready(accepted.ok()),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match &self.socket {
            Socket::Tcp(listener) => listener
                .poll_accept(context)
                .map_ok(|(stream, client)| Accepted::Tcp(stream, client)),
            Socket::Unix(listener, _) => listener
                .poll_accept(context)
                .map_ok(|(stream, _)| Accepted::Unix(stream)),
        }
    }
}
