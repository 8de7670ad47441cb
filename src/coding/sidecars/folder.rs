//! A folder beneath the root, held open: what is done with its files goes by their names in it, so that nothing that is moved or linked
//! meanwhile leads elsewhere.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

/// What files that are being written are called. Hidden, so that no server shows them.
const TEMPORARY: &str = ".daemun-compress-";

pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY)
}

#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

/// What is in a folder. Symbolic links are not followed.
#[derive(Debug)]
pub(super) enum Entry {
    /// So many bytes.
    File(u64),
    Folder,
    Other,
}

/// Which bytes a name led to: when any of this changes, the content may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        self.modified < other.modified
    }
}

impl Folder {
    /// The root may be a symbolic link, what is beneath it may not: `relative` has names only.
    pub(super) fn open(root: &Path, relative: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut folder = openat(CWD, root, flags, Mode::empty())?;
        for name in relative {
            folder = openat(&folder, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
        }
        Ok(Self(folder))
    }

    /// Those that a request can ask for: names in UTF-8.
    pub(super) fn entries(&self) -> io::Result<Vec<(String, Entry)>> {
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            let Some(name) = name.to_str().filter(|name| !matches!(*name, "." | "..")) else {
                continue;
            };
            let stat = match statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                // Gone since.
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            };
            let kind = match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Entry::File(u64::try_from(stat.st_size).unwrap_or(0)),
                FileType::Directory => Entry::Folder,
                _ => Entry::Other,
            };
            entries.push((name.to_owned(), kind));
        }
        Ok(entries)
    }

    /// A regular file, to be read.
    pub(super) fn read(&self, name: &str) -> io::Result<(File, Metadata)> {
        // Non-blocking: opening a FIFO returns at once.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let no_file = || io::Error::other("is not a regular file, and is left as it is");
        let opened = match openat(&self.0, name, flags, Mode::empty()) {
            Ok(opened) => opened,
            Err(Errno::LOOP | Errno::MLINK | Errno::NXIO) => return Err(no_file()),
            Err(error) => return Err(error.into()),
        };
        let file = File::from(opened);
        let metadata = file.metadata()?;
        if metadata.is_file() {
            Ok((file, metadata))
        } else {
            Err(no_file())
        }
    }

    /// The same, of which an error says that it is about the original.
    pub(super) fn read_original(&self, name: &str) -> io::Result<(File, Metadata)> {
        self.read(name)
            .map_err(|error| told("cannot read the original", &error))
    }

    /// Whether the name still leads to the bytes that had this stamp.
    pub(super) fn still_holds(&self, name: &str, stamp: &Stamp) -> bool {
        self.read(name)
            .is_ok_and(|(_, metadata)| Stamp::of(&metadata) == *stamp)
    }

    /// A file that nobody sees until it is whole.
    pub(super) fn temporary(&self) -> io::Result<Temporary<'_>> {
        let random = getrandom::u64().map_err(io::Error::other)?;
        let name = format!("{TEMPORARY}{random:016x}");
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let opened = openat(&self.0, &name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|error| told("cannot write into the folder", &error.into()))?;
        let file = File::from(opened);
        // Tells another run that somebody is at it. Where locks are not known, nothing is ever taken for left over.
        let _ = file.try_lock();
        Ok(Temporary {
            folder: self,
            name: Some(name),
            file,
        })
    }

    /// Removes what a former run left behind, unless a run of this moment is writing it.
    pub(super) fn remove_leftover(&self, name: &str) -> io::Result<()> {
        let (file, _) = self.read(name)?;
        if file.try_lock().is_ok() {
            self.remove(name)?;
        }
        Ok(())
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::empty())?)
    }
}

fn told(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Removed, unless it was put in its place.
pub(super) struct Temporary<'a> {
    folder: &'a Folder,
    /// None once it is in its place.
    name: Option<String>,
    pub(super) file: File,
}

impl Temporary<'_> {
    /// Gives it the mode, the owner and the time of the original: who may read that may read this, and the two are as new as each other.
    pub(super) fn resemble(&self, original: &Metadata) -> io::Result<()> {
        // Root gives it to the owner; anybody else is the owner, most likely, or cannot change it.
        let _ = fchown(&self.file, Some(original.uid()), Some(original.gid()));
        let mut permissions = original.permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, original.mode() & 0o777);
        self.file.set_permissions(permissions)?;
        self.file.set_modified(original.modified()?)
    }

    /// Not synced to the disk: what a crash of the system leaves half written does not decode, is not served, and is made again.
    pub(super) fn rename(mut self, to: &str) -> io::Result<()> {
        let Some(name) = self.name.take() else {
            return Ok(());
        };
        self.file.flush()?;
        renameat(&self.folder.0, &name, &self.folder.0, to).map_err(|error| {
            let _ = self.folder.remove(&name);
            error.into()
        })
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = self.folder.remove(name);
        }
    }
}
