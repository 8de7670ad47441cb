//! TLS with servers: whom to trust, whom to show, what to speak.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::TransportError;
use super::exchange::Target;
use crate::config::upstream::UpstreamTls;

#[derive(Debug)]
pub(super) struct Tls {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    /// Asked for and expected in place of the host.
    name: Option<ServerName<'static>>,
}

impl Tls {
    pub(super) fn new(config: &UpstreamTls) -> Result<Self, TransportError> {
        let name = config.server_name.as_deref().map(|name| {
            ServerName::try_from(name.to_owned()).map_err(|_| TransportError {
                path: None,
                what: format!("{name:?} is not a name that a server can have"),
                help: "write a host name or an address, without a port".into(),
            })
        });
        let http1 = client_config(config)?;
        let mut http2 = http1.clone();
        http2.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self {
            http1: Arc::new(http1),
            http2: Arc::new(http2),
            name: name.transpose()?,
        })
    }

    pub(super) async fn encrypt<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        target: &Target,
        socket: S,
    ) -> io::Result<TlsStream<S>> {
        let name = match &self.name {
            Some(name) => name.clone(),
            // An address may stand in brackets.
            None => ServerName::try_from(target.host.trim_matches(['[', ']']).to_owned())
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
        };
        let config = if target.protocol.is_http2 {
            &self.http2
        } else {
            &self.http1
        };
        let stream = TlsConnector::from(Arc::clone(config))
            .connect(name, socket)
            .await?;
        // RFC 9113 §3.3; who offers nothing else agrees on it or on nothing.
        if target.protocol.is_http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the server does not speak HTTP/2",
            ));
        }
        Ok(stream)
    }
}

/// For HTTP/1.1.
pub(crate) fn client_config(config: &UpstreamTls) -> Result<ClientConfig, TransportError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let other = |error: &dyn std::fmt::Display| TransportError {
        path: config.ca.clone(),
        what: format!("TLS to servers cannot be set up: {error}"),
        help: "look at tls_ca, tls_cert and tls_key".into(),
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| other(&error))?;
    let builder = if config.verify {
        let roots = Arc::new(roots(config.ca.as_deref())?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|error| other(&error))?;
        builder.with_webpki_verifier(verifier)
    } else {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
    };
    let mut built = match &config.client {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => builder
            .with_client_auth_cert(certificates(cert)?, private_key(key)?)
            .map_err(|error| TransportError {
                path: Some(key.clone()),
                what: format!("{} cannot be shown to servers: {error}", cert.display()),
                help: "name the key that the certificate was asked for with".into(),
            })?,
    };
    built.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(built)
}

/// Those of the file, or else the system's.
fn roots(file: Option<&Path>) -> Result<RootCertStore, TransportError> {
    let mut roots = RootCertStore::empty();
    let Some(file) = file else {
        let found = rustls_native_certs::load_native_certs();
        // There are some that nobody can read on many systems.
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            let why = found.errors.first().map(ToString::to_string);
            return Err(TransportError {
                path: None,
                what: format!(
                    "this system has no authorities to trust{}",
                    why.map(|why| format!(" ({why})")).unwrap_or_default()
                ),
                help: "install them (the package is ca-certificates on most systems), or name a file with tls_ca".into(),
            });
        }
        return Ok(roots);
    };
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| TransportError {
            path: Some(file.to_owned()),
            what: format!(
                "a certificate in {} cannot be used: {error}",
                file.display()
            ),
            help: "ask for a new one, or leave it out".into(),
        })?;
    }
    Ok(roots)
}

/// At least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TransportError> {
    let pem = read(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(|| TransportError {
            path: Some(file.to_owned()),
            what: format!("there is no certificate in {}", file.display()),
            help: "name a file in PEM, with -----BEGIN CERTIFICATE-----".into(),
        })
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TransportError> {
    PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|_| TransportError {
        path: Some(file.to_owned()),
        what: format!("there is no private key in {}", file.display()),
        help: "name a file in PEM, with -----BEGIN PRIVATE KEY-----, not encrypted".into(),
    })
}

fn read(file: &Path) -> Result<Vec<u8>, TransportError> {
    std::fs::read(file).map_err(|error| TransportError {
        path: Some(file.to_owned()),
        what: format!("{} cannot be read: {error}", file.display()),
        help: "check the path, and who may read the file".into(),
    })
}

/// Takes any certificate, as it was told to: the connection is encrypted, with nobody knows whom.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
