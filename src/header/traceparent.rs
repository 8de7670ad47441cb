//! W3C Trace Context: by which trace a request is known to all who handle it, and who asked. Pure.
//!
//! What is read and written is version 00 (<https://www.w3.org/TR/trace-context/> §3.2), with the flag of level 2 that tells a random
//! trace id. Of a later version, what version 00 knows is taken (§4.3). `tracestate` goes on as it came, with the trace it belongs to.

use http::{HeaderMap, HeaderName};

use super::digits::hex;
use super::only_line;

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// `00-`, 32 digits, `-`, 16 digits, `-`, two digits.
const LENGTH: usize = 55;

const SAMPLED: u8 = 1;
const RANDOM: u8 = 2;

/// A place in a trace: the span of somebody, whose children are others' spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceContext {
    /// Not zero.
    pub(crate) trace_id: u128,
    /// Not zero.
    pub(crate) span_id: u64,
    /// Whether whoever asked may have written it down.
    pub(crate) is_sampled: bool,
    /// Whether the lower seven bytes of the trace id were drawn at random (level 2).
    pub(crate) is_random: bool,
}

impl TraceContext {
    /// The one that was sent; `None`: there is none, or not in its form, or more than one (§3.2, §4.2: a new trace begins).
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        Self::parse(only_line(headers, &TRACEPARENT)?.as_bytes())
    }

    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let (known, more) = value.split_at_checked(LENGTH)?;
        let version = digits(&known[..2])?;
        let ends_well = match version {
            0 => more.is_empty(),
            // §4.3: no version 255; of those to come, more may follow behind a dash.
            0xff => false,
            _ => matches!(more.first(), None | Some(b'-')),
        };
        if !ends_well || [2, 35, 52].iter().any(|&at| known[at] != b'-') {
            return None;
        }
        let trace_id = digits(&known[3..35])?;
        let span_id = u64::try_from(digits(&known[36..52])?).ok()?;
        let flags = u8::try_from(digits(&known[53..])?).ok()?;
        (trace_id != 0 && span_id != 0).then_some(Self {
            trace_id,
            span_id,
            is_sampled: flags & SAMPLED != 0,
            is_random: flags & RANDOM != 0,
        })
    }

    /// A trace that begins here, of numbers that were drawn at random.
    pub(crate) fn begin((high, low): (u64, u64), span_id: u64, is_sampled: bool) -> Self {
        let trace_id = u128::from(high) << 64 | u128::from(low);
        Self {
            trace_id: trace_id.max(1),
            span_id: span_id.max(1),
            is_sampled,
            is_random: true,
        }
    }

    /// The same trace, further down.
    pub(crate) fn child(self, span_id: u64) -> Self {
        Self {
            span_id: span_id.max(1),
            ..self
        }
    }

    /// The span of one of the things that are done for this one, by its number: always the same, so that nobody has to keep it.
    pub(crate) fn numbered_child(self, number: u32) -> Self {
        let spread = u64::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = self.span_id.wrapping_add(spread);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.child(mixed ^ (mixed >> 31))
    }

    /// As it is sent (§3.2.2): flags that nobody has given a meaning are zero.
    pub(crate) fn value(self) -> [u8; LENGTH] {
        let mut value = *b"00-00000000000000000000000000000000-0000000000000000-00";
        value[3..35].copy_from_slice(&trace_digits(self.trace_id));
        value[36..52].copy_from_slice(&hex(self.span_id));
        value[54] += SAMPLED * u8::from(self.is_sampled) + RANDOM * u8::from(self.is_random);
        value
    }
}

/// A trace id in its 32 digits, as logs name it.
pub(crate) fn trace_digits(trace_id: u128) -> [u8; 32] {
    let mut digits = [0; 32];
    for (of_digits, byte) in digits.chunks_exact_mut(2).zip(trace_id.to_be_bytes()) {
        of_digits.copy_from_slice(&hex(u64::from(byte))[14..]);
    }
    digits
}

/// Hexadecimal digits in lower case and nothing else (§3.2.2), 32 at most.
fn digits(text: &[u8]) -> Option<u128> {
    text.iter().try_fold(0, |number, &byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
    const SPAN: u64 = 0x00f0_67aa_0ba9_02b7;

    /// §3.2.2.5 and §4.3 of the recommendation, and the vectors of its test suite.
    #[test]
    fn what_the_recommendation_allows_is_read() {
        for (value, is_sampled, is_random) in [
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                true,
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
                false,
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03",
                true,
                true,
            ),
            // Flags without a meaning say nothing.
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fc",
                false,
                false,
            ),
            (
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                true,
                false,
            ),
            (
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-will-be-like",
                true,
                false,
            ),
        ] {
            let expected = TraceContext {
                trace_id: TRACE,
                span_id: SPAN,
                is_sampled,
                is_random,
            };
            let read = TraceContext::parse(value.as_bytes());
            assert_eq!(read, Some(expected), "{value}");
        }
    }

    #[test]
    fn anything_else_begins_a_new_trace() {
        for value in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b.-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            ".0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn two_of_them_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(TraceContext::of(&headers), None);
        let value =
            HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        headers.append(TRACEPARENT, value.clone());
        assert!(TraceContext::of(&headers).is_some());
        headers.append(TRACEPARENT, value);
        assert_eq!(TraceContext::of(&headers), None);
    }

    #[test]
    fn what_is_written_can_be_read() {
        for (is_sampled, is_random) in [(false, false), (true, false), (false, true), (true, true)]
        {
            let context = TraceContext {
                trace_id: TRACE,
                span_id: SPAN,
                is_sampled,
                is_random,
            };
            let value = context.value();
            assert_eq!(
                TraceContext::parse(&value),
                Some(context),
                "{}",
                value.escape_ascii()
            );
        }
        let none = TraceContext::begin((0, 0), 0, true);
        assert_eq!(
            &none.value(),
            b"00-00000000000000000000000000000001-0000000000000001-03"
        );
    }

    #[test]
    fn children_are_of_the_same_trace_and_all_different() {
        let parent = TraceContext::begin((1, 2), 3, true);
        let children: std::collections::HashSet<u64> = (0..100)
            .map(|number| parent.numbered_child(number))
            .inspect(|child| assert_eq!((child.trace_id, child.is_sampled), (1 << 64 | 2, true)))
            .map(|child| child.span_id)
            .chain([parent.span_id])
            .collect();
        assert_eq!(children.len(), 101);
        assert_eq!(parent.numbered_child(7), parent.numbered_child(7));
    }
}
