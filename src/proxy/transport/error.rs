//! What keeps a transport from being set up.

use std::fmt;
use std::path::PathBuf;

/// A file that cannot be used, or what else the configuration asks for in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TransportError {
    /// The file that is to be looked at.
    pub(crate) path: Option<PathBuf>,
    pub(crate) what: String,
    pub(crate) help: String,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.help)
    }
}

impl std::error::Error for TransportError {}
