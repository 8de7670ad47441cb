//! Dictionaries on a disk: a file for each, whose name is what it is kept under. It waits for the disk, so it is not for workers.
//!
//! 1. Opened once: what is there is noted, so that a hash that nobody has costs no look at the disk.
//! 2. Written under a temporary name, then renamed: a file that is there is whole.
//! 3. Read and hashed: a file that is not what its name says goes.
//! 4. When there are too many bytes, the oldest files go.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::{Family, Key};

pub(super) const EXTENSION: &str = ".dictionary";

const TEMPORARY: &str = ".temporary";

/// A temporary file this old is nobody's any more.
const ABANDONED: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// In bytes.
    most: u64,
    index: Mutex<Index>,
}

#[derive(Debug, Default)]
struct Index {
    /// With their lengths; 0: being written or removed.
    files: HashMap<Key, u64>,
    /// Those that are written, the oldest first. Those that went are passed over.
    by_age: VecDeque<Key>,
    bytes: u64,
}

impl Folder {
    /// Makes the folder if need be. Files in it that are no dictionaries are left alone.
    pub(super) fn open(path: &Path, most: u64) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = entry.file_name();
            let (Some(name), Ok(about)) = (name.to_str(), entry.metadata()) else {
                continue;
            };
            let modified = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if let Some(key) = key_of(name).filter(|_| about.is_file()) {
                found.push((modified, key, about.len()));
            } else if name.ends_with(TEMPORARY) && is_abandoned(modified) {
                let _ = fs::remove_file(entry.path());
            }
        }
        found.sort_unstable_by_key(|(modified, ..)| *modified);
        let mut index = Index::default();
        for (_, key, length) in found {
            index.add(key, length);
        }
        let folder = Self {
            path: path.to_owned(),
            most,
            index: Mutex::new(index),
        };
        folder.shrink();
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn holds(&self, key: Key) -> bool {
        self.index()
            .files
            .get(&key)
            .is_some_and(|&length| length > 0)
    }

    /// Whether it is to be written, and nobody does so yet: whoever is told so must [write](Self::write) or [give it up](Self::give_up).
    pub(super) fn begin(&self, key: Key) -> bool {
        let mut index = self.index();
        let is_new = !index.files.contains_key(&key);
        if is_new {
            index.files.insert(key, 0);
        }
        is_new
    }

    pub(super) fn give_up(&self, key: Key) {
        self.index().files.remove(&key);
    }

    pub(super) fn write(&self, key: Key, bytes: &[u8]) -> io::Result<()> {
        let name = name_of(key);
        // Another process may write the same.
        let temporary = self
            .path
            .join(format!("{name}.{}{TEMPORARY}", std::process::id()));
        let written = write_new(&temporary, bytes)
            .and_then(|()| fs::rename(&temporary, self.path.join(&name)));
        if let Err(error) = written {
            let _ = fs::remove_file(&temporary);
            self.give_up(key);
            return Err(error);
        }
        self.index().add(key, bytes.len() as u64);
        self.shrink();
        Ok(())
    }

    /// The content, when it is there, not larger than this, and what its name says.
    pub(super) fn read(&self, key: Key, largest: u64) -> Option<Bytes> {
        let path = self.path.join(name_of(key));
        let mut bytes = Vec::new();
        let read =
            fs::File::open(&path).and_then(|file| file.take(largest + 1).read_to_end(&mut bytes));
        let is_whole = read.is_ok() && bytes.len() as u64 <= largest;
        if is_whole && Sha256::digest(&bytes)[..] == key.digest {
            return Some(bytes.into());
        }
        self.remove(key);
        None
    }

    fn shrink(&self) {
        loop {
            let oldest = self.index().oldest_above(self.most);
            let Some(oldest) = oldest else { return };
            self.remove(oldest);
        }
    }

    /// Nobody writes it while it goes, and nobody waits for the disk to ask for another one.
    fn remove(&self, key: Key) {
        let mut index = self.index();
        if !index.remove(&key) {
            return;
        }
        index.files.insert(key, 0);
        drop(index);
        let _ = fs::remove_file(self.path.join(name_of(key)));
        self.give_up(key);
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn add(&mut self, key: Key, length: u64) {
        self.remove(&key);
        self.bytes += length;
        self.files.insert(key, length);
        self.by_age.push_back(key);
    }

    /// The oldest one, while there are more bytes than this.
    fn oldest_above(&mut self, most: u64) -> Option<Key> {
        (self.bytes > most).then(|| self.by_age.pop_front())?
    }

    /// Whether it was there.
    fn remove(&mut self, key: &Key) -> bool {
        let length = self.files.remove(key);
        self.bytes -= length.unwrap_or(0);
        length.is_some()
    }
}

fn is_abandoned(modified: SystemTime) -> bool {
    modified.elapsed().is_ok_and(|age| age > ABANDONED)
}

/// For nobody but us to read: who may not have the file may not have a copy of it either.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)
}

fn name_of(key: Key) -> String {
    let mut name = String::with_capacity(120);
    for byte in key.family.0 {
        let _ = write!(name, "{byte:02x}");
    }
    name.push('-');
    for byte in key.digest {
        let _ = write!(name, "{byte:02x}");
    }
    name + EXTENSION
}

fn key_of(name: &str) -> Option<Key> {
    let (family, digest) = name.strip_suffix(EXTENSION)?.split_once('-')?;
    let key = Key {
        family: Family(from_hex(family)?),
        digest: from_hex(digest)?,
    };
    // In one spelling only.
    (name_of(key) == name).then_some(key)
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != N * 2 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(bytes: &[u8]) -> Key {
        Key {
            family: Family([7; 16]),
            digest: Sha256::digest(bytes).into(),
        }
    }

    fn write(folder: &Folder, bytes: &[u8]) {
        assert!(folder.begin(key(bytes)));
        assert!(!folder.begin(key(bytes)), "somebody does already");
        assert!(!folder.holds(key(bytes)), "not yet");
        folder.write(key(bytes), bytes).unwrap();
        assert!(folder.holds(key(bytes)));
    }

    #[test]
    fn a_name_is_what_it_is_kept_under() {
        let key = key(b"x");
        assert_eq!(key_of(&name_of(key)), Some(key));
        for name in [
            String::new(),
            EXTENSION.to_owned(),
            name_of(key).to_uppercase(),
            format!("{}x", name_of(key)),
            name_of(key).replace("07", "+7"),
        ] {
            assert_eq!(key_of(&name), None, "{name}");
        }
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_bytes() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(parent.path(), 250).unwrap();
        let contents = [[b'a'; 100], [b'b'; 100], [b'c'; 100]];
        for bytes in &contents {
            write(&folder, bytes);
        }
        let held = |folder: &Folder| contents.map(|bytes| folder.read(key(&bytes), 100).is_some());
        assert_eq!(held(&folder), [false, true, true]);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 2);
        // The same for what is there at the start.
        let folder = Folder::open(parent.path(), 150).unwrap();
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
        assert_eq!(folder.index().bytes, 100);
    }

    #[test]
    fn other_files_are_left_alone_and_left_over_ones_go() {
        let parent = tempfile::tempdir().unwrap();
        let path = |name: &str| parent.path().join(name);
        let old = SystemTime::now() - 2 * ABANDONED;
        for name in ["readme.txt", "old.temporary", "new.temporary"] {
            let file = fs::File::create(path(name)).unwrap();
            if name != "new.temporary" {
                file.set_modified(old).unwrap();
            }
        }
        Folder::open(parent.path(), 0).unwrap();
        assert!(path("readme.txt").exists() && path("new.temporary").exists());
        assert!(!path("old.temporary").exists());
    }

    #[test]
    fn what_is_too_large_by_now_is_not_read() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(parent.path(), 1000).unwrap();
        write(&folder, b"0123456789");
        assert!(folder.read(key(b"0123456789"), 10).is_some());
        assert!(folder.read(key(b"0123456789"), 9).is_none());
        assert!(!folder.holds(key(b"0123456789")), "and not asked for again");
    }
}
