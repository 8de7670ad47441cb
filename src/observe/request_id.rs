//! What a request is known by in the logs of all who handle it: `X-Request-Id`. Pure, but for the random numbers.

use std::cell::Cell;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::header::digits::hex;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest that is taken from a client.
const LONGEST: usize = 128;

/// Given by the client, or somebody before us; or 128 bits of our own in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestId {
    Sent(HeaderValue),
    Made(u64, u64),
}

impl RequestId {
    /// The one that was sent, when it is a single short word, which no log can take for anything else; or a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(X_REQUEST_ID).iter();
        match (lines.next(), lines.next()) {
            (Some(sent), None) if is_sane(sent.as_bytes()) => Self::Sent(sent.clone()),
            _ => Self::new(),
        }
    }

    pub(crate) fn new() -> Self {
        Self::Made(random(), random())
    }

    /// Shows it as it is written.
    pub(crate) fn with<T>(&self, use_text: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            Self::Sent(sent) => use_text(sent.as_bytes()),
            Self::Made(high, low) => use_text(&digits(*high, *low)),
        }
    }

    pub(crate) fn value(&self) -> HeaderValue {
        match self {
            Self::Sent(sent) => sent.clone(),
            // Digits are a value.
            Self::Made(high, low) => HeaderValue::from_bytes(&digits(*high, *low))
                .unwrap_or_else(|_| HeaderValue::from_static("-")),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Either is nothing but visible ASCII.
        self.with(|text| f.write_str(str::from_utf8(text).unwrap_or("-")))
    }
}

/// Whether a word may be taken for a request's id.
pub(crate) fn is_sane(id: &[u8]) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

fn digits(high: u64, low: u64) -> [u8; 32] {
    let mut digits = [0; 32];
    digits[..16].copy_from_slice(&hex(high));
    digits[16..].copy_from_slice(&hex(low));
    digits
}

/// Different in each thread and process, and nobody's secret (`SplitMix64`: Steele, Lea and Flood, 2014).
pub(super) fn random() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(
            getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()) << 32),
        );
    }
    STATE.with(|state| {
        let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(next);
        let mixed = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_kept(lines: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            headers.append(X_REQUEST_ID, line);
        }
        let id = RequestId::of(&headers);
        let is_sent = matches!(id, RequestId::Sent(_));
        if is_sent {
            assert_eq!(id.to_string(), lines[0]);
        } else {
            assert!(id.to_string().bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
        assert_eq!(id.value(), id.to_string());
        is_sent
    }

    #[test]
    fn a_sane_one_is_kept_and_any_other_replaced() {
        let long = "a".repeat(129);
        for (lines, expected) in [
            (&["4711"][..], true),
            (&["0-9.a_Z~{}\"%"], true),
            (&[&long[..128]], true),
            (&[&long], false),
            (&[], false),
            (&[""], false),
            (&["a b"], false),
            (&["caf\u{e9}"], false),
            (&["a\tb"], false),
            (&["1", "1"], false),
        ] {
            assert_eq!(is_kept(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn no_two_are_the_same() {
        let headers = HeaderMap::new();
        let made: std::collections::HashSet<_> = (0..1000)
            .map(|_| RequestId::of(&headers).to_string())
            .collect();
        assert_eq!(made.len(), 1000);
        assert!(made.iter().all(|id| id.len() == 32));
    }
}
