//! The representation cache: shared by all workers, bounded by bytes, checked against the disk at every request.
//!
//! 1. Held, and the stamp is the same: served from memory after one `stat`.
//! 2. Else opened beneath the document root; small files are read and hashed on the blocking pool, once for all who wait.

mod evictions;

use std::hash::{Hash, Hasher};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderValue;
use quick_cache::sync::Cache as Shards;
use quick_cache::{DefaultHashBuilder, Equivalent, OptionsBuilder, Weighter};

use self::evictions::Evictions;
use super::coded::Workshop;
use super::docroot::{Docroot, Kind, OpenFile};
use super::representation::{Digest, MediaKind, Representation};
use super::settings::Settings;
use crate::config::{CacheConfig, CompressionConfig};
use crate::header::accept_encoding::ContentCoding;
use crate::observe::status::{CacheStatus, CodingStatus};
use crate::rejection::Rejection;

/// What a path leads to.
pub(crate) enum Found {
    File(Arc<Representation>),
    Directory,
    Missing,
    Refused(Rejection),
}

/// Holds representations of the files of any number of document roots.
#[derive(Debug)]
pub(crate) struct Cache {
    shards: Shards<Key, Arc<Representation>, ByBytes, DefaultHashBuilder, Evictions>,
    evictions: Evictions,
    /// As it was asked for.
    config: CacheConfig,
    pub(super) workshop: Workshop,
    /// The largest file held, in bytes.
    largest: u64,
    /// Each way that files are served in has a number. Files that are served in the same way are held once.
    ways: Mutex<Vec<(Settings, u32)>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    docroot: u32,
    variant: Variant,
    path: Box<str>,
}

/// The file itself, or which coding of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Variant {
    coding: ContentCoding,
    /// What the digest of the dictionary begins with, where there is one.
    dictionary: u64,
}

/// A [`Key`] that needs no allocation.
struct KeyRef<'a> {
    docroot: u32,
    variant: Variant,
    path: &'a str,
}

#[derive(Clone, Copy, Debug)]
struct ByBytes;

impl Cache {
    pub(crate) fn new(config: &CacheConfig, compression: &CompressionConfig) -> Self {
        Self::with(config, compression, Evictions::default())
    }

    fn with(config: &CacheConfig, compression: &CompressionConfig, evictions: Evictions) -> Self {
        /// With no memory for content there is still some for what is known of the files: their stamps and field values.
        const DESCRIPTIONS: u64 = 4 << 20;
        let (memory, largest) = match config.memory {
            0 => (DESCRIPTIONS, 0),
            memory => (memory, config.file),
        };
        // A shard must have room for several of the largest files, or they would never be admitted.
        let shards = (memory / (largest.max(1) * 8)).clamp(1, 64);
        // What is much larger than others would push them out, and what is larger than a shard is never admitted.
        let largest_held = if largest == 0 { 0 } else { memory / shards / 2 };
        let options = OptionsBuilder::new()
            .estimated_items_capacity(usize::try_from(memory / (16 << 10)).unwrap_or(usize::MAX))
            .weight_capacity(memory)
            .shards(usize::try_from(shards).unwrap_or(1))
            .build()
            .expect("both capacities are set");
        let shards = Shards::with_options(
            options,
            ByBytes,
            DefaultHashBuilder::default(),
            evictions.clone(),
        );
        Self {
            shards,
            evictions,
            config: config.clone(),
            workshop: Workshop::new(compression, largest_held),
            largest,
            ways: Mutex::default(),
        }
    }

    /// For another configuration: clients still have what they were given under this one.
    pub(crate) fn renewed(&self, config: &CacheConfig, compression: &CompressionConfig) -> Self {
        let mut renewed = Self::with(config, compression, self.evictions.clone());
        renewed.workshop.succeed(&self.workshop);
        renewed
    }

    /// Hits and misses are counted by those who ask.
    pub(crate) fn tell(&self, status: &mut CacheStatus) {
        status.evictions = self.evictions.count();
        status.entries = u64::try_from(self.shards.len()).unwrap_or(u64::MAX);
        status.bytes = self.shards.weight();
        status.capacity = self.shards.capacity();
    }

    pub(crate) fn tell_of_coding(&self, status: &mut CodingStatus) {
        self.workshop.tell(status);
    }

    /// Whether a cache that was asked for in this way would be no other.
    pub(crate) fn is_for(&self, config: &CacheConfig, compression: &CompressionConfig) -> bool {
        self.config == *config && self.workshop.config == *compression
    }

    /// The number for files that are served in this way. What is held of a file may depend on any of the settings, so all are compared.
    pub(crate) fn number(&self, settings: &Settings) -> u32 {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, number)) = ways.iter().find(|(known, _)| known == settings) {
            return *number;
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        ways.push((settings.clone(), number));
        number
    }

    /// After a reload: files that are not served in any of these ways need no memory any more.
    pub(crate) fn forget_all_but(&self, kept: &[&Settings]) {
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        ways.retain(|(settings, _)| kept.contains(&settings));
        let numbers: Vec<u32> = ways.iter().map(|(_, number)| *number).collect();
        drop(ways);
        self.shards.retain(|key, _| numbers.contains(&key.docroot));
    }

    /// The file at a relative path as it is now, or what else is there.
    pub(crate) async fn find(
        &self,
        docroot: &Docroot,
        path: &str,
        media_type: impl FnOnce() -> HeaderValue,
    ) -> Found {
        self.look_up(docroot, path, media_type).await.0
    }

    /// With whether it was held, and still the one on the disk.
    pub(crate) async fn look_up(
        &self,
        docroot: &Docroot,
        path: &str,
        media_type: impl FnOnce() -> HeaderValue,
    ) -> (Found, bool) {
        let key = KeyRef {
            docroot: docroot.id(),
            variant: Variant::FILE,
            path,
        };
        let held = self.shards.get(&key);
        if let Some(held) = &held
            && held.is_current(docroot, self.config.revalidate)
        {
            return (Found::File(Arc::clone(held)), true);
        }
        match docroot.stat(path) {
            Ok(Kind::File(_)) => {}
            Ok(Kind::Directory) => return (Found::Directory, false),
            Ok(Kind::Other) => return (Found::Refused(Rejection::NOT_A_FILE), false),
            Err(error) => return (Found::from_error(&error), false),
        }
        if let Some(stale) = held {
            self.shards.remove_if(&key, |now| Arc::ptr_eq(now, &stale));
        }
        let loaded = Box::pin(self.load(docroot, path, media_type())).await;
        (
            loaded.unwrap_or_else(|error| Found::from_error(&error)),
            false,
        )
    }

    /// The file, when it is held and still the one on the disk.
    pub(crate) fn held(&self, docroot: &Docroot, path: &str) -> Option<Arc<Representation>> {
        let docroot_id = docroot.id();
        let held = self.shards.get(&KeyRef {
            docroot: docroot_id,
            variant: Variant::FILE,
            path,
        })?;
        held.is_current(docroot, self.config.revalidate)
            .then_some(held)
    }

    /// The file as it was when it was last looked at.
    pub(super) fn held_whatever(
        &self,
        docroot: &Docroot,
        path: &str,
    ) -> Option<Arc<Representation>> {
        self.shards.get(&KeyRef {
            docroot: docroot.id(),
            variant: Variant::FILE,
            path,
        })
    }

    /// Reads the file anew at the next request for it.
    pub(crate) fn forget(&self, docroot: &Docroot, path: &str) {
        self.shards.remove(&KeyRef {
            docroot: docroot.id(),
            variant: Variant::FILE,
            path,
        });
    }

    /// A coding that was made of the file, whatever has become of the file since.
    pub(super) fn held_variant(
        &self,
        docroot: &Docroot,
        path: &str,
        coding: ContentCoding,
        dictionary: Option<&Digest>,
    ) -> Option<Arc<Representation>> {
        self.shards.get(&KeyRef {
            docroot: docroot.id(),
            variant: Variant::of(coding, dictionary),
            path,
        })
    }

    pub(super) fn hold(&self, key: Key, made: &Arc<Representation>) {
        self.shards.insert(key, Arc::clone(made));
    }

    /// Puts something better in the place of what is still held.
    pub(super) fn replace(
        &self,
        key: Key,
        former: &Arc<Representation>,
        better: &Arc<Representation>,
    ) {
        let is_held = self
            .shards
            .peek(&key)
            .is_some_and(|held| Arc::ptr_eq(&held, former));
        if is_held {
            self.hold(key, better);
        }
    }

    async fn load(
        &self,
        docroot: &Docroot,
        path: &str,
        media_type: HeaderValue,
    ) -> io::Result<Found> {
        let Some(open) = docroot.open(path)? else {
            return Ok(Found::Refused(Rejection::NOT_A_FILE));
        };
        let stamp = open.stamp;
        let key = Key {
            docroot: docroot.id(),
            variant: Variant::FILE,
            path: path.into(),
        };
        let guard = match self.shards.get_value_or_guard_async(&key).await {
            // Somebody else loaded it meanwhile; what we opened tells whether that is the same file.
            Ok(loaded) if loaded.stamp == stamp => return Ok(Found::File(loaded)),
            Ok(_) => None,
            Err(guard) => Some(guard),
        };
        let loaded = Arc::new(self.read(path, open, media_type).await?);
        match guard {
            // It fails only when the place was taken away meanwhile.
            Some(guard) => drop(guard.insert(Arc::clone(&loaded))),
            None => self.shards.insert(key, Arc::clone(&loaded)),
        }
        Ok(Found::File(loaded))
    }

    async fn read(
        &self,
        path: &str,
        open: OpenFile,
        media_type: HeaderValue,
    ) -> io::Result<Representation> {
        let kind = MediaKind {
            is_compressible: self.workshop.config.media_types.contains(&media_type),
            media_type,
        };
        if open.stamp.size > self.largest {
            return Ok(Representation::streamed(path, &Arc::new(open), kind));
        }
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || Representation::read(&path, &open, kind)).await?
    }
}

impl Found {
    fn from_error(error: &io::Error) -> Self {
        match Rejection::from_io(error) {
            Rejection::NOT_FOUND => Self::Missing,
            rejection => Self::Refused(rejection),
        }
    }
}

impl Weighter<Key, Arc<Representation>> for ByBytes {
    fn weight(&self, key: &Key, value: &Arc<Representation>) -> u64 {
        value.weight() + key.path.len() as u64
    }
}

impl Key {
    pub(super) fn of_coding(
        docroot: &Docroot,
        path: &str,
        coding: ContentCoding,
        dictionary: Option<&Digest>,
    ) -> Self {
        Self {
            docroot: docroot.id(),
            variant: Variant::of(coding, dictionary),
            path: path.into(),
        }
    }
}

impl Variant {
    const FILE: Self = Self {
        coding: ContentCoding::Identity,
        dictionary: 0,
    };

    fn of(coding: ContentCoding, dictionary: Option<&Digest>) -> Self {
        let first = dictionary.and_then(|digest| digest.first_chunk());
        Self {
            coding,
            dictionary: first.map_or(0, |first| u64::from_le_bytes(*first)),
        }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        KeyRef {
            docroot: self.docroot,
            variant: self.variant,
            path: &self.path,
        }
        .hash(state);
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.docroot);
        state.write_u64(self.variant.dictionary ^ self.variant.coding as u64);
        state.write(self.path.as_bytes());
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.docroot == key.docroot && self.variant == key.variant && *self.path == *key.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_of_serving_keep_their_numbers_as_long_as_they_are_in_use() {
        let cache = Cache::new(&CacheConfig::default(), &CompressionConfig::default());
        let way = |docroot: &str, hidden| Settings {
            docroot: docroot.into(),
            hidden,
            ..Settings::default()
        };
        let (one, two) = (way("/one", false), way("/two", false));
        let (first, second) = (cache.number(&one), cache.number(&two));
        assert_ne!(first, second);
        assert_ne!(cache.number(&way("/one", true)), first, "another policy");
        cache.forget_all_but(&[&one]);
        assert_eq!(cache.number(&one), first, "as before");
        assert_ne!(cache.number(&two), second, "never again");
        assert!(cache.is_for(&CacheConfig::default(), &CompressionConfig::default()));
        let smaller = CacheConfig {
            memory: 1 << 20,
            ..CacheConfig::default()
        };
        assert!(!cache.is_for(&smaller, &CompressionConfig::default()));
    }
}
