//! The deadline of a connection: one timer, moved only when it must go off earlier, and looked at again when it does.
//!
//! Most requests come in one piece and are answered at once; setting and clearing a timer for each would cost more than parsing it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Activity;
use super::shutdown::{Draining, Stage};
use crate::config::Limits;

/// How long a connection must have been idle to be closed once the server drains. A client that asks often has a request on the way
/// at almost any time, and one that has not asked for long will hardly do so in this very moment: so who waits longer than this since
/// the last answer loses nothing, and who does not is answered once more, and told that it was the last.
const LAST_REQUEST: Duration = Duration::from_secs(1);

pub(crate) struct Deadline<'c> {
    activity: &'c Activity,
    timer: Pin<Box<Sleep>>,
    /// When the timer goes off, as time since the connection was opened.
    armed: Duration,
    /// The task is registered with timer and signal, which need not be asked before they have something to say.
    is_registered: bool,
    /// The connection is older than it may become.
    is_aged: bool,
    draining: Draining,
    next_stage: Pin<Box<dyn Future<Output = Stage> + Send>>,
    /// When the drain began, as time since the connection was opened.
    draining_since: Option<Duration>,
}

/// What a connection has to be told.
pub(crate) enum Event {
    /// The server drains. Told once.
    Drain,
    /// The connection's time is over.
    Over,
}

impl<'c> Deadline<'c> {
    pub(crate) fn new(activity: &'c Activity, limits: &Limits, draining: Draining) -> Self {
        let armed = limits.header_timeout;
        let timer = Box::pin(sleep_until(Instant::from_std(activity.opened + armed)));
        Self {
            activity,
            timer,
            armed,
            is_registered: false,
            is_aged: false,
            next_stage: Box::pin(draining.clone().reached(Stage::Draining)),
            draining,
            draining_since: None,
        }
    }

    /// Whether the next answer should be the last, for the connection's age.
    pub(crate) fn is_aged(&self) -> bool {
        self.is_aged
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>, limits: &Limits) -> Poll<Event> {
        if (!self.is_registered || self.draining.has_begun())
            && let Poll::Ready(stage) = self.next_stage.as_mut().poll(context)
        {
            if stage == Stage::Cut {
                return Poll::Ready(Event::Over);
            }
            self.next_stage = Box::pin(self.draining.clone().reached(Stage::Cut));
            self.drain();
            return Poll::Ready(Event::Drain);
        }
        let due = self.due(limits);
        if due.is_some_and(|due| due < self.armed) {
            self.arm(due, limits);
        }
        if self.is_registered && !self.timer.is_elapsed() {
            return Poll::Pending;
        }
        loop {
            self.is_registered = true;
            ready!(self.timer.as_mut().poll(context));
            let now = self.activity.opened.elapsed();
            self.is_aged = !limits.connection_age.is_zero() && now >= limits.connection_age;
            let due = self.due(limits);
            if due.is_some_and(|due| due <= now) {
                return Poll::Ready(Event::Over);
            }
            self.arm(due, limits);
        }
    }

    /// The present request is the last one, or the next, if it comes in time.
    pub(super) fn drain(&mut self) {
        self.activity.drain();
        self.draining_since
            .get_or_insert_with(|| self.activity.opened.elapsed());
    }

    pub(crate) fn into_draining(self) -> Draining {
        self.draining
    }

    fn due(&self, limits: &Limits) -> Option<Duration> {
        let due = self.activity.due(limits);
        let Some(begun) = self.draining_since else {
            return due;
        };
        let Some(idle) = self.activity.idle_since() else {
            return due;
        };
        // HTTP/2 takes leave first, which takes a round trip.
        let since = if self.activity.is_http2() {
            idle.max(begun)
        } else {
            idle
        };
        due.map(|due| due.min(since + LAST_REQUEST))
    }

    fn arm(&mut self, due: Option<Duration>, limits: &Limits) {
        // While a request is being answered nothing is due; look again after a while.
        self.armed = due.unwrap_or_else(|| self.activity.opened.elapsed() + limits.header_timeout);
        // A timer that was moved has to be asked once more.
        self.is_registered = false;
        self.timer
            .as_mut()
            .reset(Instant::from_std(self.activity.opened + self.armed));
    }
}
