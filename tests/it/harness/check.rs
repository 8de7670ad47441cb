//! What must hold for every response, whatever was asked: each one that a test reads passes through here.

use std::time::{Duration, SystemTime};

use super::response::{Framing, Response};

/// Fields that may be there once at most; two of them are two answers to one question.
const SINGLETONS: &[&str] = &[
    "accept-ranges",
    "access-control-allow-origin",
    "age",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expires",
    "last-modified",
    "location",
    "retry-after",
    "server",
    "transfer-encoding",
    "x-content-type-options",
];

impl Response {
    #[track_caller]
    pub(super) fn check(&self) {
        if self.status() < 200 {
            assert!(
                self.body.is_empty(),
                "an interim response has no body: {self:?}"
            );
            return;
        }
        for name in SINGLETONS {
            let count = self.head.values(name).len();
            assert!(count <= 1, "{name} {count} times: {self:?}");
        }
        self.check_framing();
        self.check_trailers();
        self.check_dates();
        self.check_negotiation();
        self.check_range();
        self.check_status();
        self.check_lifetime();
    }

    /// RFC 9112 §6, RFC 9110 §8.6.
    #[track_caller]
    fn check_framing(&self) {
        let length = self.value("Content-Length");
        let chunked = self.value("Transfer-Encoding").is_some();
        assert!(
            length.is_none() || !chunked,
            "one framing, not two: {self:?}"
        );
        if let Some(length) = length {
            let number: u64 = length
                .parse()
                .unwrap_or_else(|_| panic!("a Content-Length: {self:?}"));
            assert_eq!(
                length,
                number.to_string(),
                "Content-Length in its plain form: {self:?}"
            );
        }
        if self.status() == 204 {
            assert!(
                length.is_none() && !chunked,
                "204 has no content and says nothing of its length: {self:?}"
            );
        }
        if self.head.framing() == Framing::UntilClose {
            let ends = self.lists("Connection", "close")
                || self.head.version == "HTTP/1.0"
                || self.head.request.contains("HTTP/1.0");
            assert!(
                ends,
                "a body until the end of a connection that does not end: {self:?}"
            );
        }
    }

    /// RFC 9110 §6.5.1: trailers go to who asked for them, and nothing that frames or routes a message is one.
    #[track_caller]
    fn check_trailers(&self) {
        if self.trailers.is_empty() {
            return;
        }
        let asked = self.head.request.to_ascii_lowercase();
        assert!(
            asked.contains(r"\r\nte:") && asked.contains("trailers"),
            "trailers that nobody asked for: {:?} {self:?}",
            self.trailers
        );
        for (name, _) in &self.trailers {
            assert!(
                ![
                    "content-length",
                    "transfer-encoding",
                    "host",
                    "set-cookie",
                    "content-type",
                    "content-encoding",
                    "trailer",
                ]
                .contains(&name.as_str()),
                "no trailer may be a {name}: {self:?}"
            );
        }
    }

    /// RFC 9110 §6.6.1 and §8.8.2.1.
    #[track_caller]
    fn check_dates(&self) {
        let date = http_date(
            self.value("Date")
                .unwrap_or_else(|| panic!("no Date: {self:?}")),
        );
        let now = SystemTime::now();
        let away = now
            .duration_since(date)
            .unwrap_or_else(|error| error.duration());
        assert!(
            away < Duration::from_secs(60),
            "Date is the server's clock: {self:?}"
        );
        if let Some(modified) = self.value("Last-Modified") {
            assert!(
                http_date(modified) <= date,
                "Last-Modified is not later than Date: {self:?}"
            );
        }
        if let Some(tag) = self.value("ETag") {
            let opaque = tag.strip_prefix("W/").unwrap_or(tag);
            let inner = opaque
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'));
            let valid = inner.is_some_and(|inner| {
                inner
                    .bytes()
                    .all(|byte| byte == 0x21 || (0x23..=0x7e).contains(&byte))
            });
            assert!(valid, "the entity tag's grammar (§8.8.3): {self:?}");
        }
    }

    /// RFC 9110 §12.5.5: what was chosen by a field names it.
    #[track_caller]
    fn check_negotiation(&self) {
        if let Some(coding) = self.value("Content-Encoding") {
            assert!(
                self.lists("Vary", "Accept-Encoding"),
                "Vary with {coding}: {self:?}"
            );
            let is_by_dictionary = ["dcb", "dcz"].contains(&coding);
            assert!(
                is_by_dictionary || ["gzip", "br", "zstd"].contains(&coding),
                "a known coding: {self:?}"
            );
            // RFC 9842 §6.2
            assert!(
                !is_by_dictionary || self.lists("Vary", "Available-Dictionary"),
                "Vary with {coding}: {self:?}"
            );
        }
        if let Some(media_type) = self.value("Content-Type") {
            assert!(media_type.contains('/'), "a media type: {self:?}");
        }
        if self
            .value("Access-Control-Allow-Origin")
            .is_some_and(|origin| origin != "*")
        {
            assert!(
                self.lists("Vary", "Origin"),
                "Vary with an origin: {self:?}"
            );
        }
    }

    /// RFC 9110 §14.4, §15.3.7 and §15.5.17.
    #[track_caller]
    fn check_range(&self) {
        let range = self.value("Content-Range");
        let in_parts = self
            .value("Content-Type")
            .is_some_and(|value| value.starts_with("multipart/byteranges"));
        match (self.status(), range) {
            (206, Some(range)) => {
                assert!(
                    !in_parts,
                    "the parts have a Content-Range, not the whole: {self:?}"
                );
                let (first, last, complete) =
                    content_range(range).unwrap_or_else(|| panic!("a Content-Range: {self:?}"));
                assert!(
                    first <= last && last < complete,
                    "a range within the representation: {self:?}"
                );
                if self.head.method != "HEAD" {
                    assert_eq!(
                        self.body.len() as u64,
                        last - first + 1,
                        "the range's length: {self:?}"
                    );
                }
            }
            (206, None) => assert!(in_parts, "a 206 says which part it is: {self:?}"),
            (416, Some(range)) => {
                let complete = range
                    .strip_prefix("bytes */")
                    .and_then(|length| length.parse::<u64>().ok());
                assert!(
                    complete.is_some(),
                    "a 416 says the complete length: {self:?}"
                );
            }
            (416, None) => panic!("a 416 says the complete length: {self:?}"),
            (_, Some(_)) => panic!("Content-Range is for 206 and 416: {self:?}"),
            (_, None) => {}
        }
    }

    /// Fields that a status must come with (RFC 9110 §15.4, §15.5.6).
    #[track_caller]
    fn check_status(&self) {
        match self.status() {
            301 | 302 | 303 | 307 | 308 => {
                let location = self.field("Location");
                let foreign = location.starts_with("//")
                    || location.starts_with("/\\")
                    || location.starts_with('\\');
                assert!(
                    !foreign && !location.is_empty(),
                    "Location does not leave the site: {self:?}"
                );
                assert!(
                    location.is_ascii() && !location.contains(' '),
                    "Location is a URI reference: {self:?}"
                );
            }
            405 => assert!(
                self.value("Allow").is_some(),
                "a 405 says what is allowed: {self:?}"
            ),
            _ => {}
        }
        if (200..300).contains(&self.status())
            && self.status() != 204
            && self.head.method == "GET"
            && !self.body.is_empty()
        {
            assert!(
                self.value("Content-Type").is_some(),
                "content has a media type: {self:?}"
            );
        }
    }

    /// A refusal never outlives its cause in a cache.
    #[track_caller]
    fn check_lifetime(&self) {
        if self.status() >= 400 {
            assert!(!self.lives_long(), "a refusal with a long life: {self:?}");
        }
    }
}

/// An IMF-fixdate, the only form a server may send (RFC 9110 §5.6.7).
#[track_caller]
fn http_date(text: &str) -> SystemTime {
    let time = httpdate::parse_http_date(text).unwrap_or_else(|_| panic!("a date: {text}"));
    assert_eq!(httpdate::fmt_http_date(time), text, "an IMF-fixdate");
    time
}

/// `bytes 0-4/1000`.
pub(super) fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, complete) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((
        first.parse().ok()?,
        last.parse().ok()?,
        complete.parse().ok()?,
    ))
}
