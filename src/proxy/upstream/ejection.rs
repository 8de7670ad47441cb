//! How long a server is left out because requests to it failed.

use std::time::Duration;

use crate::config::upstream::Ejection;

/// The last time that it was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Past {
    /// For how long.
    pub(super) length: Duration,
    /// How long ago it ended.
    pub(super) ended: Duration,
}

/// Twice as long as the last time, up to the longest, unless it has been well for as long as it was out.
pub(super) fn length(rule: &Ejection, past: Option<Past>) -> Duration {
    match past {
        Some(past) if past.ended <= past.length => past.length.saturating_mul(2),
        _ => rule.time,
    }
    .min(rule.most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_while_the_server_does_not_recover() {
        let rule = Ejection {
            after: 3,
            time: Duration::from_secs(5),
            most: Duration::from_secs(30),
        };
        for (past, expected) in [
            (None, 5),
            (Some((5, 0)), 10),
            (Some((5, 5)), 10),
            (Some((5, 6)), 5),
            (Some((10, 3)), 20),
            (Some((20, 3)), 30),
            (Some((30, 30)), 30),
            (Some((30, 31)), 5),
        ] {
            let past = past.map(|(length, ended)| Past {
                length: Duration::from_secs(length),
                ended: Duration::from_secs(ended),
            });
            assert_eq!(
                length(&rule, past),
                Duration::from_secs(expected),
                "{past:?}"
            );
        }
    }
}
