//! The representation cache: shared by all workers, bounded by bytes, checked against the disk at every request.
//!
//! 1. Held, and the stamp is the same: served from memory after one `stat`.
//! 2. Else opened beneath the document root; small files are read and hashed on the blocking pool, once for all who wait.

use std::hash::{Hash, Hasher};
use std::io;
use std::sync::Arc;

use http::HeaderValue;
use quick_cache::sync::Cache as Shards;
use quick_cache::{DefaultHashBuilder, Equivalent, OptionsBuilder, Weighter};

use super::docroot::{Docroot, Kind, OpenFile};
use super::representation::Representation;
use crate::config::CacheConfig;
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
    shards: Shards<Key, Arc<Representation>, ByBytes>,
    config: CacheConfig,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    docroot: u32,
    path: Box<str>,
}

/// A [`Key`] that needs no allocation.
struct KeyRef<'a> {
    docroot: u32,
    path: &'a str,
}

#[derive(Clone, Copy, Debug)]
struct ByBytes;

impl Cache {
    pub(crate) fn new(config: &CacheConfig) -> Self {
        /// With no memory for content there is still some for what is known of the files: their stamps and field values.
        const DESCRIPTIONS: u64 = 4 << 20;
        let mut config = config.clone();
        if config.memory == 0 {
            (config.memory, config.file) = (DESCRIPTIONS, 0);
        }
        // A shard must have room for several of the largest files, or they would never be admitted.
        let shards = (config.memory / (config.file.max(1) * 8)).clamp(1, 64);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(
                usize::try_from(config.memory / (16 << 10)).unwrap_or(usize::MAX),
            )
            .weight_capacity(config.memory)
            .shards(usize::try_from(shards).unwrap_or(1))
            .build()
            .expect("both capacities are set");
        let shards = Shards::with_options(
            options,
            ByBytes,
            DefaultHashBuilder::default(),
            quick_cache::sync::DefaultLifecycle::default(),
        );
        Self { shards, config }
    }

    /// The file at a relative path as it is now, or what else is there.
    pub(crate) async fn find(
        &self,
        docroot: &Docroot,
        path: &str,
        media_type: impl FnOnce() -> HeaderValue,
    ) -> Found {
        let key = KeyRef {
            docroot: docroot.id(),
            path,
        };
        let held = self.shards.get(&key);
        if let Some(held) = &held
            && held.is_current(docroot, self.config.revalidate)
        {
            return Found::File(Arc::clone(held));
        }
        match docroot.stat(path) {
            Ok(Kind::File(_)) => {}
            Ok(Kind::Directory) => return Found::Directory,
            Ok(Kind::Other) => return Found::Refused(Rejection::NOT_A_FILE),
            Err(error) => return Found::from_error(&error),
        }
        if let Some(stale) = held {
            self.shards.remove_if(&key, |now| Arc::ptr_eq(now, &stale));
        }
        Box::pin(self.load(docroot, path, media_type()))
            .await
            .unwrap_or_else(|error| Found::from_error(&error))
    }

    /// Reads the file anew at the next request for it.
    pub(crate) fn forget(&self, docroot: &Docroot, path: &str) {
        self.shards.remove(&KeyRef {
            docroot: docroot.id(),
            path,
        });
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
        if open.stamp.size > self.config.file {
            return Ok(Representation::streamed(path, &Arc::new(open), media_type));
        }
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || Representation::read(&path, &open, media_type)).await?
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

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        KeyRef {
            docroot: self.docroot,
            path: &self.path,
        }
        .hash(state);
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.docroot);
        state.write(self.path.as_bytes());
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.docroot == key.docroot && *self.path == *key.path
    }
}
