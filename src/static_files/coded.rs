//! Codings of files that we make ourselves: each once, held beside the file in the cache, and better when it is asked for often.
//!
//! 1. Whether there is a point in it: the file's size, and whether a coding was tried before and saved nothing.
//! 2. One that is held and was made of this very content is sent.
//! 3. Else a job makes it, and all who ask for it meanwhile wait for that one. When too much is to be done already, the file goes as it is.
//! 4. What is asked for often is made once more, as well as can be, when nobody else wants the core; then it takes the other's place.

mod workshop;

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::cache::{Cache, Key};
use super::docroot::{Docroot, Stamp};
use super::representation::{Content, Digest, Notes, Representation, read_whole};
use crate::coding::encode::{Effort, encode, encode_with_dictionary};
use crate::coding::jobs::Urgency;
use crate::header::accept_encoding::ContentCoding;
use crate::header::entity_tag::EntityTag;
use crate::observe::process::thread_time;
use workshop::{Claim, Place, Task};

pub(super) use workshop::Workshop;

/// Answers after which a coding is worth the best effort.
const HOT: u32 = 16;

/// Jobs are done in the time that the workers leave. When that is none for so long, the job is given a share of its own.
const PATIENCE: Duration = Duration::from_millis(100);

/// The saving from which on a coding is sent, in percent: less is not worth the decoding.
const LEAST_SAVING: u64 = 5;

/// What a coding is made with.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) coding: ContentCoding,
    /// For those codings that need one.
    pub(super) dictionary: Option<Dictionary>,
}

/// What a client has already.
#[derive(Clone, Debug)]
pub(super) struct Dictionary {
    pub(super) digest: Digest,
    pub(super) bytes: Bytes,
}

/// How a coding came to be.
#[derive(Debug)]
pub(crate) struct Made {
    of: Origin,
    /// The file as it was when its field values were taken over.
    stamp: Stamp,
    dictionary: Option<Digest>,
    effort: Effort,
    answers: AtomicU32,
    /// Of the coding whose place it took: who has that one has the same content.
    pub(super) former_tag: Option<EntityTag>,
}

/// Which content a coding was made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Origin {
    Digest(Digest),
    /// It is not held in memory.
    Stamp(Stamp),
}

/// A coding that somebody waits for.
struct Work {
    cache: Arc<Cache>,
    docroot: Docroot,
    file: Arc<Representation>,
    recipe: Recipe,
    /// None: it is done.
    claim: Mutex<Option<Claim>>,
    tell: watch::Sender<Place>,
}

/// How a file can be had in a coding.
pub(super) enum Coded {
    Held(Arc<Representation>),
    /// Only by coding it as it is sent, each time: there is no room to hold it.
    AsSent,
    Not,
}

impl Recipe {
    pub(super) fn plain(coding: ContentCoding) -> Self {
        Self {
            coding,
            dictionary: None,
        }
    }

    fn make(&self, effort: Effort, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match &self.dictionary {
            None => encode(self.coding, effort, bytes),
            Some(Dictionary { bytes: old, digest }) => {
                // Of a client that has this very version. Where both are the same memory, Zstandard takes the dictionary for overwritten.
                let apart = std::ptr::eq(old.as_ptr(), bytes.as_ptr()).then(|| old.to_vec());
                let old = apart.as_deref().unwrap_or(old);
                encode_with_dictionary(self.coding, effort, bytes, old, digest)
            }
        }
    }

    fn digest(&self) -> Option<&Digest> {
        self.dictionary.as_ref().map(|of| &of.digest)
    }

    fn key(&self, docroot: &Docroot, path: &str) -> Key {
        Key::of_coding(docroot, path, self.coding, self.digest())
    }
}

impl Origin {
    fn of(file: &Representation) -> Self {
        match &file.digest {
            Some(digest) => Self::Digest(*digest),
            None => Self::Stamp(file.stamp),
        }
    }
}

impl Cache {
    /// Steps 2 to 4.
    pub(super) async fn coded(
        self: &Arc<Self>,
        docroot: &Docroot,
        file: &Arc<Representation>,
        recipe: &Recipe,
    ) -> Coded {
        let is_bulky = file.length() > self.workshop.config.largest
            || self.workshop.largest_held == 0
            || file.notes.has(Notes::BULKY);
        if is_bulky {
            return Coded::AsSent;
        }
        if let Some(held) = self.held_coding(docroot, file, recipe) {
            return Coded::Held(held);
        }
        let task = Task {
            key: recipe.key(docroot, &file.path),
            of: Origin::of(file),
        };
        let Some(mut result) = self.begin(docroot, file, recipe, &task) else {
            return Coded::Not;
        };
        let in_time = tokio::time::timeout(PATIENCE, result.wait_for(Option::is_some));
        if in_time.await.is_err() {
            self.workshop.hurry(&task);
        }
        match result.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(Some(coded))) => Coded::Held(Arc::clone(coded)),
            // An error: the job has panicked.
            _ => Coded::Not,
        }
    }

    /// Step 2.
    pub(super) fn held_coding(
        self: &Arc<Self>,
        docroot: &Docroot,
        file: &Arc<Representation>,
        recipe: &Recipe,
    ) -> Option<Arc<Representation>> {
        let held = self.held_variant(docroot, &file.path, recipe.coding, recipe.digest())?;
        let made = held.made.as_ref()?;
        if made.of != Origin::of(file) || made.dictionary.as_ref() != recipe.digest() {
            return None;
        }
        if made.stamp != file.stamp {
            return self.renew(docroot, file, recipe, &held);
        }
        let answers = made.answers.load(Ordering::Relaxed);
        if answers < HOT {
            // Two workers that count at once count one: it is a hint.
            made.answers.store(answers + 1, Ordering::Relaxed);
            if answers + 1 == HOT && made.effort == Effort::Quick && self.workshop.config.improve {
                self.improve(docroot, file, recipe, &held);
            }
        }
        Some(held)
    }

    /// The file was written again with the same content: only what is said of it is new.
    fn renew(
        &self,
        docroot: &Docroot,
        file: &Representation,
        recipe: &Recipe,
        held: &Representation,
    ) -> Option<Arc<Representation>> {
        let (Content::Memory(bytes), Some(made)) = (&held.content, &held.made) else {
            return None;
        };
        let renewed = Made {
            stamp: file.stamp,
            of: made.of.clone(),
            dictionary: made.dictionary,
            effort: made.effort,
            answers: AtomicU32::new(made.answers.load(Ordering::Relaxed)),
            former_tag: made.former_tag.clone(),
        };
        let renewed = Arc::new(held.renewed(file, bytes.clone(), renewed));
        self.hold(recipe.key(docroot, &file.path), &renewed);
        Some(renewed)
    }

    /// Step 3: joins the job for it, or begins one. `None`: too much is to be done already.
    fn begin(
        self: &Arc<Self>,
        docroot: &Docroot,
        file: &Arc<Representation>,
        recipe: &Recipe,
        task: &Task,
    ) -> Option<watch::Receiver<Place>> {
        let (claim, tell) = match self.workshop.claim(task, file.length(), self)? {
            workshop::Claimed::BySomebody(result) => return Some(result),
            workshop::Claimed::Now(claim, tell) => (claim, tell),
        };
        let result = tell.subscribe();
        let work = Arc::new(Work {
            cache: Arc::clone(self),
            docroot: docroot.clone(),
            file: Arc::clone(file),
            recipe: recipe.clone(),
            claim: Mutex::new(Some(claim)),
            tell,
        });
        self.workshop.can_be_hurried(task, &work);
        let jobs = &self.workshop.jobs;
        jobs.submit(Urgency::Waited, Box::new(move || work.run()))
            .then_some(result)
    }

    /// Step 4.
    fn improve(
        self: &Arc<Self>,
        docroot: &Docroot,
        file: &Arc<Representation>,
        recipe: &Recipe,
        quick: &Arc<Representation>,
    ) {
        let (cache, docroot, recipe) = (Arc::clone(self), docroot.clone(), recipe.clone());
        // Should either be gone when its turn comes, nobody asks for it any longer.
        let (file, quick) = (Arc::downgrade(file), Arc::downgrade(quick));
        let job = move || {
            let (Some(file), Some(quick)) = (file.upgrade(), quick.upgrade()) else {
                return;
            };
            let former = Some(quick.entity_tag());
            match cache.make(&docroot, &file, &recipe, Effort::Best, former) {
                Ok(Some(best)) if best.length() < quick.length() => {
                    let key = recipe.key(&docroot, &file.path);
                    cache.replace(key, &quick, &best);
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, path = %file.path, "not compressed again"),
            }
        };
        // When there is too much to do, this one stays as it is.
        self.workshop.jobs.submit(Urgency::Spare, Box::new(job));
    }

    /// `None`: it saves too little, or could not be held.
    fn make(
        &self,
        docroot: &Docroot,
        file: &Representation,
        recipe: &Recipe,
        effort: Effort,
        former_tag: Option<EntityTag>,
    ) -> io::Result<Option<Arc<Representation>>> {
        let bytes = content(docroot, file)?;
        let begun = thread_time();
        let coded = recipe.make(effort, &bytes)?;
        let taken = thread_time().saturating_sub(begun);
        self.workshop.tally.coded(bytes.len(), coded.len(), taken);
        let length = coded.len() as u64;
        if length * 100 > bytes.len() as u64 * (100 - LEAST_SAVING) {
            if recipe.dictionary.is_none() {
                file.notes.add(Notes::DENSE);
            }
            return Ok(None);
        }
        if length > self.workshop.largest_held {
            file.notes.add(Notes::BULKY);
            return Ok(None);
        }
        let made = Made {
            of: Origin::of(file),
            stamp: file.stamp,
            dictionary: recipe.digest().copied(),
            effort,
            answers: AtomicU32::new(0),
            former_tag,
        };
        Ok(Some(Arc::new(Representation::coded(
            file,
            coded.into(),
            made,
        ))))
    }
}

impl Work {
    /// Step 3, on a thread for it. It may run twice at a time, when somebody has lost patience: then the first result counts.
    fn run(&self) {
        if self.claim().is_none() {
            return;
        }
        let Self {
            cache,
            docroot,
            file,
            recipe,
            ..
        } = self;
        let made = cache.make(docroot, file, recipe, Effort::Quick, None);
        let made = made.unwrap_or_else(|error| {
            tracing::debug!(%error, path = %file.path, "not compressed");
            None
        });
        let Some(claim) = self.claim().take() else {
            return;
        };
        cache.workshop.tally.done(made.is_some());
        if let Some(coded) = &made {
            cache.hold(recipe.key(docroot, &file.path), coded);
        }
        // Held first, then no longer claimed: whoever comes in between finds one or the other.
        drop(claim);
        self.tell.send_replace(Some(made));
    }

    fn claim(&self) -> MutexGuard<'_, Option<Claim>> {
        self.claim.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All of the file, as it was described; waits for the disk.
pub(super) fn content(docroot: &Docroot, file: &Representation) -> io::Result<Bytes> {
    let replaced = || io::Error::new(io::ErrorKind::NotFound, "the file was replaced");
    if let Content::Memory(bytes) = &file.content {
        return Ok(bytes.clone());
    }
    let open = docroot.open(&file.path)?.ok_or_else(replaced)?;
    let bytes = read_whole(&open.file, file.stamp.size)?;
    // What was read while somebody wrote may be a mixture of two states.
    let is_same = open.stamp_now()? == file.stamp && bytes.len() as u64 == file.stamp.size;
    if is_same { Ok(bytes) } else { Err(replaced()) }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::super::cache::Found;
    use super::super::settings::SymlinkPolicy;
    use super::*;
    use crate::config::{CacheConfig, CompressionConfig};

    const NAME: &str = "a.txt";

    struct Place {
        folder: tempfile::TempDir,
        cache: Arc<Cache>,
        docroot: Docroot,
    }

    impl Place {
        fn new(cache: &CacheConfig, compression: &CompressionConfig) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().to_owned();
            Self {
                folder,
                cache: Arc::new(Cache::new(cache, compression)),
                docroot: Docroot::new(0, path, SymlinkPolicy::default()),
            }
        }

        fn usual() -> Self {
            Self::new(&CacheConfig::default(), &CompressionConfig::default())
        }

        async fn file(&self, content: impl AsRef<[u8]>) -> Arc<Representation> {
            std::fs::write(self.folder.path().join(NAME), content).unwrap();
            let text = || HeaderValue::from_static("text/plain");
            match self.cache.find(&self.docroot, NAME, text).await {
                Found::File(file) => file,
                _ => panic!("it was just written"),
            }
        }

        async fn coded(&self, file: &Arc<Representation>, coding: ContentCoding) -> Coded {
            let recipe = Recipe::plain(coding);
            self.cache.coded(&self.docroot, file, &recipe).await
        }
    }

    fn held(coded: &Coded) -> &Arc<Representation> {
        match coded {
            Coded::Held(coded) => coded,
            Coded::AsSent => panic!("not held"),
            Coded::Not => panic!("not coded"),
        }
    }

    fn words() -> Vec<u8> {
        b"the same words again and again, ".repeat(1000)
    }

    #[tokio::test]
    async fn all_who_ask_get_the_one_that_is_made() {
        let place = Place::usual();
        let file = place.file(words()).await;
        let ask = || place.coded(&file, ContentCoding::Brotli);
        let all = tokio::join!(ask(), ask(), ask(), ask());
        let all = [all.0, all.1, all.2, all.3, ask().await];
        assert!(all.iter().all(|one| Arc::ptr_eq(held(one), held(&all[0]))));
        assert_eq!(place.cache.workshop.under_way(), (0, 0));
        let other = place.coded(&file, ContentCoding::Gzip).await;
        assert!(!Arc::ptr_eq(held(&other), held(&all[0])));
    }

    #[tokio::test]
    async fn another_content_has_another_coding() {
        let place = Place::usual();
        let old = place.file(words()).await;
        let old = place.coded(&old, ContentCoding::Zstd).await;
        let new = place.file(words().to_ascii_uppercase()).await;
        let new = place.coded(&new, ContentCoding::Zstd).await;
        assert_ne!(held(&old).entity_tag(), held(&new).entity_tag());
    }

    #[tokio::test]
    async fn what_does_not_get_smaller_is_tried_once() {
        let place = Place::usual();
        let mut noise = vec![0; 4096];
        getrandom::fill(&mut noise).unwrap();
        let file = place.file(&noise).await;
        assert!(!place.cache.workshop.offer(&file).is_empty());
        let coded = place.coded(&file, ContentCoding::Gzip).await;
        assert!(matches!(coded, Coded::Not));
        assert!(place.cache.workshop.offer(&file).is_empty());
    }

    #[tokio::test]
    async fn what_there_is_no_room_for_is_coded_as_it_is_sent() {
        let nothing = CacheConfig {
            memory: 0,
            ..CacheConfig::default()
        };
        let little = CompressionConfig {
            largest: 1000,
            ..CompressionConfig::default()
        };
        for place in [
            Place::new(&nothing, &CompressionConfig::default()),
            Place::new(&CacheConfig::default(), &little),
        ] {
            let file = place.file(words()).await;
            let coded = place.coded(&file, ContentCoding::Gzip).await;
            assert!(matches!(coded, Coded::AsSent));
        }
    }

    #[tokio::test]
    async fn a_file_that_is_not_held_has_codings_that_are() {
        let streamed = CacheConfig {
            file: 100,
            ..CacheConfig::default()
        };
        let place = Place::new(&streamed, &CompressionConfig::default());
        let file = place.file(words()).await;
        assert!(matches!(file.content, Content::File(_)));
        let coded = place.coded(&file, ContentCoding::Gzip).await;
        assert!(held(&coded).length() < 1000);
        std::fs::write(place.folder.path().join(NAME), b"changed").unwrap();
        let coded = place.coded(&file, ContentCoding::Brotli).await;
        assert!(matches!(coded, Coded::Not), "replaced meanwhile");
    }

    #[tokio::test]
    async fn who_has_waited_too_long_is_served_by_another_thread() {
        let one = CompressionConfig {
            threads: Some(std::num::NonZeroUsize::MIN),
            ..CompressionConfig::default()
        };
        let place = Place::new(&CacheConfig::default(), &one);
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let jobs = &place.cache.workshop.jobs;
        let wait = move || {
            let _ = blocked.recv();
        };
        jobs.submit(Urgency::Waited, Box::new(wait));
        let file = place.file(words()).await;
        let coded = place.coded(&file, ContentCoding::Gzip).await;
        drop(release);
        let again = place.coded(&file, ContentCoding::Gzip).await;
        assert!(Arc::ptr_eq(held(&coded), held(&again)));
        assert_eq!(place.cache.workshop.under_way(), (0, 0));
    }

    #[test]
    fn a_job_that_panics_leaves_no_claim() {
        let place = Place::usual();
        let task = || Task {
            key: Recipe::plain(ContentCoding::Gzip).key(&place.docroot, NAME),
            of: Origin::Digest([0; 32]),
        };
        let claim = |bytes| place.cache.workshop.claim(&task(), bytes, &place.cache);
        let first = claim(200 << 20);
        assert!(
            matches!(first, Some(workshop::Claimed::Now(..))),
            "alone, it may be large"
        );
        assert!(matches!(claim(1), Some(workshop::Claimed::BySomebody(_))));
        let other = Task {
            key: Recipe::plain(ContentCoding::Zstd).key(&place.docroot, NAME),
            of: Origin::Digest([0; 32]),
        };
        let other = place.cache.workshop.claim(&other, 1, &place.cache);
        assert!(other.is_none(), "too much is to be done");
        drop(first);
        assert_eq!(place.cache.workshop.under_way(), (0, 0));
    }
}
