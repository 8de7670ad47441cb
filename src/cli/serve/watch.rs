//! `--watch`: notices that the configuration file has changed.
//!
//! Its stamp is looked at once a second, by its name: editors put another file in its place, deployments switch a symbolic link.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

const INTERVAL: Duration = Duration::from_secs(1);

/// A file that is being written stands still for as long before it is read.
const SETTLED: Duration = Duration::from_millis(100);

pub(super) struct Watch {
    /// None: nothing is watched.
    file: Option<PathBuf>,
    seen: Option<Stamp>,
}

/// Device, inode, size, and time in nanoseconds.
type Stamp = (u64, u64, u64, i64, i64);

impl Watch {
    /// What the file is now is known already.
    pub(super) fn new(file: Option<&Path>) -> Self {
        Self {
            seen: file.and_then(stamp),
            file: file.map(Path::to_owned),
        }
    }

    /// Waits for the file to become another one. While it is missing, somebody is about to put one there.
    pub(super) async fn changed(&mut self) {
        let Some(file) = &self.file else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(INTERVAL).await;
            let mut now = stamp(file);
            if now.is_none() || now == self.seen {
                continue;
            }
            loop {
                tokio::time::sleep(SETTLED).await;
                let settled = stamp(file);
                if settled == now {
                    break;
                }
                now = settled;
            }
            if now.is_some() {
                self.seen = now;
                return;
            }
        }
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let found = fs::metadata(file).ok()?;
    Some((
        found.dev(),
        found.ino(),
        found.size(),
        found.mtime(),
        found.mtime_nsec(),
    ))
}
