//! Sidecars: coded files beside their originals, made once, before anybody asks.
//!
//! 1. `find`: which files of a folder are worth coding.
//! 2. `work`: each file in each coding is a step of its own; the steps are spread over threads and can be stopped at any moment.
//! 3. `make`: a step: what is there and right is kept, the rest is coded, compared with its original, and put in its place by a rename.
//! 4. `check`: the same, only looking.
//!
//! `folder` is the only code here that touches files: always beneath the root, never through a symbolic link.

mod check;
mod find;
mod folder;
mod make;
mod streamed;
mod work;

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use self::work::SidecarWork;
use crate::header::accept_encoding::ContentCoding;

/// Makes and checks sidecars: `app.js.br`, `app.js.zst` and `app.js.gz` beside `app.js`, which are sent in its place to clients that accept
/// them.
///
/// Files of media types that get smaller by coding are coded, from 256 bytes on, each as well as can be: that takes seconds for a
/// megabyte. Left out are names that begin with a dot (but for `.well-known` in the root), which are not served either, and symbolic links.
///
/// ```no_run
/// use daemun::{SidecarState, Sidecars};
///
/// # fn run() -> std::io::Result<()> {
/// Sidecars::new("public").find()?.make(|sidecar| {
///     if let SidecarState::Made(length) = sidecar.state {
///         println!("{}: {} → {length} bytes", sidecar.path().display(), sidecar.length);
///     }
/// });
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Sidecars {
    root: PathBuf,
    codings: Vec<SidecarCoding>,
    threads: Option<NonZeroUsize>,
}

impl Sidecars {
    /// Of the files in this folder, and in the folders in it.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            codings: SidecarCoding::ALL.to_vec(),
            threads: None,
        }
    }

    /// Default: [`SidecarCoding::ALL`].
    #[must_use]
    pub fn codings(mut self, codings: impl IntoIterator<Item = SidecarCoding>) -> Self {
        self.codings.clear();
        for coding in codings {
            if !self.codings.contains(&coding) {
                self.codings.push(coding);
            }
        }
        self
    }

    /// How many files are worked on at a time. Default: one for each core.
    #[must_use]
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Looks for the files that are worth coding.
    ///
    /// # Errors
    /// When the root is no folder, or cannot be read. Folders in it that cannot be read are told by [`SidecarWork::unreadable`].
    pub fn find(&self) -> io::Result<SidecarWork> {
        let found = find::find(&self.root)?;
        let threads = self
            .threads
            .or_else(|| std::thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN);
        Ok(SidecarWork::new(found, &self.codings, threads))
    }
}

/// A content coding that sidecars have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SidecarCoding {
    /// RFC 7932: `.br`
    Brotli,
    /// RFC 8878: `.zst`
    Zstd,
    /// RFC 1952: `.gz`
    Gzip,
}

impl SidecarCoding {
    /// All of them, the usually smallest first.
    pub const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// Its registered name, as `Content-Encoding` says it: `br`, `zstd`, `gzip`.
    pub const fn as_str(self) -> &'static str {
        self.content_coding().as_str()
    }

    /// What the names of its sidecars end with: `.br`, `.zst`, `.gz`.
    pub const fn extension(self) -> &'static str {
        self.content_coding().extension()
    }

    const fn content_coding(self) -> ContentCoding {
        match self {
            Self::Brotli => ContentCoding::Brotli,
            Self::Zstd => ContentCoding::Zstd,
            Self::Gzip => ContentCoding::Gzip,
        }
    }
}

impl fmt::Display for SidecarCoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// By registered name.
impl FromStr for SidecarCoding {
    type Err = UnknownCoding;

    fn from_str(name: &str) -> Result<Self, UnknownCoding> {
        let known = Self::ALL.into_iter().find(|coding| coding.as_str() == name);
        known.ok_or(UnknownCoding(()))
    }
}

/// No sidecars have this content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCoding(());

impl fmt::Display for UnknownCoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sidecars are br, zstd or gzip")
    }
}

impl std::error::Error for UnknownCoding {}

/// What came of one file in one coding.
#[derive(Debug)]
#[non_exhaustive]
pub struct Sidecar<'a> {
    /// The file that is coded.
    pub original: &'a Path,
    /// Of the original, without parameters: `text/html`.
    pub media_type: &'a str,
    /// Of the original, in bytes.
    pub length: u64,
    /// How it is coded.
    pub coding: SidecarCoding,
    /// What is to be said of the sidecar.
    pub state: SidecarState,
}

impl Sidecar<'_> {
    /// Where it is, or would be.
    pub fn path(&self) -> PathBuf {
        let mut path = self.original.as_os_str().to_owned();
        path.push(self.coding.extension());
        path.into()
    }

    /// Its length in bytes, if there is a good one.
    pub fn coded_length(&self) -> Option<u64> {
        match self.state {
            SidecarState::Fresh(length) | SidecarState::Made(length) => Some(length),
            _ => None,
        }
    }
}

/// How it stands with a sidecar.
#[derive(Debug)]
#[non_exhaustive]
pub enum SidecarState {
    /// It was there, as new as its original, and decodes to it. So many bytes.
    Fresh(u64),
    /// It was made, or made anew. So many bytes.
    Made(u64),
    /// It would save less than 5 %: there is none (any more).
    NotWorthwhile,
    /// There is none. Only a check finds this.
    Missing,
    /// It is older than its original, and so is not served. Only a check finds this.
    Stale,
    /// It does not decode to its original, and so is not served. Only a check finds this.
    Broken,
    /// It could not be made, or not be looked at.
    Failed(io::Error),
}
