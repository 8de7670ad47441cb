//! Directory listings: what a person, or a program, sees of a folder without an index file.
//!
//! Pure: the caller reads the directory, this module writes the answer.
//! 1. [`prefers_json`](crate::header::accept::prefers_json): HTML or JSON, by the request's `Accept`.
//! 2. [`Sort::from_query`]: the order, by the request's query.
//! 3. [`Listing::to_html`] or [`Listing::to_json`].
//!
//! Names come from the file system and are hostile until escaped: a file may be called `<script>…`, `javascript:…`, or
//! carry characters that reverse the text around them.

mod html;
mod json;
mod text;

use std::cmp::Ordering;
use std::time::SystemTime;

/// The `Content-Security-Policy` of an HTML listing: nothing runs and nothing is loaded; the one inline style sheet is
/// allowed by its hash, icons are `data:` URLs in that sheet.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
     style-src 'sha256-gw2uM0eeP63Q8kq/J3elO5iC11vL1XeeXj1Kl9k6L2w='; \
     img-src data:; base-uri 'none'; form-action 'none'";

/// One member of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedEntry {
    /// The name as the file system has it: one segment, neither `.` nor `..`.
    pub(crate) name: String,
    pub(crate) is_directory: bool,
    /// Bytes; meaningless for a directory.
    pub(crate) size: u64,
    pub(crate) modified: Option<SystemTime>,
}

/// The members of one directory, as far as they are shown.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    /// The request path, decoded; begins and ends in `/`.
    pub(crate) path: String,
    /// Whether the directory is the docroot itself: then there is no parent to link to.
    pub(crate) at_root: bool,
    pub(crate) entries: Vec<ListedEntry>,
    /// Whether the directory holds more than `limit` entries.
    pub(crate) truncated: bool,
    /// The most entries that a listing shows.
    pub(crate) limit: usize,
}

impl Listing {
    /// The entries in the order asked. Ties go by name.
    fn sorted(&self, sort: Sort) -> Vec<&ListedEntry> {
        // The key is made once an entry, not once a comparison.
        let mut keyed: Vec<(String, &ListedEntry)> = self
            .entries
            .iter()
            .map(|entry| (entry.name.to_lowercase(), entry))
            .collect();
        keyed.sort_by(|(a_folded, a), (b_folded, b)| {
            let by_name = a_folded.cmp(b_folded).then_with(|| a.name.cmp(&b.name));
            let directories_first = b.is_directory.cmp(&a.is_directory);
            match sort.by {
                SortBy::Name => directories_first.then(sort.order.apply(by_name)),
                SortBy::Size => sort
                    .order
                    .apply(shown_size(a).cmp(&shown_size(b)))
                    .then(by_name),
                SortBy::Modified => sort.order.apply(a.modified.cmp(&b.modified)).then(by_name),
            }
        });
        keyed.into_iter().map(|(_, entry)| entry).collect()
    }
}

/// A directory has no size that a reader could use; it sorts below every file.
fn shown_size(entry: &ListedEntry) -> Option<u64> {
    (!entry.is_directory).then_some(entry.size)
}

/// The order of a listing: `?sort=name|size|modified&order=asc|desc`. By name, directories come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sort {
    by: SortBy,
    order: Order,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum SortBy {
    #[default]
    Name,
    Size,
    Modified,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    #[default]
    Ascending,
    Descending,
}

impl Sort {
    /// Reads the request's query (without the `?`). What is absent or unknown means: by name, ascending.
    pub(crate) fn from_query(query: Option<&str>) -> Self {
        let mut sort = Sort::default();
        for pair in query.unwrap_or_default().split('&') {
            match pair {
                "sort=name" => sort.by = SortBy::Name,
                "sort=size" => sort.by = SortBy::Size,
                "sort=modified" => sort.by = SortBy::Modified,
                "order=asc" => sort.order = Order::Ascending,
                "order=desc" => sort.order = Order::Descending,
                _ => {}
            }
        }
        sort
    }
}

impl SortBy {
    fn as_str(self) -> &'static str {
        match self {
            SortBy::Name => "name",
            SortBy::Size => "size",
            SortBy::Modified => "modified",
        }
    }
}

impl Order {
    fn apply(self, ascending: Ordering) -> Ordering {
        match self {
            Order::Ascending => ascending,
            Order::Descending => ascending.reverse(),
        }
    }

    fn reversed(self) -> Self {
        match self {
            Order::Ascending => Order::Descending,
            Order::Descending => Order::Ascending,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Order::Ascending => "asc",
            Order::Descending => "desc",
        }
    }
}

#[cfg(test)]
mod tests;
