//! How far it is: a bar on standard error, if that is a terminal.

use std::{io::IsTerminal as _, time::Duration};

use daemun::{Sidecar, SidecarCoding, SidecarWork};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::say;

/// Clones share the bar.
#[derive(Clone)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn start(work: &SidecarWork, quiet: bool) -> Self {
        let total = work
            .steps()
            .map(|(length, coding)| cost(length, coding))
            .sum();
        let bar = if quiet || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
        };
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {eta} left");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("━━─"));
        }
        bar.set_message(work.files().to_string() + " files");
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    pub(super) fn advance(&self, sidecar: &Sidecar<'_>) {
        self.0.inc(cost(sidecar.length, sidecar.coding));
    }

    /// A line on standard error, above the bar.
    pub(super) fn say(&self, line: &str) {
        self.0.suspend(|| say(line));
    }

    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// How long it takes, about, in comparison: the codings differ greatly.
fn cost(length: u64, coding: SidecarCoding) -> u64 {
    let factor = match coding {
        SidecarCoding::Brotli => 10,
        SidecarCoding::Zstd => 4,
        SidecarCoding::Gzip => 1,
    };
    length.saturating_mul(factor)
}
