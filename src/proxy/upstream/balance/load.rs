//! Balance by what the servers have to do at the moment.

use super::{Candidate, draw};

/// The less loaded one of two that were drawn: nearly as good as to look at all, and no crowd runs to the one that was the least
/// loaded a moment ago.
pub(in super::super) fn two_choices(
    candidates: &[Candidate],
    random: &mut impl FnMut() -> u64,
) -> usize {
    let one = draw(candidates, None, random());
    if candidates.len() == 1 {
        return one;
    }
    let other = draw(candidates, Some(one), random());
    if candidates[other].is_less_loaded(&candidates[one]) {
        other
    } else {
        one
    }
}

/// The least loaded of all; among several, chance decides after their weights.
pub(in super::super) fn least_connections(
    candidates: &[Candidate],
    random: &mut impl FnMut() -> u64,
) -> usize {
    let mut best = 0;
    let mut weight_of_equals = 0;
    for (place, candidate) in candidates.iter().enumerate() {
        if place == 0 || candidate.is_less_loaded(&candidates[best]) {
            best = place;
            weight_of_equals = candidate.effective_weight();
        } else if !candidates[best].is_less_loaded(candidate) {
            weight_of_equals += candidate.effective_weight();
        }
    }
    // Those that are equal to the first best one stand behind it.
    let mut left = super::below(weight_of_equals, random());
    for (place, candidate) in candidates.iter().enumerate().skip(best) {
        if !candidates[best].is_less_loaded(candidate) {
            match left.checked_sub(candidate.effective_weight()) {
                Some(rest) => left = rest,
                None => return place,
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::FULL_SHARE;
    use super::super::tests::{candidates, counts, sequence};
    use super::*;

    #[test]
    fn of_two_the_less_loaded_gets_it() {
        let mut random = sequence();
        for (of, expected) in [
            ([(1, 3), (1, 2)], 1),
            ([(1, 2), (1, 3)], 0),
            ([(2, 3), (1, 2)], 0),
            ([(3, 10), (1, 3)], 1),
        ] {
            for _ in 0..20 {
                let candidates = candidates(&of);
                assert_eq!(two_choices(&candidates, &mut random), expected, "{of:?}");
                assert_eq!(least_connections(&candidates, &mut random), expected);
            }
        }
    }

    #[test]
    fn of_many_the_most_loaded_gets_nothing() {
        let mut random = sequence();
        let four = candidates(&[(1, 1), (1, 1), (1, 9), (1, 1)]);
        let counted = counts(&four, 3000, |all| two_choices(all, &mut random));
        assert_eq!(counted[2], 0);
        assert!(counted[0].abs_diff(1000) < 150, "{counted:?}");
    }

    #[test]
    fn idle_ones_share_by_weight() {
        let mut random = sequence();
        let two = candidates(&[(1, 0), (3, 0)]);
        for (count, expected) in [
            counts(&two, 4000, |all| two_choices(all, &mut random)),
            counts(&two, 4000, |all| least_connections(all, &mut random)),
        ]
        .iter()
        .flat_map(|counted| counted.iter().zip([1000, 3000]))
        {
            assert!(count.abs_diff(expected) < 150, "{count} {expected}");
        }
    }

    #[test]
    fn one_that_just_came_gets_little() {
        let mut random = sequence();
        let mut two = candidates(&[(1, 0), (1, 0)]);
        two[1].share = FULL_SHARE / 10;
        let counted = counts(&two, 1100, |all| two_choices(all, &mut random));
        assert!(counted[1].abs_diff(100) < 40, "{counted:?}");
        let counted = counts(&two, 1100, |all| least_connections(all, &mut random));
        assert!(counted[1].abs_diff(100) < 40, "{counted:?}");
    }

    #[test]
    fn the_only_one_gets_it() {
        let mut random = sequence();
        let one = candidates(&[(1, 100)]);
        assert_eq!(two_choices(&one, &mut random), 0);
        assert_eq!(least_connections(&one, &mut random), 0);
    }
}
