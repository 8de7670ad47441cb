//! Range requests (RFC 9110 §14): which bytes a client asked for, and how the answer names them.
//!
//! 1. One `Range` line with the unit `bytes`; anything else is ignored (§14.2).
//! 2. Each range-spec is read, or the whole field is ignored (§14.1.1).
//! 3. Each is cut to the representation, or dropped when nothing of it is there (§14.1.2).
//! 4. Ranges that overlap or touch become one, in the order asked (§15.3.7.2).
//! 5. Several ranges are worth it when they make a smaller answer than the whole (§17.15).
//!
//! Only GET has ranges (§14.2): for other methods nobody asks here.

use std::fmt::Write;

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
    let Some(set) = only_line(headers, &RANGE).and_then(|line| strip_unit(line.as_bytes())) else {
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
    // Long enough for any three numbers, so that the text does not move while it grows.
    let mut text = String::with_capacity(70);
    write!(
        text,
        "bytes {}-{}/{complete_length}",
        range.start,
        range.end - 1
    )
    .expect("a String takes all");
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

/// Step 4: adds a range to those that are apart from each other, and keeps them so. It swallows all that it touches, and takes
/// the place of the first of them. What it swallows touched none of the others, so the result touches none either.
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
    ranges
        .iter()
        .try_fold(0_u64, |sum, range| {
            sum.checked_add(range.length())?.checked_add(PART_OVERHEAD)
        })
        .is_some_and(|sum| sum <= complete_length)
}

#[cfg(test)]
mod tests {
    use super::super::tests::headers;
    use super::RangeSet::{Multiple, Single, Unsatisfiable, Whole};
    use super::*;

    /// The answer to `Range: value`, for a representation of `complete_length` bytes.
    fn answer(value: &str, complete_length: u64) -> RangeSet {
        resolve(&headers(&[(RANGE, value)]), complete_length)
    }

    fn range(start: u64, end: u64) -> ByteRange {
        ByteRange { start, end }
    }

    fn several(ranges: &[(u64, u64)]) -> RangeSet {
        Multiple(
            ranges
                .iter()
                .map(|&(start, end)| range(start, end))
                .collect(),
        )
    }

    /// RFC 9110 §14.1.2: its examples, for a representation of 10000 bytes.
    #[test]
    fn the_examples_of_the_rfc() {
        let cases = [
            ("bytes=0-499", Single(range(0, 500))),
            ("bytes=500-999", Single(range(500, 1000))),
            ("bytes=-500", Single(range(9500, 10_000))),
            ("bytes=9500-", Single(range(9500, 10_000))),
            ("bytes=0-0,-1", several(&[(0, 1), (9999, 10_000)])),
            ("bytes= 0-0, -1", several(&[(0, 1), (9999, 10_000)])),
            (
                "bytes= 0-999, 4500-5499, -1000",
                several(&[(0, 1000), (4500, 5500), (9000, 10_000)]),
            ),
            // "Other valid (but not canonical) specifications of the second 500 bytes"
            ("bytes=500-600,601-999", Single(range(500, 1000))),
            ("bytes=500-700,601-999", Single(range(500, 1000))),
        ];
        for (value, expected) in cases {
            assert_eq!(answer(value, 10_000), expected, "{value}");
        }
    }

    #[test]
    fn one_range_is_cut_to_the_representation() {
        let cases = [
            ("bytes=0-", Single(range(0, 1000))),
            ("bytes=0-0", Single(range(0, 1))),
            ("bytes=999-", Single(range(999, 1000))),
            ("bytes=990-2000", Single(range(990, 1000))),
            ("bytes=0-99999999999999999999", Single(range(0, 1000))),
            ("bytes=0-18446744073709551615", Single(range(0, 1000))),
            ("bytes=-5", Single(range(995, 1000))),
            ("bytes=-5000", Single(range(0, 1000))),
            ("bytes=-99999999999999999999", Single(range(0, 1000))),
            ("bytes=-1000", Single(range(0, 1000))),
            ("Bytes=007-0008", Single(range(7, 9))),
        ];
        for (value, expected) in cases {
            assert_eq!(answer(value, 1000), expected, "{value}");
        }
    }

    #[test]
    fn what_is_not_there_is_unsatisfiable() {
        let cases = [
            ("bytes=1000-", 1000),
            ("bytes=1000-1000", 1000),
            ("bytes=99999999999999999999-", 1000),
            ("bytes=18446744073709551615-", u64::MAX),
            ("bytes=-0", 1000),
            ("bytes=-0,1000-,2000-3000", 1000),
            // Of an empty representation there is nothing, not even its end.
            ("bytes=0-", 0),
            ("bytes=0-0", 0),
            ("bytes=-5", 0),
            ("bytes=-0", 0),
        ];
        for (value, complete_length) in cases {
            assert_eq!(answer(value, complete_length), Unsatisfiable, "{value}");
        }
    }

    /// §14.2: what cannot be understood is ignored.
    #[test]
    fn a_malformed_field_or_another_unit_is_ignored() {
        let values = [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes= , ",
            "bytes=-",
            "bytes=--5",
            "bytes=5",
            "bytes=abc",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=0-1,5-2",
            "bytes=0-1,abc",
            "bytes=1 - 2",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=0x1-2",
            "bytes=-999,-9223372036854774809x",
            "bytes =0-1",
            "bytes:0-1",
            "bytes 0-1",
            "items=0-4",
            "octets=0-4",
            "0-4",
            "=0-4",
            "bytes=0-1;2-3",
            "bytes=\u{e9}-",
            "bytesx=0-1",
        ];
        for value in values {
            assert_eq!(answer(value, 1000), Whole, "{value}");
        }
        assert_eq!(resolve(&HeaderMap::new(), 1000), Whole);
        let twice = headers(&[(RANGE, "bytes=0-1"), (RANGE, "bytes=0-1")]);
        assert_eq!(resolve(&twice, 1000), Whole);
    }

    /// §15.3.7.2
    #[test]
    fn several_ranges_keep_their_order_and_never_overlap() {
        let cases = [
            ("bytes=0-0,500-501", several(&[(0, 1), (500, 502)])),
            ("bytes=500-501,0-0", several(&[(500, 502), (0, 1)])),
            (",bytes=0-0", Whole),
            ("bytes=,0-0,,500-501,", several(&[(0, 1), (500, 502)])),
            ("bytes=0-99,50-149", Single(range(0, 150))),
            ("bytes=50-149,0-99", Single(range(0, 150))),
            ("bytes=0-99,100-199", Single(range(0, 200))),
            ("bytes=0-99,101-199", several(&[(0, 100), (101, 200)])),
            ("bytes=0-9,0-9", Single(range(0, 10))),
            ("bytes=0-,0-,0-,0-,0-", Single(range(0, 1000))),
            ("bytes=0-,-1", Single(range(0, 1000))),
            // The third joins the first two, and stands where the first stood.
            (
                "bytes=700-709,0-9,20-29,10-19",
                several(&[(700, 710), (0, 30)]),
            ),
            ("bytes=300-309,100-109,0-999", Single(range(0, 1000))),
            // What is not there is left out.
            ("bytes=0-0,1000-,500-501", several(&[(0, 1), (500, 502)])),
            ("bytes=0-0,1000-,-0", Single(range(0, 1))),
            ("bytes=-999,-9223372036854774809", Single(range(0, 1000))),
        ];
        for (value, expected) in cases {
            assert_eq!(answer(value, 1000), expected, "{value}");
        }
    }

    /// §17.15
    #[test]
    fn more_parts_than_the_whole_is_worth_are_the_whole() {
        let one_byte_each = |count: u64| {
            let specs: Vec<_> = (0..count)
                .map(|place| format!("{0}-{0}", place * 2))
                .collect();
            format!("bytes={}", specs.join(","))
        };
        assert_eq!(answer("bytes=0-499,501-999", 1000), Whole);
        assert_eq!(answer(&one_byte_each(300), 1000), Whole);
        assert_eq!(answer(&one_byte_each(100), 1000), Whole);
        assert!(
            matches!(answer(&one_byte_each(100), 1 << 20), Multiple(ranges) if ranges.len() == 100)
        );
        assert_eq!(answer(&one_byte_each(101), 1 << 20), Whole);
        // The bound is on what is asked, not on what is left of it.
        let again = "0-9,".repeat(101);
        assert_eq!(answer(&format!("bytes={again}"), 1 << 20), Whole);
    }

    #[test]
    fn lengths_near_the_end_of_numbers_do_not_overflow() {
        let cases = [
            ("bytes=0-18446744073709551614", Single(range(0, u64::MAX))),
            (
                "bytes=18446744073709551614-",
                Single(range(u64::MAX - 1, u64::MAX)),
            ),
            ("bytes=0-9223372036854775807,9223372036854775809-", Whole),
            ("bytes=5368709119-", Single(range(5_368_709_119, u64::MAX))),
        ];
        for (value, expected) in cases {
            assert_eq!(answer(value, u64::MAX), expected, "{value}");
        }
    }

    /// §14.4: its examples, and those of §15.5.17.
    #[test]
    fn content_range_names_the_last_byte_inclusively() {
        assert_eq!(content_range(range(42, 1234), 1234), "bytes 42-1233/1234");
        assert_eq!(content_range(range(0, 500), 1234), "bytes 0-499/1234");
        assert_eq!(content_range(range(0, 1), 1), "bytes 0-0/1");
        assert_eq!(unsatisfied(47022), "bytes */47022");
        assert_eq!(unsatisfied(0), "bytes */0");
    }
}
