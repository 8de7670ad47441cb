//! The two forms of an access record. Both keep what a client sent from ending the line or forging another one.

use std::cell::RefCell;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use http::HeaderValue;

use super::access_log::{End, Exchange};
use super::ring::protocol;
use super::story::AttemptResult;
use crate::header::traceparent::trace_digits;

/// `client - - [time] "request line" status bytes "referer" "user agent"`
pub(super) fn combined(line: &mut Vec<u8>, exchange: &Exchange, sent: u64, now: SystemTime) {
    client(line, exchange);
    line.extend_from_slice(b" - - [");
    with_times(now, |times| line.extend_from_slice(times.common.as_bytes()));
    line.extend_from_slice(b"] \"");
    line.extend_from_slice(exchange.method.as_str().as_bytes());
    line.push(b' ');
    target(line, exchange);
    line.push(b' ');
    line.extend_from_slice(protocol(exchange.version).as_bytes());
    line.extend_from_slice(b"\" ");
    number(line, u64::from(exchange.status()));
    line.push(b' ');
    number(line, sent);
    for field in [&exchange.referer, &exchange.user_agent] {
        line.extend_from_slice(b" \"");
        match field {
            Some(value) => quoted(line, value.as_bytes()),
            None => line.push(b'-'),
        }
        line.push(b'"');
    }
    line.push(b'\n');
}

/// One JSON object; `outcome` is `whole` or `aborted`, `duration_ms` has microseconds behind the point.
pub(super) fn json(
    line: &mut Vec<u8>,
    exchange: &Exchange,
    (sent, end, took): (u64, End, Duration),
    now: SystemTime,
) {
    line.extend_from_slice(b"{\"time\":\"");
    put_time(line, now);
    line.extend_from_slice(b"\",\"request_id\":");
    exchange.story.id.with(|id| text(line, id));
    line.extend_from_slice(b",\"client\":\"");
    client(line, exchange);
    line.extend_from_slice(b"\",\"method\":");
    text(line, exchange.method.as_str().as_bytes());
    line.extend_from_slice(b",\"host\":");
    optional(line, exchange.host.as_ref());
    line.extend_from_slice(b",\"target\":\"");
    target(line, exchange);
    let _ = write!(
        line,
        "\",\"protocol\":\"{}\",\"status\":{}",
        protocol(exchange.version),
        exchange.status()
    );
    line.extend_from_slice(b",\"bytes\":");
    number(line, sent);
    millis(line, "duration_ms", Some(took));
    let answer = exchange.answer.as_ref();
    story(line, exchange);
    line.extend_from_slice(b",\"refused\":");
    match answer.and_then(|answer| answer.rejection) {
        Some(rejection) => text(line, rejection.reason().as_bytes()),
        None => line.extend_from_slice(b"null"),
    }
    line.extend_from_slice(match end {
        End::Whole => b",\"outcome\":\"whole\"".as_slice(),
        End::Aborted | End::Broken => b",\"outcome\":\"aborted\"",
    });
    line.extend_from_slice(b",\"referer\":");
    optional(line, exchange.referer.as_ref());
    line.extend_from_slice(b",\"user_agent\":");
    optional(line, exchange.user_agent.as_ref());
    line.extend_from_slice(b"}\n");
}

/// Who answered, and what it took.
fn story(line: &mut Vec<u8>, exchange: &Exchange) {
    let told = exchange.story.told();
    let place = told.place.place();
    let forward = told.forward.as_ref();
    let attempts = forward.map_or(&[][..], |forward| &forward.attempts);
    let last = attempts.last();
    word(
        line,
        "route",
        Some(&place.route).filter(|route| !route.is_empty()),
    );
    let upstream = place.upstream.filter(|_| forward.is_some());
    word(line, "upstream", upstream.as_deref());
    word(line, "server", told.server());
    line.extend_from_slice(b",\"attempts\":");
    number(line, attempts.len() as u64);
    let connecting = last.and_then(|attempt| attempt.connecting);
    millis(line, "connect_ms", connecting);
    let answered = last.filter(|last| matches!(last.result, AttemptResult::Answered(_)));
    millis(line, "first_byte_ms", answered.map(|attempt| attempt.took));
    let took = attempts.iter().map(|attempt| attempt.took).sum();
    millis(line, "upstream_ms", last.map(|_| took));
    word(
        line,
        "cache",
        told.is_hit()
            .map(|is_hit| if is_hit { "hit" } else { "miss" }),
    );
    word(line, "coding", told.coding());
    let digits = exchange.trace_id.map(trace_digits);
    let digits = digits
        .as_ref()
        .and_then(|digits| str::from_utf8(digits).ok());
    word(line, "trace_id", digits);
}

/// A field with a text, or `null`.
fn word(line: &mut Vec<u8>, name: &str, value: Option<impl AsRef<str>>) {
    let _ = write!(line, ",\"{name}\":");
    match value {
        Some(value) => text(line, value.as_ref().as_bytes()),
        None => line.extend_from_slice(b"null"),
    }
}

/// With microseconds behind the point; or `null`.
fn millis(line: &mut Vec<u8>, name: &str, time: Option<Duration>) {
    let _ = match time.map(|time| time.as_micros()) {
        Some(micros) => write!(line, ",\"{name}\":{}.{:03}", micros / 1000, micros % 1000),
        None => write!(line, ",\"{name}\":null"),
    };
}

/// As RFC 3339 has it, in UTC, with milliseconds.
pub(super) fn put_time(line: &mut Vec<u8>, now: SystemTime) {
    with_times(now, |times| {
        line.extend_from_slice(times.rfc3339.as_bytes());
    });
    let millis = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_millis());
    let _ = write!(line, ".{millis:03}Z");
}

fn client(line: &mut Vec<u8>, exchange: &Exchange) {
    match exchange.client {
        Some(address) => drop(write!(line, "{address}")),
        // A unix socket has no address.
        None => line.push(b'-'),
    }
}

/// What the request line held, which for HTTP/2 has to be put together.
fn target(line: &mut Vec<u8>, exchange: &Exchange) {
    match exchange.uri.path_and_query() {
        Some(target) => quoted(line, target.as_str().as_bytes()),
        None => quoted(line, exchange.uri.to_string().as_bytes()),
    }
}

/// Escapes as both forms read it: quotes, backslashes, controls and what is not ASCII. A tool that reads `\u0000` reads JSON.
fn quoted(line: &mut Vec<u8>, value: &[u8]) {
    let is_plain = |byte: &u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\');
    if value.iter().all(is_plain) {
        return line.extend_from_slice(value);
    }
    for byte in value {
        if is_plain(byte) {
            line.push(*byte);
        } else {
            let _ = write!(line, "\\u{byte:04x}");
        }
    }
}

fn text(line: &mut Vec<u8>, value: &[u8]) {
    line.push(b'"');
    quoted(line, value);
    line.push(b'"');
}

fn optional(line: &mut Vec<u8>, value: Option<&HeaderValue>) {
    match value {
        Some(value) => text(line, value.as_bytes()),
        None => line.extend_from_slice(b"null"),
    }
}

/// Writing into memory cannot fail, and a number needs no formatter.
fn number(line: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10).to_le_bytes()[0];
        value /= 10;
        if value == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[at..]);
}

/// The current second, written out in both forms.
struct Times {
    second: u64,
    common: String,
    rfc3339: String,
}

/// Formats once a second and thread.
fn with_times(now: SystemTime, use_times: impl FnOnce(&Times)) {
    thread_local! {
        static TIMES: RefCell<Option<Times>> = const { RefCell::new(None) };
    }
    let second = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    TIMES.with_borrow_mut(|times| match times {
        Some(times) if times.second == second => use_times(times),
        _ => use_times(times.insert(Times::at(second, now))),
    });
}

impl Times {
    fn at(second: u64, now: SystemTime) -> Self {
        const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
        // "Sun, 06 Nov 1994 08:49:37 GMT" holds every part but the number of the month.
        let date = httpdate::fmt_http_date(now);
        let (day, month, year, clock) = (&date[5..7], &date[8..11], &date[12..16], &date[17..25]);
        let number = MONTHS.find(month).map_or(1, |at| at / 3 + 1);
        Self {
            second,
            common: format!("{day}/{month}/{year}:{clock} +0000"),
            rfc3339: format!("{year}-{number:02}-{day}T{clock}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let times = Times::at(784_111_777, now);
        assert_eq!(times.common, "06/Nov/1994:08:49:37 +0000");
        assert_eq!(times.rfc3339, "1994-11-06T08:49:37");
    }

    #[test]
    fn what_a_client_sends_cannot_end_the_line_or_the_quotes() {
        let mut line = Vec::new();
        quoted(&mut line, b"a\" \\ \n\x00\xff");
        assert_eq!(
            String::from_utf8(line).unwrap(),
            r"a\u0022 \u005c \u000a\u0000\u00ff"
        );
    }

    #[test]
    fn numbers_have_all_their_digits() {
        for value in [0, 9, 10, 1024, u64::MAX] {
            let mut line = Vec::new();
            number(&mut line, value);
            assert_eq!(String::from_utf8(line).unwrap(), value.to_string());
        }
    }
}
