//! Connections that many requests share.

use std::collections::HashMap;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hyper::client::conn::http2::{Builder, Connection, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::runtime::{self, Handle};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::outbound::Outbound;
use crate::config::upstream::UpstreamConfig;
use crate::proxy::transport::connect::Connector;
use crate::proxy::transport::exchange::{Failure, FailureKind, Stage, Target};
use crate::proxy::transport::shards::Shards;
use crate::proxy::transport::socket::Socket;

/// What a stream may receive that nobody has read; and all of a connection, so that slow readers do not stop the others.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 64 << 20;

/// What a stream may hold that the server has not taken.
const SEND_BUFFER: usize = 256 << 10;

/// A connection with streams is asked whether it is alive after so long without a sign, and given up after as long again.
const PING: Duration = Duration::from_secs(20);

/// The library ends a connection, with all that is under way on it, after 100 empty frames in its life; and some servers send one before
/// each answer's trailers. Nobody sees them, so every answer with trailers is counted as one, and every one whose end was not seen.
const EMPTY_FRAMES: usize = 90;

#[derive(Debug)]
pub(super) struct Connections {
    shards: Shards<HashMap<Target, Server>>,
    idle: Duration,
    header_size: u32,
}

#[derive(Debug, Default)]
struct Server {
    open: Vec<Shared>,
    making: Arc<Making>,
}

/// Held by who makes another connection, so that not all do at once; with what came of it last, if that was nothing.
type Making = tokio::sync::Mutex<Option<(Instant, FailureKind, String)>>;

#[derive(Clone, Debug)]
struct Shared {
    sender: SendRequest<Outbound>,
    usage: Arc<Usage>,
    /// The one that drives its socket.
    runtime: runtime::Id,
}

#[derive(Debug, Default)]
struct Usage {
    streams: AtomicUsize,
    /// How many there ever were.
    opened: AtomicUsize,
    /// How many the server allows at a time.
    most: AtomicUsize,
    /// By the first answer the server has said how many it allows; hyper learns it without a word.
    has_answered: AtomicBool,
    answered: Notify,
    /// How many there may have been; see [`EMPTY_FRAMES`].
    empty_frames: AtomicUsize,
    /// It is about to be closed.
    is_retired: AtomicBool,
}

/// A place on a connection, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) sender: SendRequest<Outbound>,
    usage: Arc<Usage>,
    /// Its answer had no trailers.
    is_plain: bool,
}

impl Stream {
    /// The head of an answer is there.
    pub(super) fn is_answered(&self) {
        if !self.usage.has_answered.swap(true, Ordering::SeqCst) {
            self.usage.answered.notify_one();
        }
    }

    /// All of the answer was seen, and it had no trailers.
    pub(super) fn is_plain(&mut self) {
        self.is_plain = true;
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.is_plain {
            self.usage.empty_frames.fetch_add(1, Ordering::SeqCst);
        }
        self.usage.streams.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    /// A place on it, if one is left.
    fn open(&self) -> Option<Stream> {
        // Looked at first: what is not opened is not to be counted.
        if self.is_over() {
            return None;
        }
        let before = self.usage.streams.fetch_add(1, Ordering::SeqCst);
        self.usage.opened.fetch_add(1, Ordering::SeqCst);
        let mut stream = Stream {
            sender: self.sender.clone(),
            usage: Arc::clone(&self.usage),
            // Until it is used.
            is_plain: true,
        };
        let has_room = before < self.usage.most.load(Ordering::SeqCst)
            && before + self.usage.empty_frames.load(Ordering::SeqCst) < EMPTY_FRAMES;
        stream.is_plain = !has_room || self.is_over();
        (!stream.is_plain).then_some(stream)
    }

    fn is_over(&self) -> bool {
        self.usage.is_retired.load(Ordering::SeqCst)
            || self.usage.empty_frames.load(Ordering::SeqCst) >= EMPTY_FRAMES
            || self.sender.is_closed()
    }
}

impl Connections {
    pub(super) fn new(config: &UpstreamConfig) -> Self {
        Self {
            shards: Shards::new(),
            idle: config.pool.idle.max(Duration::from_secs(1)),
            header_size: u32::try_from(config.header_size).unwrap_or(u32::MAX),
        }
    }

    /// A place on a connection to the server; and whether the connection was there before.
    pub(super) async fn open(
        &self,
        connector: &Connector,
        target: &Target,
    ) -> Result<(Stream, bool), Failure> {
        let making = match self.find(target) {
            Ok(stream) => return Ok((stream, true)),
            Err(making) => making,
        };
        let asked = Instant::now();
        let mut making = making.lock().await;
        if let Ok(stream) = self.find(target) {
            return Ok((stream, true));
        }
        // Who waited for an attempt in vain does not make the others wait for one more.
        if let Some((when, kind, text)) = &*making
            && *when >= asked
        {
            let error = std::io::Error::other(text.clone());
            return Err(Failure::new(*kind, Stage::NotSent, error));
        }
        let made = self.make(connector, target).await;
        if let Err(failure) = &made {
            *making = Some((Instant::now(), failure.kind, failure.error.to_string()));
        }
        let shared = made?;
        let stream = shared.open().ok_or_else(|| {
            let error = std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
            Failure::new(FailureKind::Closed, Stage::NotSent, error)
        })?;
        let mut servers = self.shards.lock(Shards::<()>::mine());
        servers.entry(target.clone()).or_default().open.push(shared);
        Ok((stream, false))
    }

    /// A place, or what has to be held to make one.
    fn find(&self, target: &Target) -> Result<Stream, Arc<Making>> {
        let runtime = Handle::current().id();
        let mut servers = self.shards.lock(Shards::<()>::mine());
        let server = match servers.get_mut(target) {
            Some(server) => server,
            None => servers.entry(target.clone()).or_default(),
        };
        server.open.retain(|shared| !shared.is_over());
        let mut own = server.open.iter().filter(|one| one.runtime == runtime);
        own.find_map(Shared::open)
            .ok_or_else(|| Arc::clone(&server.making))
    }

    async fn make(&self, connector: &Connector, target: &Target) -> Result<Shared, Failure> {
        let socket = connector.connect(target).await?;
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_header_list_size(self.header_size)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .handshake(TokioIo::new(socket))
            .await
            .map_err(|error| {
                Failure::new(
                    FailureKind::Refused,
                    Stage::NotSent,
                    super::wrong::text(&error),
                )
            })?;
        let usage = Arc::<Usage>::default();
        let most = connection.current_max_send_streams();
        usage.most.store(most, Ordering::SeqCst);
        tokio::spawn(drive(connection, Arc::clone(&usage), self.idle));
        Ok(Shared {
            sender,
            usage,
            runtime: Handle::current().id(),
        })
    }
}

/// Until the connection has ended, or nobody has used it for so long.
async fn drive(
    mut connection: Connection<TokioIo<Socket>, Outbound, TokioExecutor>,
    usage: Arc<Usage>,
    idle: Duration,
) {
    let mut opened = 0;
    loop {
        let served = poll_fn(|context| {
            let ended = Pin::new(&mut connection).poll(context);
            let most = connection.current_max_send_streams();
            usage.most.store(most, Ordering::SeqCst);
            ended
        });
        tokio::select! {
            ended = served => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection of HTTP/2 to a server ended");
                }
                return;
            }
            () = usage.answered.notified() => continue,
            () = tokio::time::sleep(idle) => {}
        }
        let before = std::mem::replace(&mut opened, usage.opened.load(Ordering::SeqCst));
        if before != opened || usage.streams.load(Ordering::SeqCst) > 0 {
            continue;
        }
        // Who comes now sees that it is retired; who came before is seen here.
        usage.is_retired.store(true, Ordering::SeqCst);
        if usage.opened.load(Ordering::SeqCst) == opened {
            return;
        }
        usage.is_retired.store(false, Ordering::SeqCst);
    }
}
