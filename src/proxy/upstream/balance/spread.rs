//! Draws by weight from servers of which all are taken to be well: without a look at each of them.

use super::below;

/// Weights laid end to end.
#[derive(Debug)]
pub(in super::super) struct Spread {
    /// Places in the set, and where the weight of each ends.
    ends: Box<[(usize, u64)]>,
}

impl Spread {
    /// Of servers by their places in the set, with their weights.
    pub(in super::super) fn new(servers: &[(usize, u32)]) -> Self {
        let mut end = 0;
        let ends = servers.iter().map(|&(index, weight)| {
            end += u64::from(weight.max(1));
            (index, end)
        });
        Self {
            ends: ends.collect(),
        }
    }

    /// Two different ones; none if there are not as many.
    pub(in super::super) fn two(&self, random: &mut impl FnMut() -> u64) -> Option<(usize, usize)> {
        if self.ends.len() < 2 {
            return None;
        }
        let total = self.ends.last()?.1;
        let one = self.at(below(total, random()));
        let begin = match one {
            0 => 0,
            _ => self.ends[one - 1].1,
        };
        let weight = self.ends[one].1 - begin;
        // As if the first one were not there.
        let point = below(total - weight, random());
        let other = self.at(if point < begin { point } else { point + weight });
        Some((self.ends[one].0, self.ends[other].0))
    }

    /// Whose weight this point is in.
    fn at(&self, point: u64) -> usize {
        self.ends.partition_point(|&(_, end)| end <= point)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sequence;
    use super::*;

    #[test]
    fn two_different_ones_are_drawn_by_weight() {
        let mut random = sequence();
        let spread = Spread::new(&[(2, 1), (5, 2), (7, 1)]);
        let mut counts = [0; 8];
        for _ in 0..4000 {
            let (one, other) = spread.two(&mut random).unwrap();
            assert_ne!(one, other);
            counts[one] += 1;
        }
        for (index, expected) in [(2, 1000), (5, 2000), (7, 1000_usize)] {
            assert!(expected.abs_diff(counts[index]) < 150, "{counts:?}");
        }
    }

    #[test]
    fn both_of_two_are_drawn() {
        let mut random = sequence();
        let spread = Spread::new(&[(0, 1), (1, 1000)]);
        for _ in 0..100 {
            let (one, other) = spread.two(&mut random).unwrap();
            assert_eq!(one + other, 1);
        }
        assert_eq!(Spread::new(&[(0, 1)]).two(&mut random), None);
    }
}
