//! The dates of HTTP (RFC 9110 §5.6.7): one form is written, three are read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

/// 9999-12-31 23:59:59, the last second that four digits of a year can name.
const LAST_SECOND: Duration = Duration::from_secs(253_402_300_799);

/// The date as IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
///
/// A file can claim any time for itself. What the form cannot say (before 1970 here, after 9999) is written as the
/// nearest date that it can.
pub(crate) fn format(time: SystemTime) -> HeaderValue {
    let time = time.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST_SECOND);
    HeaderValue::try_from(httpdate::fmt_http_date(time)).expect("a date is visible ASCII")
}

/// Reads a date in any of its three forms, as a recipient must; `None` when it is none of them.
pub(crate) fn parse(value: &[u8]) -> Option<SystemTime> {
    let text = str::from_utf8(value).ok()?;
    httpdate::parse_http_date(text).ok()
}
