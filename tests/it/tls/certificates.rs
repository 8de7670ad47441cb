//! Which certificate is shown for which name.

use crate::harness::{Authority, Pair, TlsClient, TlsServer};

const THREE: &str = "
[[certificate]]
cert = \"$TLS/a.pem\"
key = \"$TLS/a.key\"
[[certificate]]
cert = \"$TLS/b.pem\"
key = \"$TLS/b.key\"
[[certificate]]
cert = \"$TLS/c.pem\"
key = \"$TLS/c.key\"
";

/// For `a.example`, for everything below `b.example`, for one name below it.
fn three(authority: &Authority) -> [Pair; 3] {
    [
        authority.issue(&["a.example"]),
        authority.issue(&["b.example", "*.b.example"]),
        authority.issue(&["c.b.example"]),
    ]
}

fn serve(pairs: &[Pair; 3], policy: &str) -> TlsServer {
    TlsServer::start(&format!("{THREE}{policy}"), |folder| {
        for (pair, name) in pairs.iter().zip(["a", "b", "c"]) {
            pair.write(folder, name);
        }
    })
}

#[test]
fn the_name_that_is_asked_for_chooses_the_certificate() {
    let authority = Authority::new();
    let pairs = three(&authority);
    let server = serve(&pairs, "");
    let client = TlsClient::trusting(&authority);
    for (name, expected) in [
        ("a.example", 0),
        ("A.EXAMPLE", 0),
        ("b.example", 1),
        ("www.b.example", 1),
        ("c.b.example", 2),
    ] {
        assert_eq!(
            client.shown(server.address(), name),
            pairs[expected].der(),
            "{name}"
        );
    }
}

#[test]
fn an_unknown_name_gets_the_first_certificate() {
    let authority = Authority::new();
    let pairs = three(&authority);
    let server = serve(&pairs, "");
    let client = TlsClient::trusting(&authority);
    for name in ["other.example", "x.y.b.example", "127.0.0.1"] {
        let error = client
            .try_connect(server.address(), name)
            .err()
            .expect("another name");
        assert!(
            error.to_string().contains("not valid for name"),
            "{name}: {error}"
        );
    }
}

#[test]
fn an_unknown_name_is_refused_when_that_is_asked_for() {
    let authority = Authority::new();
    let pairs = three(&authority);
    let server = serve(&pairs, "[tls]\nunknown_names = \"refuse\"\n");
    let client = TlsClient::trusting(&authority);
    for name in ["other.example", "x.y.b.example", "127.0.0.1"] {
        let error = client
            .try_connect(server.address(), name)
            .err()
            .expect("a refusal");
        assert!(
            error.to_string().contains("UnrecognisedName"),
            "{name}: {error}"
        );
    }
    client
        .connect(server.address(), "a.example")
        .get("/t.bin", &[])
        .expect(200);
}

#[test]
fn of_two_keys_for_a_name_a_client_gets_one_that_it_can_verify() {
    let authority = Authority::new();
    let ecdsa = authority.issue(&["a.example"]);
    let rsa = authority.issue_with(&["a.example"], &rcgen::PKCS_RSA_SHA256, |_| ());
    let config = THREE
        .split("[[certificate]]")
        .take(3)
        .collect::<Vec<_>>()
        .join("[[certificate]]");
    let server = TlsServer::start(&config, |folder| {
        rsa.write(folder, "a");
        ecdsa.write(folder, "b");
    });
    let client = TlsClient::trusting(&authority);
    assert_eq!(client.shown(server.address(), "a.example"), ecdsa.der());
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| {
        suite.suite() == rustls::CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    });
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(rustls::pki_types::pem::PemObject::from_pem_slice(authority.pem().as_bytes()).unwrap())
        .unwrap();
    let of_rsa = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = client.but(|config| *config = of_rsa);
    assert_eq!(client.shown(server.address(), "a.example"), rsa.der());
}
