//! What came of it: how many bytes are sent, by media type and coding.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use daemun::{Sidecar, SidecarCoding, SidecarState};

use crate::cli::show::figures::{bytes, percent};

#[derive(Debug)]
pub(super) struct Summary {
    is_check: bool,
    files: BTreeSet<PathBuf>,
    /// By media type and coding.
    rows: BTreeMap<String, Row>,
    fresh: usize,
    made: usize,
    not_worthwhile: usize,
    missing: usize,
    stale: usize,
    broken: usize,
    failed: usize,
}

#[derive(Debug, Default)]
struct Row {
    files: usize,
    length: u64,
    /// In the order of [`SidecarCoding::ALL`]: what is sent to those who accept it.
    coded: [Option<u64>; 3],
}

impl Summary {
    pub(super) fn new(is_check: bool) -> Self {
        Self {
            is_check,
            files: BTreeSet::new(),
            rows: BTreeMap::new(),
            fresh: 0,
            made: 0,
            not_worthwhile: 0,
            missing: 0,
            stale: 0,
            broken: 0,
            failed: 0,
        }
    }

    pub(super) fn note(&mut self, sidecar: &Sidecar<'_>) {
        let count = match sidecar.state {
            SidecarState::Fresh(_) => &mut self.fresh,
            SidecarState::Made(_) => &mut self.made,
            SidecarState::NotWorthwhile => &mut self.not_worthwhile,
            SidecarState::Missing => &mut self.missing,
            SidecarState::Stale => &mut self.stale,
            SidecarState::Broken => &mut self.broken,
            _ => &mut self.failed,
        };
        *count += 1;
        if !self.rows.contains_key(sidecar.media_type) {
            self.rows
                .insert(sidecar.media_type.to_owned(), Row::default());
        }
        let Some(row) = self.rows.get_mut(sidecar.media_type) else {
            return;
        };
        if self.files.insert(sidecar.original.to_owned()) {
            row.files += 1;
            row.length += sidecar.length;
        }
        // Without one, the file is sent as it is.
        let sent = sidecar.coded_length().unwrap_or(sidecar.length);
        let position = SidecarCoding::ALL
            .iter()
            .position(|coding| *coding == sidecar.coding);
        if let Some(coded) = position.and_then(|position| row.coded.get_mut(position)) {
            *coded = Some(coded.unwrap_or(0) + sent);
        }
    }

    /// Something that is not about one file could not be done.
    pub(super) fn fail(&mut self) {
        self.failed += 1;
    }

    /// Whether a check found sidecars that are not served.
    pub(super) fn is_bad(&self) -> bool {
        self.stale + self.broken > 0
    }

    pub(super) fn has_problems(&self) -> bool {
        self.is_bad() || self.failed > 0
    }

    pub(super) fn text(&self, root: &Path, time: Duration) -> String {
        if self.files.is_empty() {
            return format!(
                "{}: no files that compression makes smaller (256 bytes or more, of such a type)\n",
                root.display()
            );
        }
        let mut text = self.table();
        let _ = writeln!(text, "\n{} in {}", self.counts(), seconds(time));
        text
    }

    /// `12 sidecars written, 3 up to date`
    fn counts(&self) -> String {
        let made = if self.is_check { "good" } else { "up to date" };
        let parts = [
            (self.made, "written"),
            (self.fresh, made),
            (self.not_worthwhile, "not worth it"),
            (self.missing, "missing"),
            (self.stale, "stale"),
            (self.broken, "broken"),
            (self.failed, "failed"),
        ];
        let told: Vec<String> = parts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        format!("sidecars: {}", told.join(", "))
    }

    fn table(&self) -> String {
        let mut total = Row::default();
        for row in self.rows.values() {
            total.files += row.files;
            total.length += row.length;
            for (sum, coded) in total.coded.iter_mut().zip(row.coded) {
                if let Some(coded) = coded {
                    *sum = Some(sum.unwrap_or(0) + coded);
                }
            }
        }
        let mut rows: Vec<(&str, &Row)> = self.rows.iter().map(|(of, row)| (&**of, row)).collect();
        rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.length));
        if rows.len() > 1 {
            rows.push(("all", &total));
        }
        let width = rows.iter().map(|(of, _)| of.len()).max().unwrap_or(0);
        let mut text = format!("{:width$}  {:>7}  {:>10}", "", "files", "bytes");
        for (coding, coded) in SidecarCoding::ALL.iter().zip(total.coded) {
            if coded.is_some() {
                let _ = write!(text, "  {:>15}", coding.as_str());
            }
        }
        text.push('\n');
        for (of, row) in rows {
            let _ = write!(
                text,
                "{of:width$}  {:>7}  {:>10}",
                row.files,
                bytes(row.length)
            );
            for coded in row.coded.into_iter().flatten() {
                let _ = write!(
                    text,
                    "  {:>10} {:>4}",
                    bytes(coded),
                    percent(coded, row.length)
                );
            }
            text.push('\n');
        }
        text
    }
}

fn seconds(time: Duration) -> String {
    if time.as_secs() >= 60 {
        format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60)
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(seconds(Duration::from_millis(1260)), "1.3 s");
        assert_eq!(seconds(Duration::from_secs(61)), "1 min 1 s");
    }
}
