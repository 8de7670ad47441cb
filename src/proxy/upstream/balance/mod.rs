//! Which of the servers that could take a request gets it. Pure: candidates and a random number in, the place of one of them out.

mod hash;
mod load;
mod spread;
mod turns;

pub(super) use self::hash::{digest, rendezvous};
pub(super) use self::load::{least_connections, two_choices};
pub(super) use self::spread::Spread;
pub(super) use self::turns::Turns;

/// What a full share is, in the units of [`Candidate::share`].
pub(super) const FULL_SHARE: u64 = 1 << 10;

/// A server with room for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Its place in the set.
    pub(super) index: usize,
    /// At least 1.
    pub(super) weight: u64,
    /// How much of its weight it gets by now, from 1 to [`FULL_SHARE`].
    pub(super) share: u64,
    /// Requests under way.
    pub(super) load: u64,
    /// The same wherever and whenever this server is configured.
    pub(super) identity: u64,
}

impl Candidate {
    fn effective_weight(&self) -> u64 {
        self.weight * self.share
    }

    /// Whether it has less to do for its weight.
    fn is_less_loaded(&self, other: &Self) -> bool {
        self.load * other.effective_weight() < other.load * self.effective_weight()
    }
}

/// One of them by chance, after their weights; `but` is left out unless there is no other.
fn draw(candidates: &[Candidate], but: Option<usize>, random: u64) -> usize {
    let weight = |place: usize| match but {
        Some(other) if other == place => 0,
        _ => candidates[place].effective_weight(),
    };
    let total = (0..candidates.len()).map(weight).sum();
    let mut left = below(total, random);
    for place in 0..candidates.len() {
        match left.checked_sub(weight(place)) {
            Some(rest) => left = rest,
            None => return place,
        }
    }
    but.unwrap_or(0)
}

/// A random number of 64 bits as one below `limit`.
fn below(limit: u64, random: u64) -> u64 {
    let scaled = (u128::from(limit) * u128::from(random)) >> 64;
    // Smaller than the limit.
    u64::try_from(scaled).unwrap_or(limit)
}

/// Spreads over all bits what differs in a few of them.
pub(super) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A sequence that is the same in each run.
    pub(in crate::proxy::upstream) fn sequence() -> impl FnMut() -> u64 {
        let mut state = 0_u64;
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(state)
        }
    }

    pub(in crate::proxy::upstream) fn candidates(of: &[(u64, u64)]) -> Vec<Candidate> {
        let candidate = |(index, &(weight, load)): (usize, &(u64, u64))| Candidate {
            index,
            weight,
            share: FULL_SHARE,
            load,
            identity: digest(format!("10.0.0.{index}:80").as_bytes()),
        };
        of.iter().enumerate().map(candidate).collect()
    }

    /// How often each is chosen.
    pub(in crate::proxy::upstream) fn counts(
        candidates: &[Candidate],
        times: usize,
        mut choose: impl FnMut(&[Candidate]) -> usize,
    ) -> Vec<usize> {
        let mut counts = vec![0; candidates.len()];
        for _ in 0..times {
            counts[choose(candidates)] += 1;
        }
        counts
    }

    #[test]
    fn chance_follows_the_weights() {
        let mut random = sequence();
        let three = candidates(&[(1, 0), (2, 0), (7, 0)]);
        let counted = counts(&three, 10_000, |all| draw(all, None, random()));
        for (count, expected) in counted.iter().zip([1000, 2000, 7000]) {
            assert!(count.abs_diff(expected) < 200, "{counted:?}");
        }
        let counted = counts(&three, 3_000, |all| draw(all, Some(2), random()));
        assert!(counted[0].abs_diff(1000) < 150, "{counted:?}");
        assert_eq!(counted[2], 0);
        assert_eq!(draw(&three[..1], Some(0), 5), 0, "there is no other");
    }
}
