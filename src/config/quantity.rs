//! Sizes and times with their units: `"64KiB"`, `"10s"`.

use std::time::Duration;

use super::{
    error::{Problem, quoted},
    file::Quantity,
};

const SIZE_UNITS: [(&str, u64); 4] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];
const TIME_UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// A number of bytes.
pub(super) fn size(written: &Quantity) -> Result<u64, Problem> {
    const HELP: &str = "write `\"64KiB\"`, `\"256MiB\"`, `\"1GiB\"`, or a plain number of bytes";
    match written {
        Quantity::Number(number) => {
            u64::try_from(*number).map_err(|_| Problem::new("a size cannot be negative").help(HELP))
        }
        Quantity::Text(text) => scaled(text, &SIZE_UNITS)
            .ok_or_else(|| Problem::new(format!("{} is not a size", quoted(text))).help(HELP)),
    }
}

/// A length of time, in steps of a millisecond.
pub(super) fn time(written: &Quantity) -> Result<Duration, Problem> {
    const HELP: &str = "write `\"250ms\"`, `\"10s\"`, `\"2m\"`, `\"1h\"` or `\"1d\"`";
    match written {
        Quantity::Number(0) => Ok(Duration::ZERO),
        Quantity::Number(number) if *number < 0 => {
            Err(Problem::new("a time cannot be negative").help(HELP))
        }
        Quantity::Number(number) => Err(Problem::new("a time needs its unit")
            .help(format!("for seconds write `\"{number}s\"`"))),
        Quantity::Text(text) => scaled(text, &TIME_UNITS)
            .map(Duration::from_millis)
            .ok_or_else(|| Problem::new(format!("{} is not a time", quoted(text))).help(HELP)),
    }
}

/// A whole number and its unit; a space may stand between them.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Quantity {
        Quantity::Text(text.to_owned())
    }

    #[test]
    fn sizes_in_all_units() {
        for (written, bytes) in [
            ("0B", 0),
            ("64KiB", 65_536),
            ("256 MiB", 268_435_456),
            ("2GiB", 2_147_483_648),
        ] {
            assert_eq!(size(&text(written)).expect(written), bytes);
        }
        assert_eq!(size(&Quantity::Number(4096)).expect("bytes"), 4096);
    }

    #[test]
    fn times_in_all_units() {
        for (written, millis) in [
            ("250ms", 250),
            ("10s", 10_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(
                time(&text(written)).expect(written),
                Duration::from_millis(millis)
            );
        }
        assert_eq!(
            time(&Quantity::Number(0)).expect("zero has no unit"),
            Duration::ZERO
        );
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for written in [
            "",
            "64",
            "KiB",
            "64KB",
            "64K",
            "64kib",
            "-1KiB",
            "+1KiB",
            "1.5MiB",
            "1MiB 2KiB",
            "99999999999999999GiB",
            "1٣B",
        ] {
            size(&text(written)).expect_err(written);
        }
        for written in [
            "",
            "10",
            "s",
            "10sec",
            "-1s",
            "1.5s",
            "1h30m",
            "999999999999999999d",
        ] {
            time(&text(written)).expect_err(written);
        }
        size(&Quantity::Number(-1)).expect_err("negative");
        time(&Quantity::Number(-1)).expect_err("negative");
        time(&Quantity::Number(10)).expect_err("no unit");
    }
}
