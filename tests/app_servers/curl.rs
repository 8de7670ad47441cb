//! Large uploads, by curl, and what they should come to.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A file of random bytes, and its SHA-256 in hexadecimal.
pub(crate) struct Sample {
    pub(crate) file: PathBuf,
    digest: String,
    length: u64,
}

/// 200 MB, made once.
pub(crate) fn large() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| sample(200_000_000))
}

/// 8 MB, for who takes no more by default.
pub(crate) fn moderate() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| sample(8_000_000))
}

fn sample(length: u64) -> Sample {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sample-{length}"));
    let make = "head -c $1 /dev/urandom > $2 && sha256sum $2";
    let output = Command::new("sh")
        .args(["-c", make, "sample", &length.to_string()])
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let digest = String::from_utf8(output.stdout[..64].to_vec()).unwrap();
    Sample {
        file,
        digest,
        length,
    }
}

impl Sample {
    /// What applications answer: length and digest.
    pub(crate) fn summary(&self) -> String {
        format!("{} {}", self.length, self.digest)
    }

    /// Sends the file to such an application.
    pub(crate) fn upload(&self, url: &str, more: &[&str]) {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--max-time", "120"])
            .args(more)
            .arg("--upload-file")
            .arg(&self.file)
            .arg(url)
            .output()
            .expect("curl");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(text.trim(), self.summary());
    }
}
