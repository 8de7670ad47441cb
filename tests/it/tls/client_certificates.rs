//! Clients that show who they are.

use axum::{Extension, Router, routing::get};
use daemun::{Server, TlsSession};
use rcgen::{DnType, ExtendedKeyUsagePurpose, SerialNumber, date_time_ymd};

use super::PAIR;
use crate::harness::{Authority, Pair, TlsClient, TlsServer, request};

struct Place {
    server: TlsServer,
    of_servers: Authority,
    of_clients: Authority,
}

impl Place {
    fn new(policy: &str) -> Self {
        let (of_servers, of_clients) = (Authority::new(), Authority::new());
        let pair = of_servers.issue(&["a.example"]);
        let config = format!("{PAIR}[tls]\nclient_ca = \"$TLS/clients.pem\"\n{policy}\n");
        let server = TlsServer::start(&config, |folder| {
            pair.write(folder, "a");
            std::fs::write(folder.join("clients.pem"), of_clients.pem()).unwrap();
        });
        Self {
            server,
            of_servers,
            of_clients,
        }
    }

    /// Whether a client with this certificate is answered.
    fn answers(&self, certificate: Option<&Pair>) -> bool {
        [&rustls::version::TLS12, &rustls::version::TLS13].map(|version| {
            let client = TlsClient::with(&self.of_servers, certificate, &[version]);
            // With TLS 1.3, the client's handshake is over before the server has looked at the certificate.
            let Ok(mut client) = client.try_connect(self.server.address(), "a.example") else {
                return false;
            };
            let text = request("GET", "/t.bin", &[]);
            client.send(&text);
            client
                .try_read(text.as_bytes())
                .is_ok_and(|response| response.status() == 200)
        }) == [true; 2]
    }
}

fn person(authority: &Authority) -> Pair {
    person_until(authority, 4000)
}

fn person_until(authority: &Authority, year: i32) -> Pair {
    authority.issue_with(&[], &rcgen::PKCS_ECDSA_P256_SHA256, |params| {
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Example");
        params.distinguished_name.push(DnType::CommonName, "alice");
        params.serial_number = Some(SerialNumber::from(vec![1, 0xab]));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
    })
}

#[test]
fn a_required_certificate_is_required() {
    for policy in ["", "client_auth = \"required\""] {
        let place = Place::new(policy);
        assert!(place.answers(Some(&person(&place.of_clients))));
        assert!(!place.answers(None));
    }
}

#[test]
fn an_optional_certificate_may_be_left_out() {
    let place = Place::new("client_auth = \"optional\"");
    assert!(place.answers(Some(&person(&place.of_clients))));
    assert!(place.answers(None));
}

#[test]
fn a_certificate_that_proves_nothing_is_refused() {
    for policy in ["client_auth = \"required\"", "client_auth = \"optional\""] {
        let place = Place::new(policy);
        assert!(
            !place.answers(Some(&person(&Authority::new()))),
            "of another authority"
        );
        assert!(
            !place.answers(Some(&person(&place.of_servers))),
            "of the server's authority"
        );
        assert!(
            !place.answers(Some(&person_until(&place.of_clients, 2001))),
            "expired"
        );
        let of_server =
            place
                .of_clients
                .issue_with(&["b.example"], &rcgen::PKCS_ECDSA_P256_SHA256, |params| {
                    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
                });
        assert!(!place.answers(Some(&of_server)), "not for clients");
    }
}

#[test]
fn no_certificate_is_asked_for_when_it_is_off() {
    let place = Place::new("client_auth = \"off\"");
    assert!(place.answers(None));
    assert!(
        place.answers(Some(&person(&Authority::new()))),
        "nobody looks at it"
    );
}

#[test]
fn handlers_are_told_what_was_agreed_on() {
    let (of_servers, of_clients) = (Authority::new(), Authority::new());
    let pair = of_servers.issue(&["a.example"]);
    let config = format!(
        "[[listen]]\naddress = \"127.0.0.1:0\"\ntls = true\n[[listen]]\naddress = \"127.0.0.1:0\"\n{PAIR}\
         [tls]\nclient_ca = \"$TLS/clients.pem\"\nclient_auth = \"optional\"\n[[site]]\ndocroot = \"$ROOT\"\n"
    );
    let prepare = |folder: &std::path::Path| {
        pair.write(folder, "a");
        std::fs::write(folder.join("clients.pem"), of_clients.pem()).unwrap();
    };
    let server = TlsServer::start_whole(&config, prepare, |config| {
        let whoami = async |session: Option<Extension<TlsSession>>| match session {
            None => "plain".to_owned(),
            Some(Extension(session)) => {
                let client = session.client_certificate();
                format!(
                    "{} {:?} {:?} {:?} {:?}",
                    session.version(),
                    session.server_name(),
                    session.protocol(),
                    client.map(daemun::ClientCertificate::subject),
                    client.map(daemun::ClientCertificate::serial),
                )
            }
        };
        Server::with_app(config, Router::new().route("/", get(whoami)))
    });
    let text = |response: crate::harness::Response| String::from_utf8(response.body).unwrap();
    let alice = person(&of_clients);
    let known =
        TlsClient::with(&of_servers, Some(&alice), rustls::ALL_VERSIONS).speaking(&["http/1.1"]);
    let mut known = known.connect(server.address(), "a.example");
    assert_eq!(
        text(known.get("/", &[])),
        r#"TLSv1.3 Some("a.example") Some("http/1.1") Some("CN=alice, O=Example") Some("01:ab")"#
    );
    let unknown = TlsClient::with(&of_servers, None, &[&rustls::version::TLS12]);
    let mut unknown = unknown.connect(server.address(), "a.example");
    assert_eq!(
        text(unknown.get("/", &[])),
        r#"TLSv1.2 Some("a.example") None None None"#
    );
    let mut plain = crate::harness::Client::connect(server.addresses[1]);
    assert_eq!(text(plain.get("/", &[])), "plain");
}
