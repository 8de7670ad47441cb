//! Former versions of files, for clients that still have them (RFC 9842).
//!
//! 1. A file that is sent with `Use-As-Dictionary` is kept under its pattern and its hash.
//! 2. A client names a hash; what has it is found only under the pattern of the path that is asked for.
//! 3. What has not been used for the longest time goes first.
//! 4. With a folder they are kept over restarts; it is written and read where no worker waits.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::jobs::{Jobs, Urgency};
use crate::config::DictionaryConfig;
use folder::Folder;

mod folder;

/// Of the content.
pub(crate) type Sha256Digest = [u8; 32];

/// The files of one docroot that are dictionaries for each other: those with the same pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Family([u8; 16]);

impl Family {
    pub(crate) fn new(docroot: &Path, pattern: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(docroot.as_os_str().as_encoded_bytes());
        // No path has it.
        hash.update([0]);
        hash.update(pattern);
        let mut family = [0; 16];
        family.copy_from_slice(&hash.finalize()[..16]);
        Self(family)
    }
}

/// What one dictionary is kept under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    family: Family,
    digest: Sha256Digest,
}

/// Holds dictionaries, within a bound of bytes.
#[derive(Debug)]
pub(crate) struct Dictionaries {
    largest: u64,
    held: Mutex<Held>,
    folder: Option<Arc<Folder>>,
    jobs: Jobs,
}

impl Dictionaries {
    /// A folder that cannot be used is told of, and done without.
    pub(crate) fn new(config: &DictionaryConfig, jobs: &Jobs) -> Self {
        /// A disk has room for what the memory has not.
        const ON_DISK: u64 = 16;
        let folder = config.folder.as_ref().filter(|_| config.memory > 0);
        let folder = folder.and_then(|path| {
            Folder::open(path, config.memory.saturating_mul(ON_DISK))
                .inspect_err(|error| {
                    tracing::warn!(folder = %path.display(), %error, "dictionaries are held in memory only");
                })
                .ok()
        });
        Self {
            largest: config.largest.min(config.memory),
            held: Mutex::new(Held::new(config.memory)),
            folder: folder.map(Arc::new),
            jobs: jobs.clone(),
        }
    }

    /// Whether a file of so many bytes can be one.
    pub(crate) fn admits(&self, length: u64) -> bool {
        (1..=self.largest).contains(&length)
    }

    /// Keeps this content, whose hash this is. Cheap when it is kept already.
    pub(crate) fn keep(&self, family: Family, digest: Sha256Digest, bytes: &Bytes) {
        if !self.admits(bytes.len() as u64) {
            return;
        }
        let key = Key { family, digest };
        self.held().insert(key, bytes);
        let Some(folder) = self.folder.as_ref().filter(|folder| folder.begin(key)) else {
            return;
        };
        let (writer, bytes) = (Arc::clone(folder), bytes.clone());
        let write = move || {
            if let Err(error) = writer.write(key, &bytes) {
                tracing::warn!(folder = %writer.path().display(), %error, "a dictionary is held in memory only");
            }
        };
        if !self.jobs.submit(Urgency::Spare, Box::new(write)) {
            folder.give_up(key);
        }
    }

    /// The content with this hash, when it is held in memory.
    pub(crate) fn find(&self, family: Family, digest: &Sha256Digest) -> Option<Bytes> {
        let digest = *digest;
        self.held().get(&Key { family, digest })
    }

    /// The same, also from the folder.
    pub(crate) async fn recall(&self, family: Family, digest: &Sha256Digest) -> Option<Bytes> {
        let digest = *digest;
        let key = Key { family, digest };
        if let Some(held) = self.held().get(&key) {
            return Some(held);
        }
        let folder = self.folder.as_ref().filter(|folder| folder.holds(key))?;
        let (folder, largest) = (Arc::clone(folder), self.largest);
        let read = tokio::task::spawn_blocking(move || folder.read(key, largest));
        let bytes = read.await.ok().flatten()?;
        self.held().insert(key, &bytes);
        Some(bytes)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing in there is left half done by a panic.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory: by key, and in the order of their last use.
#[derive(Debug)]
struct Held {
    most: u64,
    bytes: u64,
    /// Counts uses.
    clock: u64,
    by_key: HashMap<Key, (Bytes, u64)>,
    by_use: BTreeMap<u64, Key>,
}

impl Held {
    /// Keys and bookkeeping of each, about.
    const OVERHEAD: u64 = 256;

    fn new(most: u64) -> Self {
        Self {
            most,
            bytes: 0,
            clock: 0,
            by_key: HashMap::new(),
            by_use: BTreeMap::new(),
        }
    }

    fn get(&mut self, key: &Key) -> Option<Bytes> {
        let (bytes, used) = self.by_key.get_mut(key)?;
        self.by_use.remove(used);
        self.clock += 1;
        *used = self.clock;
        self.by_use.insert(self.clock, *key);
        Some(bytes.clone())
    }

    fn insert(&mut self, key: Key, bytes: &Bytes) {
        if self.get(&key).is_some() {
            return;
        }
        self.clock += 1;
        self.bytes += bytes.len() as u64 + Self::OVERHEAD;
        self.by_key.insert(key, (bytes.clone(), self.clock));
        self.by_use.insert(self.clock, key);
        while self.bytes > self.most {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                break;
            };
            if let Some((bytes, _)) = self.by_key.remove(&oldest) {
                self.bytes -= bytes.len() as u64 + Self::OVERHEAD;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::time::{Duration, Instant};

    use super::*;

    fn dictionaries(memory: u64, folder: Option<&Path>) -> Dictionaries {
        let config = DictionaryConfig {
            memory,
            largest: 1000,
            folder: folder.map(Path::to_owned),
        };
        Dictionaries::new(&config, &Jobs::new(NonZeroUsize::MIN))
    }

    fn family(pattern: &str) -> Family {
        Family::new(Path::new("/srv"), pattern)
    }

    /// Content of this length, and its hash.
    fn content(first: u8, length: usize) -> (Sha256Digest, Bytes) {
        let mut bytes = vec![b'.'; length];
        bytes[0] = first;
        (Sha256::digest(&bytes).into(), bytes.into())
    }

    #[test]
    fn a_dictionary_is_found_under_its_own_pattern_and_docroot_only() {
        let all = dictionaries(1 << 20, None);
        let (digest, bytes) = content(b'a', 100);
        all.keep(family("/a.*.js"), digest, &bytes);
        assert_eq!(all.find(family("/a.*.js"), &digest), Some(bytes));
        assert_eq!(all.find(family("/b.*.js"), &digest), None);
        assert_eq!(all.find(family("/a.*.js"), &[0; 32]), None);
        let elsewhere = Family::new(Path::new("/srv/a"), "/a.*.js");
        assert_eq!(all.find(elsewhere, &digest), None);
        assert_ne!(
            Family::new(Path::new("/srv"), "/ab"),
            Family::new(Path::new("/srv/a"), "b")
        );
    }

    #[test]
    fn what_was_not_used_for_the_longest_time_goes_first() {
        // Room for three.
        let all = dictionaries(3 * (500 + Held::OVERHEAD) + 10, None);
        let family = family("/a.*.js");
        let contents: Vec<_> = (b'a'..=b'e').map(|first| content(first, 500)).collect();
        for (digest, bytes) in &contents[..3] {
            all.keep(family, *digest, bytes);
        }
        assert!(all.find(family, &contents[0].0).is_some(), "used");
        let (digest, bytes) = &contents[1];
        all.keep(family, *digest, bytes);
        for (digest, bytes) in &contents[3..] {
            all.keep(family, *digest, bytes);
        }
        let held = contents
            .iter()
            .map(|(digest, _)| all.find(family, digest).is_some());
        assert_eq!(held.collect::<Vec<_>>(), [false, true, false, true, true]);
        let held = all.held();
        assert_eq!((held.by_key.len(), held.by_use.len()), (3, 3));
        assert_eq!(held.bytes, 3 * (500 + Held::OVERHEAD));
    }

    #[test]
    fn nothing_empty_and_nothing_too_large_is_kept() {
        let all = dictionaries(1 << 20, None);
        assert!(!all.admits(0) && all.admits(1) && all.admits(1000) && !all.admits(1001));
        let (digest, bytes) = content(b'a', 1001);
        all.keep(family("/*"), digest, &bytes);
        assert_eq!(all.find(family("/*"), &digest), None);
        assert!(!dictionaries(0, None).admits(1), "switched off");
    }

    /// Waits until a job has left this many dictionaries in the folder.
    fn wait_for(folder: &Path, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let count_now = || {
            let entries = std::fs::read_dir(folder).unwrap().flatten();
            let is_done = |name: &str| name.ends_with(folder::EXTENSION);
            entries
                .filter(|entry| entry.file_name().to_str().is_some_and(is_done))
                .count()
        };
        while count_now() != count {
            assert!(Instant::now() < deadline, "{} of {count}", count_now());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    #[tokio::test]
    async fn a_folder_keeps_them_over_a_restart() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("dictionaries");
        let (digest, bytes) = content(b'a', 100);
        {
            let all = dictionaries(1 << 20, Some(&path));
            all.keep(family("/a.*.js"), digest, &bytes);
            all.keep(family("/a.*.js"), digest, &bytes);
            wait_for(&path, 1);
        }
        let all = dictionaries(1 << 20, Some(&path));
        assert_eq!(all.find(family("/a.*.js"), &digest), None, "not in memory");
        assert_eq!(all.recall(family("/b.*.js"), &digest).await, None);
        let recalled = all.recall(family("/a.*.js"), &digest).await;
        assert_eq!(recalled.as_ref(), Some(&bytes));
        assert_eq!(all.find(family("/a.*.js"), &digest), Some(bytes));
    }

    #[tokio::test]
    async fn what_was_changed_on_the_disk_is_no_dictionary_any_more() {
        let parent = tempfile::tempdir().unwrap();
        let (digest, bytes) = content(b'a', 100);
        let all = dictionaries(1 << 20, Some(parent.path()));
        all.keep(family("/*"), digest, &bytes);
        wait_for(parent.path(), 1);
        let entry = std::fs::read_dir(parent.path()).unwrap().next().unwrap();
        std::fs::write(entry.unwrap().path(), "something else").unwrap();
        let all = dictionaries(1 << 20, Some(parent.path()));
        assert_eq!(all.recall(family("/*"), &digest).await, None);
        wait_for(parent.path(), 0);
        // It is written again as soon as there is something to write.
        all.keep(family("/*"), digest, &bytes);
        wait_for(parent.path(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_done_without() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        std::fs::write(&file, "").unwrap();
        let all = dictionaries(1 << 20, Some(&file));
        let (digest, bytes) = content(b'a', 100);
        all.keep(family("/*"), digest, &bytes);
        assert_eq!(all.find(family("/*"), &digest), Some(bytes));
    }
}
