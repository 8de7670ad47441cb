//! Smooth weighted round robin: with weights 5, 1, 1 the turns are a a b a c a a, not a a a a a b c.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Candidate, below, draw};

/// Whose turn it is. One counter for all workers, and no lock: the order of a whole round is laid out before.
#[derive(Debug)]
pub(in super::super) struct Turns {
    /// Places in the set.
    order: Box<[usize]>,
    next: AtomicUsize,
}

/// A round of more turns than this is laid out with coarser weights.
const LONGEST_ROUND: u64 = 2048;

/// Turns of servers that cannot take the request pass; when this many did, chance decides.
const MOST_PASSED: usize = 64;

impl Turns {
    /// The round of these servers: their places in the set, and their weights.
    pub(in super::super) fn new(servers: &[(usize, u32)]) -> Self {
        Self {
            order: round(servers),
            next: AtomicUsize::new(0),
        }
    }

    /// Whose turn it is, whether it can take the request or not.
    pub(in super::super) fn next(&self) -> Option<usize> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.order.get(turn % self.order.len().max(1)).copied()
    }

    /// The candidate whose turn it is, by its place among them. Candidates are in the order of their places in the set.
    pub(in super::super) fn choose(
        &self,
        candidates: &[Candidate],
        random: &mut impl FnMut() -> u64,
    ) -> usize {
        let fullest = candidates.iter().map(|candidate| candidate.share).max();
        let fullest = fullest.unwrap_or(1);
        for _ in 0..MOST_PASSED {
            let Some(index) = self.next() else { break };
            let found = candidates.binary_search_by_key(&index, |candidate| candidate.index);
            // One that just came takes only some of its turns.
            let mut takes = |place: usize| {
                let share = candidates[place].share;
                share == fullest || below(fullest, random()) < share
            };
            if let Some(place) = found.ok().filter(|&place| takes(place)) {
                return place;
            }
        }
        draw(candidates, None, random())
    }
}

/// All turns of a round.
fn round(servers: &[(usize, u32)]) -> Box<[usize]> {
    let weights = shortened(servers);
    let total: i64 = weights.iter().sum();
    let mut credit = vec![0; weights.len()];
    let mut order = Vec::new();
    for _ in 0..total {
        // Each gets its weight, and the richest one pays for the turn; of equals, the first.
        let mut richest = 0;
        for place in 0..credit.len() {
            credit[place] += weights[place];
            if credit[place] > credit[richest] {
                richest = place;
            }
        }
        credit[richest] -= total;
        order.push(servers[richest].0);
    }
    order.into()
}

/// Weights without their common divisor, and not more in sum than a round may have.
fn shortened(servers: &[(usize, u32)]) -> Vec<i64> {
    let divisor = servers
        .iter()
        .fold(0, |divisor, server| common(divisor, server.1));
    let divisor = u64::from(divisor.max(1));
    let weights = servers
        .iter()
        .map(|server| u64::from(server.1.max(1)) / divisor);
    let total: u64 = weights.clone().sum();
    let most = LONGEST_ROUND.min(total);
    let coarse = |weight: u64| (weight * most / total).max(1);
    // Weights are of 32 bits.
    let signed = |weight| i64::try_from(weight).unwrap_or(i64::MAX);
    weights.map(coarse).map(signed).collect()
}

/// The greatest common divisor.
fn common(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::super::FULL_SHARE;
    use super::super::tests::{candidates, counts, sequence};
    use super::*;

    fn turns(weights: &[u32]) -> Turns {
        Turns::new(&weights.iter().copied().enumerate().collect::<Vec<_>>())
    }

    #[test]
    fn turns_of_the_heavy_are_spread() {
        for (weights, expected) in [
            (&[5, 1, 1][..], &[0, 0, 1, 0, 2, 0, 0][..]),
            (&[1, 1], &[0, 1]),
            (&[300, 300, 300], &[0, 1, 2]),
            (&[4, 2], &[0, 1, 0]),
            (&[7], &[0]),
        ] {
            assert_eq!(turns(weights).order[..], *expected, "{weights:?}");
        }
    }

    #[test]
    fn each_gets_its_turns_exactly() {
        let mut random = sequence();
        let turns = turns(&[5, 1, 1]);
        let three = candidates(&[(5, 0), (1, 9), (1, 0)]);
        let counted = counts(&three, 70, |all| turns.choose(all, &mut random));
        assert_eq!(counted, [50, 10, 10]);
    }

    #[test]
    fn who_cannot_take_it_leaves_an_even_share_to_the_others() {
        let mut random = sequence();
        let turns = turns(&[1, 1, 1]);
        let three = candidates(&[(1, 0), (1, 0), (1, 0)]);
        let two = [three[0], three[2]];
        let counted = counts(&two, 100, |all| turns.choose(all, &mut random));
        assert_eq!(counted, [50, 50]);
    }

    #[test]
    fn one_that_just_came_takes_some_of_its_turns() {
        let mut random = sequence();
        let turns = turns(&[1, 1]);
        let mut two = candidates(&[(1, 0), (1, 0)]);
        two[1].share = FULL_SHARE / 4;
        let counted = counts(&two, 1000, |all| turns.choose(all, &mut random));
        assert!(counted[1].abs_diff(200) < 50, "{counted:?}");
        // All of them just came: then their shares are even again.
        two[0].share = FULL_SHARE / 4;
        let counted = counts(&two, 100, |all| turns.choose(all, &mut random));
        assert_eq!(counted, [50, 50]);
    }

    #[test]
    fn a_round_is_never_long() {
        let turns = turns(&[997, 1000, 1, 991]);
        assert!(turns.order.len() <= 2050, "{}", turns.order.len());
        assert!(turns.order.contains(&2));
    }

    #[test]
    fn a_round_without_servers_is_left_to_chance() {
        let mut random = sequence();
        let one = candidates(&[(1, 0)]);
        assert_eq!(turns(&[]).choose(&one, &mut random), 0);
    }
}
