//! A request's story as text for a person: what was asked, who was responsible and why, what was done, what came of it.

use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::places::PlaceId;
use super::ring::{CLIENT_CLOSED_REQUEST, Kept, Record, protocol};
use super::story::{
    Attempt, AttemptResult, BreakOff, CodingSource, FileFound, FileTold, ForwardTold, Told,
    Validated,
};
use crate::header::accept_encoding::ContentCoding;
use crate::rejection::Rejection;

/// Of a request that has ended; `time` is when it came, in seconds since 1970.
pub(super) fn text(record: &Record, time: f64) -> String {
    let mut lines = Lines::default();
    let client = match record.client {
        Some(client) => client.to_string(),
        None => "a Unix socket".to_owned(),
    };
    lines.put("request", &record.id);
    let (method, target) = (&record.method, Printable(record.target()));
    match method.as_str() {
        "-" => lines.put("asked", "what nobody can read as a request"),
        _ => lines.put("asked", format_args!("{method} {target}")),
    }
    if !record.host().is_empty() {
        lines.put("host", Printable(record.host()));
    }
    lines.put(
        "when",
        format_args!(
            "{}, by {}, from {client}",
            Moment(time),
            protocol(record.version)
        ),
    );
    match &record.kept {
        Kept::Told(told) => story(&mut lines, told),
        Kept::Ready(coding) => ready(&mut lines, record, *coding),
    }
    if let Some(rejection) = record.rejection {
        refused(&mut lines, rejection);
    }
    answer(&mut lines, record);
    lines.text
}

/// What the deciding parts told, in the order of the request's way.
pub(crate) fn story(lines: &mut Lines, told: &Told) {
    let pattern = told.host_pattern.as_deref();
    place(lines, told.place, (pattern, told.file.is_some()));
    if let Some(forward) = &told.forward {
        tell_forward(lines, forward);
    }
    // With both, it is the file that the application wants sent: one that was looked for before it was asked was not there.
    if let Some(file) = &told.file {
        tell_file(lines, file);
    }
}

fn ready(lines: &mut Lines, record: &Record, coding: ContentCoding) {
    place(lines, record.place, (None, true));
    let mut ends = record.target().split(|byte| *byte == b'?');
    let path = ends
        .next()
        .unwrap_or_default()
        .strip_prefix(b"/")
        .unwrap_or_default();
    let path = Printable(path);
    lines.put("file", format_args!("{path}: {HELD}"));
    let sent = match record.status {
        304 => "nothing: the client has it".to_owned(),
        _ => coded(coding, None),
    };
    lines.put("sent", format_args!("{sent} (an answer that was at hand)"));
}

const HELD: &str = "held in memory, and still the one on the disk";

fn place(lines: &mut Lines, place: PlaceId, (pattern, has_file): (Option<&str>, bool)) {
    if place == PlaceId::NOWHERE {
        return lines.put("site", "none of the configured ones");
    }
    let place = place.place();
    match pattern {
        Some(pattern) => lines.put(
            "site",
            format_args!("{} (its host matches `{pattern}`)", place.site),
        ),
        None => lines.put("site", &place.site),
    }
    match (&*place.route, &place.upstream) {
        ("", _) if has_file => lines.put("route", "none matches: the site's own files"),
        // It did not get that far.
        ("", _) => lines.put("route", "none"),
        (route, Some(upstream)) => {
            lines.put("route", format_args!("{route}, to the upstream {upstream}"));
        }
        (route, None) => lines.put("route", route),
    }
}

fn tell_file(lines: &mut Lines, file: &FileTold) {
    let path = match &*file.path {
        "" => Printable(b"the document root"),
        path => Printable(path.as_bytes()),
    };
    let place = if file.stands_in {
        ", in the place of what is not there"
    } else {
        ""
    };
    let at = |what: &str| format!("{path}{place}: {what}");
    lines.put(
        "file",
        match file.found {
            FileFound::Nothing => at("nothing there that is served"),
            FileFound::Held => at(HELD),
            FileFound::Opened => at("opened on the disk"),
            FileFound::Folder => at("a folder: its address ends in a slash"),
            FileFound::Listed => at("a folder without an index: it is listed"),
        },
    );
    if !matches!(file.found, FileFound::Held | FileFound::Opened) {
        return;
    }
    let coding = coded(file.coding, Some(file.source));
    lines.put(
        "sent",
        match file.validated {
            Validated::Whole => coding,
            Validated::NotModified => {
                "nothing: the client has it (its validators match)".to_owned()
            }
            Validated::Part => format!("a part of it, as the client asked: {coding}"),
            Validated::Parts(count) => {
                format!("{count} parts of it, as the client asked: {coding}")
            }
            Validated::Failed => {
                "nothing: it is not what the client's precondition names".to_owned()
            }
            Validated::Unsatisfiable => {
                "nothing: no part that was asked for is within it".to_owned()
            }
        },
    );
}

fn coded(coding: ContentCoding, source: Option<CodingSource>) -> String {
    let source = match source {
        None | Some(CodingSource::Ready) => "",
        Some(CodingSource::Own) => return "the file as it is".to_owned(),
        Some(CodingSource::Sidecar) => ", from the file beside it",
        Some(CodingSource::Made) => ", made by the server",
        Some(CodingSource::AsSent) => ", coded on its way out",
        Some(CodingSource::Dictionary) => ", against what the client has of it",
    };
    match coding {
        ContentCoding::Identity => "the file as it is".to_owned(),
        coding => format!("{}{source}", coding.as_str()),
    }
}

fn tell_forward(lines: &mut Lines, forward: &ForwardTold) {
    let target = Printable(forward.target.as_bytes());
    let host = Printable(forward.host.as_bytes());
    let is_rehearsal = forward.choice.is_some();
    if forward.attempts.is_empty() && !is_rehearsal {
        lines.put("forwarded", format_args!("to nobody, as {target}"));
    } else {
        lines.put("forwarded", format_args!("as {target}, to the host {host}"));
    }
    for field in &forward.fields {
        lines.put("", Printable(field.as_bytes()));
    }
    for server in &forward.servers {
        lines.put("server", server);
    }
    if let Some(choice) = &forward.choice {
        lines.put("chosen", choice);
    }
    if !forward.waited.is_zero() {
        lines.put(
            "waited",
            format_args!("{} for a server", Time(forward.waited)),
        );
    }
    for attempt in &forward.attempts {
        tell_attempt(lines, attempt);
    }
    match (forward.unavailable, &forward.attempts[..]) {
        (Some(why), []) => lines.put("server", format_args!("none: {why}")),
        (Some(why), _) => lines.put("server", format_args!("no other one: {why}")),
        (None, []) if !is_rehearsal => lines.put("server", "none had room for it before it ended"),
        (None, _) => {}
    }
}

fn tell_attempt(lines: &mut Lines, attempt: &Attempt) {
    let connection = match attempt.connecting {
        Some(time) => format!("connected in {}", Time(time)),
        None => "over a connection that was open".to_owned(),
    };
    let server = Printable(attempt.server.as_bytes());
    match &attempt.result {
        AttemptResult::Unfinished => {
            lines.put(
                "server",
                format_args!("{server}: asked, and not waited for to the end"),
            );
        }
        AttemptResult::Answered(status) => lines.put(
            "server",
            format_args!(
                "{server}: {connection}, answered {} after {}",
                status.as_u16(),
                Time(attempt.took)
            ),
        ),
        AttemptResult::Failed {
            what,
            error,
            is_reused,
        } => {
            let over = if *is_reused {
                " over one that was open"
            } else {
                ""
            };
            let (took, error) = (Time(attempt.took), Printable(error.as_bytes()));
            lines.put(
                "server",
                format_args!("{server}: {what}, after {took}{over} ({error})"),
            );
        }
    }
}

pub(crate) fn refused(lines: &mut Lines, rejection: Rejection) {
    lines.put(
        "refused",
        format_args!("{} ({})", rejection.reason(), Reason(rejection.status())),
    );
}

fn answer(lines: &mut Lines, record: &Record) {
    let broke_off = match &record.kept {
        Kept::Told(told) => told.break_off,
        Kept::Ready(_) => None,
    };
    let end = match (record.is_aborted, broke_off) {
        (false, _) => "whole",
        (true, Some(BreakOff::ClientLeft)) => "broken off: the client closed the connection",
        (true, Some(BreakOff::ClientStalled)) => "broken off: the client took nothing for too long",
        (true, Some(BreakOff::ClientBody)) => {
            "broken off: what the client sent was wrong or too slow"
        }
        (true, Some(BreakOff::Source)) => {
            "broken off: where it came from gave less than it promised"
        }
        (true, None) => "broken off: the connection or the stream ended",
    };
    let was_left = record.status == CLIENT_CLOSED_REQUEST && record.is_aborted;
    let status = match (StatusCode::from_u16(record.status), broke_off) {
        // Also an application's own, if somebody has one for it.
        (Ok(status), _) if !was_left => Reason(status).to_string(),
        (_, Some(BreakOff::ClientLeft)) => {
            "499 (the client left before there was an answer)".into()
        }
        _ => "499 (it ended before there was an answer)".into(),
    };
    lines.put(
        "answer",
        format_args!(
            "{status}, {} bytes, {end}, after {}",
            record.bytes,
            Time(record.took)
        ),
    );
}

/// Words with their meanings, a line each.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) text: String,
}

impl Lines {
    pub(crate) fn put(&mut self, word: &str, meaning: impl fmt::Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{word:<10} {meaning}");
    }
}

/// What came from outside, so that it cannot end the line or speak to the terminal.
pub(crate) struct Printable<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            match byte {
                b'\\' => f.write_str("\\\\")?,
                b' '..=b'~' => f.write_char(char::from(*byte))?,
                _ => write!(f, "{}", byte.escape_ascii())?,
            }
        }
        Ok(())
    }
}

/// A status with its reason.
pub(crate) struct Reason(pub(crate) StatusCode);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.canonical_reason() {
            Some(reason) => write!(f, "{} {reason}", self.0.as_u16()),
            None => write!(f, "{}", self.0.as_u16()),
        }
    }
}

/// Three digits are enough.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_secs_f64() * 1e3;
        match millis {
            ..1.0 => write!(f, "{millis:.3} ms"),
            ..100.0 => write!(f, "{millis:.1} ms"),
            ..10_000.0 => write!(f, "{millis:.0} ms"),
            _ => write!(f, "{:.1} s", millis / 1e3),
        }
    }
}

/// Seconds since 1970.
struct Moment(f64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = Duration::try_from_secs_f64(self.0).unwrap_or_default();
        let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since);
        f.write_str(&date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_from_outside_stays_on_its_line() {
        let hostile = Printable(b"/a\n\x1b[2J\"b\"\\\xff");
        assert_eq!(hostile.to_string(), r#"/a\n\x1b[2J"b"\\\xff"#);
    }

    #[test]
    fn times_have_three_digits() {
        for (micros, expected) in [
            (4, "0.004 ms"),
            (999, "0.999 ms"),
            (12_345, "12.3 ms"),
            (1_234_567, "1235 ms"),
            (70_000_000, "70.0 s"),
        ] {
            assert_eq!(Time(Duration::from_micros(micros)).to_string(), expected);
        }
    }
}
