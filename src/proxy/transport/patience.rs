//! For how long a server leaves an idle connection open, as far as it is known; pure.

use std::time::Duration;

use tokio::time::Instant;

/// What was seen may have had another reason, such as a restart: after this time it is forgotten.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// A younger connection that was closed tells nothing of how long others may wait.
const TELLING: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Patience {
    /// By its own word (`Keep-Alive: timeout=`).
    said: Option<Duration>,
    /// The shortest time after which it was found to have closed one, and when.
    seen: Option<(Duration, Instant)>,
}

impl Patience {
    pub(super) fn says(&mut self, idle: Option<Duration>) {
        self.said = idle;
    }

    /// The server closed a connection that had been idle for so long, or less.
    pub(super) fn has_closed(&mut self, idle: Duration, now: Instant) {
        let is_shorter = self.known_to_close(now).is_none_or(|seen| idle < seen);
        if idle >= TELLING && is_shorter {
            self.seen = Some((idle, now));
        }
    }

    fn known_to_close(&self, now: Instant) -> Option<Duration> {
        let (idle, when) = self.seen?;
        (now.saturating_duration_since(when) < REMEMBERED).then_some(idle)
    }

    /// How long a connection may be idle and still be used, at most `most`. What arrives just when the server gives up is lost, so the
    /// last of its time is not used.
    pub(super) fn usable(&self, most: Duration, now: Instant) -> Duration {
        [self.said, self.known_to_close(now)]
            .into_iter()
            .flatten()
            .map(|time| time.saturating_sub((time / 10).max(Duration::from_millis(500))))
            .fold(most, Duration::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_used_only_while_it_is_safe_to() {
        let millis = Duration::from_millis;
        let now = Instant::now();
        let most = millis(60_000);
        let mut patience = Patience::default();
        assert_eq!(patience.usable(most, now), most);
        for (said, usable) in [(0, 0), (1, 500), (5, 4500), (30, 27_000), (75, 60_000)] {
            patience.says(Some(Duration::from_secs(said)));
            assert_eq!(patience.usable(most, now), millis(usable), "{said}");
        }
        patience.says(None);
        assert_eq!(patience.usable(most, now), most);
        patience.has_closed(millis(40), now);
        assert_eq!(patience.usable(most, now), most, "tells nothing");
        patience.has_closed(millis(20_000), now);
        assert_eq!(patience.usable(most, now), millis(18_000));
        patience.has_closed(millis(30_000), now);
        assert_eq!(patience.usable(most, now), millis(18_000));
        patience.has_closed(millis(5000), now);
        assert_eq!(patience.usable(most, now), millis(4500));
        assert_eq!(patience.usable(most, now + REMEMBERED), most, "forgotten");
    }
}
