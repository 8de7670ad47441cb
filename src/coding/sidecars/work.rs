//! All that is to be done, spread over threads.

use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::find::{Found, Original};
use super::folder::Folder;
use super::make::Maker;
use super::{Sidecar, SidecarCoding, SidecarState, check};

/// The files that [`Sidecars::find`](super::Sidecars::find) found, and what is to be done with them.
#[derive(Debug)]
pub struct SidecarWork {
    found: Found,
    /// The index of an original, and a coding.
    steps: Vec<(usize, SidecarCoding)>,
    threads: NonZeroUsize,
    stop: Stop,
}

impl SidecarWork {
    pub(super) fn new(mut found: Found, codings: &[SidecarCoding], threads: NonZeroUsize) -> Self {
        // The largest first: one that begins last is not waited for alone.
        found
            .originals
            .sort_by(|a, b| b.length.cmp(&a.length).then_with(|| a.path.cmp(&b.path)));
        let steps = (0..found.originals.len())
            .flat_map(|index| codings.iter().map(move |&coding| (index, coding)))
            .collect();
        Self {
            found,
            steps,
            threads,
            stop: Stop::default(),
        }
    }

    /// How many files are coded.
    pub fn files(&self) -> usize {
        self.found.originals.len()
    }

    /// Each of them in each coding: the original's length in bytes, and the coding.
    pub fn steps(&self) -> impl Iterator<Item = (u64, SidecarCoding)> {
        self.steps
            .iter()
            .map(|&(index, coding)| (self.found.originals[index].length, coding))
    }

    /// Folders whose files are left out, and why.
    pub fn unreadable(&self) -> impl Iterator<Item = (&Path, &io::Error)> {
        self.found
            .unreadable
            .iter()
            .map(|(path, error)| (path.as_path(), error))
    }

    /// Makes every sidecar that is missing, older than its original, or does not decode to it; the others stay as they are. Returns when
    /// all is done, or stopped. `tell` hears of each as it is done, on several threads, in no order.
    ///
    /// A sidecar has the mode and the modification time of its original. It appears whole: a server may serve the folder meanwhile, and
    /// several runs may work on it. What a run that was killed left behind is removed. An original that changes while it is coded is coded
    /// again.
    pub fn make(&self, tell: impl Fn(&Sidecar<'_>) + Sync) {
        for leftover in &self.found.leftovers {
            let _ = self.remove_leftover(leftover);
        }
        self.run(tell, |folder, original, coding| {
            Maker::new(folder, original, coding, &self.stop).make()
        });
    }

    /// Looks at every sidecar, and changes nothing. Otherwise the same as [`make`](Self::make).
    pub fn check(&self, tell: impl Fn(&Sidecar<'_>) + Sync) {
        self.run(tell, check::check);
    }

    /// Ends the work. When it returns, no half-written file is there, and none is begun any more; the process may end. Files that are just
    /// being coded in memory may take the threads a while longer.
    pub fn stop(&self) {
        self.stop.stop();
    }

    fn run(
        &self,
        tell: impl Fn(&Sidecar<'_>) + Sync,
        act: impl Fn(&Folder, &Original, SidecarCoding) -> io::Result<(u64, SidecarState)> + Sync,
    ) {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(&(index, coding)) = self.steps.get(next.fetch_add(1, Ordering::Relaxed))
            {
                if self.stop.go_on().is_err() {
                    return;
                }
                let original = &self.found.originals[index];
                let done = caught(|| {
                    let folder = Folder::open(&self.found.root, &original.folder)?;
                    act(&folder, original, coding)
                });
                if self.stop.go_on().is_err() && done.is_err() {
                    return;
                }
                let (length, state) =
                    done.unwrap_or_else(|error| (original.length, SidecarState::Failed(error)));
                tell(&Sidecar {
                    original: &original.path,
                    media_type: &original.media_type,
                    length,
                    coding,
                    state,
                });
            }
        };
        std::thread::scope(|scope| {
            let count = self.threads.get().min(self.steps.len());
            for _ in 1..count {
                let started = std::thread::Builder::new()
                    .name("compress".to_owned())
                    .spawn_scoped(scope, work);
                // Fewer do it too.
                if started.is_err() {
                    break;
                }
            }
            work();
        });
    }

    fn remove_leftover(&self, leftover: &Path) -> io::Result<()> {
        let (Some(folder), Some(name)) = (leftover.parent(), leftover.file_name()) else {
            return Ok(());
        };
        let name = PathBuf::from(name);
        Folder::open(&self.found.root, folder)?.remove_leftover(&name.to_string_lossy())
    }
}

/// A coder that panics spoils one file, not all of them.
fn caught<T>(act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| {
        Err(io::Error::other(
            "the coder failed: please report this, with the file",
        ))
    })
}

/// Whether to go on, and who is just writing.
#[derive(Debug, Default)]
pub(super) struct Stop {
    is_wanted: AtomicBool,
    writing: RwLock<()>,
}

impl Stop {
    /// An error, once the end is wanted.
    pub(super) fn go_on(&self) -> io::Result<()> {
        if self.is_wanted.load(Ordering::SeqCst) {
            Err(io::ErrorKind::Interrupted.into())
        } else {
            Ok(())
        }
    }

    /// Held for as long as there is a temporary file, which is waited for.
    pub(super) fn writing(&self) -> io::Result<RwLockReadGuard<'_, ()>> {
        let writing = self.writing.read().unwrap_or_else(PoisonError::into_inner);
        self.go_on().map(|()| writing)
    }

    /// Returns when nobody is writing any more.
    pub(super) fn stop(&self) {
        self.is_wanted.store(true, Ordering::SeqCst);
        drop(self.writing.write());
    }
}
