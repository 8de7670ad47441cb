//! What checks say of a server: one says little, several in a row change the verdict.

/// What the checks have come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Verdict {
    /// Nothing yet.
    #[default]
    Unknown = 0,
    Up = 1,
    Down = 2,
}

/// The last checks of one server.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Streak {
    verdict: Verdict,
    /// How many in a row spoke against it.
    against: u32,
}

impl Streak {
    /// Goes on from a verdict.
    pub(super) fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            against: 0,
        }
    }

    /// Counts a check; the new verdict, if it changes. The first one that passes is enough for a server of which nothing is known.
    pub(super) fn count(&mut self, has_passed: bool, rise: u32, fall: u32) -> Option<Verdict> {
        let (agrees, needed) = match self.verdict {
            Verdict::Unknown if has_passed => (false, 1),
            Verdict::Unknown => (false, fall),
            Verdict::Up => (has_passed, fall),
            Verdict::Down => (!has_passed, rise),
        };
        if agrees {
            self.against = 0;
            return None;
        }
        self.against += 1;
        if self.against < needed {
            return None;
        }
        self.against = 0;
        self.verdict = if has_passed {
            Verdict::Up
        } else {
            Verdict::Down
        };
        Some(self.verdict)
    }
}

impl Verdict {
    pub(super) fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Unknown,
            1 => Self::Up,
            _ => Self::Down,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_in_a_row_change_the_verdict() {
        // + passed, - failed; then what the verdict is. Rise 2, fall 3.
        for (checks, expected) in [
            ("", Verdict::Unknown),
            ("+", Verdict::Up),
            ("-", Verdict::Unknown),
            ("--+", Verdict::Up),
            ("---", Verdict::Down),
            ("+--", Verdict::Up),
            ("+--+--", Verdict::Up),
            ("+---", Verdict::Down),
            ("---+", Verdict::Down),
            ("---+-+", Verdict::Down),
            ("---++", Verdict::Up),
            ("---++---", Verdict::Down),
        ] {
            let mut streak = Streak::default();
            let mut verdict = Verdict::Unknown;
            for check in checks.chars() {
                verdict = streak.count(check == '+', 2, 3).unwrap_or(verdict);
            }
            assert_eq!(verdict, expected, "{checks}");
        }
    }

    #[test]
    fn numbers_are_read_back() {
        for verdict in [Verdict::Unknown, Verdict::Up, Verdict::Down] {
            assert_eq!(Verdict::from_number(verdict as u8), verdict);
        }
    }
}
