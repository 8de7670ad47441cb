//! Quality values (RFC 9110 §12.4.2): how much a client likes one of several.

/// The parameter `q=`, a value from 0 to 1 with at most three decimals, in thousandths; `None` when it is malformed.
pub(super) fn parse(parameter: &[u8]) -> Option<u16> {
    let [b'q' | b'Q', b'=', whole @ (b'0' | b'1'), fraction @ ..] = parameter else {
        return None;
    };
    let decimals = match fraction {
        [] => fraction,
        [b'.', decimals @ ..] if decimals.len() <= 3 => decimals,
        _ => return None,
    };
    let mut weight = u16::from(whole - b'0') * 1000;
    for (decimal, unit) in decimals.iter().zip([100, 10, 1]) {
        weight += decimal
            .is_ascii_digit()
            .then(|| u16::from(decimal - b'0') * unit)?;
    }
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_values_follow_the_grammar() {
        for (value, quality) in [
            ("q=0", 0),
            ("Q=1", 1000),
            ("q=0.", 0),
            ("q=1.000", 1000),
            ("q=0.05", 50),
            ("q=0.999", 999),
        ] {
            assert_eq!(parse(value.as_bytes()), Some(quality), "{value}");
        }
        for value in [
            "", "q", "q=", "q=.5", "q=1.001", "q=2", "q=0.1234", "q=0.a", "q=-1", "q=0,5", "q=00",
            "x=1",
        ] {
            assert_eq!(parse(value.as_bytes()), None, "{value}");
        }
    }
}
