//! Consistent hashing: the same key goes to the same server, and when one comes or goes, only its own keys move.

use super::{Candidate, mix};

/// The server for this key: each draws a number from the key and its identity, and the weighted best one wins (rendezvous).
///
/// Every proxy with the same servers comes to the same answer.
pub(in super::super) fn rendezvous(candidates: &[Candidate], key: u64) -> usize {
    let mut best = 0;
    let mut best_score = f64::INFINITY;
    for (place, candidate) in candidates.iter().enumerate() {
        let score = score(mix(key ^ candidate.identity), candidate.effective_weight());
        if score < best_score {
            best = place;
            best_score = score;
        }
    }
    best
}

/// How long a source of this rate takes to its first event: the first of several is each one by its part of all rates.
#[allow(
    clippy::cast_precision_loss,
    reason = "52 bits of chance are more than enough"
)]
fn score(random: u64, weight: u64) -> f64 {
    let chance = ((random >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
    -chance.ln() / weight as f64
}

/// FNV-1a, with the bits well spread: the same in each process and version.
pub(in super::super) fn digest(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

#[cfg(test)]
mod tests {
    use super::super::tests::candidates;
    use super::*;

    fn choices(candidates: &[Candidate]) -> Vec<usize> {
        let key = |number: u32| digest(format!("user-{number}").as_bytes());
        let choose = |number| candidates[rendezvous(candidates, key(number))].index;
        (0..5000).map(choose).collect()
    }

    #[test]
    fn the_same_key_comes_to_the_same_server() {
        let four = candidates(&[(1, 0); 4]);
        let busy = candidates(&[(1, 7), (1, 0), (1, 3), (1, 100)]);
        assert_eq!(choices(&four), choices(&busy), "whatever it has to do");
    }

    #[test]
    fn only_the_keys_of_the_server_that_went_move() {
        let four = candidates(&[(1, 0); 4]);
        let before = choices(&four);
        let three = [four[0], four[1], four[3]];
        for (before, after) in before.iter().zip(choices(&three)) {
            assert!(*before == 2 || *before == after);
            assert_ne!(after, 2);
        }
    }

    #[test]
    fn keys_spread_by_weight_and_move_only_to_what_grew() {
        let even = choices(&candidates(&[(1, 0), (1, 0), (1, 0)]));
        let uneven = choices(&candidates(&[(1, 0), (1, 0), (3, 0)]));
        let count = |of: &[usize], index| of.iter().filter(|&&at| at == index).count();
        for index in 0..3 {
            assert!(count(&even, index).abs_diff(1667) < 150);
        }
        for (index, expected) in [1000, 1000, 3000].into_iter().enumerate() {
            assert!(count(&uneven, index).abs_diff(expected) < 150);
        }
        for (before, after) in even.iter().zip(&uneven) {
            assert!(before == after || *after == 2);
        }
    }

    #[test]
    fn the_digest_never_changes() {
        // Proxies of several versions may stand side by side.
        assert_eq!(digest(b""), 0xf52a_15e9_a9b5_e89b);
        assert_eq!(digest(b"10.0.0.1:80"), digest(b"10.0.0.1:80"));
        assert_ne!(digest(b"10.0.0.1:80"), digest(b"10.0.0.1:81"));
    }
}
