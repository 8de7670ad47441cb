//! Accepting on one socket, until told to stop.
//!
//! 1. Below the limit on connections, the next one is taken; beyond it, connections wait in the system's queue.
//! 2. It is served by a task of its own, which begins with the prologue that counts now.
//! 3. At the end what waits in the queue is taken too, unless another process goes on with the socket.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::oneshot;

use super::app::Answer;
use super::generation::Shared;
use super::limit::{Open, Permit};
use super::listener::{Bound, SocketFile};
use super::peer::Peer;
use super::prologue::{Prologue, Stream};
use super::shutdown::Draining;

/// How long to wait when the system has no descriptor (or memory) for another connection.
const BACK_OFF: Duration = Duration::from_millis(50);

/// A socket for a worker to accept on.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) socket: Bound,
    pub(super) prologue: Arc<Slot>,
    pub(super) stop: oneshot::Receiver<Stop>,
}

/// What new connections of a listener begin with; a reload puts another in its place.
#[derive(Debug)]
pub(super) struct Slot(RwLock<Arc<Prologue>>);

/// How to stop accepting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Who waits in the queue was told that the connection stands: let nobody down.
    TakeQueue,
    /// Another process takes the queue.
    LeaveQueue,
}

/// What a worker has for each of its connections.
#[derive(Debug)]
pub(super) struct Service<A> {
    pub(super) shared: Arc<Shared<A>>,
    pub(super) open: Arc<Open>,
    pub(super) draining: Draining,
}

/// A listener of this worker's runtime.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, Arc<SocketFile>),
}

enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

/// What came of a try.
enum Tried {
    Accepted(Accepted, Permit),
    AtLimit,
    Failed(io::Error),
}

impl Slot {
    pub(super) fn new(prologue: Arc<Prologue>) -> Arc<Self> {
        prologue.begin();
        Arc::new(Self(RwLock::new(prologue)))
    }

    pub(super) fn renew(&self, prologue: Arc<Prologue>) {
        prologue.begin();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = prologue;
    }

    pub(super) fn prologue(&self) -> Arc<Prologue> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Accepts on a socket until told to stop.
pub(super) async fn accept<A: Answer>(
    socket: Socket,
    prologue: Arc<Slot>,
    mut stop: oneshot::Receiver<Stop>,
    service: Arc<Service<A>>,
) {
    let stop = loop {
        tokio::select! {
            biased;
            // Nobody is left who could say it: then it is never said.
            Ok(stop) = &mut stop => break stop,
            (accepted, permit) = socket.next(&service.open) => {
                service.spawn(accepted, permit, prologue.prologue());
            }
        }
    };
    if stop == Stop::TakeQueue {
        for accepted in socket.into_waiting() {
            let Some(permit) = service.open.permit() else {
                break;
            };
            service.spawn(accepted, permit, prologue.prologue());
        }
    }
}

impl<A: Answer> Service<A> {
    fn spawn(&self, accepted: Accepted, permit: Permit, prologue: Arc<Prologue>) {
        permit.accepted();
        match accepted {
            Accepted::Tcp(stream, client) => {
                let peer = Peer {
                    address: Some(client),
                    ..Peer::default()
                };
                self.spawn_stream(stream, peer, permit, prologue);
            }
            Accepted::Unix(stream) => {
                self.spawn_stream(stream, Peer::default(), permit, prologue);
            }
        }
    }

    fn spawn_stream<S: Stream>(
        &self,
        stream: S,
        peer: Peer,
        permit: Permit,
        prologue: Arc<Prologue>,
    ) {
        let (shared, draining) = (Arc::clone(&self.shared), self.draining.clone());
        if prologue.is_empty() {
            tokio::spawn(shared.serve(stream, peer, draining, permit));
        } else if prologue.proxy_protocol.is_none() {
            tokio::spawn(shared.open(stream, peer, prologue, draining, permit));
        } else {
            tokio::spawn(shared.open_by_proxy(stream, peer, prologue, draining, permit));
        }
    }
}

impl Socket {
    /// On the current runtime.
    pub(super) fn new(socket: Bound) -> io::Result<Self> {
        Ok(match socket {
            Bound::Tcp(listener) => Self::Tcp(TcpListener::from_std(listener)?),
            Bound::Unix(listener, file) => Self::Unix(UnixListener::from_std(listener)?, file),
        })
    }

    /// The next connection. Trouble in accepting is never fatal: it is told, and tried again a little later.
    async fn next(&self, open: &Arc<Open>) -> (Accepted, Permit) {
        loop {
            let freed = open.freed();
            match poll_fn(|context| self.poll_tried(context, open)).await {
                Tried::Accepted(accepted, permit) => return (accepted, permit),
                Tried::AtLimit => freed.await,
                // The client changed its mind while it waited.
                Tried::Failed(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Tried::Failed(error) => {
                    tracing::error!(%error, "a connection could not be accepted; trying again in {BACK_OFF:?}");
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }

    /// A permit is held only while there is a connection for it: a socket that waits keeps none from another.
    fn poll_tried(&self, context: &mut Context<'_>, open: &Arc<Open>) -> Poll<Tried> {
        let Some(permit) = open.permit() else {
            return Poll::Ready(Tried::AtLimit);
        };
        self.poll(context).map(|accepted| match accepted {
            Ok(accepted) => Tried::Accepted(accepted, permit),
            Err(error) => Tried::Failed(error),
        })
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match self {
            Self::Tcp(listener) => listener
                .poll_accept(context)
                .map_ok(|(stream, client)| Accepted::Tcp(stream, client)),
            Self::Unix(listener, _) => listener
                .poll_accept(context)
                .map_ok(|(stream, _)| Accepted::Unix(stream)),
        }
    }

    /// The connections that wait now, asked of the system: the runtime only knows what it was told at its last look.
    fn into_waiting(self) -> Box<dyn Iterator<Item = Accepted> + Send> {
        match self {
            Self::Tcp(listener) => {
                let Ok(listener) = listener.into_std() else {
                    return Box::new(std::iter::empty());
                };
                Box::new(std::iter::from_fn(move || {
                    let (stream, client) = listener.accept().ok()?;
                    stream.set_nonblocking(true).ok()?;
                    Some(Accepted::Tcp(TcpStream::from_std(stream).ok()?, client))
                }))
            }
            Self::Unix(listener, file) => {
                let Ok(listener) = listener.into_std() else {
                    return Box::new(std::iter::empty());
                };
                Box::new(std::iter::from_fn(move || {
                    // The file is there as long as the queue is.
                    let _file = &file;
                    let (stream, _) = listener.accept().ok()?;
                    stream.set_nonblocking(true).ok()?;
                    Some(Accepted::Unix(UnixStream::from_std(stream).ok()?))
                }))
            }
        }
    }
}
