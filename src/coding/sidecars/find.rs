//! Which files of a folder are worth coding.

use std::io;
use std::path::{Path, PathBuf};

use super::folder::{self, Entry, Folder};
use crate::config::CompressionConfig;
use crate::header::media_type::{MediaTypes, by_extension};

/// What a folder holds.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) root: PathBuf,
    pub(super) originals: Vec<Original>,
    /// Of former runs that were ended from outside, relative to the root.
    pub(super) leftovers: Vec<PathBuf>,
    pub(super) unreadable: Vec<(PathBuf, io::Error)>,
}

/// A file that is worth coding.
#[derive(Debug)]
pub(super) struct Original {
    /// Relative to the root; the root itself is empty.
    pub(super) folder: PathBuf,
    pub(super) name: String,
    /// With the root, as a person knows it.
    pub(super) path: PathBuf,
    /// Without parameters.
    pub(super) media_type: String,
    pub(super) length: u64,
}

struct Walk {
    found: Found,
    media_types: MediaTypes,
    smallest: u64,
    /// Relative to the root.
    todo: Vec<PathBuf>,
}

/// Folders that cannot be read are noted, and the others go on; the root must be readable.
pub(super) fn find(root: &Path) -> io::Result<Found> {
    let defaults = CompressionConfig::default();
    let mut walk = Walk {
        found: Found {
            root: root.to_owned(),
            originals: Vec::new(),
            leftovers: Vec::new(),
            unreadable: Vec::new(),
        },
        media_types: defaults.media_types,
        smallest: defaults.smallest,
        todo: vec![PathBuf::new()],
    };
    while let Some(relative) = walk.todo.pop() {
        let entries = Folder::open(root, &relative).and_then(|folder| folder.entries());
        match entries {
            Ok(entries) => entries
                .into_iter()
                .for_each(|(name, entry)| walk.meet(&relative, name, &entry)),
            Err(error) if relative.as_os_str().is_empty() => return Err(error),
            Err(error) => walk.found.unreadable.push((root.join(&relative), error)),
        }
    }
    Ok(walk.found)
}

impl Walk {
    fn meet(&mut self, folder: &Path, name: String, entry: &Entry) {
        let is_hidden = name.starts_with('.');
        match *entry {
            Entry::Folder => {
                // RFC 8615 §3: this one is there to be seen.
                let is_well_known = name == ".well-known" && folder.as_os_str().is_empty();
                if !is_hidden || is_well_known {
                    self.todo.push(folder.join(name));
                }
            }
            Entry::File(_) if folder::is_temporary(&name) => {
                self.found.leftovers.push(folder.join(name));
            }
            Entry::File(length) if length >= self.smallest && !is_hidden => {
                let extension = name.rsplit_once('.').map(|(_, extension)| extension);
                // Sidecars themselves are of types that are not compressible.
                let media_type = by_extension(extension);
                if self.media_types.contains(&media_type) {
                    let text = media_type.to_str().unwrap_or_default();
                    let essence = text.split(';').next().unwrap_or_default();
                    self.found.originals.push(Original {
                        folder: folder.to_owned(),
                        path: self.found.root.join(folder).join(&name),
                        name,
                        media_type: essence.to_owned(),
                        length,
                    });
                }
            }
            Entry::File(_) | Entry::Other => {}
        }
    }
}
