//! The configuration to be shown to those who run the server: the file as it was read, without what may be secret.
//!
//! Keys and tokens stand in files of their own, of which only the names are here. What an application is told in `request_headers` may be
//! a password: those values are left out.

use std::{fmt, ops::Range, path::PathBuf};

use super::file::File;

/// What takes the place of a value.
const HIDDEN: &str = "\"(hidden)\"";

/// A configuration's text, and where it came from.
#[derive(Clone, Default)]
pub(crate) struct Shown {
    /// None: it was made by flags, or in code.
    pub(crate) file: Option<PathBuf>,
    pub(crate) text: String,
}

impl Shown {
    pub(super) fn new(file: PathBuf, text: &str, parsed: &File) -> Self {
        Self {
            file: Some(file),
            text: without(text, &mut secrets(parsed)),
        }
    }
}

impl fmt::Debug for Shown {
    /// What the text means stands in the configuration itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

fn secrets(file: &File) -> Vec<Range<usize>> {
    let routes = (file.site.iter()).flat_map(|site| &site.get_ref().route);
    let fields = routes.flat_map(|route| &route.request_headers.0);
    fields.map(|(_, value)| value.span()).collect()
}

fn without(text: &str, spans: &mut [Range<usize>]) -> String {
    spans.sort_by_key(|span| span.start);
    let (mut shown, mut from) = (String::with_capacity(text.len()), 0);
    for span in spans {
        // Spans are of this text, in its order, and none is within another.
        shown.push_str(text.get(from..span.start).unwrap_or_default());
        shown.push_str(HIDDEN);
        from = span.end;
    }
    shown.push_str(text.get(from..).unwrap_or_default());
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse::parse;

    #[test]
    fn what_applications_are_told_is_not_shown() {
        let text = "\
# A comment.
[[site]]
headers = { X-Public = \"seen\" }
[[site.route]]
path = \"/a\"
upstream = \"http://127.0.0.1:1\"
request_headers = { X-One = \"s3cret\", X-Two = '''s3cret
s3cret''' }
[[site.route]]
path = \"/b\"
upstream = \"http://127.0.0.1:1\"
[site.route.request_headers]
Authorization = \"Basic s3cret\" # ü
";
        let parsed = parse(text).expect("good TOML");
        let shown = Shown::new(PathBuf::from("daemun.toml"), text, &parsed);
        let expected = "\
# A comment.
[[site]]
headers = { X-Public = \"seen\" }
[[site.route]]
path = \"/a\"
upstream = \"http://127.0.0.1:1\"
request_headers = { X-One = \"(hidden)\", X-Two = \"(hidden)\" }
[[site.route]]
path = \"/b\"
upstream = \"http://127.0.0.1:1\"
[site.route.request_headers]
Authorization = \"(hidden)\" # ü
";
        assert_eq!(shown.text, expected);
    }
}
