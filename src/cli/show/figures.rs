//! Numbers for a person: three digits or more, and a unit.

/// `0 B`, `1.23 MiB`, `45.6 KiB`
pub(in crate::cli) fn bytes(count: u64) -> String {
    let mut units = ["KiB", "MiB", "GiB", "TiB"].into_iter();
    if count < 1024 {
        return format!("{count} B");
    }
    let (mut whole, mut unit) = (u128::from(count) * 100 / 1024, units.next().unwrap_or(""));
    while whole >= 102_400
        && let Some(larger) = units.next()
    {
        whole /= 1024;
        unit = larger;
    }
    format!("{} {unit}", three_digits(whole))
}

/// `9999`, `12.3k`, `4.56M`
pub(in crate::cli) fn count(count: u64) -> String {
    let mut units = ["k", "M", "G", "T"].into_iter();
    if count < 10_000 {
        return count.to_string();
    }
    let (mut whole, mut unit) = (u128::from(count) / 10, units.next().unwrap_or(""));
    while whole >= 100_000
        && let Some(larger) = units.next()
    {
        whole /= 1000;
        unit = larger;
    }
    format!("{}{unit}", three_digits(whole))
}

/// A share of the whole: `99.2%`; of nothing, there is none.
pub(in crate::cli) fn share(part: u64, of: u64) -> String {
    if of == 0 {
        return NONE.to_owned();
    }
    let tenths = u128::from(part) * 1000 / u128::from(of);
    match (part, tenths) {
        (0, _) => "0%".to_owned(),
        (_, 0) => "<0.1%".to_owned(),
        (_, 1000) => "100%".to_owned(),
        _ => format!("{}.{}%", tenths / 10, tenths % 10),
    }
}

/// How much is left of it, in full percents.
pub(in crate::cli) fn percent(part: u64, of: u64) -> String {
    let of = u128::from(of.max(1));
    format!("{}%", (u128::from(part) * 100 + of / 2) / of)
}

/// How many a second: `0`, `0.3`, `12.5`, `1234`, `12.3k`
pub(in crate::cli) fn rate(of: u64, seconds: f64) -> String {
    let rate = per_second(of, seconds);
    if rate <= 0.0 {
        "0".to_owned()
    } else if rate < 99.95 {
        format!("{rate:.1}")
    } else {
        count(whole(rate))
    }
}

/// `1.23 MiB/s`
pub(in crate::cli) fn bytes_rate(of: u64, seconds: f64) -> String {
    format!("{}/s", bytes(whole(per_second(of, seconds))))
}

/// So many a second; a time of nothing has none.
pub(in crate::cli) fn per_second(of: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        float(of) / seconds
    } else {
        0.0
    }
}

/// How long something took: `85 µs`, `1.2 ms`, `12.0 s`
pub(in crate::cli) fn latency(seconds: Option<f64>) -> String {
    match seconds {
        None => NONE.to_owned(),
        Some(seconds) if seconds < 0.000_999_5 => format!("{:.0} µs", seconds.max(0.0) * 1e6),
        Some(seconds) if seconds < 0.009_95 => format!("{:.1} ms", seconds * 1e3),
        Some(seconds) if seconds < 0.999_5 => format!("{:.0} ms", seconds * 1e3),
        Some(seconds) if seconds < 99.95 => format!("{seconds:.1} s"),
        Some(seconds) => span(seconds),
    }
}

/// How long something lasts: `12 s`, `3 min`, `4 h 5 min`, `12 d 3 h`
pub(in crate::cli) fn span(seconds: f64) -> String {
    let seconds = whole(seconds);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        (1..30, _, _) => format!("{days} d {} h", hours % 24),
        _ => format!("{days} d"),
    }
}

/// `1 server`, `2 servers`
pub(in crate::cli) fn plural(number: u64, of: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {of}{ending}", count(number))
}

/// In place of a figure that there is not.
pub(in crate::cli) const NONE: &str = "–";

/// Of hundredths.
fn three_digits(whole: u128) -> String {
    match whole {
        0..1_000 => format!("{}.{:02}", whole / 100, whole % 100),
        1_000..10_000 => format!("{}.{}", whole / 100, whole % 100 / 10),
        _ => (whole / 100).to_string(),
    }
}

/// For a person three digits count.
#[allow(clippy::cast_precision_loss)]
fn float(count: u64) -> f64 {
    count as f64
}

/// The nearest; nothing below zero, and what is not a number is nothing.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(in crate::cli) fn whole(figure: f64) -> u64 {
    figure.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        for (number, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1536, "1.50 KiB"),
            (10 << 10, "10.0 KiB"),
            (100 << 10, "100 KiB"),
            (1023 << 10, "1023 KiB"),
            (1 << 20, "1.00 MiB"),
            (45 << 20, "45.0 MiB"),
            (3 << 30, "3.00 GiB"),
            (u64::MAX, "16777215 TiB"),
        ] {
            assert_eq!(bytes(number), expected);
        }
        for (number, expected) in [
            (0, "0"),
            (9_999, "9999"),
            (10_000, "10.0k"),
            (999_999, "999k"),
            (1_000_000, "1.00M"),
            (12_345_678, "12.3M"),
            (u64::MAX, "18446744T"),
        ] {
            assert_eq!(count(number), expected);
        }
        assert_eq!(percent(1, 3), "33%");
        assert_eq!(percent(0, 0), "0%");
        assert_eq!(plural(1, "server"), "1 server");
        assert_eq!(plural(0, "server"), "0 servers");
    }

    #[test]
    fn a_share_never_rounds_to_all_or_nothing() {
        for (part, of, expected) in [
            (0, 0, "–"),
            (0, 7, "0%"),
            (1, 1_000_000, "<0.1%"),
            (1, 3, "33.3%"),
            (999_999, 1_000_000, "99.9%"),
            (7, 7, "100%"),
        ] {
            assert_eq!(share(part, of), expected);
        }
    }

    #[test]
    fn rates_are_by_the_second() {
        for (of, seconds, expected) in [
            (0, 0.0, "0"),
            (5, 0.0, "0"),
            (3, 10.0, "0.3"),
            (999, 10.0, "99.9"),
            (12_340, 10.0, "1234"),
            (300_000, 10.0, "30.0k"),
        ] {
            assert_eq!(rate(of, seconds), expected);
        }
        assert_eq!(bytes_rate(10 << 20, 10.0), "1.00 MiB/s");
    }

    #[test]
    fn times_have_the_unit_that_suits_them() {
        for (seconds, expected) in [
            (0.0, "0 µs"),
            (0.000_085, "85 µs"),
            (0.000_999_6, "1.0 ms"),
            (0.001_23, "1.2 ms"),
            (0.25, "250 ms"),
            (0.999_6, "1.0 s"),
            (12.0, "12.0 s"),
            (120.0, "2 min"),
        ] {
            assert_eq!(latency(Some(seconds)), expected);
        }
        assert_eq!(latency(None), "–");
        for (seconds, expected) in [
            (-3.0, "0 s"),
            (f64::NAN, "0 s"),
            (59.0, "59 s"),
            (60.0, "1 min"),
            (3_900.0, "1 h 5 min"),
            (90_000.0, "1 d 1 h"),
            (7_776_000.0, "90 d"),
        ] {
            assert_eq!(span(seconds), expected);
        }
    }
}
