//! What a client may take.

use std::ops::RangeInclusive;

use super::Judge;
use crate::config::{
    Limits, OddNames,
    error::Problem,
    file::{self, Size, Text},
};

/// The smallest buffer that HTTP/2's implementation and common clients can do with.
const LEAST_HEADER_SIZE: u64 = 8 << 10;
const MOST_HEADER_SIZE: u64 = 1 << 20;
const MOST_CONNECTIONS: i64 = 10_000_000;

impl Judge<'_> {
    pub(super) fn limits(&mut self, written: &file::Limits) -> Limits {
        let default = Limits::default();
        let mut limits = Limits::default();
        let times = [
            (&written.header_timeout, &mut limits.header_timeout),
            (&written.keep_alive_timeout, &mut limits.keep_alive_timeout),
            (&written.body_timeout, &mut limits.body_timeout),
            (&written.write_timeout, &mut limits.write_timeout),
        ];
        for (written, limit) in times {
            *limit = self.positive_time(written.as_ref()).unwrap_or(*limit);
        }
        let times = [
            (&written.drain_timeout, &mut limits.drain_timeout),
            (&written.connection_age, &mut limits.connection_age),
        ];
        for (written, limit) in times {
            *limit = self.time(written.as_ref()).unwrap_or(*limit);
        }
        let sizes = [
            (&written.body_size, &mut limits.body_size),
            (&written.body_rate, &mut limits.body_rate),
        ];
        for (written, limit) in sizes {
            *limit = self.size(written.as_ref()).unwrap_or(*limit);
        }
        self.counts(written, &mut limits);
        limits.header_size = written
            .header_size
            .as_ref()
            .and_then(|size| self.header_size(size, LEAST_HEADER_SIZE..=MOST_HEADER_SIZE))
            .unwrap_or(default.header_size);
        limits.odd_names = (written.odd_names.as_ref())
            .and_then(|word| self.odd_names(word))
            .unwrap_or(default.odd_names);
        limits
    }

    fn counts(&mut self, written: &file::Limits, limits: &mut Limits) {
        let counts = [
            (
                "header_count",
                1..=10_000,
                &written.header_count,
                &mut limits.header_count,
            ),
            (
                "connections",
                1..=MOST_CONNECTIONS,
                &written.connections,
                &mut limits.connections,
            ),
            (
                "connections_per_client",
                0..=MOST_CONNECTIONS,
                &written.connections_per_client,
                &mut limits.connections_per_client,
            ),
            (
                "requests_per_connection",
                0..=i64::MAX,
                &written.requests_per_connection,
                &mut limits.requests_per_connection,
            ),
        ];
        for (key, range, written, limit) in counts {
            if let Some(count) = written {
                *limit = self.number(count, key, range).unwrap_or(*limit);
            }
        }
    }

    /// `bounds` are in whole KiB and MiB.
    pub(super) fn header_size(
        &mut self,
        written: &Size,
        bounds: RangeInclusive<u64>,
    ) -> Option<usize> {
        let size = self.size(Some(written))?;
        if !bounds.contains(&size) {
            let help = format!(
                "write a size from `\"{}KiB\"` to `\"{}MiB\"`",
                bounds.start() >> 10,
                bounds.end() >> 20
            );
            self.wrong(
                written,
                Problem::new("`header_size` is out of bounds").help(help),
            );
        }
        usize::try_from(size).ok()
    }

    fn odd_names(&mut self, written: &Text) -> Option<OddNames> {
        let known = match written.get_ref().as_str() {
            "drop" => Ok(OddNames::Drop),
            "refuse" => Ok(OddNames::Refuse),
            "pass" => Ok(OddNames::Pass),
            other => Err(Problem::unknown_word(
                "treatment of odd names",
                other,
                &OddNames::NAMES,
            )),
        };
        self.located(written, known)
    }
}
