//! TLS.
//!
//! 1. Certificates are read and checked ([`certificate`]) when the configuration is read, so that what is wrong is told with its place.
//! 2. They are found by the name that a client asks for ([`table`]).
//! 3. Their files are watched, and what has changed is taken when it is good ([`watch`]).
//! 4. A connection begins with a handshake ([`handshake`]), comes to a session ([`session`]), and goes on encrypted ([`stream`]).

mod certificate;
mod handshake;
mod session;
mod stream;
mod table;
mod watch;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{KeyLogFile, RootCertStore, ServerConfig};
use tokio::sync::Semaphore;

use self::certificate::Certificate;
pub(crate) use self::certificate::CertificateError;
pub use self::session::{ClientCertificate, TlsSession};
use self::table::{Resolver, Table};
use self::watch::Watch;
use crate::config::{CertificateSource, ClientAuth, TlsSettings, TlsVersion, UnknownNames};
use crate::observe::status::CertificateStatus;

/// How TLS is spoken, with certificates at hand: one for a configuration, shared by its listeners and all workers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tls(Arc<Inner>);

struct Inner {
    settings: TlsSettings,
    /// As they were read with the configuration.
    certificates: Vec<Certificate>,
    resolver: Arc<Resolver>,
    config: Arc<ServerConfig>,
    /// One for each handshake that may be under way.
    places: Semaphore,
    /// Begun with the first listener, ended with the last.
    watch: OnceLock<Watch>,
}

/// What keeps settings from being used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TlsError {
    /// The certificate with this index.
    Certificate(usize, CertificateError),
    /// What is wrong with `client_ca`, and what to do.
    ClientCa(String, String),
    /// Anything else; nothing in the settings would mend it.
    Other(String),
}

impl Tls {
    /// Reads and checks all that the settings name.
    pub(crate) fn new(settings: TlsSettings) -> Result<Self, Vec<TlsError>> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let (certificates, mut errors) = load_all(&settings, &provider);
        let config =
            server_config(&settings, &certificates, &provider).map_err(|error| errors.push(error));
        match config {
            Ok((config, resolver)) if errors.is_empty() => {
                watch::tell_of_dates(&settings, certificates.iter());
                Ok(Self(Arc::new(Inner {
                    places: Semaphore::new(settings.handshakes.min(Semaphore::MAX_PERMITS)),
                    settings,
                    certificates,
                    resolver,
                    config: Arc::new(config),
                    watch: OnceLock::new(),
                })))
            }
            _ => Err(errors),
        }
    }

    pub(crate) fn settings(&self) -> &TlsSettings {
        &self.0.settings
    }

    /// Whether both are one, so that what is told of either is told of both.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The certificates that are shown at the moment.
    pub(super) fn certificates(&self) -> Vec<CertificateStatus> {
        self.0.resolver.certificates()
    }

    /// Has the files of the certificates looked at from now on, as long as any clone of this is held.
    pub(super) fn watch(&self) {
        let Inner {
            settings,
            certificates,
            resolver,
            watch,
            ..
        } = &*self.0;
        watch.get_or_init(|| Watch::start(settings, certificates, resolver));
    }
}

/// Every certificate that can be used, and what is wrong with the others.
fn load_all(
    settings: &TlsSettings,
    provider: &CryptoProvider,
) -> (Vec<Certificate>, Vec<TlsError>) {
    let (mut certificates, mut errors) = (Vec::new(), Vec::new());
    for (index, source) in settings.certificates.iter().enumerate() {
        match Certificate::load(source, provider) {
            Ok(certificate) => certificates.push(certificate),
            Err(error) => errors.push(TlsError::Certificate(index, error)),
        }
    }
    (certificates, errors)
}

fn server_config(
    settings: &TlsSettings,
    certificates: &[Certificate],
    provider: &Arc<CryptoProvider>,
) -> Result<(ServerConfig, Arc<Resolver>), TlsError> {
    let other = |error: rustls::Error| TlsError::Other(error.to_string());
    let versions: &[_] = match settings.min_version {
        TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let refuses = settings.unknown_names == UnknownNames::Refuse;
    let resolver = Arc::new(Resolver::new(Table::new(certificates.iter()), refuses));
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .map_err(other)?;
    let builder = match client_verifier(settings, provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::clone(&resolver) as _);
    config.alpn_protocols = session::PROTOCOLS.map(Vec::from).to_vec();
    // Sessions are resumed by tickets alone: nothing is kept here, and workers need not contend for it.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = ticketer(settings).map_err(other)?;
    if settings.key_log {
        tracing::warn!(
            "`key_log` is on: whoever reads the file that SSLKEYLOGFILE names can read all that is sent"
        );
        config.key_log = Arc::new(KeyLogFile::new());
    }
    Ok((config, resolver))
}

/// Makes and opens tickets, with keys that change by themselves (every six hours; a ticket is good for twelve).
///
/// Its keys are those of the process, so that a new reading of the configuration costs clients no handshake. With client certificates
/// they are not: a ticket holds what was verified, and the next configuration may trust others.
fn ticketer(settings: &TlsSettings) -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    static OF_PROCESS: OnceLock<Arc<dyn ProducesTickets>> = OnceLock::new();
    if settings.client_auth != ClientAuth::Off {
        return aws_lc_rs::Ticketer::new();
    }
    if let Some(ticketer) = OF_PROCESS.get() {
        return Ok(Arc::clone(ticketer));
    }
    let ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(Arc::clone(OF_PROCESS.get_or_init(|| ticketer)))
}

fn client_verifier(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let (Some(file), true) = (&settings.client_ca, settings.client_auth != ClientAuth::Off) else {
        return Ok(None);
    };
    let wrong = |(what, help)| TlsError::ClientCa(what, help);
    let roots = authorities(file, "clients").map_err(wrong)?;
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match settings.client_auth {
        ClientAuth::Optional => builder.allow_unauthenticated(),
        ClientAuth::Off | ClientAuth::Required => builder,
    };
    let built = builder.build().map(Some);
    built.map_err(|error| wrong(unusable(file, "clients", &error)))
}

/// The authorities in a file, by whose word `peers` are known; or what is wrong, and what to do.
pub(crate) fn authorities(file: &Path, peers: &str) -> Result<RootCertStore, (String, String)> {
    let pem = certificate::read(file)?;
    let authorities = certificate::certificates(&pem).ok_or_else(|| {
        (
            format!("there is no certificate in `{}`", file.display()),
            "it must be PEM, with lines that say `-----BEGIN CERTIFICATE-----`".to_owned(),
        )
    })?;
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        let added = roots.add(authority);
        added.map_err(|error| unusable(file, peers, &error))?;
    }
    Ok(roots)
}

fn unusable(file: &Path, peers: &str, error: &dyn fmt::Display) -> (String, String) {
    let shown = file.display();
    (
        format!("a certificate in `{shown}` cannot be used to verify {peers}: {error}"),
        format!("name the certificates of the authorities that issue those of the {peers}"),
    )
}

/// A certificate with its key, to be shown to a server that asks for one.
pub(crate) fn certified_key(
    source: &CertificateSource,
) -> Result<Arc<CertifiedKey>, CertificateError> {
    Certificate::load(source, &aws_lc_rs::default_provider()).map(|certificate| certificate.key)
}

impl PartialEq for Tls {
    /// Whether both came from the same settings; the files that they name may have changed in between.
    fn eq(&self, other: &Self) -> bool {
        self.0.settings == other.0.settings
    }
}

impl Eq for Tls {}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.0.settings).finish()
    }
}
