//! What is wrong with a configuration: where, the line itself with a caret under the place, and what to do.

use std::{fmt, ops::Range, path::Path};

/// The span of a value that came from a flag or from code: there is no place in a file to show.
pub(crate) const NOWHERE: Range<usize> = 0..0;

/// A configuration that cannot be used: every problem that was found, each with its place and the next step.
///
/// `Display` gives the whole message, several lines long; a problem in a file begins with `path:line:column: `, counted from 1, columns
/// in characters. `Debug` is the same, so that `fn main() -> Result<(), ConfigError>` prints something to read.
pub struct ConfigError(Box<Report>);

struct Report {
    problems: Vec<Problem>,
    source: Option<Source>,
}

/// The configuration text, and the name that messages give it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    what: String,
    help: Option<String>,
    /// Byte range in the source.
    at: Option<Range<usize>>,
    /// Where the first is, when this one is too many.
    first: Option<Range<usize>>,
}

impl ConfigError {
    /// `problems` must not be empty; they are shown in the order of the file.
    pub(super) fn new(mut problems: Vec<Problem>, source: Option<Source>) -> Self {
        problems.sort_by_key(|problem| problem.at.as_ref().map(|at| at.start));
        Self(Box::new(Report { problems, source }))
    }

    /// What is wrong with what stands in no file.
    pub(crate) fn of_code(what: impl Into<String>, help: &str) -> Self {
        Problem::new(what.into()).help(help).into()
    }

    /// A word that is none of `known`.
    pub(crate) fn unknown_word(kind: &str, word: &str, known: &[&str]) -> Self {
        Problem::unknown_word(kind, word, known).into()
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self::new(vec![problem], None)
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.0.problems.iter().enumerate() {
            if position > 0 {
                f.write_str("\n\n")?;
            }
            problem.render(f, self.0.source.as_ref())?;
        }
        Ok(())
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Source {
    pub(crate) fn new(name: &Path, text: String) -> Self {
        Self {
            name: name.display().to_string(),
            text,
        }
    }

    /// The line that holds byte `offset`: its number from 1, its text, and where it starts.
    fn line(&self, offset: usize) -> (usize, &str, usize) {
        let before = &self.text[..offset];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let number = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let line = self.text[start..].lines().next().unwrap_or("");
        (number, line, start)
    }
}

impl Problem {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            help: None,
            at: None,
            first: None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Where it is, unless that is already known more exactly.
    #[must_use]
    pub(crate) fn at(mut self, span: Range<usize>) -> Self {
        if self.at.is_none() && span != NOWHERE {
            self.at = Some(span);
        }
        self
    }

    /// Where the first is, of two that there may be one of.
    #[must_use]
    pub(crate) fn first(mut self, span: Range<usize>) -> Self {
        self.first = Some(span).filter(|span| *span != NOWHERE);
        self
    }

    /// A word that is none of `known`.
    pub(crate) fn unknown_word(kind: &str, word: &str, known: &[&str]) -> Self {
        let all = known
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let help = match nearest(word, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`? known are {all}"),
            None => format!("known are {all}"),
        };
        Self::new(format!("{} is not a known {kind}", quoted(word))).help(help)
    }

    fn render(&self, f: &mut fmt::Formatter<'_>, source: Option<&Source>) -> fmt::Result {
        match (&self.at, source) {
            (Some(at), Some(source)) => self.render_located(f, source, at)?,
            (None, Some(source)) => write!(f, "{}: {}", source.name, self.what)?,
            (_, None) => f.write_str(&self.what)?,
        }
        if let (Some(first), Some(source)) = (&self.first, source) {
            let (number, ..) = source.line(first.start);
            write!(f, "\n  note: the first is on line {number}")?;
        }
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }

    fn render_located(
        &self,
        f: &mut fmt::Formatter<'_>,
        source: &Source,
        at: &Range<usize>,
    ) -> fmt::Result {
        let start = boundary(&source.text, at.start);
        let (number, line, line_start) = source.line(start);
        // A span may end on a later line (a table, a multi-line string), and one at the end of the file is empty.
        let from = (start - line_start).min(line.len());
        let to = (boundary(&source.text, at.end).max(start) - line_start).clamp(from, line.len());
        let column = line[..from].chars().count() + 1;
        let carets = "^".repeat(width(&line[from..to]).max(1));
        let gutter = number.to_string().len();
        writeln!(f, "{}:{number}:{column}: {}", source.name, self.what)?;
        writeln!(f, "{:gutter$} |", "")?;
        writeln!(f, "{number} | {}", printable(line))?;
        write!(
            f,
            "{:gutter$} | {:indent$}{carets}",
            "",
            "",
            indent = width(&line[..from])
        )
    }
}

/// A text that a person wrote, as messages show it: in one line, and to be seen even when it is empty.
pub(crate) fn quoted(text: &str) -> String {
    match text {
        "" => "an empty string".to_owned(),
        _ if text.contains(char::is_control) => format!("`{}`", text.escape_debug()),
        _ => format!("`{text}`"),
    }
}

/// The name among `known` that was likely meant by `word`.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('-', "_");
    known
        .map(|name| {
            (
                strsim::damerau_levenshtein(&word, &name.replace('-', "_")),
                name,
            )
        })
        .min()
        // One slip for each three letters: more, and the guess is likelier to confuse than to help.
        .filter(|(distance, name)| {
            *distance <= name.len().max(word.len()).div_ceil(3).min(4) && *distance < name.len()
        })
        .map(|(_, name)| name)
}

/// The nearest character boundary at or before `offset`.
fn boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// The line as a terminal can show it: a tab would move the caret away, a control character could do worse.
fn printable(line: &str) -> String {
    line.chars()
        .map(|c| {
            if c == '\t' {
                ' '
            } else if c.is_control() {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Columns that `text` takes on a terminal: ideographs, Hangul and emoji take two, combining marks none.
fn width(text: &str) -> usize {
    let of = |c: char| match u32::from(c) {
        0x0300..=0x036f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    };
    text.chars().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, at: Range<usize>) -> String {
        let source = Source::new(Path::new("daemun.toml"), text.to_owned());
        ConfigError::new(vec![Problem::new("wrong").at(at)], Some(source)).to_string()
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        assert_eq!(
            shown("a = 1\nbcd = 2\n", 6..9),
            "daemun.toml:2:1: wrong\n  |\n2 | bcd = 2\n  | ^^^"
        );
        assert_eq!(
            shown("a\tb = 1", 2..3),
            "daemun.toml:1:3: wrong\n  |\n1 | a b = 1\n  |   ^"
        );
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let text = "대문 = x";
        assert_eq!(
            shown(text, 9..10),
            "daemun.toml:1:6: wrong\n  |\n1 | 대문 = x\n  |        ^"
        );
    }

    #[test]
    fn spans_that_end_late_or_lie_beyond_the_text_are_cut() {
        assert!(shown("a = [\n1,\n]\n", 4..10).ends_with("1 | a = [\n  |     ^"));
        assert!(shown("a =", 3..3).ends_with("1 | a =\n  |    ^"));
        assert!(shown("a =\n", 4..9).ends_with("2 | \n  | ^"));
        assert!(shown("é", 1..2).ends_with("1 | é\n  | ^"));
    }

    #[test]
    fn problems_are_shown_in_the_order_of_the_file() {
        let source = Source::new(Path::new("x"), "a\nb\n".to_owned());
        let problems = vec![
            Problem::new("second").at(2..3),
            Problem::new("first").at(0..1),
        ];
        let text = ConfigError::new(problems, Some(source)).to_string();
        assert!(text.find("first") < text.find("second"), "{text}");
    }

    #[test]
    fn a_guess_is_near_or_absent() {
        let known = ["docroot", "index", "symlinks", "spa"];
        assert_eq!(nearest("docrot", known.into_iter()), Some("docroot"));
        assert_eq!(nearest("doc-root", known.into_iter()), Some("docroot"));
        assert_eq!(nearest("symlink", known.into_iter()), Some("symlinks"));
        assert_eq!(nearest("upstream", known.into_iter()), None);
        assert_eq!(nearest("xyz", known.into_iter()), None);
    }
}
