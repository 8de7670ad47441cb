//! Text in columns, each as wide as its widest cell.

/// A line of pieces, each with what it means.
pub(in crate::cli) type Pieces = Vec<Piece>;

/// What a piece means, for who can show it by colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) enum Tone {
    #[default]
    Plain,
    /// A word that says what something else is.
    Label,
    Good,
    Doubtful,
    Bad,
}

/// Text that is safe for a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Piece {
    pub(in crate::cli) text: String,
    pub(in crate::cli) tone: Tone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Align {
    Left,
    Right,
}

/// Rows of cells.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Grid {
    aligned: Vec<Align>,
    rows: Vec<Pieces>,
}

impl Piece {
    pub(in crate::cli) fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Tone::Plain)
    }

    pub(in crate::cli) fn new(text: impl Into<String>, tone: Tone) -> Self {
        let text = text.into();
        Self { text, tone }
    }
}

impl Grid {
    /// With a name for each column: `>` before it has the cells at the right.
    pub(in crate::cli) fn new(columns: &[&str]) -> Self {
        let aligned = columns
            .iter()
            .map(|name| {
                if name.starts_with('>') {
                    Align::Right
                } else {
                    Align::Left
                }
            })
            .collect();
        let names = columns
            .iter()
            .map(|name| Piece::new(name.trim_start_matches('>'), Tone::Label))
            .collect();
        Self {
            aligned,
            rows: vec![names],
        }
    }

    /// Without names.
    pub(in crate::cli) fn bare(aligned: &[Align]) -> Self {
        Self {
            aligned: aligned.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(in crate::cli) fn row(&mut self, cells: impl IntoIterator<Item = Piece>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The rows as lines: cells filled up to the width of their column, two spaces between them, nothing after the last.
    pub(in crate::cli) fn lines(self) -> Vec<Pieces> {
        let widths: Vec<usize> = (0..self.aligned.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(width).max().unwrap_or(0)
            })
            .collect();
        let fill = |row: Pieces| {
            let last = row.len();
            let cells = row.into_iter().zip(&widths).zip(&self.aligned).enumerate();
            let mut line = Pieces::new();
            for (index, ((mut cell, most), align)) in cells {
                let gap = " ".repeat(most.saturating_sub(width(&cell)));
                match align {
                    Align::Right => cell.text.insert_str(0, &gap),
                    Align::Left if index + 1 < last => cell.text.push_str(&gap),
                    Align::Left => {}
                }
                if index > 0 {
                    line.push(Piece::plain("  "));
                }
                line.push(cell);
            }
            line
        };
        self.rows.into_iter().map(fill).collect()
    }
}

/// The text of a line.
pub(in crate::cli) fn text(line: &[Piece]) -> String {
    line.iter().map(|piece| &*piece.text).collect()
}

fn width(cell: &Piece) -> usize {
    cell.text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut grid = Grid::new(&["name", ">count", "why"]);
        grid.row(["a", "1", "because"].map(Piece::plain));
        grid.row(["longer", "12345678", ""].map(Piece::plain));
        let lines: Vec<String> = grid.lines().iter().map(|line| text(line)).collect();
        assert_eq!(
            lines,
            [
                "name       count  why",
                "a              1  because",
                "longer  12345678  "
            ]
        );
    }
}
