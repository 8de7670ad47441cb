//! How a connection begins: versions, protocols, resumption, and clients that take their time or speak something else.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustls::{HandshakeKind, ProtocolVersion};

use super::PAIR;
use crate::harness::{
    Authority, Client, H2Client, H2Outcome, PATIENCE, TlsClient, TlsServer, pattern,
};

fn serve(policy: &str) -> (TlsServer, Authority) {
    let authority = Authority::new();
    let pair = authority.issue(&["a.example"]);
    let server = TlsServer::start(&format!("{PAIR}{policy}"), |folder| pair.write(folder, "a"));
    (server, authority)
}

#[test]
fn both_versions_are_spoken() {
    let (server, authority) = serve("");
    for (version, expected) in [
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let client = TlsClient::with(&authority, None, &[version]);
        let mut client = client.connect(server.address(), "a.example");
        assert_eq!(client.tls().protocol_version(), Some(expected));
        client
            .get("/t.bin", &[])
            .expect(200)
            .expect_body(pattern(1000));
        client.finish();
    }
}

#[test]
fn an_older_version_than_the_least_is_refused() {
    let (server, authority) = serve("[tls]\nmin_version = \"1.3\"\n");
    let old = TlsClient::with(&authority, None, &[&rustls::version::TLS12]);
    let error = old
        .try_connect(server.address(), "a.example")
        .err()
        .expect("refused");
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    TlsClient::trusting(&authority)
        .connect(server.address(), "a.example")
        .get("/t.bin", &[])
        .expect(200);
}

#[test]
fn http_1_1_is_spoken_when_that_is_agreed_on_or_nothing_is() {
    let (server, authority) = serve("");
    for (protocols, agreed) in [
        (&[][..], None),
        (&["http/1.1"], Some(&b"http/1.1"[..])),
        (&["http/1.0", "http/1.1"], Some(b"http/1.1")),
    ] {
        let client = TlsClient::trusting(&authority).speaking(protocols);
        let mut client = client.connect(server.address(), "a.example");
        assert_eq!(client.tls().alpn_protocol(), agreed);
        client.get("/t.bin", &[]).expect(200);
    }
}

#[test]
fn http_2_is_agreed_on_and_spoken() {
    let (server, authority) = serve("");
    let client = TlsClient::trusting(&authority).speaking(&["http/1.1", "h2"]);
    let client = client.connect(server.address(), "a.example");
    assert_eq!(client.tls().alpn_protocol(), Some(&b"h2"[..]));
    let mut client = H2Client::over(client);
    let outcome = client.exchange(&[
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "a.example"),
        (":path", "/t.bin"),
    ]);
    assert_eq!(
        outcome,
        H2Outcome::Response {
            status: 200,
            body: pattern(1000)
        }
    );
}

#[test]
fn what_was_agreed_on_is_spoken_and_nothing_else() {
    // RFC 9113 §3.4: not HTTP/1.1 where HTTP/2 was agreed on, and the other way round.
    let (server, authority) = serve("");
    let connect = |protocol| {
        let client = TlsClient::trusting(&authority).speaking(&[protocol]);
        client.connect(server.address(), "a.example")
    };
    let sent = "GET /t.bin HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let mut client = connect("h2");
    client.send(sent);
    let answer = client.try_read_head(sent.as_bytes()).map(|_| ());
    let ended = |error: &String| error.contains("closed") || error.contains("ended");
    assert!(answer.as_ref().is_err_and(ended), "{answer:?}");

    let mut client = connect("http/1.1");
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let answer = client.read_some(13);
    assert_eq!(answer, b"HTTP/1.1 505 ", "{}", answer.escape_ascii());
}

#[test]
fn a_client_that_wants_another_protocol_is_refused() {
    let (server, authority) = serve("");
    let client = TlsClient::trusting(&authority).speaking(&["smtp"]);
    let error = client
        .try_connect(server.address(), "a.example")
        .err()
        .expect("refused");
    assert!(
        error.to_string().contains("NoApplicationProtocol"),
        "{error}"
    );
}

#[test]
fn sessions_are_resumed_whichever_worker_takes_the_connection() {
    let (server, authority) = serve("");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = TlsClient::with(&authority, None, &[version]);
        let mut kinds = Vec::new();
        for _ in 0..12 {
            let mut connection = client.connect(server.address(), "a.example");
            // The ticket comes with the first answer.
            connection.get("/t.bin", &[]).expect(200);
            kinds.push(connection.tls().handshake_kind());
            connection.finish();
        }
        assert_eq!(kinds[0], Some(HandshakeKind::Full));
        assert!(
            kinds[1..]
                .iter()
                .all(|kind| *kind == Some(HandshakeKind::Resumed)),
            "{kinds:?}"
        );
    }
}

#[test]
fn silence_and_half_a_handshake_are_cut_off_and_hold_nobody_up() {
    let (server, authority) = serve("[tls]\nhandshake_timeout = \"300ms\"\nhandshakes = 1\n");
    let mut slow: Vec<TcpStream> = (0..20)
        .map(|_| TcpStream::connect(server.address()).unwrap())
        .collect();
    for stream in &mut slow[10..] {
        // The head of a record that never comes.
        stream.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
    }
    let mut client = TlsClient::trusting(&authority).connect(server.address(), "a.example");
    client.get("/t.bin", &[]).expect(200);
    for mut stream in slow {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut rest = Vec::new();
        assert!(matches!(stream.read_to_end(&mut rest), Ok(0)) || rest.is_empty());
    }
}

#[test]
fn stalled_handshakes_give_their_places_up_when_there_are_none_left() {
    let (server, authority) = serve("[tls]\nhandshake_timeout = \"1m\"\nhandshakes = 1\n");
    let client = TlsClient::trusting(&authority);
    // A whole hello, and then nothing: a place is taken.
    let hello = recorded_hello(&client, &server);
    let mut stalled: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            stream.write_all(&hello).unwrap();
            stream
        })
        .collect();
    client
        .connect(server.address(), "a.example")
        .get("/t.bin", &[])
        .expect(200);
    for stream in &mut stalled {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
}

/// What a client says first.
fn recorded_hello(client: &TlsClient, server: &TlsServer) -> Vec<u8> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    assert_ne!(address, server.address());
    let client = client.clone();
    let connecting = std::thread::spawn(move || client.try_connect(address, "a.example").err());
    let (mut stream, _) = listener.accept().unwrap();
    let mut hello = vec![0; 16 << 10];
    let read = stream.read(&mut hello).unwrap();
    hello.truncate(read);
    drop(stream);
    connecting.join().unwrap().expect("nobody answered");
    hello
}

#[test]
fn plain_http_is_told_where_it_is() {
    let (server, _) = serve("");
    let mut client = Client::connect(server.address());
    let answer = client.get("/t.bin", &[]).expect(400);
    assert!(String::from_utf8_lossy(&answer.body).contains("This port speaks TLS"));
    assert_eq!(answer.value("Connection"), Some("close"));
    client.shut_write();
    client.expect_close();
}

#[test]
fn what_is_neither_is_cut_off() {
    let (server, authority) = serve("");
    for words in [
        &b"\x16\x03\x01\x00\x05hello"[..],
        b"\x80\x2e\x01\x00\x02",
        b"\0",
        b"\x15\x03\x01\x00\x02\x02\x00",
    ] {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(words).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).ok();
        assert!(
            said.len() < 16 && !said.starts_with(b"HTTP"),
            "{}",
            said.escape_ascii()
        );
    }
    TlsClient::trusting(&authority)
        .connect(server.address(), "a.example")
        .get("/t.bin", &[])
        .expect(200);
}

#[test]
fn silent_connections_do_not_hold_up_the_end() {
    let (mut server, _) = serve("[tls]\nhandshake_timeout = \"1h\"\n");
    let silent = TcpStream::connect(server.address()).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    server.stop_within(PATIENCE);
    drop(silent);
}
