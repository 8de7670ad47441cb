//! Opening beneath a folder, for systems without `openat2`: one segment at a time, links resolved by hand, so that no
//! step can leave the folder.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, openat, readlinkat};
use rustix::io::Errno;

/// Folders on the way are opened to walk on from them.
#[cfg_attr(all(target_os = "linux", not(daemun_portable)), allow(dead_code))]
pub(super) const ROOT_FLAGS: OFlags = OFlags::empty();

/// As many links as Linux follows in one path.
const MAX_LINKS: usize = 40;

/// Opens `relative` beneath `root`; `EXDEV` when it leads outside, `ELOOP` when it meets a refused link.
pub(super) fn open(
    root: &OwnedFd,
    relative: &Path,
    flags: OFlags,
    links: bool,
) -> io::Result<OwnedFd> {
    let mut todo = segments(relative)?;
    // "name/" asks for a folder. The slash itself must go: with it, even O_NOFOLLOW would follow a link.
    let asks_for_folder = relative.as_os_str().as_bytes().ends_with(b"/");
    let flags = if asks_for_folder {
        flags | OFlags::DIRECTORY
    } else {
        flags
    };
    let mut walked: Vec<OwnedFd> = Vec::new();
    let mut links_left = if links { MAX_LINKS } else { 0 };
    while let Some(segment) = todo.pop_front() {
        if segment == ".." {
            walked.pop().ok_or(Errno::XDEV)?;
            continue;
        }
        let folder = walked.last().unwrap_or(root);
        let is_last = todo.is_empty();
        let step = if is_last {
            flags
        } else {
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC
        };
        match openat(folder, &segment, step | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(opened) if is_last => return Ok(opened),
            Ok(opened) => walked.push(opened),
            // A link, says ELOOP for a file and ENOTDIR for a folder that was asked for.
            Err(error @ (Errno::LOOP | Errno::MLINK | Errno::NOTDIR)) => {
                let Some(target) = link_target(folder, &segment) else {
                    return Err(error.into());
                };
                links_left = links_left.checked_sub(1).ok_or(Errno::LOOP)?;
                for part in segments(&target)?.into_iter().rev() {
                    todo.push_front(part);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    // Nothing was left to open but a folder that was walked into: the root itself, or the end of a link to `..`.
    Ok(openat(
        walked.last().unwrap_or(root),
        ".",
        flags,
        Mode::empty(),
    )?)
}

fn link_target(folder: &OwnedFd, segment: &OsStr) -> Option<PathBuf> {
    let target = readlinkat(folder, segment, Vec::new()).ok()?;
    Some(PathBuf::from(OsString::from_vec(target.into_bytes())))
}

/// The segments to walk; an absolute path leads outside by definition.
fn segments(path: &Path) -> Result<VecDeque<OsString>, Errno> {
    let mut segments = VecDeque::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => segments.push_back(name.to_owned()),
            Component::ParentDir => segments.push_back(OsString::from("..")),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return Err(Errno::XDEV),
        }
    }
    Ok(segments)
}
