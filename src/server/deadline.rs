//! The deadline of a connection: one timer, moved only when it must go off earlier, and looked at again when it does.
//!
//! Most requests come in one piece and are answered at once; setting and clearing a timer for each would cost more than parsing it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Activity;
use crate::config::Limits;

/// How long a connection must have been idle to be closed once the server drains. A client that asks often has a request on the way
/// at almost any time, and one that has not asked for long will hardly do so in this very moment: so who waits longer than this since
/// the last answer loses nothing, and who does not is answered once more, and told that it was the last.
const LAST_REQUEST: Duration = Duration::from_secs(1);

pub(super) struct Deadline<'a> {
    activity: &'a Activity,
    limits: &'a Limits,
    timer: Pin<Box<Sleep>>,
    /// When the timer goes off, as time since the connection was opened.
    armed: Duration,
    /// When the drain began, as time since the connection was opened.
    draining_since: Option<Duration>,
}

impl<'a> Deadline<'a> {
    pub(super) fn new(activity: &'a Activity, limits: &'a Limits) -> Self {
        let armed = limits.header_timeout;
        let timer = Box::pin(sleep_until(Instant::from_std(activity.opened + armed)));
        Self {
            activity,
            limits,
            timer,
            armed,
            draining_since: None,
        }
    }

    /// From now on, an idle connection has only a moment left.
    pub(super) fn drain(&mut self) {
        self.draining_since = Some(self.activity.opened.elapsed());
    }

    /// Ready when the connection's time is over.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let due = self.due();
        if due.is_some_and(|due| due < self.armed) {
            self.arm(due);
        }
        loop {
            ready!(self.timer.as_mut().poll(context));
            let due = self.due();
            if due.is_some_and(|due| due <= self.activity.opened.elapsed()) {
                return Poll::Ready(());
            }
            self.arm(due);
        }
    }

    fn due(&self) -> Option<Duration> {
        let due = self.activity.due(self.limits);
        let (Some(begun), Some(idle)) = (self.draining_since, self.activity.idle_since()) else {
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

    fn arm(&mut self, due: Option<Duration>) {
        // While a request is being answered nothing is due; look again after a while.
        self.armed =
            due.unwrap_or_else(|| self.activity.opened.elapsed() + self.limits.header_timeout);
        self.timer
            .as_mut()
            .reset(Instant::from_std(self.activity.opened + self.armed));
    }
}
