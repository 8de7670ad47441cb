//! The PROXY protocol: who may send it, what it must look like, and that nothing behind it is lost.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use axum::Extension;
use daemun::{Config, ConnectionInfo, Listener, Server, TlsSession};
use serde_json::Value;

use crate::harness::{
    Authority, Docroot, H2Client, H2Outcome, PATIENCE, TestServer, TlsClient, TlsServer,
    eventually, pattern, request,
};

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n";

/// A server whose listener requires the header from 127.0.0.1, and logs who asked.
fn server(further: &str) -> TestServer {
    TestServer::start(
        Docroot::standard(),
        &format!(
            r#"
            {further}
            [[listen]]
            address = "127.0.0.1:0"
            proxy_protocol = true
            proxy_protocol_from = ["127.0.0.1"]
            [[site]]
            docroot = "$ROOT"
            [limits]
            header_timeout = "500ms"
            [log]
            access = "json"
            file = "$PARENT/log"
            "#
        ),
    )
}

/// Who asked, as the log has it.
fn clients(server: &TestServer, count: usize) -> Vec<String> {
    let log = server.docroot.parent().join("log");
    let text = || fs::read_to_string(&log).unwrap_or_default();
    assert!(
        eventually(|| text().matches('\n').count() >= count),
        "{count} records: {}",
        text()
    );
    let client = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["client"].as_str().unwrap().to_owned()
    };
    text().lines().map(client).collect()
}

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    let start = b"\r\n\r\n\0\r\nQUIT\n";
    [start, &[command, family][..], &length, rest].concat()
}

const V4: [u8; 12] = [203, 0, 113, 7, 192, 0, 2, 2, 0xdb, 0xf4, 1, 0xbb];

fn get() -> String {
    request("GET", "/t.bin", &["Connection: close"])
}

#[test]
fn the_header_says_who_asks() {
    let server = server("");
    let mut v6 = [0; 36];
    v6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    v6[15] = 9;
    let tlv = [&V4[..], b"\x20\x00\x03abc"].concat();
    let large = [&V4[..], b"\x28\x30\x00", &[7; 0x3000]].concat();
    let cases: [(Vec<u8>, &str); 9] = [
        (V1.to_vec(), "192.0.2.1"),
        (
            b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n".to_vec(),
            "2001:db8::1",
        ),
        (v2(0x21, 0x11, &V4), "203.0.113.7"),
        (v2(0x21, 0x11, &tlv), "203.0.113.7"),
        (v2(0x21, 0x11, &large), "203.0.113.7"),
        (v2(0x21, 0x21, &v6), "2001:db8::9"),
        // The proxy's own address stands where it names nobody.
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (v2(0x20, 0x00, b""), "127.0.0.1"),
        (v2(0x21, 0x31, &[b'x'; 216]), "127.0.0.1"),
    ];
    for (count, (header, want)) in cases.iter().enumerate() {
        let mut client = server.connect();
        // In one piece with the request: what was read beyond the header is not lost.
        client.send([&header[..], get().as_bytes()].concat());
        client.read(get()).expect(200).expect_body(pattern(1000));
        client.expect_close();
        assert_eq!(clients(&server, count + 1)[count], *want);
    }
}

#[test]
fn the_header_may_come_byte_by_byte() {
    let server = server("");
    for header in [V1.to_vec(), v2(0x21, 0x11, &V4)] {
        let mut client = server.connect();
        for byte in &header {
            client.send([*byte]);
            thread::sleep(Duration::from_millis(1));
        }
        client.exchange(get()).expect(200);
    }
}

#[test]
fn requests_are_pipelined_behind_it_and_the_connection_lives_on() {
    let server = server("");
    let one = request("GET", "/t.bin", &[]);
    let mut client = server.connect();
    client.send([V1, one.as_bytes(), one.as_bytes()].concat());
    for _ in 0..2 {
        client.read(&one).expect(200).expect_body(pattern(1000));
    }
    client.exchange(&one).expect(200);
    assert_eq!(clients(&server, 3), ["192.0.2.1"; 3]);
}

#[test]
fn http_2_follows_it_too() {
    let server = server("");
    let mut client = server.connect();
    client.send(V1);
    let outcome = H2Client::over(client).get("/t.bin");
    assert!(matches!(outcome, H2Outcome::Response { status: 200, .. }));
    assert_eq!(clients(&server, 1), ["192.0.2.1"]);
}

#[test]
fn what_is_no_header_closes_the_connection_without_an_answer() {
    let server = server("");
    let huge = v2(0x21, 0x11, &vec![0; 65_535]);
    for bytes in [
        get().into_bytes(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\nGET / HTTP/1.1\r\n\r\n".to_vec(),
        format!("PROXY {}", "x".repeat(200)).into_bytes(),
        v2(0x11, 0x11, &V4),
        v2(0x21, 0x11, b"short"),
        v2(0x21, 0x11, &[&V4[..], b"\x03\x00\x04abcd"].concat()),
        v2(0x21, 0x11, &[&V4[..], b"\x01\xff\xffx"].concat()),
        huge,
        // Twice: the second is no request.
        [V1, V1].concat(),
    ] {
        let mut client = server.connect();
        client.send(&bytes);
        client.shut_write();
        let answer = client.read_to_end();
        let shown = bytes[..bytes.len().min(60)].escape_ascii();
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "),
            "{shown}: {}",
            answer.escape_ascii()
        );
    }
    // It still serves.
    let mut client = server.connect();
    client.send([V1, get().as_bytes()].concat());
    client.read(get()).expect(200);
}

#[test]
fn a_header_that_does_not_come_whole_is_given_up() {
    let server = server("");
    for part in [&b""[..], b"PROXY TCP4 192", &v2(0x21, 0x11, &V4)[..20]] {
        let mut client = server.connect();
        client.send(part);
        // Within the header timeout, which is short here.
        assert_eq!(client.read_to_end(), b"", "{}", part.escape_ascii());
    }
}

#[test]
fn nobody_else_may_send_it() {
    let server = TestServer::start(
        Docroot::standard(),
        r#"
        trusted_proxies = ["192.0.2.0/24"]
        [[listen]]
        address = "127.0.0.1:0"
        proxy_protocol = true
        [[site]]
        docroot = "$ROOT"
        "#,
    );
    for bytes in [[V1, get().as_bytes()].concat(), get().into_bytes()] {
        let mut client = server.connect();
        client.send(bytes);
        assert_eq!(client.read_to_end(), b"");
    }
}

#[test]
fn a_plain_listener_takes_no_header() {
    let server = TestServer::standard();
    let mut client = server.connect();
    client.send([V1, get().as_bytes()].concat());
    assert_eq!(client.read_to_end(), b"", "it is no HTTP");
}

#[test]
fn forwarding_fields_count_when_the_client_of_the_header_is_trusted() {
    let server = server("trusted_proxies = [\"203.0.113.0/24\", \"127.0.0.1\"]");
    let forwarded = request(
        "GET",
        "/t.bin",
        &["Connection: close", "X-Forwarded-For: 198.51.100.1"],
    );
    for (count, (header, want)) in [
        (v2(0x21, 0x11, &V4), "198.51.100.1"),
        (V1.to_vec(), "192.0.2.1"),
        // Somebody whom the trusted proxy cannot name is not that proxy.
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = server.connect();
        client.send([&header[..], forwarded.as_bytes()].concat());
        client.read(&forwarded).expect(200);
        assert_eq!(clients(&server, count + 1)[count], want);
    }
}

#[test]
fn a_unix_listener_takes_it_from_whoever_may_open_it() {
    let docroot = Docroot::standard();
    let socket = docroot.parent().join("socket");
    let text = format!(
        "[[listen]]\naddress = \"unix:{}\"\nproxy_protocol = true\n[[site]]\ndocroot = \"{}\"\n",
        socket.display(),
        docroot.root().display()
    );
    let config = Config::parse(&text, Path::new("/test.toml")).unwrap();
    let listener = Listener::bind(&config.listen()[0]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let server = Server::new(&config).unwrap();
        let (done, is_done) = tokio::sync::oneshot::channel::<()>();
        let serving = server.serve(vec![listener], async {
            is_done.await.ok();
        });
        let asked = tokio::task::spawn_blocking(move || {
            let mut answers = Vec::new();
            for header in [V1, b""] {
                let mut stream = UnixStream::connect(&socket).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.write_all(header).unwrap();
                stream.write_all(get().as_bytes()).unwrap();
                let mut answer = Vec::new();
                // What was sent and not read resets the connection.
                stream.read_to_end(&mut answer).ok();
                answers.push(answer);
            }
            answers
        });
        let asking = async {
            let answers = asked.await.unwrap();
            done.send(()).ok();
            assert!(answers[0].starts_with(b"HTTP/1.1 200 OK\r\n"));
            assert!(answers[1].is_empty());
        };
        let (result, ()) = tokio::join!(serving, asking);
        result.unwrap();
    });
}

#[test]
fn tls_comes_after_the_header() {
    const CONFIG: &str = "[[listen]]\naddress = \"127.0.0.1:0\"\ntls = true\nproxy_protocol = true\nproxy_protocol_from = [\"127.0.0.1\"]\n[[certificate]]\ncert = \"$TLS/a.pem\"\nkey = \"$TLS/a.key\"\n[[site]]\ndocroot = \"$ROOT\"\n";
    let authority = Authority::new();
    let pair = authority.issue(&["a.example"]);
    let server = TlsServer::start_whole(
        CONFIG,
        |folder| pair.write(folder, "a"),
        |config| {
            let tell = async |Extension(info): Extension<ConnectionInfo>,
                              Extension(tls): Extension<TlsSession>| {
                let name = tls.server_name().unwrap_or_default();
                format!("{:?} {} {name}", info.client(), info.is_https())
            };
            Server::with_app(
                config,
                axum::Router::new().route("/", axum::routing::get(tell)),
            )
        },
    );
    let client = TlsClient::trusting(&authority);
    let mut connected = client
        .try_connect_after(V1, server.address(), "a.example")
        .unwrap();
    for _ in 0..2 {
        connected
            .get("/", &[])
            .expect(200)
            .expect_body("Some(192.0.2.1:56324) true a.example");
    }
    let without = client.try_connect(server.address(), "a.example");
    assert!(without.is_err(), "without a header");
}
