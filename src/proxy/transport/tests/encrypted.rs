//! TLS with servers.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

use super::*;

const TLS: Protocol = Protocol {
    is_tls: true,
    is_http2: false,
};

/// An authority of the test's own, in a folder.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn issue(&self, name: &str) -> (CertificateDer<'static>, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.file("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(self.file("key.pem"), key.serialize_pem()).unwrap();
        (certificate.der().clone(), key)
    }

    fn acceptor(&self, name: &str, wants_client: bool, protocols: &[&str]) -> TlsAcceptor {
        let (certificate, key) = self.issue(name);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if wants_client {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_single_cert(vec![certificate], key).unwrap();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// Of a client that trusts this one.
    fn config(&self) -> UpstreamConfig {
        let mut config = config(TLS);
        config.tls.ca = Some(self.file("ca.pem"));
        config
    }
}

async fn back(acceptor: TlsAcceptor) -> Back {
    Back::new(move |socket, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(socket).await else {
                return;
            };
            while head(&mut stream).await.is_some() {
                let name = stream
                    .get_ref()
                    .1
                    .server_name()
                    .unwrap_or("none")
                    .to_owned();
                stream.write_all(ok(&name).as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
            }
        }
    })
    .await
}

async fn kind(config: &UpstreamConfig, target: &Target) -> FailureKind {
    let transport = Transport::new(config).unwrap();
    let failure = get("/").send(&transport, target).await.unwrap_err();
    assert_eq!(failure.stage, Stage::NotSent);
    failure.kind
}

#[tokio::test]
async fn a_server_is_trusted_by_its_certificate() {
    let authority = Authority::new();
    let back = back(authority.acceptor("localhost", false, &["http/1.1"])).await;
    let target = target(back.address, TLS);
    let transport = Transport::new(&authority.config()).unwrap();
    for _ in 0..3 {
        assert_eq!(get("/").read(&transport, &target).await, "localhost");
    }
    assert_eq!(back.connections(), 1);

    let other = Authority::new();
    assert_eq!(kind(&other.config(), &target).await, FailureKind::Tls);
    let elsewhere = Target {
        host: "elsewhere".into(),
        ..target.clone()
    };
    assert_eq!(
        kind(&authority.config(), &elsewhere).await,
        FailureKind::Tls
    );

    let mut unverified = other.config();
    unverified.tls.verify = false;
    let transport = Transport::new(&unverified).unwrap();
    assert_eq!(get("/").read(&transport, &elsewhere).await, "elsewhere");

    let mut named = authority.config();
    named.tls.server_name = Some("localhost".into());
    let transport = Transport::new(&named).unwrap();
    assert_eq!(get("/").read(&transport, &elsewhere).await, "localhost");
}

#[tokio::test]
async fn an_address_is_a_name_as_well() {
    let authority = Authority::new();
    let back = back(authority.acceptor("127.0.0.1", false, &[])).await;
    let target = Target {
        host: "127.0.0.1".into(),
        ..target(back.address, TLS)
    };
    let transport = Transport::new(&authority.config()).unwrap();
    assert_eq!(get("/").read(&transport, &target).await, "none");
}

#[tokio::test]
async fn a_server_may_ask_who_comes() {
    let authority = Authority::new();
    let back = back(authority.acceptor("localhost", true, &[])).await;
    let target = target(back.address, TLS);
    let mut config = authority.config();
    let transport = Transport::new(&config).unwrap();
    assert!(get("/").send(&transport, &target).await.is_err());
    config.tls.client = Some((authority.file("cert.pem"), authority.file("key.pem")));
    let transport = Transport::new(&config).unwrap();
    assert_eq!(get("/").read(&transport, &target).await, "localhost");
}

#[tokio::test]
async fn http_2_is_agreed_on() {
    let authority = Authority::new();
    let both = Protocol {
        is_tls: true,
        is_http2: true,
    };
    let acceptor = authority.acceptor("localhost", false, &["h2", "http/1.1"]);
    let speaks = Back::new(move |socket, _| {
        let acceptor = acceptor.clone();
        async move {
            let stream = acceptor.accept(socket).await.unwrap();
            http2::serve(stream, 10, http2::tell).await;
        }
    })
    .await;
    let transport = Transport::new(&authority.config()).unwrap();
    let target_h2 = target(speaks.address, both);
    for _ in 0..2 {
        assert!(
            get("/")
                .read(&transport, &target_h2)
                .await
                .starts_with("GET")
        );
    }
    assert_eq!(speaks.connections(), 1);
    let silent = back(authority.acceptor("localhost", false, &[])).await;
    let target = target(silent.address, both);
    assert_eq!(kind(&authority.config(), &target).await, FailureKind::Tls);
}

#[tokio::test]
async fn a_handshake_is_part_of_the_time_to_connect() {
    let back = Back::new(|socket, _| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(socket);
    })
    .await;
    let authority = Authority::new();
    let mut config = authority.config();
    config.timeouts.connect = Duration::from_millis(100);
    let target = target(back.address, TLS);
    assert_eq!(kind(&config, &target).await, FailureKind::ConnectTimeout);
}

#[test]
fn files_that_cannot_be_used_are_told() {
    let authority = Authority::new();
    authority.issue("x");
    let (cert, key) = (authority.file("cert.pem"), authority.file("key.pem"));
    let other = Authority::new();
    other.issue("y");
    let missing = authority.file("missing.pem");
    for (ca, client, names) in [
        (Some(missing.clone()), None, &missing),
        (Some(key.clone()), None, &key),
        (None, Some((key.clone(), key.clone())), &key),
        (None, Some((cert.clone(), cert.clone())), &cert),
        (None, Some((cert.clone(), missing.clone())), &missing),
        (
            None,
            Some((cert.clone(), other.file("key.pem"))),
            &other.file("key.pem"),
        ),
    ] {
        let mut config = authority.config();
        if ca.is_some() {
            config.tls.ca = ca;
        }
        config.tls.client = client;
        let error = Transport::new(&config).unwrap_err();
        assert_eq!(error.path.as_ref(), Some(names), "{error}");
    }
    let mut config = authority.config();
    config.tls.server_name = Some("a b".into());
    assert!(Transport::new(&config).is_err());
}
