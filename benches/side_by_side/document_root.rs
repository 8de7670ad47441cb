//! The files that every server serves.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::Result;
use crate::cases::many_path;

/// How many different small files there are.
pub(crate) const MANY_COUNT: usize = 10_000;

/// The folder they are in.
pub(crate) const MANY_FOLDER: &str = "many";

/// The file whose ranges are asked for.
pub(crate) const LARGE: &str = "256m.bin";

/// Its complete length in bytes.
pub(crate) const LARGE_SIZE: u64 = 256 * MIB as u64;

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
        let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
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
        for index in 0..MANY_COUNT {
            fs::write(root.file(&many_path(index)), noise.bytes(2 * KIB))?;
        }
        let mut large = File::create(root.path().join(LARGE))?;
        for _ in 0..256 {
            large.write_all(&noise.bytes(MIB))?;
        }
        // A server may call a file that has just been written too young for a strong entity tag.
        std::thread::sleep(Duration::from_millis(2_500));
        Ok(root)
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

/// A xorshift generator: fast, repeatable, and not compressible.
struct Noise(u64);

impl Noise {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count);
        while bytes.len() < count {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            bytes.extend_from_slice(&self.0.to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}
