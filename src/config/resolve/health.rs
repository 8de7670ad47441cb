//! How servers are asked whether they are well, and when they are left out.

use std::time::Duration;

use http::HeaderValue;

use super::{Judge, span};
use crate::{
    config::{
        error::{Problem, quoted},
        file::{self, Text},
        upstream::{Ejection, HealthCheck},
    },
    header::host::Host,
};

/// As much of a body as is looked at.
const MOST_BODY: usize = 64 << 10;

impl Judge<'_> {
    pub(super) fn health(&mut self, written: &file::Upstream) -> Option<HealthCheck> {
        let Some(path) = &written.health_path else {
            let keys = [
                ("health_interval", span(written.health_interval.as_ref())),
                ("health_timeout", span(written.health_timeout.as_ref())),
                ("health_rise", span(written.health_rise.as_ref())),
                ("health_fall", span(written.health_fall.as_ref())),
                ("health_status", span(written.health_status.as_ref())),
                ("health_body", span(written.health_body.as_ref())),
                ("health_host", span(written.health_host.as_ref())),
            ];
            self.orphans_of_another(
                keys,
                "does nothing without `health_path`",
                "add `health_path = \"/healthz\"`, or remove it",
            );
            return None;
        };
        let path = self.located(path, check_path(path.get_ref()));
        let mut check = HealthCheck::new(path.unwrap_or_default());
        for (written, time) in [
            (&written.health_interval, &mut check.interval),
            (&written.health_timeout, &mut check.timeout),
        ] {
            *time = self
                .time_above_zero(
                    written.as_ref(),
                    "servers would be asked all the time, or have none to answer",
                )
                .unwrap_or(*time);
        }
        for (key, written, count) in [
            ("health_rise", &written.health_rise, &mut check.rise),
            ("health_fall", &written.health_fall, &mut check.fall),
        ] {
            if let Some(written) = written {
                *count = self.count(written, key, 1..=1_000).unwrap_or(*count);
            }
        }
        if let Some(statuses) = &written.health_status {
            check.statuses = self.health_statuses(statuses);
        }
        check.body = (written.health_body.as_ref()).and_then(|text| self.health_body(text));
        check.host = (written.health_host.as_ref()).and_then(|text| self.authority(text));
        Some(check)
    }

    fn health_statuses(&mut self, written: &file::Texts) -> Vec<(u16, u16)> {
        let texts = written.get_ref();
        if texts.is_empty() {
            let problem = Problem::new("no answer would be a good one");
            self.wrong(
                written,
                problem.help("write `[\"200-399\"]`, or remove the key"),
            );
        }
        let mut statuses = Vec::new();
        for text in texts {
            statuses.extend(self.located(text, status_range(text.get_ref())));
        }
        statuses
    }

    fn health_body(&mut self, written: &Text) -> Option<Box<str>> {
        let text = written.get_ref();
        if text.is_empty() || text.len() > MOST_BODY {
            let problem = Problem::new("this says nothing about a body")
                .help("write a text that only good answers hold, at most 64 KiB of it");
            self.wrong(written, problem);
            return None;
        }
        Some(text.as_str().into())
    }

    /// A value of `Host`.
    pub(super) fn authority(&mut self, written: &Text) -> Option<HeaderValue> {
        let text = written.get_ref();
        let judged = match Host::parse(text.as_bytes()) {
            _ if text.contains('/') => Err("it has a scheme or a path".to_owned()),
            judged => judged.map_err(|error| error.to_string()),
        };
        let judged = judged.map_err(|why| {
            Problem::new(format!("{} is not a host: {why}", quoted(text)))
                .help("write a name, and a port if it needs one: `example.com`, `example.com:8080`")
        });
        self.located(written, judged)?;
        HeaderValue::from_str(text).ok()
    }

    pub(super) fn ejection(&mut self, written: &file::Upstream) -> Ejection {
        let mut ejection = Ejection::default();
        if let Some(failures) = &written.max_failures {
            let after = self.count(failures, "max_failures", 0..=1_000_000);
            ejection.after = after.unwrap_or(ejection.after);
        }
        if ejection.after == 0 {
            let keys = [
                ("ejection_time", span(written.ejection_time.as_ref())),
                ("ejection_most", span(written.ejection_most.as_ref())),
            ];
            self.orphans_of_another(
                keys,
                "does nothing: with `max_failures = 0`, no server is left out",
                "remove one of the two",
            );
            return ejection;
        }
        let why = "a server would never be left out";
        let time = self.time_above_zero(written.ejection_time.as_ref(), why);
        let most = self.time_above_zero(written.ejection_most.as_ref(), why);
        ejection.time = time.unwrap_or(ejection.time);
        // Without a word on it, it is no shorter than the first time.
        ejection.most = most.unwrap_or(ejection.most.max(ejection.time));
        if let Some(most) = &written.ejection_most
            && ejection.most < ejection.time
        {
            let problem = Problem::new("`ejection_most` is shorter than `ejection_time`");
            let help = format!("write `\"{}\"` or more", seconds(ejection.time));
            self.wrong(most, problem.help(help));
        }
        ejection
    }
}

fn seconds(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{}s", time.as_secs()),
        _ => format!("{}ms", time.as_millis()),
    }
}

/// A request target in origin form (RFC 9112 §3.2.1).
fn check_path(text: &str) -> Result<Box<str>, Problem> {
    const HELP: &str = "write a path, and a query if it needs one, percent-encoded: `/healthz`";
    if !text.starts_with('/') || text.starts_with("//") {
        return Err(Problem::new(format!("{} is not a path on a server", quoted(text))).help(HELP));
    }
    if !(text.bytes()).all(|byte| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte)) {
        return Err(Problem::new(format!(
            "{} holds a character that cannot be asked for",
            quoted(text)
        ))
        .help(HELP));
    }
    Ok(text.into())
}

/// `200`, `200-399`
fn status_range(text: &str) -> Result<(u16, u16), Problem> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let status = |text: &str| {
        let is_number = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        // Those below are not the last word of a server.
        (text.parse::<u16>().ok()).filter(|status| is_number && (200..600).contains(status))
    };
    match (status(first.trim_end()), status(last.trim_start())) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        _ => Err(Problem::new(format!(
            "{} is neither a status nor a range of them",
            quoted(text)
        ))
        .help("write statuses from 200 to 599, such as `\"200\"` or `\"200-399\"`")),
    }
}
