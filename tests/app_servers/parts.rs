//! What `.ci/parts` has installed, and what it could not.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where the applications are that the servers run.
pub(crate) fn apps() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/app_servers/apps")
}

/// Where `.ci/parts` puts what is not Debian's: parts/ in cargo's target folder.
pub(crate) fn folder() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    target.expect("tmp/ is within it").join("parts")
}

/// Whether a part can be had. If not, the reason is told, past the capture of the test runner.
pub(crate) fn has(name: &str) -> bool {
    let parts = folder();
    if let Ok(reason) = fs::read_to_string(parts.join(format!("{name}.missing"))) {
        let line = format!(
            "SKIPPED: {name} cannot be had on this machine: {}\n",
            reason.trim()
        );
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return false;
    }
    // Written by every run, whatever came of it.
    assert!(
        parts.join(format!("{name}.log")).exists(),
        "the application servers are not installed: run .ci/parts"
    );
    true
}

/// Whether the tests may take minutes.
pub(crate) fn is_long() -> bool {
    std::env::var_os("DAEMUN_LONG").is_some_and(|value| value == "1")
}

/// The file of a program on PATH. Debian's servers are in /usr/sbin, which is not on everybody's.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut files = folders.map(|folder| folder.join(name));
    files
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{name} is not on PATH: run .ci/parts"))
}
