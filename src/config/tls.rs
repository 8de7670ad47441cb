//! How TLS is to be spoken.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// The policy, and where the certificates are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsSettings {
    /// At least one; the first is the default.
    pub(crate) certificates: Vec<CertificateSource>,
    /// Default: 1.2.
    pub(crate) min_version: TlsVersion,
    pub(crate) unknown_names: UnknownNames,
    /// An absolute path; given unless `client_auth` is off.
    pub(crate) client_ca: Option<PathBuf>,
    pub(crate) client_auth: ClientAuth,
    /// Default: 10 s.
    pub(crate) handshake_timeout: Duration,
    /// Under way at a time; at least 1. Default: 1,000.
    pub(crate) handshakes: usize,
    /// How long certificates are trusted before their files are looked at. Default: 10 s.
    pub(crate) revalidate: Duration,
    pub(crate) key_log: bool,
}

impl TlsSettings {
    pub(crate) fn new(certificates: Vec<CertificateSource>) -> Self {
        Self {
            certificates,
            min_version: TlsVersion::Tls12,
            unknown_names: UnknownNames::Default,
            client_ca: None,
            client_auth: ClientAuth::Off,
            handshake_timeout: Duration::from_secs(10),
            handshakes: 1_000,
            revalidate: Duration::from_secs(10),
            key_log: false,
        }
    }

    /// Every file that is read for it.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let pairs = self.certificates.iter().filter_map(|source| match source {
            CertificateSource::Files { cert, key } => Some([cert, key]),
            CertificateSource::Memory { .. } => None,
        });
        pairs.flatten().chain(&self.client_ca).map(PathBuf::as_path)
    }
}

/// Where a certificate and its key come from; both are PEM.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum CertificateSource {
    /// Absolute paths.
    Files {
        cert: PathBuf,
        key: PathBuf,
    },
    Memory {
        cert: Arc<[u8]>,
        key: Arc<[u8]>,
    },
}

impl CertificateSource {
    /// What messages call the two.
    pub(crate) fn names(&self) -> (String, String) {
        let quoted = |path: &Path| format!("`{}`", path.display());
        match self {
            Self::Files { cert, key } => (quoted(cert), quoted(key)),
            Self::Memory { .. } => ("the chain given".to_owned(), "the key given".to_owned()),
        }
    }
}

impl fmt::Debug for CertificateSource {
    /// Keys are nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cert, key) = self.names();
        write!(f, "{cert} with {key}")
    }
}

/// The oldest version that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsVersion {
    Tls12,
    Tls13,
}

impl TlsVersion {
    pub(crate) const NAMES: [(&'static str, Self); 2] =
        [("1.2", Self::Tls12), ("1.3", Self::Tls13)];
}

/// What becomes of a client that asks for a name without a certificate, or for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnknownNames {
    /// The first certificate.
    Default,
    Refuse,
}

impl UnknownNames {
    pub(crate) const NAMES: [(&'static str, Self); 2] =
        [("default", Self::Default), ("refuse", Self::Refuse)];
}

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientAuth {
    Off,
    Optional,
    Required,
}

impl ClientAuth {
    pub(crate) const NAMES: [(&'static str, Self); 3] = [
        ("off", Self::Off),
        ("optional", Self::Optional),
        ("required", Self::Required),
    ];
}
