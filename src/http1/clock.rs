//! The time of answers: one look at the clock for the `Date` field and for the deadline of the connection, and one formatting a second.

use std::cell::RefCell;
use std::time::{Duration, Instant, SystemTime};

struct Date {
    text: String,
    /// The first moment of the next second.
    until: Instant,
}

/// Writes the field line for now (RFC 9110 §6.6.1).
pub(super) fn write_date(out: &mut Vec<u8>) {
    write_date_at(out, Instant::now());
}

/// The same, for who has looked at the clock a moment ago.
pub(super) fn write_date_at(out: &mut Vec<u8>, now: Instant) {
    thread_local! {
        static DATE: RefCell<Option<Date>> = const { RefCell::new(None) };
    }
    DATE.with_borrow_mut(|date| {
        let date = match date {
            Some(date) if now < date.until => date,
            date => date.insert(Date::at(SystemTime::now(), now)),
        };
        out.extend_from_slice(b"date: ");
        out.extend_from_slice(date.text.as_bytes());
        out.extend_from_slice(b"\r\n");
    });
}

impl Date {
    fn at(time: SystemTime, now: Instant) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        let into_second = since.map_or(0, |since| since.subsec_nanos());
        Self {
            text: httpdate::fmt_http_date(time),
            until: now + Duration::from_nanos(1_000_000_000 - u64::from(into_second)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_good_for_the_rest_of_its_second() {
        let now = Instant::now();
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_250);
        let date = Date::at(time, now);
        assert_eq!(date.text, "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date.until - now, Duration::from_millis(750));
    }
}
