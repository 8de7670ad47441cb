//! A certificate with its key: read, and checked before anybody is shown it.
//!
//! 1. The chain and the key are read from PEM.
//! 2. The key is one that can sign, and the one that the certificate speaks of.
//! 3. The certificate tells its names and its dates.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::config::CertificateSource;

/// A pair that may be used.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    /// The DNS names that it is for, in lower case; a wildcard begins with `*.`.
    pub(super) names: Vec<String>,
    pub(super) validity: Validity,
}

/// When a certificate may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(super) from: SystemTime,
    pub(super) until: SystemTime,
}

/// What the dates of a certificate come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    EndsSoon,
    Expired,
    NotYet,
}

/// Renewal should have happened by then; of short-lived certificates, the last third of their time.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Why a pair cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateError {
    /// Whether it is the key's file that is to be looked at, or else the certificate's.
    pub(crate) is_of_key: bool,
    pub(crate) what: String,
    pub(crate) help: String,
}

impl Certificate {
    /// Reads and checks the pair; its dates are the caller's to judge.
    pub(super) fn load(
        source: &CertificateSource,
        provider: &CryptoProvider,
    ) -> Result<Self, CertificateError> {
        let (cert_name, key_name) = source.names();
        let read = |path: &Path, is_of_key| {
            read(path).map_err(|(what, help)| CertificateError {
                is_of_key,
                what,
                help,
            })
        };
        let (cert, key) = match source {
            CertificateSource::Files { cert, key } => (read(cert, false)?, read(key, true)?),
            CertificateSource::Memory { cert, key } => (cert.to_vec(), key.to_vec()),
        };
        let chain = chain(&cert, &cert_name)?;
        let key = private_key(&key, &key_name)?;
        let key = provider
            .key_provider
            .load_private_key(key)
            .map_err(|_| wrong_key(
                format!("the key in {key_name} is of a kind that cannot be used"),
                "make an ECDSA key (P-256, P-384), an Ed25519 one, or an RSA one of 2048 to 8192 bits",
            ))?;
        let pair = CertifiedKey::new(chain, key);
        let (names, validity) = pair
            .end_entity_cert()
            .ok()
            .and_then(names_and_validity)
            .ok_or_else(|| wrong_certificate(
                format!("the first certificate in {cert_name} cannot be read"),
                "ask for a new one, or make the file anew: its PEM is sound, what is in it is not",
            ))?;
        if let Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) =
            pair.keys_match()
        {
            return Err(wrong_key(
                format!(
                    "the key in {key_name} is not that of the first certificate in {cert_name}"
                ),
                "name the key that the certificate was asked for with; in the file of the chain, the server's own certificate comes first",
            ));
        }
        Ok(Self {
            key: Arc::new(pair),
            names,
            validity,
        })
    }
}

impl Validity {
    pub(super) fn standing(self, now: SystemTime) -> Standing {
        let lifetime = self.until.duration_since(self.from).unwrap_or_default();
        match self.until.duration_since(now) {
            Err(_) => Standing::Expired,
            Ok(_) if now < self.from => Standing::NotYet,
            Ok(left) if left < SOON.min(lifetime / 3) => Standing::EndsSoon,
            Ok(_) => Standing::Good,
        }
    }
}

fn wrong_certificate(what: impl Into<String>, help: impl Into<String>) -> CertificateError {
    CertificateError {
        is_of_key: false,
        what: what.into(),
        help: help.into(),
    }
}

fn wrong_key(what: impl Into<String>, help: impl Into<String>) -> CertificateError {
    CertificateError {
        is_of_key: true,
        what: what.into(),
        help: help.into(),
    }
}

/// The bytes of a file, or what is wrong and what to do.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, (String, String)> {
    let shown = path.display();
    std::fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => (
            format!("the file `{shown}` does not exist"),
            "create it, or name another".to_owned(),
        ),
        io::ErrorKind::IsADirectory => (
            format!("`{shown}` is a folder"),
            "name the file in it".to_owned(),
        ),
        io::ErrorKind::PermissionDenied => (
            format!("the file `{shown}` may not be read by the user that runs the server"),
            "see to its permissions, and to those of the folders on the way".to_owned(),
        ),
        _ => (
            format!("the file `{shown}` cannot be read: {error}"),
            "name another file".to_owned(),
        ),
    })
}

/// All certificates in the file, the server's own first.
pub(super) fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    chain.ok().filter(|chain| !chain.is_empty())
}

fn chain(pem: &[u8], name: &str) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    certificates(pem).ok_or_else(|| {
        if PrivateKeyDer::from_pem_slice(pem).is_ok() {
            return wrong_certificate(
                format!("there is a private key in {name}, and no certificate"),
                "`cert` is the certificate with its chain, `key` the private key",
            );
        }
        wrong_certificate(
            format!("there is no certificate in {name}"),
            "it must be PEM, with lines that say `-----BEGIN CERTIFICATE-----`",
        )
    })
}

fn private_key(pem: &[u8], name: &str) -> Result<PrivateKeyDer<'static>, CertificateError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        let has = |words: &str| memchr::memmem::find(pem, words.as_bytes()).is_some();
        if has("BEGIN ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED") {
            wrong_key(
                format!("the key in {name} is locked with a passphrase"),
                "nobody is there to type it when the server starts: `openssl pkey -in LOCKED -out UNLOCKED` takes it off",
            )
        } else if has("BEGIN CERTIFICATE-") {
            wrong_key(
                format!("there is a certificate in {name}, and no private key"),
                "`cert` is the certificate with its chain, `key` the private key",
            )
        } else {
            wrong_key(
                format!("there is no private key in {name}"),
                "it must be PEM, with a line that says `-----BEGIN PRIVATE KEY-----`",
            )
        }
    })
}

fn names_and_validity(der: &CertificateDer<'_>) -> Option<(Vec<String>, Validity)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let alternatives = certificate.subject_alternative_name().ok()?;
    let names = alternatives.map_or_else(Vec::new, |names| {
        let dns = names
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
                _ => None,
            });
        dns.collect()
    });
    let at = |time: i64| {
        SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(time).unwrap_or_default())
    };
    let validity = Validity {
        from: at(certificate.validity().not_before.timestamp()),
        until: at(certificate.validity().not_after.timestamp()),
    };
    Some((names, validity))
}

/// For a certificate that was verified; both empty for one that cannot be read after all.
pub(super) fn subject_and_serial(der: &CertificateDer<'_>) -> (String, String) {
    match X509Certificate::from_der(der) {
        Ok((_, certificate)) => (
            certificate.subject().to_string(),
            certificate.raw_serial_as_string(),
        ),
        Err(_) => Default::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_judged_by_what_is_left() {
        const DAY: u64 = 24 * 60 * 60;
        let at = |days: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(days * DAY);
        for (from, until, now, expected) in [
            (100, 190, 99, Standing::NotYet),
            (100, 190, 100, Standing::Good),
            (100, 190, 175, Standing::Good),
            (100, 190, 177, Standing::EndsSoon),
            (100, 190, 189, Standing::EndsSoon),
            (100, 190, 191, Standing::Expired),
            // Six days in all: the last two.
            (100, 106, 103, Standing::Good),
            (100, 106, 105, Standing::EndsSoon),
        ] {
            let validity = Validity {
                from: at(from),
                until: at(until),
            };
            assert_eq!(validity.standing(at(now)), expected, "{from} {until} {now}");
        }
    }
}
