//! Opening beneath a folder by `openat2`: the kernel itself refuses to leave it, without a race.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use super::beneath_portable;

/// The root is only a place to start from; no right to read it is needed.
pub(super) const ROOT_FLAGS: OFlags = OFlags::PATH;

/// Set once the kernel said that it has no `openat2` (before 5.6, or forbidden by a sandbox).
static MISSING: AtomicBool = AtomicBool::new(false);

/// Opens `relative` beneath `root`; `EXDEV` when it leads outside, `ELOOP` when it meets a refused link.
pub(super) fn open(
    root: &OwnedFd,
    relative: &Path,
    flags: OFlags,
    links: bool,
) -> io::Result<OwnedFd> {
    if MISSING.load(Ordering::Relaxed) {
        return beneath_portable::open(root, relative, flags, links);
    }
    let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    if !links {
        resolve |= ResolveFlags::NO_SYMLINKS;
    }
    // EAGAIN: something on the way was renamed just now, and the kernel could not be sure.
    for _ in 0..16 {
        match openat2(root, relative, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::NOSYS | Errno::PERM) => {
                MISSING.store(true, Ordering::Relaxed);
                return beneath_portable::open(root, relative, flags, links);
            }
            answer => return Ok(answer?),
        }
    }
    Err(Errno::XDEV.into())
}
