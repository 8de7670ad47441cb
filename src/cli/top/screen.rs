//! What is seen, and what a key does to it.
//!
//! 1. A line that says which server it is and how it is.
//! 2. The names of the views.
//! 3. The lines of the chosen view, moved by as much as was scrolled.
//! 4. The keys; in their place, that the server does not answer, and how old the figures are.

use std::time::Instant;

use daemun::status::Status;
use ratatui::{
    Frame,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    layout::{Constraint, Layout, Rect},
    text::{Line, Span, Text},
    widgets::Paragraph,
};

use super::{palette::Palette, views::View};
use crate::cli::show::{
    clean::clean,
    figures,
    grid::{Piece, Pieces, Tone, text},
    sections,
};

const KEYS: &str = "q quit  Tab view  ↑↓ PgUp PgDn scroll  ←→ sideways";

/// Columns by which one press moves sideways.
const SIDEWAYS: usize = 8;

#[derive(Debug)]
pub(super) struct Screen {
    status: Status,
    /// When that came.
    since: Instant,
    /// Why there is nothing newer.
    trouble: Option<String>,
    view: View,
    /// Lines above those that are seen, and columns before them.
    down: usize,
    across: usize,
    /// Lines of the view that were seen last.
    page: usize,
    palette: Palette,
}

impl Screen {
    pub(super) fn new(status: Status, now: Instant, palette: Palette) -> Self {
        Self {
            status,
            since: now,
            trouble: None,
            view: View::Overview,
            down: 0,
            across: 0,
            page: 1,
            palette,
        }
    }

    /// What the server said. What it said before stays in sight when it says nothing.
    pub(super) fn take(&mut self, answer: Result<Status, String>, now: Instant) {
        match answer {
            Ok(status) => {
                self.status = status;
                self.since = now;
                self.trouble = None;
            }
            Err(error) => self.trouble = Some(error),
        }
    }

    /// Whether that is the end.
    pub(super) fn press(&mut self, key: KeyEvent) -> bool {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if is_control => return true,
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Tab => self.turn(self.view.step(true)),
            KeyCode::BackTab => self.turn(self.view.step(false)),
            KeyCode::Char(digit @ '1'..='5') => self.turn(View::ALL[digit as usize - '1' as usize]),
            KeyCode::Up | KeyCode::Char('k') => self.down = self.down.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.down += 1,
            KeyCode::PageUp => self.down = self.down.saturating_sub(self.page),
            KeyCode::PageDown => self.down += self.page,
            // The end is found when the lines are there.
            KeyCode::End => self.down = usize::MAX / 2,
            KeyCode::Home => (self.down, self.across) = (0, 0),
            KeyCode::Left => self.across = self.across.saturating_sub(SIDEWAYS),
            KeyCode::Right => self.across += SIDEWAYS,
            _ => {}
        }
        false
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>, now: Instant) {
        let [head, tabs, body, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(2),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let headline = sections::headline(&self.status);
        frame.render_widget(self.palette.line(headline), head);
        frame.render_widget(self.tabs(), tabs);
        frame.render_widget(self.body(body), body);
        frame.render_widget(self.foot(now), foot);
    }

    fn turn(&mut self, view: View) {
        self.view = view;
        (self.down, self.across) = (0, 0);
    }

    fn tabs(&self) -> Line<'static> {
        let mut line = Line::default();
        for (index, view) in View::ALL.into_iter().enumerate() {
            let name = format!(" {} {} ", index + 1, view.name());
            line.push_span(if view == self.view {
                Span::styled(name, Palette::chosen())
            } else {
                Span::raw(name)
            });
        }
        line
    }

    /// The lines that are in sight. Nothing is scrolled out of sight altogether: a view that has become short comes back.
    fn body(&mut self, area: Rect) -> Paragraph<'static> {
        let (width, height) = (usize::from(area.width), usize::from(area.height));
        let lines = self.view.lines(&self.status, width);
        let widest = lines.iter().map(|line| text(line).chars().count()).max();
        self.page = height.max(1);
        self.down = self.down.min(lines.len().saturating_sub(height));
        self.across = self.across.min(widest.unwrap_or(0).saturating_sub(width));
        let seen = lines.into_iter().skip(self.down).take(height);
        let lines = seen.map(|line| self.palette.line(after(line, self.across)));
        Paragraph::new(lines.collect::<Text<'_>>())
    }

    fn foot(&self, now: Instant) -> Line<'static> {
        let Some(trouble) = &self.trouble else {
            return self.palette.line(vec![Piece::new(KEYS, Tone::Label)]);
        };
        let age = figures::span(now.saturating_duration_since(self.since).as_secs_f64());
        let first = clean(trouble.lines().next().unwrap_or_default());
        let told = format!("{age} old: {first}");
        self.palette.line(vec![Piece::new(told, Tone::Bad)])
    }
}

/// The line without its first columns.
fn after(line: Pieces, mut columns: usize) -> Pieces {
    let cut = |mut piece: Piece| {
        let length = piece.text.chars().count();
        let cut = columns.min(length);
        columns -= cut;
        piece.text = piece.text.chars().skip(cut).collect();
        piece
    };
    line.into_iter().map(cut).collect()
}

#[cfg(test)]
mod tests;
