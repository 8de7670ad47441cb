//! What a connection is doing, seen from its socket and from its requests: for the timeouts, and to tell the access log how much
//! was really sent.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::config::Limits;
use crate::observe::access_log::{End, Exchange};
use crate::observe::counted_body::OnEnd;

/// Shared by the socket, the requests and the deadline of one connection, all on one thread: the atomics are for the types.
#[derive(Debug)]
pub(crate) struct Activity {
    pub(crate) opened: Instant,
    phase: AtomicU8,
    /// When the phase began, in milliseconds since the connection was opened.
    since: AtomicU64,
    /// Requests whose response has not ended (several on HTTP/2).
    serving: AtomicUsize,
    /// Bytes that the socket took.
    written: AtomicU64,
    /// The first bytes were the preface of HTTP/2, whose frames are no heads.
    is_http2: AtomicBool,
    is_draining: AtomicBool,
    /// Responses that were handed over whole, but may still be in a buffer.
    unflushed: Mutex<Vec<Sent>>,
}

/// Not noted yet.
const UNKNOWN: u64 = u64::MAX;

/// The phases that have a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// No byte of a request has come.
    Idle,
    /// The head of a request is coming.
    Head,
    /// A request is being answered.
    Serving,
}

/// A response that was handed over to the connection.
#[derive(Debug)]
struct Sent {
    exchange: Exchange,
    bytes: u64,
    /// `written` when the request began.
    written_before: u64,
}

/// One request of the connection; told when its response has ended.
#[derive(Debug)]
pub(crate) struct Serving {
    activity: Arc<Activity>,
    exchange: Option<Box<Exchange>>,
    written_before: u64,
    /// Bytes of the body that the socket took, where that is known as it happens.
    sent: u64,
}

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            phase: AtomicU8::new(Phase::Idle as u8),
            since: AtomicU64::new(0),
            serving: AtomicUsize::new(0),
            written: AtomicU64::new(0),
            is_http2: AtomicBool::new(false),
            is_draining: AtomicBool::new(false),
            unflushed: Mutex::default(),
        })
    }

    /// When the time of the present phase is over, counted from the opening of the connection; `None` while no deadline applies.
    pub(crate) fn due(&self, limits: &Limits) -> Option<Duration> {
        let allowed = match self.phase.load(Ordering::Relaxed) {
            phase if phase == Phase::Idle as u8 => {
                // A client that was never answered anything is not keeping alive a connection.
                let is_new = self.written.load(Ordering::Relaxed) == 0;
                if is_new {
                    limits.header_timeout
                } else {
                    limits.keep_alive_timeout
                }
            }
            phase if phase == Phase::Head as u8 => limits.header_timeout,
            _ => return None,
        };
        Some(self.since() + allowed)
    }

    pub(crate) fn begin(self: &Arc<Self>, exchange: Option<Exchange>) -> Serving {
        self.serving.fetch_add(1, Ordering::Relaxed);
        self.enter(Phase::Serving);
        Serving {
            activity: Arc::clone(self),
            exchange: exchange.map(Box::new),
            written_before: self.written.load(Ordering::Relaxed),
            sent: 0,
        }
    }

    /// When the phase began is noted by the next [`Activity::due`]: most phases are over before anybody asks.
    fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
        self.since.store(UNKNOWN, Ordering::Relaxed);
    }

    fn since(&self) -> Duration {
        let mut since = self.since.load(Ordering::Relaxed);
        if since == UNKNOWN {
            since = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(UNKNOWN - 1);
            self.since.store(since, Ordering::Relaxed);
        }
        Duration::from_millis(since)
    }

    /// Bytes came.
    pub(crate) fn has_read(&self) {
        if self.phase.load(Ordering::Relaxed) == Phase::Idle as u8
            && !self.is_http2.load(Ordering::Relaxed)
        {
            self.enter(Phase::Head);
        }
    }

    /// No request of HTTP/1.1 begins as the preface does (RFC 9113 §3.4), and only the first bytes of a connection can be one.
    fn look_for_preface(&self, bytes: &[u8]) {
        if self.written.load(Ordering::Relaxed) == 0 && bytes.starts_with(b"PRI ") {
            self.is_http2.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn has_written(&self, bytes: u64) {
        self.written.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The present request is the last.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.is_http2.load(Ordering::Relaxed)
    }

    /// Since when nothing has been under way, counted from the opening of the connection.
    pub(crate) fn idle_since(&self) -> Option<Duration> {
        (self.phase.load(Ordering::Relaxed) == Phase::Idle as u8).then(|| self.since())
    }

    /// The buffers are empty: whatever was handed over is with the system now.
    fn has_flushed(&self) {
        self.settle(|sent, _| sent.exchange.end(sent.bytes, End::Whole));
    }

    /// The connection is gone: what the socket did not take was never sent.
    pub(crate) fn has_closed(&self) {
        self.settle(|sent, written| {
            let taken = written.saturating_sub(sent.written_before).min(sent.bytes);
            sent.exchange.end(taken, End::Aborted);
        });
    }

    fn settle(&self, mut tell: impl FnMut(&mut Sent, u64)) {
        let mut unflushed = self
            .unflushed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let written = self.written.load(Ordering::Relaxed);
        for mut sent in unflushed.drain(..) {
            tell(&mut sent, written);
        }
    }
}

impl Serving {
    /// So much of the body has been taken by the socket.
    pub(crate) fn sent(&mut self, bytes: u64) {
        self.sent = bytes;
    }

    /// All of the response has been.
    pub(crate) fn finish(&mut self) {
        if let Some(mut exchange) = self.exchange.take() {
            exchange.end(self.sent, End::Whole);
        }
    }

    pub(crate) fn answered<B>(&mut self, response: &http::Response<B>) {
        if let Some(exchange) = &mut self.exchange {
            exchange.answered(response);
        }
    }
}

impl OnEnd for Serving {
    fn ended(&mut self, sent: u64, end: End) {
        let Some(mut exchange) = self.exchange.take() else {
            return;
        };
        if end == End::Aborted {
            let written = self.activity.written.load(Ordering::Relaxed);
            return exchange.end(sent.min(written.saturating_sub(self.written_before)), end);
        }
        let sent = Sent {
            exchange: *exchange,
            bytes: sent,
            written_before: self.written_before,
        };
        self.activity
            .unflushed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sent);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(exchange) = &mut self.exchange {
            exchange.end(self.sent, End::Aborted);
        }
        if self.activity.serving.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.activity.enter(Phase::Idle);
        }
    }
}

/// A socket that notes its part of the activity.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    pub(crate) stream: S,
    /// What was read before it came here.
    pub(crate) prefix: Bytes,
    pub(crate) activity: Arc<Activity>,
    /// Only then is there anything to be told of a flush.
    pub(crate) is_logged: bool,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.prefix.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        } else {
            let length = self.prefix.len().min(buffer.remaining());
            buffer.put_slice(&self.prefix.split_to(length));
        }
        if buffer.filled().len() > before {
            self.activity.look_for_preface(&buffer.filled()[before..]);
            self.activity.has_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.activity.has_written(written as u64);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, bytes))?;
        self.activity.has_written(written as u64);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        if self.is_logged {
            self.activity.has_flushed();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
