//! What was negotiated.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ProtocolVersion, ServerConnection};

use super::certificate;

/// What a client and the server agreed on when a TLS connection began. Cheap to clone.
///
/// Handlers of [`Server::with_app`](crate::Server::with_app) find it in the extensions of each request that came over TLS, so that
/// axum's `Extension<TlsSession>` (or `Option<Extension<TlsSession>>`, where plain HTTP is possible) extracts it.
///
/// The name in it is the one that the client asked for when it connected. A client may ask for other hosts over the same connection,
/// so what is served is chosen by each request's own host, and so must be what is allowed.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsSession(Arc<Agreed>);

#[derive(Debug, PartialEq, Eq)]
struct Agreed {
    version: ProtocolVersion,
    cipher_suite: Option<rustls::CipherSuite>,
    server_name: Option<Box<str>>,
    protocol: Option<Protocol>,
    client: Option<ClientCertificate>,
}

/// Agreed by ALPN (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http11,
    Http2,
}

/// The protocols that are offered, most wanted first.
pub(super) const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

impl TlsSession {
    pub(super) fn of(connection: &ServerConnection) -> Self {
        let protocol = match connection.alpn_protocol() {
            Some(b"h2") => Some(Protocol::Http2),
            Some(_) => Some(Protocol::Http11),
            None => None,
        };
        let client = connection
            .peer_certificates()
            .and_then(<[_]>::first)
            .map(ClientCertificate::of);
        Self(Arc::new(Agreed {
            version: connection
                .protocol_version()
                .unwrap_or(ProtocolVersion::TLSv1_2),
            cipher_suite: connection
                .negotiated_cipher_suite()
                .map(|suite| suite.suite()),
            server_name: connection.server_name().map(Into::into),
            protocol,
            client,
        }))
    }

    /// `"TLSv1.2"` or `"TLSv1.3"`.
    pub fn version(&self) -> &'static str {
        match self.0.version {
            ProtocolVersion::TLSv1_3 => "TLSv1.3",
            _ => "TLSv1.2",
        }
    }

    /// The cipher suite by its IANA name, such as `"TLS13_AES_128_GCM_SHA256"`.
    pub fn cipher_suite(&self) -> Option<&'static str> {
        self.0.cipher_suite.and_then(|suite| suite.as_str())
    }

    /// The name that the client asked for as it connected (SNI, RFC 6066), in lower case. None: it named none.
    pub fn server_name(&self) -> Option<&str> {
        self.0.server_name.as_deref()
    }

    /// What both sides agreed to speak (ALPN): `"h2"` or `"http/1.1"`. None: the client did not ask.
    pub fn protocol(&self) -> Option<&'static str> {
        self.0.protocol.map(|protocol| match protocol {
            Protocol::Http11 => "http/1.1",
            Protocol::Http2 => "h2",
        })
    }

    /// The client's certificate; it was verified against `client_ca`. None: it showed none.
    pub fn client_certificate(&self) -> Option<&ClientCertificate> {
        self.0.client.as_ref()
    }
}

impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession")
            .field("version", &self.version())
            .field("cipher_suite", &self.cipher_suite())
            .field("server_name", &self.server_name())
            .field("protocol", &self.protocol())
            .field("client_certificate", &self.client_certificate())
            .finish()
    }
}

/// A certificate that a client showed, and that was verified: it has not expired, and `client_ca` (or one that it vouches for) issued it
/// for clients.
///
/// Whether it was revoked is not looked at.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    subject: Box<str>,
    serial: Box<str>,
    der: CertificateDer<'static>,
}

impl ClientCertificate {
    fn of(der: &CertificateDer<'_>) -> Self {
        let (subject, serial) = certificate::subject_and_serial(der);
        Self {
            subject: subject.into(),
            serial: serial.into(),
            der: der.clone().into_owned(),
        }
    }

    /// Whom it names, in the order of the certificate: `"CN=alice, O=Example"`. Empty when it names nobody.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Its number, unique among those of its issuer: hexadecimal, in pairs with colons between them, `"01:ab"`.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The whole of it, encoded by DER (X.690).
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("subject", &self.subject)
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}
