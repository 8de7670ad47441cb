//! The document root: the only code that looks at or opens files of a site.
//!
//! 1. [`Docroot::stat`] asks the kernel for a file's stamp by its full path: one system call, which also notices that the
//!    document root itself was replaced (a renamed folder, a switched symbolic link).
//! 2. [`Docroot::open`] opens beneath the document root and takes the stamp of the descriptor it got. Only what this
//!    descriptor holds is ever sent, so nothing that happens to the path meanwhile can lead outside.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::listing::ListedEntry;
use super::settings::SymlinkPolicy;

#[cfg(any(not(target_os = "linux"), daemun_portable))]
use beneath_portable as beneath;
#[cfg(all(target_os = "linux", not(daemun_portable)))]
mod beneath_linux;
mod beneath_portable;
#[cfg(all(target_os = "linux", not(daemun_portable)))]
use beneath_linux as beneath;

/// A folder whose files are served, and how far its symbolic links may lead.
#[derive(Clone, Debug)]
pub(crate) struct Docroot {
    /// Tells the files of one document root from those of another in a shared cache.
    id: u32,
    path: PathBuf,
    /// The path and one slash, ready to be followed by a relative path.
    prefix: Box<[u8]>,
    symlinks: SymlinkPolicy,
}

/// Which bytes a path led to: when any of this changes, the content may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    pub(crate) size: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What a path leads to, as the kernel says.
pub(crate) enum Kind {
    File(Stamp),
    Directory,
    /// A FIFO, device or socket: never opened, since opening alone can have effects.
    Other,
}

/// An open file and the stamp it had when it was opened.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: File,
    pub(crate) stamp: Stamp,
}

impl Docroot {
    pub(crate) fn new(id: u32, path: PathBuf, symlinks: SymlinkPolicy) -> Self {
        let mut prefix = path.as_os_str().as_bytes().to_vec();
        if !prefix.ends_with(b"/") {
            prefix.push(b'/');
        }
        Self {
            id,
            path,
            prefix: prefix.into(),
            symlinks,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// What a relative path leads to now. It may lead outside: this compares and sorts out, [`Docroot::open`] decides.
    pub(crate) fn stat(&self, relative: &str) -> io::Result<Kind> {
        Ok(Kind::of(&self.metadata(relative)?))
    }

    /// Whether a relative path still leads to the bytes that had this stamp, and still within the document root: one system call, and one
    /// more for each folder on the way.
    pub(crate) fn still_holds(&self, relative: &str, stamp: &Stamp) -> bool {
        let is_same = matches!(self.stat(relative), Ok(Kind::File(now)) if now == *stamp);
        is_same
            && (self.symlinks == SymlinkPolicy::Follow
                || self.passes_no_link(relative)
                // Through a link: opening it is the one honest test of where it leads.
                || matches!(self.open(relative), Ok(Some(open)) if open.stamp == *stamp))
    }

    /// Whether every folder on the way is a folder. One that was moved away and replaced by a link to its new place leads to the same
    /// file as before, with the same stamp, but not within the document root any more.
    fn passes_no_link(&self, relative: &str) -> bool {
        relative.match_indices('/').all(|(at, _)| {
            let folder =
                self.with_full_path(&relative[..at], |folder| std::fs::symlink_metadata(folder));
            folder.is_ok_and(|folder| folder.is_dir())
        })
    }

    fn metadata(&self, relative: &str) -> io::Result<Metadata> {
        self.with_full_path(relative, |path| match self.symlinks {
            SymlinkPolicy::Deny => std::fs::symlink_metadata(path),
            SymlinkPolicy::WithinRoot | SymlinkPolicy::Follow => std::fs::metadata(path),
        })
    }

    /// Joins on the stack: this runs at every request.
    fn with_full_path<T>(&self, relative: &str, use_path: impl FnOnce(&Path) -> T) -> T {
        let length = self.prefix.len() + relative.len();
        let (mut short, mut long) = ([0; 256], Vec::new());
        let joined = if length <= short.len() {
            &mut short[..length]
        } else {
            long.resize(length, 0);
            &mut long[..]
        };
        let (root, rest) = joined.split_at_mut(self.prefix.len());
        root.copy_from_slice(&self.prefix);
        rest.copy_from_slice(relative.as_bytes());
        use_path(Path::new(OsStr::from_bytes(joined)))
    }

    /// Opens a regular file beneath the document root; `None` when it is none (any more).
    pub(crate) fn open(&self, relative: &str) -> io::Result<Option<OpenFile>> {
        // Non-blocking: should the path have become a FIFO since it was looked at, the open returns at once.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(self.open_beneath(relative, flags)?);
        Ok(match Kind::of(&file.metadata()?) {
            Kind::File(stamp) => Some(OpenFile { file, stamp }),
            Kind::Directory | Kind::Other => None,
        })
    }

    /// Whether the path is a folder beneath the document root that may be served.
    pub(crate) fn holds_directory(&self, relative: &str) -> io::Result<bool> {
        match self.open_directory(relative) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The entries of a folder that may be served, at most `limit` of them, and whether there were more.
    ///
    /// Left out are names that no request can ask for (not UTF-8, control characters, `\`), dotfiles unless `hidden`, what is neither file
    /// nor folder, and symbolic links that the policy refuses.
    pub(crate) fn list(
        &self,
        relative: &str,
        hidden: bool,
        limit: usize,
    ) -> io::Result<(Vec<ListedEntry>, bool)> {
        let directory = self.open_directory(relative)?;
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&directory)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            let Some(name) = name.to_str().filter(|name| is_addressable(name, hidden)) else {
                continue;
            };
            if entries.len() == limit {
                return Ok((entries, true));
            }
            let child = format!("{}/{name}", relative.trim_end_matches('/'));
            entries.extend(self.listed(child.trim_start_matches('/'), name));
        }
        Ok((entries, false))
    }

    fn listed(&self, relative: &str, name: &str) -> Option<ListedEntry> {
        let full_path = self.path.join(relative);
        let mut metadata = std::fs::symlink_metadata(&full_path).ok()?;
        if metadata.is_symlink() {
            metadata = std::fs::metadata(&full_path).ok()?;
            // Opening it is the one honest test of where it leads; a FIFO or device is not even opened.
            let leads_inside = if metadata.is_dir() {
                self.holds_directory(relative).unwrap_or(false)
            } else {
                metadata.is_file() && matches!(self.open(relative), Ok(Some(_)))
            };
            leads_inside.then_some(())?;
        }
        (metadata.is_dir() || metadata.is_file()).then(|| ListedEntry {
            name: name.to_owned(),
            is_directory: metadata.is_dir(),
            size: if metadata.is_dir() { 0 } else { metadata.len() },
            modified: metadata.modified().ok(),
        })
    }

    fn open_directory(&self, relative: &str) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        self.open_beneath(if relative.is_empty() { "." } else { relative }, flags)
    }

    /// Opens the document root anew each time, so that a replaced one is seen; what is held in memory never comes here.
    fn open_beneath(&self, relative: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let root_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | beneath::ROOT_FLAGS;
        let root = openat(CWD, &self.path, root_flags, Mode::empty())?;
        let relative = Path::new(relative);
        match self.symlinks {
            SymlinkPolicy::Follow => Ok(openat(&root, relative, flags, Mode::empty())?),
            SymlinkPolicy::Deny => beneath::open(&root, relative, flags, false),
            SymlinkPolicy::WithinRoot => {
                beneath::open(&root, relative, flags, true).or_else(|error| {
                    match error.raw_os_error() {
                        Some(code) if code == rustix::io::Errno::XDEV.raw_os_error() => {
                            self.open_resolved(&root, relative, flags)
                        }
                        _ => Err(error),
                    }
                })
            }
        }
    }

    /// A link may be written as an absolute path, or climb above the document root and come back: what counts is where it
    /// ends. The resolved path is opened again with no links allowed, so a swap in between is refused.
    fn open_resolved(&self, root: &OwnedFd, relative: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let real_root = self.path.canonicalize()?;
        let real = self.path.join(relative).canonicalize()?;
        match real.strip_prefix(&real_root) {
            Ok(inside) if inside.as_os_str().is_empty() => {
                beneath::open(root, Path::new("."), flags, false)
            }
            Ok(inside) => beneath::open(root, inside, flags, false),
            Err(_) => Err(rustix::io::Errno::XDEV.into()),
        }
    }
}

impl Kind {
    fn of(metadata: &Metadata) -> Self {
        if metadata.is_file() {
            Self::File(Stamp::of(metadata))
        } else if metadata.is_dir() {
            Self::Directory
        } else {
            Self::Other
        }
    }
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    pub(crate) fn with_size(self, size: u64) -> Self {
        Self { size, ..self }
    }

    /// When the content last changed; `None` before 1970.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        time(self.modified)
    }

    /// Whether the file was last written, or its inode last touched, within `span` of now.
    pub(crate) fn is_younger_than(&self, span: Duration) -> bool {
        let now = SystemTime::now();
        [self.modified, self.changed]
            .into_iter()
            .filter_map(time)
            .any(|then| {
                // A time in the future (a clock stepped back, a chosen mtime) says nothing about when the file was written.
                now.duration_since(then)
                    .map_or_else(|early| early.duration() < span, |age| age < span)
            })
    }

    pub(crate) fn is_older_than(&self, other: &Self) -> bool {
        self.modified < other.modified
    }

    /// Whether a file that had this stamp when its transfer began was rewritten meanwhile. Growth is none: what was
    /// promised is still there (a log that is being appended to).
    pub(crate) fn was_rewritten(&self, now: &Self) -> bool {
        self.modified != now.modified && now.size <= self.size
    }

    /// A validator for a file too large to be hashed.
    pub(crate) fn opaque_tag(&self) -> String {
        let (modified, changed) = (self.modified, self.changed);
        format!(
            "{:x}-{:x}.{:x}-{:x}.{:x}",
            self.size, modified.0, modified.1, changed.0, changed.1
        )
    }
}

impl OpenFile {
    pub(crate) fn stamp_now(&self) -> io::Result<Stamp> {
        Ok(Stamp::of(&self.file.metadata()?))
    }
}

fn time((seconds, nanoseconds): (i64, i64)) -> Option<SystemTime> {
    let since = Duration::new(
        u64::try_from(seconds).ok()?,
        u32::try_from(nanoseconds).ok()?,
    );
    SystemTime::UNIX_EPOCH.checked_add(since)
}

fn is_addressable(name: &str, hidden: bool) -> bool {
    !matches!(name, "." | "..")
        && (hidden || !name.starts_with('.'))
        && !name
            .bytes()
            .any(|byte| byte < 0x20 || byte == 0x7f || byte == b'\\')
}
