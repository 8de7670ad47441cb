//! Document roots that vanish by themselves: `root` is served, `outside` lies beside it and must never be.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

/// What no response may ever hold.
pub(crate) const SECRET: &str = "the secret that lies outside of the document root\n";

/// The date of every file of the standard docroot: 2024-03-01 12:00:00 UTC, as seconds since the epoch.
pub(crate) const PUBLISHED: u64 = 1_709_294_400;
/// [`PUBLISHED`] as HTTP writes it.
pub(crate) const PUBLISHED_DATE: &str = "Fri, 01 Mar 2024 12:00:00 GMT";

pub(crate) const A_JS: &[u8] = include_bytes!("../fixtures/a.js");
pub(crate) const A_JS_GZ: &[u8] = include_bytes!("../fixtures/a.js.gz");
pub(crate) const A_JS_BR: &[u8] = include_bytes!("../fixtures/a.js.br");
pub(crate) const A_JS_ZST: &[u8] = include_bytes!("../fixtures/a.js.zst");
/// The same script, gzip's fastest level: other bytes for the same content.
pub(crate) const A_JS_GZ_LEVEL_1: &[u8] = include_bytes!("../fixtures/a.js.level1.gz");
/// Another script, of another length, and its gzip coding.
pub(crate) const OTHER_JS: &[u8] = include_bytes!("../fixtures/other.js");
pub(crate) const OTHER_JS_GZ: &[u8] = include_bytes!("../fixtures/other.js.gz");

pub(crate) struct Docroot {
    folder: TempDir,
}

impl Docroot {
    /// An empty `root`, and `outside/secret.txt` beside it.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let docroot = Self { folder };
        fs::create_dir(docroot.root()).unwrap();
        fs::create_dir(docroot.outside()).unwrap();
        fs::write(docroot.outside().join("secret.txt"), SECRET).unwrap();
        docroot
    }

    /// The files that the requirements name, all dated [`PUBLISHED`].
    pub(crate) fn standard() -> Self {
        let docroot = Self::empty();
        docroot.publish("t.bin", pattern(1000));
        docroot.publish("t.css", css(6400));
        docroot.publish("a.js", A_JS);
        docroot.publish("a.js.gz", A_JS_GZ);
        docroot.publish("a.js.br", A_JS_BR);
        docroot.publish("a.js.zst", A_JS_ZST);
        docroot.publish("empty.txt", "");
        docroot.publish("index.html", "<!doctype html><title>Home</title>\n");
        docroot.publish(
            "dir/index.html",
            "<!doctype html><title>Directory</title>\n",
        );
        docroot.publish("dir/.hidden/x", "hidden\n");
        docroot.publish(".env", "PASSWORD=hidden\n");
        docroot.publish(".git/config", "[core] hidden\n");
        docroot.publish(".well-known/x", "well known\n");
        docroot.link("link.txt", "../outside/secret.txt");
        docroot.link("linkdir", "../outside");
        docroot.link("inner.bin", "t.bin");
        docroot.link("dir/up.bin", "../t.bin");
        docroot.link("absolute.bin", docroot.path("t.bin"));
        docroot
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub(crate) fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    /// The folder that holds `root` and `outside`.
    pub(crate) fn parent(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Writes in place, creating folders as needed; the date is today's.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Writes a file that is as old as a published one.
    pub(crate) fn publish(&self, name: &str, content: impl AsRef<[u8]>) {
        self.write(name, content);
        self.date(name, PUBLISHED);
    }

    /// Sets the modification time, in seconds since the epoch.
    pub(crate) fn date(&self, name: &str, seconds: u64) {
        self.date_exactly(name, UNIX_EPOCH + Duration::from_secs(seconds));
    }

    pub(crate) fn date_exactly(&self, name: &str, time: SystemTime) {
        let times = FileTimes::new().set_modified(time);
        File::open(self.path(name))
            .unwrap()
            .set_times(times)
            .unwrap();
    }

    /// Puts new content in place the way a careful deploy does: a new file renamed over the old one.
    pub(crate) fn replace(&self, name: &str, content: impl AsRef<[u8]>) {
        let incoming = self.folder.path().join("incoming");
        fs::write(&incoming, content).unwrap();
        fs::rename(incoming, self.path(name)).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    pub(crate) fn link(&self, name: &str, target: impl AsRef<Path>) {
        symlink(target, self.path(name)).unwrap();
    }

    /// A file of `length` bytes, all zero, that takes no space on disk.
    pub(crate) fn sparse(&self, name: &str, length: u64) {
        File::create(self.path(name))
            .unwrap()
            .set_len(length)
            .unwrap();
        self.date(name, PUBLISHED);
    }

    /// A FIFO: whoever opens it to read hangs until somebody writes.
    pub(crate) fn fifo(&self, name: &str) {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(
            CWD,
            self.path(name),
            FileType::Fifo,
            Mode::from_raw_mode(0o644),
            0,
        )
        .unwrap();
    }
}

/// Bytes that do not repeat with any power of two, so that a shifted range never compares equal.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| u8::try_from((i * 7 + i / 251) % 251).expect("below 251"))
        .collect()
}

fn css(length: usize) -> String {
    let mut text = String::new();
    for rule in 0.. {
        text.extend([format!(
            ".box-{rule} {{ margin: {rule}px; color: rgb(10, 20, 30); }}\n"
        )]);
        if text.len() >= length {
            break;
        }
    }
    text.truncate(length);
    text
}
