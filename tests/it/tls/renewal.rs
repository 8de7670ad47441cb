//! Certificates that change on the disk while they are served.

use std::fs;
use std::time::Duration;

use rcgen::date_time_ymd;

use super::PAIR;
use crate::harness::{Authority, Pair, TlsClient, TlsServer, eventually};

/// Many times as long as the server needs to look once.
const SEVERAL_LOOKS: Duration = Duration::from_millis(400);

fn serve(pair: &Pair) -> TlsServer {
    TlsServer::start(&format!("{PAIR}[tls]\nrevalidate = \"20ms\"\n"), |folder| {
        pair.write(folder, "a");
    })
}

#[test]
fn a_new_pair_is_served_without_a_restart_and_open_connections_live_on() {
    let authority = Authority::new();
    let (old, new) = (
        authority.issue(&["a.example"]),
        authority.issue(&["a.example", "b.example"]),
    );
    let server = serve(&old);
    let client = TlsClient::trusting(&authority);
    let mut open = client.connect(server.address(), "a.example");
    open.get("/t.bin", &[]).expect(200);
    assert_eq!(client.shown(server.address(), "a.example"), old.der());
    new.write(&server.folder(), "a");
    assert!(eventually(
        || client.shown(server.address(), "a.example") == new.der()
    ));
    assert_eq!(
        client.shown(server.address(), "b.example"),
        new.der(),
        "its names are known as well"
    );
    open.get("/t.bin", &[]).expect(200);
}

#[test]
fn a_pair_that_does_not_match_is_refused_until_it_does() {
    let authority = Authority::new();
    let (old, new) = (
        authority.issue(&["a.example"]),
        authority.issue(&["a.example"]),
    );
    let server = serve(&old);
    let client = TlsClient::trusting(&authority);
    fs::write(server.folder().join("a.pem"), &new.cert).unwrap();
    std::thread::sleep(SEVERAL_LOOKS);
    assert_eq!(
        client.shown(server.address(), "a.example"),
        old.der(),
        "its key has not come"
    );
    fs::write(server.folder().join("a.key"), &new.key).unwrap();
    assert!(eventually(
        || client.shown(server.address(), "a.example") == new.der()
    ));
}

#[test]
fn what_cannot_be_used_is_refused() {
    let authority = Authority::new();
    let old = authority.issue(&["a.example"]);
    let dated = |from: i32, until: i32| {
        authority.issue_with(&["a.example"], &rcgen::PKCS_ECDSA_P256_SHA256, |params| {
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(until, 1, 1);
        })
    };
    let server = serve(&old);
    let client = TlsClient::trusting(&authority);
    let broken = Pair {
        cert: "nothing".to_owned(),
        key: old.key.clone(),
    };
    for bad in [dated(2000, 2001), dated(3000, 3001), broken] {
        bad.write(&server.folder(), "a");
        std::thread::sleep(SEVERAL_LOOKS);
        assert_eq!(client.shown(server.address(), "a.example"), old.der());
    }
    fs::remove_file(server.folder().join("a.pem")).unwrap();
    std::thread::sleep(SEVERAL_LOOKS);
    assert_eq!(client.shown(server.address(), "a.example"), old.der());
    let new = authority.issue(&["a.example"]);
    new.write(&server.folder(), "a");
    assert!(eventually(
        || client.shown(server.address(), "a.example") == new.der()
    ));
}

#[test]
fn links_may_be_switched_over() {
    let authority = Authority::new();
    let (old, new) = (
        authority.issue(&["a.example"]),
        authority.issue(&["a.example"]),
    );
    let server = TlsServer::start(&format!("{PAIR}[tls]\nrevalidate = \"20ms\"\n"), |folder| {
        old.write(folder, "old");
        new.write(folder, "new");
        for ending in ["pem", "key"] {
            std::os::unix::fs::symlink(format!("old.{ending}"), folder.join(format!("a.{ending}")))
                .unwrap();
        }
    });
    let client = TlsClient::trusting(&authority);
    assert_eq!(client.shown(server.address(), "a.example"), old.der());
    for ending in ["pem", "key"] {
        let folder = server.folder();
        std::os::unix::fs::symlink(format!("new.{ending}"), folder.join("link")).unwrap();
        fs::rename(folder.join("link"), folder.join(format!("a.{ending}"))).unwrap();
    }
    assert!(eventually(
        || client.shown(server.address(), "a.example") == new.der()
    ));
}

#[test]
fn a_reload_takes_another_policy_and_other_certificates_on_listeners_that_stay() {
    let authority = Authority::new();
    let (old, new) = (
        authority.issue(&["a.example"]),
        authority.issue(&["a.example"]),
    );
    let config = format!(
        "[[listen]]\naddress = \"127.0.0.1:0\"\ntls = true\n{PAIR}[[site]]\ndocroot = \"$ROOT\"\n"
    );
    let (tell, told) = std::sync::mpsc::channel();
    let prepare = |folder: &std::path::Path| {
        old.write(folder, "a");
        new.write(folder, "b");
    };
    let server = TlsServer::start_whole(&config, prepare, move |config| {
        let server = daemun::Server::new(config)?;
        tell.send(server.handle()).unwrap();
        Ok(server)
    });
    let handle = told.recv().unwrap();
    let client = TlsClient::trusting(&authority);
    let mut open = client.connect(server.address(), "a.example");
    open.get("/t.bin", &[]).expect(200);
    let place = |text: &str| {
        let text = text
            .replace("$ROOT", server.docroot.root().to_str().unwrap())
            .replace("$TLS", server.folder().to_str().unwrap())
            .replace("/a.", "/b.");
        daemun::Config::parse(&text, std::path::Path::new("test.toml")).unwrap()
    };
    handle
        .reload(&place(&format!("{config}[tls]\nmin_version = \"1.3\"\n")))
        .unwrap();
    let resumed = client.connect(server.address(), "a.example");
    assert_eq!(
        resumed.tls().handshake_kind(),
        Some(rustls::HandshakeKind::Resumed),
        "tickets are still good"
    );
    let fresh = TlsClient::trusting(&authority);
    assert_eq!(fresh.shown(server.address(), "a.example"), new.der());
    let older = TlsClient::with(&authority, None, &[&rustls::version::TLS12]);
    assert!(older.try_connect(server.address(), "a.example").is_err());
    open.get("/t.bin", &[]).expect(200);
    // And back to plain HTTP.
    handle
        .reload(&place(&config.replace("tls = true", "").replace(PAIR, "")))
        .unwrap();
    crate::harness::Client::connect(server.address())
        .get("/t.bin", &[])
        .expect(200);
    open.get("/t.bin", &[]).expect(200);
}
