//! The certificates that all servers share, made by openssl for this run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;

/// The kind of a certificate's key: what a handshake costs the server, mostly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Key {
    Rsa2048,
    EcdsaP256,
}

/// The files of a certificate and its key.
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// The pair of this kind in a folder, made when it is asked for first.
pub(crate) fn pair(folder: &Path, kind: Key) -> Result<Pair> {
    let (name, how): (_, &[&str]) = match kind {
        Key::Rsa2048 => ("rsa", &["-newkey", "rsa:2048"]),
        Key::EcdsaP256 => (
            "ecdsa",
            &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        ),
    };
    let pair = Pair {
        certificate: folder.join(format!("{name}.crt")),
        key: folder.join(format!("{name}.key")),
    };
    if pair.certificate.is_file() {
        return Ok(pair);
    }
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(how)
        .arg("-keyout")
        .arg(&pair.key)
        .arg("-out")
        .arg(&pair.certificate)
        .stdin(Stdio::null())
        .output()?;
    if !made.status.success() {
        return Err(format!("openssl: {}", String::from_utf8_lossy(&made.stderr)).into());
    }
    Ok(pair)
}
