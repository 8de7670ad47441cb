//! What is compressed, resolved.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::header::accept_encoding::ContentCoding;
use crate::header::media_type::MediaTypes;

/// How content is coded, for all sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CompressionConfig {
    /// Those that are made, the most liked first. Default: br, zstd, gzip.
    pub(crate) codings: Vec<ContentCoding>,
    pub(crate) media_types: MediaTypes,
    /// Smaller ones are sent as they are, in bytes. Default: 256.
    pub(crate) smallest: u64,
    /// Larger ones are coded as they are sent, each time, in bytes. Default: 16 MiB.
    pub(crate) largest: u64,
    /// How many files are coded at a time, while somebody waits. None: one for each core.
    pub(crate) threads: Option<NonZeroUsize>,
    /// Whether files that are asked for often are coded once more, as well as can be. Default: true.
    pub(crate) improve: bool,
    pub(crate) dictionaries: DictionaryConfig,
}

/// Former versions of files, for clients that still have them (RFC 9842).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DictionaryConfig {
    /// Bytes held in memory; 0: nothing is coded against a dictionary. Default: 64 MiB.
    pub(crate) memory: u64,
    /// The largest one, in bytes. Default: 8 MiB.
    pub(crate) largest: u64,
    /// Where they are kept over restarts. Default: none, only in memory.
    pub(crate) folder: Option<PathBuf>,
}

/// Which files of a site or route are offered as dictionaries to those that come after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum DictionaryPolicy {
    /// Those with a fingerprint in their name, for the same name with another one.
    #[default]
    Fingerprinted,
    Off,
    /// All, for the paths that this pattern matches (a URL Pattern of a path, without groups of regular expressions).
    Pattern(Box<str>),
}

impl Default for CompressionConfig {
    fn default() -> Self {
        Self {
            codings: vec![
                ContentCoding::Brotli,
                ContentCoding::Zstd,
                ContentCoding::Gzip,
            ],
            media_types: MediaTypes::default(),
            smallest: 256,
            largest: 16 << 20,
            threads: None,
            improve: true,
            dictionaries: DictionaryConfig::default(),
        }
    }
}

impl Default for DictionaryConfig {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            largest: 8 << 20,
            folder: None,
        }
    }
}
