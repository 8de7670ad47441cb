//! A listing for programs.

use serde::Serialize;

use super::text::Timestamp;
use super::{Listing, Sort};

#[derive(Serialize)]
struct Document<'a> {
    path: &'a str,
    truncated: bool,
    entries: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    r#type: &'static str,
    /// `null` for a directory.
    size: Option<u64>,
    /// RFC 3339, UTC, whole seconds; `null` when the file system has none.
    modified: Option<String>,
}

impl Listing {
    /// The listing as JSON: `{"path":"/x/","truncated":false,"entries":[{"name","type","size","modified"}]}`.
    ///
    /// `type` is `file` or `directory`; entries come in the default order, so the same directory gives the same bytes.
    pub(crate) fn to_json(&self) -> String {
        let entries = self
            .sorted(Sort::default())
            .into_iter()
            .map(|entry| Entry {
                name: &entry.name,
                r#type: if entry.is_directory {
                    "directory"
                } else {
                    "file"
                },
                size: super::shown_size(entry),
                modified: entry
                    .modified
                    .and_then(Timestamp::new)
                    .map(|time| time.rfc3339()),
            })
            .collect();
        let document = Document {
            path: &self.path,
            truncated: self.truncated,
            entries,
        };
        serde_json::to_string(&document).expect("strings, numbers and lists always serialise")
    }
}
