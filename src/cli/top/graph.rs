//! Bars of eighths of a cell.

/// From nothing to a full cell.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A row for each of `height` lines, top first: bars as high as the values, the highest as high as `most`, each `width` cells wide. What is not
/// nothing can be seen.
pub(super) fn bars(values: &[f64], most: f64, width: usize, height: usize) -> Vec<String> {
    let full = height * 8;
    let levels: Vec<usize> = values
        .iter()
        .map(|value| level(*value, most, full))
        .collect();
    let row = |row: usize| {
        let below = (height - 1 - row) * 8;
        let cell = |level: &usize| EIGHTHS[level.saturating_sub(below).min(8)];
        levels
            .iter()
            .flat_map(|level| std::iter::repeat_n(cell(level), width))
            .collect()
    };
    (0..height).map(row).collect()
}

/// In eighths, at most `full`.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]
fn level(value: f64, most: f64, full: usize) -> usize {
    if value > 0.0 && most > 0.0 {
        ((value / most * full as f64).round() as usize).clamp(1, full)
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_values() {
        for (values, most, width, height, expected) in [
            (&[0.0, 1.0, 2.0, 4.0][..], 4.0, 1, 1, &[" ▂▄█"][..]),
            (&[1.0, 4.0, 0.001], 4.0, 1, 2, &[" █ ", "▄█▁"]),
            (&[1.0, 2.0], 2.0, 2, 1, &["▄▄██"]),
            (&[0.0, f64::NAN, -1.0], 0.0, 1, 1, &["   "]),
            (&[9.0], 1.0, 1, 1, &["█"]),
            (&[], 1.0, 1, 1, &[""]),
        ] {
            assert_eq!(bars(values, most, width, height), expected);
        }
    }
}
