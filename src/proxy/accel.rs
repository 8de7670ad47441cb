//! An application has a file sent in place of its answer's body: `X-Accel-Redirect` names it by a path, `X-Sendfile` by its name in the file
//! system. Pure.
//!
//! 1. A path has to begin with the configured prefix, a name with the folder's; what follows is beneath the folder. A name that is not absolute is
//!    beneath it as well.
//! 2. The rest is judged as the path of a request is: no dot segments, nothing that could be read in two ways.
//! 3. It has to name a file, not a folder.

use std::path::Path;

use super::target;
use crate::static_files::path::RelativePath;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'f> {
    /// `X-Accel-Redirect`: with escapes, perhaps with a query that nobody reads.
    ByPath(&'f [u8]),
    /// `X-Sendfile`: as it is.
    ByName(&'f [u8]),
}

/// It is not the application's to have sent: outside the folder, or no name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccelRefusal;

/// The path beneath the folder, for [`RelativePath::parse`]: with a leading slash and escapes.
pub(crate) fn resolve(
    wanted: Wanted<'_>,
    prefix: &str,
    folder: &Path,
) -> Result<String, AccelRefusal> {
    // 1.
    let path = match wanted {
        Wanted::ByPath(path) => {
            let end = memchr::memchr2(b'?', b'#', path).unwrap_or(path.len());
            let path = ascii(&path[..end]);
            let decoded = RelativePath::parse(&path).map_err(|_| AccelRefusal)?;
            let rest = decoded.rooted();
            target::escaped(rest.strip_prefix(prefix).ok_or(AccelRefusal)?.as_bytes())
        }
        Wanted::ByName(name) => {
            let name = str::from_utf8(name).map_err(|_| AccelRefusal)?;
            let rest = if name.starts_with('/') {
                let folder = folder.to_str().ok_or(AccelRefusal)?.trim_end_matches('/');
                let rest = name.strip_prefix(folder).ok_or(AccelRefusal)?;
                rest.strip_prefix('/').ok_or(AccelRefusal)?
            } else {
                name
            };
            target::escaped(rest.as_bytes())
        }
    };
    // 2.
    let path = ["/", &path].concat();
    let relative = RelativePath::parse(&path).map_err(|_| AccelRefusal)?;
    // 3.
    if relative.asks_for_directory() {
        return Err(AccelRefusal);
    }
    Ok(path)
}

/// Applications write names as they are, where a URI has escapes.
fn ascii(path: &[u8]) -> String {
    let mut out = Vec::with_capacity(path.len());
    for &byte in path {
        if byte.is_ascii() {
            out.push(byte);
        } else {
            target::put_escape(&mut out, byte);
        }
    }
    String::from_utf8(out).expect("all of it is ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_path(path: &str) -> Option<String> {
        let wanted = Wanted::ByPath(path.as_bytes());
        resolve(wanted, "/protected/", Path::new("/srv/private")).ok()
    }

    fn by_name(name: &str) -> Option<String> {
        let wanted = Wanted::ByName(name.as_bytes());
        resolve(wanted, "/protected/", Path::new("/srv/private")).ok()
    }

    #[test]
    fn a_path_leads_to_a_file_beneath_the_folder_or_nowhere() {
        for (path, expected) in [
            ("/protected/a.pdf", Some("/a.pdf")),
            ("/protected/a/b.pdf?x=1", Some("/a/b.pdf")),
            ("/protected/a%20b.pdf", Some("/a%20b.pdf")),
            ("/protected/a b.pdf", Some("/a%20b.pdf")),
            ("/protected/caf\u{e9}.pdf", Some("/caf%C3%A9.pdf")),
            ("/%70rotected/a.pdf", Some("/a.pdf")),
            ("/protected/a%25.pdf", Some("/a%25.pdf")),
            ("/../../etc/passwd", None),
            ("/protected/../../etc/passwd", None),
            ("/protected/%2e%2e/x", None),
            ("/protected/..%2fx", None),
            ("/protected//etc/passwd", None),
            ("/protected/a%00.pdf", None),
            ("/protected/a\\b", None),
            ("/protected/%zz", None),
            ("/protected/a/", None),
            ("/protected/", None),
            ("/protected", None),
            ("/protectedx/a.pdf", None),
            ("/a.pdf", None),
            ("/etc/passwd", None),
            ("http://other.test/protected/a.pdf", None),
            ("", None),
            ("?", None),
        ] {
            assert_eq!(by_path(path).as_deref(), expected, "{path}");
        }
        // Without a prefix, any path.
        let root = |path: &str| resolve(Wanted::ByPath(path.as_bytes()), "/", Path::new("/srv"));
        assert_eq!(root("/a.pdf").unwrap(), "/a.pdf");
        assert_eq!(root("/../a.pdf"), Err(AccelRefusal));
    }

    #[test]
    fn a_name_is_beneath_the_folder_or_refused() {
        for (name, expected) in [
            ("/srv/private/a.pdf", Some("/a.pdf")),
            ("/srv/private/a b/100%.pdf", Some("/a%20b/100%25.pdf")),
            ("a/b.pdf", Some("/a/b.pdf")),
            ("/srv/private/caf\u{e9}", Some("/caf%C3%A9")),
            // As it is: no escapes.
            ("/srv/private/%2e%2e", Some("/%252e%252e")),
            ("/etc/passwd", None),
            ("/srv/privatex/a.pdf", None),
            ("/srv/private", None),
            ("/srv/private/", None),
            ("/srv/private/a/", None),
            ("/srv/private/../x", None),
            ("/srv/private//x", None),
            ("/srv/private/./x", None),
            ("/srv/./private/x", None),
            ("../x", None),
            ("a\\b", None),
            ("a\tb", None),
            ("", None),
        ] {
            assert_eq!(by_name(name).as_deref(), expected, "{name}");
        }
        let not_text = Wanted::ByName(b"/srv/private/\xff");
        assert_eq!(
            resolve(not_text, "/", Path::new("/srv/private")),
            Err(AccelRefusal)
        );
    }
}
