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

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9110 §5.6.7: one moment in three forms.
    const MOMENT: Duration = Duration::from_secs(784_111_777);

    #[test]
    fn three_forms_are_read() {
        let forms = [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ];
        for form in forms {
            assert_eq!(parse(form.as_bytes()), Some(UNIX_EPOCH + MOMENT), "{form}");
        }
    }

    #[test]
    fn one_form_is_written_and_seconds_are_cut_not_rounded() {
        let late = UNIX_EPOCH + MOMENT + Duration::from_millis(999);
        assert_eq!(format(late), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn a_time_that_cannot_be_written_is_written_as_the_nearest_that_can() {
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(format(before), "Thu, 01 Jan 1970 00:00:00 GMT");
        let after = UNIX_EPOCH + LAST_SECOND + Duration::from_secs(1);
        assert_eq!(format(after), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn what_is_no_date_is_none() {
        let wrong: &[&[u8]] = &[
            b"",
            b"0",
            b"yesterday",
            b"\xff",
            b"Sun, 06 Nov 1994 08:49:37",
            b"Sun, 06 Nov 1994 08:49:37 CET",
            b"Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            b"Sun, 36 Nov 1994 08:49:37 GMT",
            b"Sun, 06 Nov 1994 25:49:37 GMT",
            b"Mon, 06 Nov 0000 08:49:37 GMT",
        ];
        for value in wrong {
            assert_eq!(parse(value), None, "{}", value.escape_ascii());
        }
    }
}
