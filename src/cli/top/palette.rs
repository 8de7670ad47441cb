//! What a piece means, in colours of the terminal's own theme; without colours, by weight.

use ratatui::{
    style::{Color, Modifier, Style},
    text::{Line, Span},
};

use crate::cli::show::grid::{Piece, Pieces, Tone};

#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    has_color: bool,
}

impl Palette {
    pub(super) fn new(has_color: bool) -> Self {
        Self { has_color }
    }

    /// The line, in the terminal's words.
    pub(super) fn line(self, pieces: Pieces) -> Line<'static> {
        let span = |piece: Piece| Span::styled(piece.text, self.style(piece.tone));
        pieces.into_iter().map(span).collect()
    }

    pub(super) fn style(self, tone: Tone) -> Style {
        let style = Style::new();
        match (tone, self.has_color) {
            (Tone::Label, true) => style.fg(Color::Cyan),
            (Tone::Good, true) => style.fg(Color::Green),
            (Tone::Doubtful, true) => style.fg(Color::Yellow),
            (Tone::Bad, true) => style.fg(Color::Red).add_modifier(Modifier::BOLD),
            (Tone::Label, false) => style.add_modifier(Modifier::DIM),
            (Tone::Plain, _) | (Tone::Good | Tone::Doubtful, false) => style,
            (Tone::Bad, false) => style.add_modifier(Modifier::BOLD),
        }
    }

    /// The name of the view that is shown.
    pub(super) fn chosen() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
