//! What is written down of requests, and where.

use std::net::SocketAddr;
use std::path::PathBuf;

use http::Uri;

use super::AccessLog;

/// The access log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogConfig {
    pub(crate) access: AccessLog,
    /// An absolute path; `None`: standard output, or [`syslog`](Self::syslog).
    pub(crate) file: Option<PathBuf>,
    /// Only without a file.
    pub(crate) syslog: Option<SyslogTarget>,
}

/// A system's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SyslogTarget {
    /// This one's, by its socket: an absolute path.
    Unix(PathBuf),
    /// Any, in datagrams.
    Udp(SocketAddr),
}

/// Where spans are sent, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TracesConfig {
    /// Of the collector, with the path that traces are posted to.
    pub(crate) endpoint: Uri,
    pub(crate) sample: Share,
}

/// A part of all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// In 2^64 parts, but that the last is in it too when everything is.
    parts: u64,
}

impl Share {
    /// `share` is from 0 to 1.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "such a cast ends at the bounds of its type, and no part of 2^64 is worth more care"
    )]
    pub(crate) fn new(share: f64) -> Self {
        Self {
            parts: (share * u64::MAX as f64) as u64,
        }
    }

    /// Whether something that drew this number is in it.
    pub(crate) fn holds(self, drawn: u64) -> bool {
        drawn < self.parts || self.parts == u64::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_all_and_half_are_what_they_say() {
        for (share, lowest, middle, highest) in [
            (0.0, false, false, false),
            (0.49, true, false, false),
            (0.51, true, true, false),
            (1.0, true, true, true),
        ] {
            let share = Share::new(share);
            let held = [0, 1 << 63, u64::MAX].map(|drawn| share.holds(drawn));
            assert_eq!(held, [lowest, middle, highest], "{share:?}");
        }
    }
}
