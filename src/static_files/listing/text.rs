//! Text of a listing: hostile names made safe, sizes and times made readable.

use std::fmt::{self, Display, Formatter, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// A name as HTML text or as a quoted attribute value.
///
/// Escaped, and with characters that would not show, or would reorder what is around them, written out: a newline as
/// `␊`, U+202E as `⟨U+202E⟩`.
pub(super) struct Visible<'a>(pub(super) &'a str);

impl Display for Visible<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // Unicode has a picture for each: U+2400 is that of NUL.
                '\0'..='\x1f' => f.write_char(
                    char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
                )?,
                '\x7f' => f.write_char('\u{2421}')?,
                _ if is_invisible(character) => write!(f, "⟨U+{:04X}⟩", u32::from(character))?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// Controls of direction and of line breaks, and characters of no width. Joiners (U+200C, U+200D) stay as they are:
/// Persian words and emoji need them.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// A name as one path segment of a URL: all but the unreserved characters of RFC 3986 §2.3 is percent-encoded.
pub(super) struct Segment<'a>(pub(super) &'a str);

impl Display for Segment<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for &byte in self.0.as_bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    f.write_char(char::from(byte))?;
                }
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

/// A size for people: `512 B`, `1.4 KiB`, `23 MiB`. Always rounded down, so that nothing looks bigger than it is.
pub(super) struct HumanSize(pub(super) u64);

impl Display for HumanSize {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let bytes = self.0;
        if bytes < 1024 {
            return write!(f, "{bytes} B");
        }
        // 1 below 1 MiB, 2 below 1 GiB, …; a u64 ends in EiB.
        let power = bytes.ilog2() / 10;
        let unit = UNITS[power as usize - 1];
        let whole = bytes >> (10 * power);
        if whole < 10 {
            let rest = (bytes >> (10 * (power - 1))) & 1023;
            write!(f, "{whole}.{} {unit}", rest * 10 / 1024)
        } else {
            write!(f, "{whole} {unit}")
        }
    }
}

/// A number with its thousands apart: `1,234,567`.
pub(super) struct Thousands(pub(super) u64);

impl Display for Thousands {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// A point in time in UTC, to the second.
pub(super) struct Timestamp {
    year: u64,
    month: u64,
    day: u64,
    second_of_day: u64,
}

impl Timestamp {
    /// `None` before 1970 and after the year 9999, where neither RFC 3339 nor a reader follows.
    pub(super) fn new(time: SystemTime) -> Option<Self> {
        const DAY: u64 = 86_400;
        let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
        // Days to a date in the Gregorian calendar, counted from 1 March of the year 0 so that a leap day ends a year;
        // an era is the 400 years after which the calendar repeats.
        let days = seconds / DAY + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        (year <= 9999).then_some(Timestamp {
            year,
            month,
            day,
            second_of_day: seconds % DAY,
        })
    }

    /// `2026-08-01T09:30:00Z`.
    pub(super) fn rfc3339(&self) -> String {
        format!(
            "{}T{}:{:02}Z",
            self.date(),
            self.clock(),
            self.second_of_day % 60
        )
    }

    /// `2026-08-01`.
    pub(super) fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// `09:30`.
    pub(super) fn clock(&self) -> String {
        format!(
            "{:02}:{:02}",
            self.second_of_day / 3600,
            self.second_of_day / 60 % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn sizes_are_rounded_down() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1500, "1.4 KiB"),
            (10 * 1024 - 1, "9.9 KiB"),
            (10 * 1024, "10 KiB"),
            (1024 * 1024 - 1, "1023 KiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "15 EiB"),
        ] {
            assert_eq!(HumanSize(bytes).to_string(), shown);
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (12_345_678, "12,345,678"),
        ] {
            assert_eq!(Thousands(number).to_string(), shown);
        }
    }

    #[test]
    fn times_are_utc_in_the_gregorian_calendar() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_709_210_096, "2024-02-29T12:34:56Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            let time = Timestamp::new(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
            assert_eq!(time.rfc3339(), shown);
        }
        assert!(Timestamp::new(UNIX_EPOCH - Duration::from_secs(1)).is_none());
        assert!(Timestamp::new(UNIX_EPOCH + Duration::from_secs(253_402_300_800)).is_none());
    }
}
