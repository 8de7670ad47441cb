//! Applications behind TLS: who is believed to be one, and who is shown what.

use std::fs;

use crate::harness::{Authority, Docroot, Pair, Response, TestServer, TlsServer};

/// An application behind TLS, and the authority that says who it is. `keys` are further tables of its configuration.
fn app(names: &[&str], keys: &str) -> (TlsServer, Authority) {
    let authority = Authority::new();
    let pair = authority.issue(names);
    let config =
        format!("[[certificate]]\ncert = \"$TLS/app.pem\"\nkey = \"$TLS/app.key\"\n{keys}\n");
    let app = TlsServer::start(&config, |folder| {
        pair.write(folder, "app");
        fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    });
    (app, authority)
}

/// Asks by way of a proxy that has the application's authority at hand, and perhaps a certificate.
fn ask(app: &TlsServer, authority: &Authority, client: Option<&Pair>, keys: &str) -> Response {
    let docroot = Docroot::standard();
    fs::write(docroot.parent().join("ca.pem"), authority.pem()).unwrap();
    if let Some(pair) = client {
        pair.write(docroot.parent(), "client");
    }
    let server = TestServer::start(
        docroot,
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n\
             [upstream.app]\nservers = [\"https://{}\"]\n{keys}\n",
            app.address()
        ),
    );
    server.get("/t.bin", &[])
}

const CA: &str = "tls_ca = \"$PARENT/ca.pem\"\n";

#[test]
fn a_server_has_to_be_who_it_says_by_an_authority_that_is_trusted() {
    let (app, authority) = app(&["app.test"], "");
    let name = "tls_server_name = \"app.test\"\n";
    let trusted = format!("{CA}{name}");
    ask(&app, &authority, None, &trusted)
        .expect(200)
        .expect_body(crate::harness::pattern(1000));
    let other = Authority::new();
    for (authority, keys) in [
        // The system's authorities know nothing of it.
        (&authority, name.to_owned()),
        (&other, trusted),
        (&authority, CA.to_owned()),
        (
            &authority,
            format!("{CA}tls_server_name = \"other.test\"\n"),
        ),
    ] {
        ask(&app, authority, None, &keys).expect(502);
    }
    ask(&app, &authority, None, "tls_verify = false").expect(200);
}

#[test]
fn an_address_may_be_what_a_certificate_is_for() {
    let (app, authority) = app(&["127.0.0.1"], "");
    ask(&app, &authority, None, CA).expect(200);
}

#[test]
fn http_2_is_spoken_where_it_is_asked_for() {
    let (app, authority) = app(&["127.0.0.1"], "");
    let docroot = Docroot::standard();
    fs::write(docroot.parent().join("ca.pem"), authority.pem()).unwrap();
    let server = TestServer::start(
        docroot,
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n\
             [upstream.app]\nservers = [\"h2://{}\"]\n{CA}\n",
            app.address()
        ),
    );
    for _ in 0..3 {
        server.get("/t.bin", &[]).expect(200);
    }
}

#[test]
fn a_server_that_wants_to_know_who_asks_is_shown_a_certificate() {
    let keys = "[tls]\nclient_ca = \"$TLS/ca.pem\"\nclient_auth = \"required\"\n";
    let (app, authority) = app(&["127.0.0.1"], keys);
    ask(&app, &authority, None, CA).expect(502);
    let pair = authority.issue_with(&[], &rcgen::PKCS_ECDSA_P256_SHA256, |params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    let shown =
        format!("{CA}tls_cert = \"$PARENT/client.pem\"\ntls_key = \"$PARENT/client.key\"\n");
    ask(&app, &authority, Some(&pair), &shown).expect(200);
}
