//! The deadline of a connection: one timer, moved only when it must go off earlier, and looked at again when it does.
//!
//! Most requests come in one piece and are answered at once; setting and clearing a timer for each would cost more than parsing it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Activity;
use crate::config::Limits;

pub(super) struct Deadline<'a> {
    activity: &'a Activity,
    limits: &'a Limits,
    timer: Pin<Box<Sleep>>,
    /// When the timer goes off, as time since the connection was opened.
    armed: Duration,
    /// The server drains and waits so long for the first request.
    first_request: Option<Duration>,
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
            first_request: None,
        }
    }

    /// From now on, a connection without a request has only so much time left.
    pub(super) fn allow_first_request(&mut self, time: Duration) {
        self.first_request = Some(self.activity.opened.elapsed() + time);
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
        match self.first_request {
            Some(due) if !self.activity.has_begun() => Some(due),
            _ => self.activity.due(self.limits),
        }
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
