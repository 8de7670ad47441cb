//! Which answers of a route are logged, where not all are to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::StatusCode;

/// Of a route, and in the extensions of its responses. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct LogSample {
    /// 0: none.
    one_of: u32,
    seen: Arc<AtomicU32>,
}

impl LogSample {
    /// None: every answer is logged.
    pub(crate) fn new(one_of: u32) -> Option<Self> {
        (one_of != 1).then(|| Self {
            one_of,
            seen: Arc::default(),
        })
    }

    /// Whether this answer is: the first of so many, and each from 400 on.
    pub(super) fn takes(&self, status: StatusCode) -> bool {
        if status.is_client_error() || status.is_server_error() {
            return true;
        }
        self.one_of > 0
            && self
                .seen
                .fetch_add(1, Ordering::Relaxed)
                .is_multiple_of(self.one_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_so_many_is_taken_and_every_error() {
        assert!(LogSample::new(1).is_none());
        let three = LogSample::new(3).unwrap();
        let none = LogSample::new(0).unwrap();
        for (status, of_three) in [
            (200, true),
            (304, false),
            (500, true),
            (204, false),
            (404, true),
            (301, true),
            (101, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(three.takes(status), of_three, "{status}");
            assert_eq!(none.takes(status), status.as_u16() >= 400, "{status}");
        }
    }
}
