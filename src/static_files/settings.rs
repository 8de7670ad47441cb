//! How the files beneath one document root are served: resolved values, ready to use.

use std::{collections::HashMap, path::PathBuf, str::FromStr};

use http::HeaderValue;

use crate::ConfigError;
use crate::config::DictionaryPolicy;

/// Most entries a directory listing shows, unless `listing_limit` says otherwise.
pub(crate) const DEFAULT_LISTING_LIMIT: usize = 10_000;

/// The static-file settings of a site, or of a route with a docroot of its own.
///
/// A value of this type is valid: `docroot` is absolute, file names are relative and stay beneath it, header values are sendable.
// One switch a field: that is what settings are.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The folder whose files are served: an absolute path.
    pub(crate) docroot: PathBuf,
    /// File names tried, in this order, when a directory is asked for. Default: `index.html`.
    pub(crate) index: Vec<String>,
    /// Whether `/page` is answered with `page.html`. Default: false.
    pub(crate) clean_urls: bool,
    /// File that answers navigations to paths where there is nothing (single-page applications), relative to the docroot. Default: none.
    pub(crate) fallback: Option<String>,
    /// Most entries that a directory listing shows; `None`: directories are not listed. Default: `None`.
    pub(crate) listing: Option<usize>,
    /// Whether names that begin with a dot are served; `/.well-known/` always is. Default: false.
    pub(crate) hidden: bool,
    /// Which symbolic links are followed.
    pub(crate) symlinks: SymlinkPolicy,
    /// Whether fresh `.br`, `.zst` and `.gz` files beside a file are sent in its place. Default: true.
    pub(crate) sidecars: bool,
    /// Whether files are compressed for those that have no sidecar. Default: true.
    pub(crate) compress: bool,
    pub(crate) dictionary: DictionaryPolicy,
    /// Media types by file-name extension (lower case, without the dot); they override the built-in table.
    pub(crate) media_types: HashMap<String, HeaderValue>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            docroot: PathBuf::from("/"),
            index: vec!["index.html".to_owned()],
            clean_urls: false,
            fallback: None,
            listing: None,
            hidden: false,
            symlinks: SymlinkPolicy::default(),
            sidecars: true,
            compress: true,
            dictionary: DictionaryPolicy::default(),
            media_types: HashMap::new(),
        }
    }
}

/// Which symbolic links beneath a docroot are followed.
///
/// The docroot itself may always be a symbolic link, or lie beneath one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SymlinkPolicy {
    /// Links are followed as long as they lead to a place beneath the docroot; others are 404.
    #[default]
    WithinRoot,
    /// No link is followed: a path through one is 404.
    Deny,
    /// Every link is followed, wherever it leads. Anyone who can make a link beneath the docroot can then publish any file that the
    /// server may read.
    Follow,
}

impl SymlinkPolicy {
    /// The accepted spellings, in the order of the variants.
    pub(crate) const NAMES: [&str; 3] = ["within-root", "deny", "follow"];

    /// As it is written in the configuration file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WithinRoot => "within-root",
            Self::Deny => "deny",
            Self::Follow => "follow",
        }
    }
}

impl FromStr for SymlinkPolicy {
    type Err = ConfigError;

    /// Reads `within-root`, `deny` or `follow`.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "within-root" => Ok(Self::WithinRoot),
            "deny" => Ok(Self::Deny),
            "follow" => Ok(Self::Follow),
            _ => Err(ConfigError::unknown_word(
                "symlink policy",
                text,
                &Self::NAMES,
            )),
        }
    }
}
