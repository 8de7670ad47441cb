//! Which certificate answers for which name.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, SignatureAlgorithm};

use super::certificate::{Certificate, Validity};
use crate::observe::status::CertificateStatus;

/// Certificates by the names that they are for.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Of several for one name, those that sign fastest first.
    exact: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    /// By what follows the star: `.example.com`.
    wildcards: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    /// The first, and those that share a name with it.
    default: Vec<Arc<CertifiedKey>>,
    /// What each says of itself, in the order of the configuration.
    certificates: Vec<(Vec<String>, Validity)>,
}

impl Table {
    /// `certificates` in the order of the configuration: the first is the default.
    pub(super) fn new<'a>(certificates: impl Iterator<Item = &'a Certificate>) -> Self {
        let mut this = Self::default();
        let certificates: Vec<_> = certificates.collect();
        let told = |certificate: &&Certificate| (certificate.names.clone(), certificate.validity);
        this.certificates = certificates.iter().map(told).collect();
        for certificate in &certificates {
            for name in &certificate.names {
                let (names, name) = match name.strip_prefix('*') {
                    Some(suffix) => (&mut this.wildcards, suffix),
                    None => (&mut this.exact, name.as_str()),
                };
                names
                    .entry(name.into())
                    .or_default()
                    .push(Arc::clone(&certificate.key));
            }
        }
        if let Some(first) = certificates.first() {
            let is_alike = |other: &&&Certificate| {
                Arc::ptr_eq(&other.key, &first.key)
                    || other.names.iter().any(|name| first.names.contains(name))
            };
            let alike = certificates.iter().filter(is_alike);
            this.default = alike.map(|alike| Arc::clone(&alike.key)).collect();
        }
        let lists = this.exact.values_mut().chain(this.wildcards.values_mut());
        for list in lists.chain([&mut this.default]) {
            list.sort_by_key(|key| key.key.algorithm() == SignatureAlgorithm::RSA);
        }
        this
    }

    /// Those for a name; an exact one wins over a wildcard, whose star stands for one label (RFC 9525 §6.3).
    fn named(&self, name: &str) -> Option<&[Arc<CertifiedKey>]> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let wildcard = || {
            let dot = name.find('.').filter(|dot| *dot > 0)?;
            self.wildcards.get(&name[dot..])
        };
        self.exact.get(name).or_else(wildcard).map(Vec::as_slice)
    }
}

/// The table that counts now; another is put in its place when files change.
#[derive(Debug)]
pub(super) struct Resolver {
    table: RwLock<Arc<Table>>,
    refuses_unknown_names: bool,
}

impl Resolver {
    pub(super) fn new(table: Table, refuses_unknown_names: bool) -> Self {
        Self {
            table: RwLock::new(Arc::new(table)),
            refuses_unknown_names,
        }
    }

    pub(super) fn replace(&self, table: Table) {
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }

    /// Those that are shown at the moment.
    pub(super) fn certificates(&self) -> Vec<CertificateStatus> {
        let seconds = |time: SystemTime| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH);
            since.unwrap_or_default().as_secs_f64()
        };
        let certificates = &self.table().certificates;
        let told = |(names, validity): &(Vec<String>, Validity)| CertificateStatus {
            names: names.clone(),
            not_before: seconds(validity.from),
            not_after: seconds(validity.until),
        };
        certificates.iter().map(told).collect()
    }

    /// Whether a client that asks for this name is to be turned away.
    pub(super) fn refuses(&self, name: Option<&str>) -> bool {
        self.refuses_unknown_names
            && name.is_none_or(|name| self.table().named(&lower(name)).is_none())
    }

    fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let table = self.table();
        let named = hello
            .server_name()
            .and_then(|name| table.named(&lower(name)));
        let of_name = match named {
            Some(of_name) => of_name,
            None if self.refuses_unknown_names => return None,
            None => &table.default,
        };
        if let [only] = of_name {
            return Some(Arc::clone(only));
        }
        let suits =
            |key: &&Arc<CertifiedKey>| suits(key, hello.signature_schemes(), hello.cipher_suites());
        // When none suits, the last says so in the handshake.
        of_name.iter().find(suits).or(of_name.last()).cloned()
    }
}

/// Nearly always it is already.
fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// Whether the client can verify what the key signs. Before TLS 1.3 the cipher suite says it as well.
fn suits(key: &CertifiedKey, schemes: &[rustls::SignatureScheme], suites: &[CipherSuite]) -> bool {
    let is_rsa = key.key.algorithm() == SignatureAlgorithm::RSA;
    let has_suite = suites.iter().any(|suite| {
        let name = suite.as_str().unwrap_or_default();
        name.starts_with("TLS13_")
            || name.starts_with(if is_rsa {
                "TLS_ECDHE_RSA_"
            } else {
                "TLS_ECDHE_ECDSA_"
            })
    });
    has_suite && key.key.choose_scheme(schemes).is_some()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use rustls::crypto::aws_lc_rs;
    use rustls::pki_types::PrivateKeyDer;

    use super::super::certificate::Validity;
    use super::*;

    fn certificate(algorithm: &'static rcgen::SignatureAlgorithm, names: &[&str]) -> Certificate {
        let key = rcgen::KeyPair::generate_for(algorithm).expect("a key");
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let signed = rcgen::CertificateParams::new(names.clone())
            .and_then(|params| params.self_signed(&key))
            .expect("a certificate");
        let der = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let key = aws_lc_rs::sign::any_supported_type(&der).expect("a key that can sign");
        let validity = Validity {
            from: SystemTime::UNIX_EPOCH,
            until: SystemTime::UNIX_EPOCH + Duration::from_secs(1),
        };
        Certificate {
            key: Arc::new(CertifiedKey::new(vec![signed.der().clone()], key)),
            names,
            validity,
        }
    }

    #[test]
    fn an_exact_name_wins_over_a_wildcard_whose_star_is_one_label() {
        let certificates = [
            certificate(&rcgen::PKCS_ED25519, &["example.com", "*.example.com"]),
            certificate(&rcgen::PKCS_ED25519, &["www.example.com"]),
        ];
        let table = Table::new(certificates.iter());
        for (name, expected) in [
            ("example.com", Some(0)),
            ("example.com.", Some(0)),
            ("a.example.com", Some(0)),
            ("www.example.com", Some(1)),
            ("a.b.example.com", None),
            (".example.com", None),
            ("badexample.com", None),
            ("example.org", None),
            ("com", None),
            ("", None),
        ] {
            let found = table.named(name).map(|found| &found[0]);
            let position = |found: &Arc<CertifiedKey>| {
                certificates
                    .iter()
                    .position(|certificate| Arc::ptr_eq(&certificate.key, found))
            };
            assert_eq!(found.and_then(position), expected, "{name}");
        }
    }

    #[test]
    fn of_two_for_one_name_the_faster_comes_first_and_the_default_has_both() {
        let rsa = certificate(&rcgen::PKCS_RSA_SHA256, &["example.com"]);
        let ecdsa = certificate(&rcgen::PKCS_ECDSA_P256_SHA256, &["example.com"]);
        let other = certificate(&rcgen::PKCS_ECDSA_P256_SHA256, &["example.org"]);
        let table = Table::new([&rsa, &ecdsa, &other].into_iter());
        for list in [table.named("example.com").expect("known"), &table.default] {
            assert_eq!(list.len(), 2);
            assert!(Arc::ptr_eq(&list[0], &ecdsa.key) && Arc::ptr_eq(&list[1], &rsa.key));
        }
    }

    #[test]
    fn a_client_gets_what_it_can_verify() {
        use rustls::SignatureScheme::{ECDSA_NISTP256_SHA256, RSA_PSS_SHA256};
        let rsa = certificate(&rcgen::PKCS_RSA_SHA256, &["example.com"]);
        let ecdsa = certificate(&rcgen::PKCS_ECDSA_P256_SHA256, &["example.com"]);
        let tls13 = CipherSuite::TLS13_AES_128_GCM_SHA256;
        let with_rsa = CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
        let with_ecdsa = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
        let both = [ECDSA_NISTP256_SHA256, RSA_PSS_SHA256];
        for (schemes, suite, by_ecdsa, by_rsa) in [
            (&both[..], tls13, true, true),
            (&both[1..], tls13, false, true),
            (&both[..1], tls13, true, false),
            (&both[..], with_rsa, false, true),
            (&both[..], with_ecdsa, true, false),
        ] {
            assert_eq!(
                suits(&ecdsa.key, schemes, &[suite]),
                by_ecdsa,
                "{schemes:?} {suite:?}"
            );
            assert_eq!(
                suits(&rsa.key, schemes, &[suite]),
                by_rsa,
                "{schemes:?} {suite:?}"
            );
        }
    }
}
