//! How long the server is waited for: one timer for all requests of a connection, moved only when it must go off earlier, and looked at
//! again when it does. Setting and clearing one for each request would cost more than parsing the answer.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    due: Option<Instant>,
}

impl Timer {
    /// From now on, so long; zero: for ever.
    pub(crate) fn wait(&mut self, patience: Duration) {
        self.due = match patience {
            Duration::ZERO => None,
            patience => Instant::now().checked_add(patience),
        };
    }

    /// Nothing is waited for.
    pub(crate) fn rest(&mut self) {
        self.due = None;
    }

    /// Ready when the time is over.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.due else {
            return Poll::Pending;
        };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if due < sleep.deadline() {
            sleep.as_mut().reset(due);
        }
        loop {
            ready!(sleep.as_mut().poll(context));
            if sleep.deadline() >= due {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_later_end_takes_the_place_of_an_earlier_one() {
        let mut timer = Timer::default();
        let begun = Instant::now();
        for (patience, after) in [(5, 5), (3, 8)] {
            timer.wait(Duration::from_secs(patience));
            poll_fn(|context| timer.poll(context)).await;
            assert_eq!(begun.elapsed().as_secs(), after);
        }
        timer.wait(Duration::from_secs(4));
        poll_fn(|context| {
            assert!(timer.poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        timer.wait(Duration::from_secs(10));
        poll_fn(|context| timer.poll(context)).await;
        assert_eq!(begun.elapsed().as_secs(), 18);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_due_while_nothing_is_waited_for() {
        let mut timer = Timer::default();
        timer.wait(Duration::from_secs(1));
        timer.rest();
        let patience = Duration::from_secs(60);
        let ended = tokio::time::timeout(patience, poll_fn(|context| timer.poll(context))).await;
        assert!(ended.is_err());
        timer.wait(Duration::ZERO);
        let ended = tokio::time::timeout(patience, poll_fn(|context| timer.poll(context))).await;
        assert!(ended.is_err());
    }
}
