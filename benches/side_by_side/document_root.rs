//! The files that every server serves.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::Result;
use crate::cases::many_path;
use crate::prose::{self, Noise};

/// How many different small files there are.
pub(crate) const MANY_COUNT: usize = 10_000;

/// The folder they are in.
pub(crate) const MANY_FOLDER: &str = "many";

/// The file whose ranges are asked for.
pub(crate) const LARGE: &str = "256m.bin";

/// 100 KiB of HTML, to be coded by the servers.
pub(crate) const PAGE: &str = "page.html";

/// The same with its gzip beside it.
pub(crate) const PAGE_WITH_SIDECAR: &str = "coded.html";

/// Pages that are coded while something else is measured: this many, in this folder.
pub(crate) const COLD_COUNT: usize = 1_000;
pub(crate) const COLD_FOLDER: &str = "cold";

/// Complete length of [`LARGE`] in bytes.
pub(crate) const LARGE_SIZE: u64 = 256 * MIB as u64;

/// After this, a file is no longer one that has just been written.
const SETTLED: Duration = Duration::from_millis(2_500);

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A temporary folder that holds the document root and, beside it, what the servers write. It vanishes with this value.
pub(crate) struct DocumentRoot {
    folder: TempDir,
}

impl DocumentRoot {
    /// Writes every file. The bytes are pseudo-random and the same at every run, so no two parts of a file are
    /// alike and an answer from the wrong offset is noticed.
    pub(crate) fn make() -> Result<Self> {
        let root = Self {
            folder: tempfile::Builder::new().prefix("daemun-bench-").tempdir()?,
        };
        fs::create_dir_all(root.path().join(MANY_FOLDER))?;
        let mut noise = Noise::new(0);
        let sizes = [
            ("1k.html", KIB),
            ("10k.css", 10 * KIB),
            ("100k.js", 100 * KIB),
            ("1m.bin", MIB),
            ("10m.bin", 10 * MIB),
        ];
        for (name, size) in sizes {
            fs::write(root.path().join(name), noise.bytes(size))?;
        }
        let page = prose::page(0, 100 * KIB);
        fs::write(root.file(PAGE), &page)?;
        fs::write(root.file(PAGE_WITH_SIDECAR), &page)?;
        let sidecar = File::create(root.file(&format!("{PAGE_WITH_SIDECAR}.gz")))?;
        let mut coder = GzEncoder::new(sidecar, flate2::Compression::best());
        coder.write_all(page.as_bytes())?;
        coder.finish()?;
        for index in 0..MANY_COUNT {
            fs::write(root.file(&many_path(index)), noise.bytes(2 * KIB))?;
        }
        let mut large = File::create(root.path().join(LARGE))?;
        for _ in 0..256 {
            large.write_all(&noise.bytes(MIB))?;
        }
        // A server may call a file that has just been written too young for a strong entity tag.
        std::thread::sleep(SETTLED);
        Ok(root)
    }

    /// Writes the pages that are cold, each other than the others: when they are needed, for they are many.
    pub(crate) fn add_cold_pages(&self) -> Result<()> {
        fs::create_dir_all(self.path().join(COLD_FOLDER))?;
        for index in 0..COLD_COUNT {
            let page = prose::page(index as u64 + 1, 100 * KIB);
            fs::write(self.file(&cold_path(index)), page)?;
        }
        std::thread::sleep(SETTLED);
        Ok(())
    }

    /// The folder to serve.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// The file behind a request path.
    pub(crate) fn file(&self, request_path: &str) -> PathBuf {
        self.path().join(request_path.trim_start_matches('/'))
    }

    /// The folder for what the servers need and write.
    pub(crate) fn scratch(&self) -> &Path {
        self.folder.path()
    }
}

/// The request path of one of the cold pages.
pub(crate) fn cold_path(index: usize) -> String {
    format!("/{COLD_FOLDER}/{index:04}.html")
}
