//! What a connection is doing, seen from its socket and from its requests: for the timeouts, and to tell the access log how much
//! was really sent.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::limit::Permit;
use crate::config::Limits;
use crate::observe::access_log::{End, Exchange};
use crate::observe::counted_body::OnEnd;
use crate::observe::story::Story;

/// Shared by the socket, the requests and the deadline of one connection, all on one thread: the atomics are for the types.
#[derive(Debug)]
pub(crate) struct Activity {
    pub(crate) opened: Instant,
    phase: AtomicU8,
    /// When the phase began, in milliseconds since the connection was opened.
    since: AtomicU64,
    /// How long the client may be waited for in [`Phase::Receiving`], in milliseconds.
    patience: AtomicU64,
    /// Requests whose response has not ended (several on HTTP/2).
    serving: AtomicUsize,
    /// Bytes that the socket took.
    written: AtomicU64,
    /// The first bytes were the preface of HTTP/2, whose frames are no heads.
    is_http2: AtomicBool,
    is_draining: AtomicBool,
    /// Requests whose response the client has to take more of, as far as that is known.
    waiting: AtomicUsize,
    /// When one of them last took some, in milliseconds since the connection was opened.
    progress: AtomicU64,
    /// The connection counts as open as long as anybody holds this; an upgraded one outlives its task.
    #[allow(dead_code, reason = "kept for its drop")]
    permit: Permit,
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
    /// The client has to send more of a request's body.
    Receiving,
    /// The client has to take more of an answer.
    Sending,
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
    story: Arc<Story>,
    exchange: Option<Box<Exchange>>,
    written_before: u64,
    /// Bytes of the body that the socket took, where that is known as it happens.
    sent: u64,
    /// The client has to take more before it goes on.
    is_waiting: bool,
}

impl Activity {
    pub(crate) fn new(permit: Permit) -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            phase: AtomicU8::new(Phase::Idle as u8),
            since: AtomicU64::new(0),
            patience: AtomicU64::new(0),
            serving: AtomicUsize::new(0),
            written: AtomicU64::new(0),
            is_http2: AtomicBool::new(false),
            is_draining: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            progress: AtomicU64::new(0),
            permit,
            unflushed: Mutex::default(),
        })
    }

    /// When the time of the present phase is over, counted from the opening of the connection; `None` while no deadline applies.
    pub(crate) fn due(&self, limits: &Limits) -> Option<Duration> {
        let phase = self.phase();
        let allowed = match phase {
            Phase::Serving => return self.stalled_until(limits),
            // A client that was never answered anything is not keeping alive a connection.
            Phase::Idle if self.written.load(Ordering::Relaxed) == 0 => limits.header_timeout,
            Phase::Idle => limits.keep_alive_timeout,
            Phase::Head => limits.header_timeout,
            Phase::Receiving => Duration::from_millis(self.patience.load(Ordering::Relaxed)),
            Phase::Sending => limits.write_timeout,
        };
        let due = self.since() + allowed;
        Some(match phase {
            Phase::Idle if !limits.connection_age.is_zero() => due.min(limits.connection_age),
            _ => due,
        })
    }

    /// Every response waits for the client: windows of HTTP/2 held at zero are closed like a socket that nobody reads.
    fn stalled_until(&self, limits: &Limits) -> Option<Duration> {
        let waiting = self.waiting.load(Ordering::Relaxed);
        let progress = Duration::from_millis(self.progress.load(Ordering::Relaxed));
        (waiting > 0 && waiting >= self.serving.load(Ordering::Relaxed))
            .then(|| progress + limits.write_timeout)
    }

    fn has_progressed(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.progress.store(now, Ordering::Relaxed);
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Head,
            3 => Phase::Receiving,
            4 => Phase::Sending,
            _ => Phase::Serving,
        }
    }

    /// Whether no request has begun since the last one was answered.
    pub(crate) fn is_idle(&self) -> bool {
        self.phase() == Phase::Idle
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.is_http2.load(Ordering::Relaxed)
    }

    /// Since when nothing has been under way, counted from the opening of the connection.
    pub(crate) fn idle_since(&self) -> Option<Duration> {
        self.is_idle().then(|| self.since())
    }

    /// Who is waited for in the middle of a request: the client, to send (for so long) or to take, or the handler.
    pub(crate) fn wait(&self, patience: Option<Duration>, is_blocked: bool) {
        let phase = match patience {
            _ if is_blocked => Phase::Sending,
            Some(patience) => {
                let patience = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX >> 1);
                self.patience.store(patience, Ordering::Relaxed);
                Phase::Receiving
            }
            None => Phase::Serving,
        };
        if self.phase() != phase {
            self.enter(phase);
        }
    }

    /// A request was read and answered in one go, by then.
    pub(crate) fn has_answered(&self, bytes: u64, at: Instant) {
        self.written.fetch_add(bytes, Ordering::Relaxed);
        self.phase.store(Phase::Idle as u8, Ordering::Relaxed);
        let since = at.saturating_duration_since(self.opened).as_millis();
        let since = u64::try_from(since).unwrap_or(UNKNOWN - 1);
        self.since.store(since, Ordering::Relaxed);
    }

    /// Nothing is under way, whatever was read.
    pub(crate) fn rest(&self) {
        self.enter(Phase::Idle);
    }

    pub(crate) fn begin(
        self: &Arc<Self>,
        (story, exchange): (Arc<Story>, Option<Box<Exchange>>),
    ) -> Serving {
        self.serving.fetch_add(1, Ordering::Relaxed);
        self.enter(Phase::Serving);
        Serving {
            activity: Arc::clone(self),
            story,
            exchange,
            written_before: self.written.load(Ordering::Relaxed),
            sent: 0,
            is_waiting: false,
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
        if self.is_idle() && !self.is_http2.load(Ordering::Relaxed) {
            self.enter(Phase::Head);
        }
    }

    /// No request of HTTP/1.1 begins as the preface does (RFC 9113 §3.4), and only the first bytes of a connection can be one.
    pub(super) fn look_for_preface(&self, bytes: &[u8]) {
        if self.written.load(Ordering::Relaxed) == 0 && bytes.starts_with(b"PRI ") {
            self.is_http2.store(true, Ordering::Relaxed);
        }
    }

    /// It was agreed on before the first byte.
    pub(super) fn speak_http2(&self) {
        self.is_http2.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_written(&self, bytes: u64) {
        self.written.fetch_add(bytes, Ordering::Relaxed);
        if self.phase() == Phase::Sending {
            self.enter(Phase::Sending);
        }
    }

    /// The present request is the last.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// The buffers are empty: whatever was handed over is with the system now.
    pub(super) fn has_flushed(&self) {
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
    /// It is the client's turn.
    pub(crate) fn wait_for_client(&mut self) {
        if !std::mem::replace(&mut self.is_waiting, true)
            && self.activity.waiting.fetch_add(1, Ordering::Relaxed) == 0
        {
            self.activity.has_progressed();
        }
    }

    fn stop_waiting(&mut self) {
        if std::mem::take(&mut self.is_waiting) {
            self.activity.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

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

    /// What is told of the request.
    pub(crate) fn story(&self) -> &Arc<Story> {
        &self.story
    }

    pub(crate) fn answered<B>(&mut self, response: &http::Response<B>) {
        if let Some(exchange) = &mut self.exchange {
            exchange.answered(response);
        }
    }
}

impl OnEnd for Serving {
    /// More is asked for when the client has room for it.
    fn asked(&mut self) {
        self.stop_waiting();
        self.activity.has_progressed();
    }

    fn handed_on(&mut self) {
        self.wait_for_client();
    }

    fn ended(&mut self, sent: u64, end: End) {
        let Some(mut exchange) = self.exchange.take() else {
            return;
        };
        if end != End::Whole {
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
        self.stop_waiting();
        if let Some(exchange) = &mut self.exchange {
            exchange.end(self.sent, End::Aborted);
        }
        if self.activity.serving.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.activity.enter(Phase::Idle);
        }
    }
}
