//! Range requests (RFC 9110 §14): which bytes a client asked for, and how the answer names them.
//!
//! 1. One `Range` line with the unit `bytes`; anything else is ignored (§14.2).
//! 2. Each range-spec is read, or the whole field is ignored (§14.1.1).
//! 3. Each is cut to the representation, or dropped when nothing of it is there (§14.1.2).
//! 4. Ranges that overlap or touch become one, in the order asked (§15.3.7.2).
//! 5. Several ranges are worth it when they make a smaller answer than the whole (§17.15).
//!
//! Only GET has ranges (§14.2): for other methods nobody asks here.

use http::header::RANGE;
use http::{HeaderMap, HeaderValue};

use super::{members, only_line};

/// More ranges than this in one request are taken for an attack (§17.15), and the whole is sent.
const MAX_RANGES: usize = 100;

/// What a part of a multipart answer costs besides its bytes: boundary, media type, `Content-Range`. RFC 9110 §15.3.7.2
/// says "around 80 bytes"; with a boundary nobody can guess it is somewhat more.
const PART_OVERHEAD: u64 = 128;

/// Bytes `start..end` of a representation; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteRange {
    pub(crate) start: u64,
    /// Exclusive, unlike the last-pos of HTTP.
    pub(crate) end: u64,
}

impl ByteRange {
    pub(crate) fn length(self) -> u64 {
        self.end - self.start
    }

    /// Whether the two overlap or are neighbours, so that one range can stand for both.
    fn touches(self, other: Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    fn union(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// What to send of a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RangeSet {
    /// 200: no range was asked for, or not in a way that counts, or parts would be more than the whole.
    Whole,
    /// 416 with [`unsatisfied`]: nothing of what was asked for is there.
    Unsatisfiable,
    /// 206 with [`content_range`].
    Single(ByteRange),
    /// 206 as `multipart/byteranges`: two or more, apart from each other, in the order asked.
    Multiple(Vec<ByteRange>),
}

/// The answer to the request's `Range`, for a representation of `complete_length` bytes.
pub(crate) fn resolve(headers: &HeaderMap, complete_length: u64) -> RangeSet {
    // 1. Two lines would be two range units; neither counts.
    let Some(line) = only_line(headers, &RANGE) else {
        return RangeSet::Whole;
    };
    let Some(set) = strip_unit(line.as_bytes()) else {
        return RangeSet::Whole;
    };

    // One range is what nearly every client asks for, and it needs no list.
    if !set.contains(&b',') {
        return match RangeSpec::parse(set.trim_ascii()) {
            None => RangeSet::Whole,
            Some(spec) => spec
                .within(complete_length)
                .map_or(RangeSet::Unsatisfiable, RangeSet::Single),
        };
    }
    let mut asked = 0;
    let mut ranges = Vec::new();
    for member in members(set) {
        asked += 1;
        let Some(spec) = RangeSpec::parse(member).filter(|_| asked <= MAX_RANGES) else {
            return RangeSet::Whole;
        };
        if let Some(range) = spec.within(complete_length) {
            add(&mut ranges, range);
        }
    }
    match ranges[..] {
        // A list of nothing but commas is malformed.
        [] if asked == 0 => RangeSet::Whole,
        [] => RangeSet::Unsatisfiable,
        [range] => RangeSet::Single(range),
        _ if is_worth_it(&ranges, complete_length) => RangeSet::Multiple(ranges),
        _ => RangeSet::Whole,
    }
}

/// The value of `Content-Range` for a part that is sent: `bytes 0-499/1234` (§14.4).
pub(crate) fn content_range(range: ByteRange, complete_length: u64) -> HeaderValue {
    let text = format!("bytes {}-{}/{complete_length}", range.start, range.end - 1);
    HeaderValue::try_from(text).expect("digits and punctuation are visible ASCII")
}

/// The value of `Content-Range` in a 416: `bytes */1234` (§14.4, §15.5.17).
pub(crate) fn unsatisfied(complete_length: u64) -> HeaderValue {
    HeaderValue::try_from(format!("bytes */{complete_length}"))
        .expect("digits and punctuation are visible ASCII")
}

/// One member of a range-set, as sent (§14.1.1).
#[derive(Clone, Copy)]
enum RangeSpec {
    /// `first-`
    From(u64),
    /// `first-last`, both inclusive
    FromTo(u64, u64),
    /// `-length`
    Suffix(u64),
}

impl RangeSpec {
    /// Step 2.
    fn parse(spec: &[u8]) -> Option<Self> {
        let dash = spec.iter().position(|&byte| byte == b'-')?;
        match (&spec[..dash], &spec[dash + 1..]) {
            ([], length) => Some(Self::Suffix(number(length)?)),
            (first, []) => Some(Self::From(number(first)?)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::FromTo(first, last))
            }
        }
    }

    /// Step 3; `None` when the spec is not satisfiable: it begins at or after the end, or is a suffix of nothing.
    fn within(self, complete_length: u64) -> Option<ByteRange> {
        let (start, end) = match self {
            Self::From(first) => (first, complete_length),
            Self::FromTo(first, last) => (first, last.saturating_add(1).min(complete_length)),
            // A suffix longer than the representation is all of it.
            Self::Suffix(length) => (complete_length.saturating_sub(length), complete_length),
        };
        (start < end).then_some(ByteRange { start, end })
    }
}

/// What follows `bytes=`. Names of units are case-insensitive (§14.1).
fn strip_unit(value: &[u8]) -> Option<&[u8]> {
    let (unit, set) = value.split_at_checked(b"bytes=".len())?;
    unit.eq_ignore_ascii_case(b"bytes=").then_some(set)
}

/// `1*DIGIT`. A number too large for us is beyond the end of everything, and the largest we have is as good.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    })
}

/// Step 4: adds a range to those that are apart from each other, and keeps them so: it swallows all that it touches and takes the
/// place of the first of them. What it swallows touched none of the others, so the result touches none either.
fn add(ranges: &mut Vec<ByteRange>, mut range: ByteRange) {
    let place = ranges
        .iter()
        .position(|held| held.touches(range))
        .unwrap_or(ranges.len());
    ranges.retain(|held| {
        let apart = !held.touches(range);
        if !apart {
            range = range.union(*held);
        }
        apart
    });
    ranges.insert(place, range);
}

/// Step 5: ranges that are apart are never more than one copy of the representation; their framing must not make them so.
fn is_worth_it(ranges: &[ByteRange], complete_length: u64) -> bool {
    let costs = ranges
        .iter()
        .map(|range| range.length().saturating_add(PART_OVERHEAD));
    costs.fold(0, u64::saturating_add) <= complete_length
}
