//! The deadline of a connection: one timer, moved only when it must go off earlier, and looked at again when it does.
//!
//! Most requests come in one piece and are answered at once; setting and clearing a timer for each would cost more than parsing it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Activity;
use crate::config::Limits;

/// How long an idle connection is kept once the server drains. Its client may be sending a request at this very moment; closed at once, that
/// request would be lost without an answer. So it is answered, and the answer says that it was the last.
const GRACE: Duration = Duration::from_secs(1);

pub(crate) struct Deadline<'c> {
    activity: &'c Activity,
    timer: Pin<Box<Sleep>>,
    /// When the timer goes off, as time since the connection was opened.
    armed: Duration,
    /// Ready when the server begins to drain.
    draining: Pin<&'c mut (dyn Future<Output = ()> + Send)>,
    /// When a connection without a request ends, once it drains.
    grace: Option<Duration>,
}

/// What a connection has to be told.
pub(crate) enum Event {
    /// The server drains. Told once.
    Drain,
    /// The connection's time is over.
    Over,
}

impl<'c> Deadline<'c> {
    pub(crate) fn new(
        activity: &'c Activity,
        limits: &Limits,
        draining: Pin<&'c mut (dyn Future<Output = ()> + Send)>,
    ) -> Self {
        let armed = limits.header_timeout;
        let timer = Box::pin(sleep_until(Instant::from_std(activity.opened + armed)));
        Self {
            activity,
            timer,
            armed,
            draining,
            grace: None,
        }
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>, limits: &Limits) -> Poll<Event> {
        if self.grace.is_none() && self.draining.as_mut().poll(context).is_ready() {
            self.drain();
            return Poll::Ready(Event::Drain);
        }
        let due = self.due(limits);
        if due.is_some_and(|due| due < self.armed) {
            self.arm(due, limits);
        }
        loop {
            ready!(self.timer.as_mut().poll(context));
            let due = self.due(limits);
            if due.is_some_and(|due| due <= self.activity.opened.elapsed()) {
                return Poll::Ready(Event::Over);
            }
            self.arm(due, limits);
        }
    }

    /// The present request is the last one, or the next, if it comes in time.
    pub(crate) fn drain(&mut self) {
        self.activity.drain();
        self.grace
            .get_or_insert_with(|| self.activity.opened.elapsed() + GRACE);
    }

    fn due(&self, limits: &Limits) -> Option<Duration> {
        match self.grace {
            Some(due) if self.activity.is_idle() => Some(due),
            _ => self.activity.due(limits),
        }
    }

    fn arm(&mut self, due: Option<Duration>, limits: &Limits) {
        // While a request is being answered nothing is due; look again after a while.
        self.armed = due.unwrap_or_else(|| self.activity.opened.elapsed() + limits.header_timeout);
        self.timer
            .as_mut()
            .reset(Instant::from_std(self.activity.opened + self.armed));
    }
}
