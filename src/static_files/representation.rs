//! What we hold of a file: its validators and ready-made field values, and its bytes when it is small.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use super::coded::Made;
use super::dictionary::DictionaryOffer;
use super::docroot::{Docroot, OpenFile, Stamp};
use super::ready::ReadyAnswers;
use crate::header::entity_tag::EntityTag;
use crate::header::http_date;
use crate::transform::cache_policy;

/// Time stamps of files advance in steps (10 ms at most on Linux). A file read within one step of its last change could change again
/// without its stamp showing it, so what was read that early is read again at the next request.
const CLOCK_STEP: Duration = Duration::from_millis(20);

/// RFC 9110 §8.8.1: a tag made from a time is strong only when the file cannot have changed twice within that time's resolution.
const SETTLED: Duration = Duration::from_secs(2);

/// One file as it can be sent, in one content coding. Cheap to share; never changed, only replaced.
#[derive(Debug)]
pub(crate) struct Representation {
    /// Relative to the document root.
    pub(crate) path: Box<str>,
    pub(crate) stamp: Stamp,
    pub(crate) content: Content,
    pub(crate) media_type: HeaderValue,
    pub(crate) content_length: HeaderValue,
    /// Whether some client may get it in another coding, so that `Vary` belongs on every answer.
    pub(crate) negotiable: bool,
    /// The name carries a hash of the content.
    pub(crate) fingerprinted: bool,
    pub(crate) sidecars: SidecarNotes,
    /// Of a sidecar: whether it decodes to the file beside it, as that was with this stamp.
    pub(crate) verified: OnceCell<(Stamp, bool)>,
    pub(super) notes: Notes,
    /// Of a coding that we made.
    pub(crate) made: Option<Made>,
    /// Under its own name.
    pub(crate) own: ReadyAnswers,
    /// As a coding of another file.
    pub(crate) as_coding: ReadyAnswers,
    /// What it can be a dictionary for, at the path that it was first asked for.
    pub(super) dictionary_offer: OnceLock<Arc<DictionaryOffer>>,
    /// SHA-256 of the bytes, when they are in memory.
    pub(crate) digest: Option<Digest>,
    entity_tag: EntityTag,
    /// Until then the tag is sent as a weak one.
    weak_until: Option<SystemTime>,
    last_modified: Option<LastModified>,
    /// The stamp can be trusted to change when the content does.
    is_settled: bool,
    /// When the stamp was last compared, in milliseconds since the first use (only kept with a revalidation interval).
    checked: AtomicU64,
}

/// What a file is by its name.
#[derive(Debug)]
pub(crate) struct MediaKind {
    pub(crate) media_type: HeaderValue,
    pub(crate) is_compressible: bool,
}

/// A SHA-256.
pub(crate) type Digest = [u8; 32];

/// Where the bytes are.
#[derive(Debug)]
pub(crate) enum Content {
    Memory(Bytes),
    /// Too large to be held: the transfers that run share one descriptor, and the last one closes it, so that a deleted file does not
    /// stay on the disk.
    File(Mutex<Weak<OpenFile>>),
}

#[derive(Debug)]
struct LastModified {
    time: SystemTime,
    value: HeaderValue,
    /// It lay in the future when it was read, and may still.
    is_early: bool,
}

/// What was learnt of a file when it was compressed.
#[derive(Debug, Default)]
pub(super) struct Notes(AtomicU8);

/// Which sidecars were found when it was last looked for them, and when that was.
#[derive(Debug, Default)]
pub(crate) struct SidecarNotes(AtomicU64);

impl Representation {
    /// Reads and hashes a file; slow, so not for a worker.
    pub(crate) fn read(path: &str, open: &OpenFile, kind: MediaKind) -> io::Result<Self> {
        /// A file that is written to without pause (a log) is taken as it was read, and read again at the next request.
        const TRIES: u32 = 4;
        let mut tries = 0;
        loop {
            let before = open.stamp_now()?;
            // Judged before the read: hashing takes longer than a step of the clock.
            let was_settled = !before.is_younger_than(CLOCK_STEP);
            let bytes = read_whole(&open.file, before.size)?;
            tries += 1;
            let is_quiet = open.stamp_now()? == before && bytes.len() as u64 == before.size;
            if is_quiet || tries == TRIES {
                let stamp = before.with_size(bytes.len() as u64);
                let digest = Sha256::digest(&bytes).into();
                let content = Content::Memory(bytes);
                let mut made = Self::new(path, stamp, content, content_tag(&digest), kind);
                made.digest = Some(digest);
                made.is_settled = is_quiet && was_settled;
                return Ok(made);
            }
            // What was read may be a mixture of two states.
            std::thread::sleep(Duration::from_millis(1));
            io::Seek::rewind(&mut &open.file)?;
        }
    }

    /// Describes a file that stays on the disk.
    pub(crate) fn streamed(path: &str, open: &Arc<OpenFile>, kind: MediaKind) -> Self {
        let entity_tag = EntityTag::strong(&open.stamp.opaque_tag());
        let content = Content::File(Mutex::new(Arc::downgrade(open)));
        let mut made = Self::new(path, open.stamp, content, entity_tag, kind);
        if open.stamp.is_younger_than(SETTLED) {
            made.weak_until = Some(SystemTime::now() + SETTLED);
        }
        made
    }

    /// A coding of a file; slow, so not for a worker.
    pub(super) fn coded(file: &Self, bytes: Bytes, made: Made) -> Self {
        let digest = Sha256::digest(&bytes).into();
        let mut coded = Self::of_coding(file, bytes, content_tag(&digest), made);
        coded.digest = Some(digest);
        coded
    }

    /// The same coding, of a file that has the same content and another stamp.
    pub(super) fn renewed(&self, file: &Self, bytes: Bytes, made: Made) -> Self {
        let mut renewed = Self::of_coding(file, bytes, self.entity_tag.clone(), made);
        renewed.digest = self.digest;
        renewed
    }

    fn of_coding(file: &Self, bytes: Bytes, entity_tag: EntityTag, made: Made) -> Self {
        let kind = MediaKind {
            media_type: file.media_type.clone(),
            is_compressible: file.negotiable,
        };
        let stamp = file.stamp.with_size(bytes.len() as u64);
        let mut coded = Self::new(&file.path, stamp, Content::Memory(bytes), entity_tag, kind);
        coded.made = Some(made);
        coded
    }

    fn new(
        path: &str,
        stamp: Stamp,
        content: Content,
        entity_tag: EntityTag,
        kind: MediaKind,
    ) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        Self {
            path: path.into(),
            stamp,
            content,
            content_length: HeaderValue::from(stamp.size),
            negotiable: kind.is_compressible,
            media_type: kind.media_type,
            fingerprinted: cache_policy::is_fingerprinted(name),
            sidecars: SidecarNotes::default(),
            verified: OnceCell::new(),
            notes: Notes::default(),
            made: None,
            own: ReadyAnswers::default(),
            as_coding: ReadyAnswers::default(),
            dictionary_offer: OnceLock::new(),
            digest: None,
            entity_tag,
            weak_until: None,
            last_modified: stamp.modified().map(LastModified::new),
            is_settled: !stamp.is_younger_than(CLOCK_STEP),
            checked: AtomicU64::new(0),
        }
    }

    /// The strong tag, or for a large file written just now the weak one.
    pub(crate) fn entity_tag(&self) -> EntityTag {
        match self.weak_until {
            Some(until) if SystemTime::now() < until => self.entity_tag.to_weak(),
            _ => self.entity_tag.clone(),
        }
    }

    /// The time of the last change in whole seconds, unless it lies in the future: RFC 9110 §8.8.2.1 forbids to send that.
    pub(crate) fn last_modified(&self) -> Option<(SystemTime, &HeaderValue)> {
        let last = self.last_modified.as_ref()?;
        let is_sendable = !last.is_early || last.time <= SystemTime::now();
        is_sendable.then_some((last.time, &last.value))
    }

    /// Whether the values that describe the file stay as they are for as long as it does.
    pub(crate) fn is_steady(&self) -> bool {
        self.weak_until.is_none()
            && self
                .last_modified
                .as_ref()
                .is_none_or(|last| !last.is_early)
    }

    pub(crate) fn length(&self) -> u64 {
        self.stamp.size
    }

    /// What it takes of the cache's memory, in bytes.
    pub(crate) fn weight(&self) -> u64 {
        /// Field values, ready-made answers, the key and the cache's own bookkeeping, about.
        const OVERHEAD: u64 = 4096;
        match &self.content {
            Content::Memory(bytes) => OVERHEAD + bytes.len() as u64,
            Content::File(_) => OVERHEAD,
        }
    }

    /// Whether the file is still the one that was read: one system call and one for each folder on the way, or none within
    /// `interval` of the last time.
    pub(crate) fn is_current(&self, docroot: &Docroot, interval: Duration) -> bool {
        if !self.is_settled {
            return false;
        }
        if interval.is_zero() {
            return docroot.still_holds(&self.path, &self.stamp);
        }
        let now = uptime_millis();
        let fresh_for = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        if now.saturating_sub(self.checked.load(Ordering::Relaxed)) < fresh_for {
            return true;
        }
        let is_current = docroot.still_holds(&self.path, &self.stamp);
        if is_current {
            self.checked.store(now, Ordering::Relaxed);
        }
        is_current
    }

    /// The descriptor to stream from: the one in use, or a new one; `None` when the file is not the one described any more.
    pub(crate) fn descriptor(&self, docroot: &Docroot) -> io::Result<Option<Arc<OpenFile>>> {
        let Content::File(shared) = &self.content else {
            return Ok(None);
        };
        let held = shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .upgrade();
        if let Some(open) = held {
            return Ok(Some(open));
        }
        let Some(open) = docroot
            .open(&self.path)?
            .filter(|open| open.stamp == self.stamp)
        else {
            return Ok(None);
        };
        let open = Arc::new(open);
        *shared.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&open);
        Ok(Some(open))
    }

    /// All of its bytes, from the memory or the disk; waits for the disk, so not for a worker.
    pub(crate) fn reader(&self, docroot: &Docroot) -> io::Result<Box<dyn Read + Send>> {
        match &self.content {
            Content::Memory(bytes) => Ok(Box::new(Cursor::new(bytes.clone()))),
            Content::File(_) => match self.descriptor(docroot)? {
                Some(open) => Ok(Box::new(Reader { open, offset: 0 })),
                None => Err(io::Error::new(
                    io::ErrorKind::NotFound,
                    "the file was replaced",
                )),
            },
        }
    }
}

/// Reads a shared descriptor, whose own position nobody uses.
struct Reader {
    open: Arc<OpenFile>,
    offset: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.open.file.read_at(buffer, self.offset)?;
        self.offset += length as u64;
        Ok(length)
    }
}

impl LastModified {
    fn new(modified: SystemTime) -> Self {
        let value = http_date::format(modified);
        // What was sent is what comes back: compare in the same whole seconds.
        let time = http_date::parse(value.as_bytes()).unwrap_or(modified);
        Self {
            time,
            value,
            is_early: time > SystemTime::now(),
        }
    }
}

impl Notes {
    /// No coding makes it much smaller.
    pub(super) const DENSE: u8 = 1;
    /// Its codings are too large to be held.
    pub(super) const BULKY: u8 = 2;

    pub(super) fn has(&self, note: u8) -> bool {
        self.0.load(Ordering::Relaxed) & note != 0
    }

    pub(super) fn add(&self, note: u8) {
        self.0.fetch_or(note, Ordering::Relaxed);
    }
}

impl SidecarNotes {
    /// A sidecar that appears, changes or goes is noticed within this time, a change of the file itself at once.
    const KEPT_MILLIS: u64 = 1000;

    /// The noted bits, unless they are too old.
    pub(crate) fn read(&self) -> Option<u8> {
        let note = self.0.load(Ordering::Relaxed);
        let (noted, bits) = (note >> 8, note.to_le_bytes()[0]);
        let is_kept = note != 0 && uptime_millis().saturating_sub(noted) < Self::KEPT_MILLIS;
        is_kept.then_some(bits)
    }

    pub(crate) fn write(&self, bits: u8) {
        self.0
            .store((uptime_millis() << 8) | u64::from(bits), Ordering::Relaxed);
    }
}

/// Reads `size` bytes, or fewer when the file has become shorter.
pub(super) fn read_whole(file: &File, size: u64) -> io::Result<Bytes> {
    let capacity = usize::try_from(size).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(capacity);
    file.take(size).read_to_end(&mut bytes)?;
    bytes.shrink_to_fit();
    Ok(Bytes::from(bytes))
}

/// Half of a SHA-256: the same content has the same tag on every server, and nobody can make two contents with one tag.
fn content_tag(digest: &Digest) -> EntityTag {
    let mut tag = String::with_capacity(32);
    for byte in &digest[..16] {
        tag.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        tag.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    EntityTag::strong(&tag)
}

/// Milliseconds on a clock that never steps, never 0.
fn uptime_millis() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_millis())
        .unwrap_or(u64::MAX)
        .saturating_add(1)
}
