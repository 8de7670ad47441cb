//! What HTTP is over TLS: the same, and its end is announced.

use std::io::Read as _;

use super::PAIR;
use crate::harness::{
    Authority, Client, H2Client, H2Outcome, TlsClient, TlsServer, pattern, request,
};

fn serve() -> (TlsServer, TlsClient) {
    let authority = Authority::new();
    let pair = authority.issue(&["a.example"]);
    let server = TlsServer::start(PAIR, |folder| pair.write(folder, "a"));
    (server, TlsClient::trusting(&authority))
}

fn connect(server: &TlsServer, client: &TlsClient) -> Client {
    client.connect(server.address(), "a.example")
}

#[test]
fn connections_are_kept_and_pipelines_answered() {
    let (server, client) = serve();
    let mut client = connect(&server, &client);
    for _ in 0..3 {
        client
            .get("/t.bin", &[])
            .expect(200)
            .expect_body(pattern(1000));
    }
    let text = request("GET", "/t.bin", &[]);
    client.send(text.repeat(5));
    for _ in 0..5 {
        client.read(&text).expect(200).expect_body(pattern(1000));
    }
    client.finish();
}

/// A client that does not hear it must think that somebody cut the connection: `expect_close` fails then.
#[test]
fn the_end_is_announced() {
    let (server, client) = serve();
    let mut closing = connect(&server, &client);
    closing.get("/t.bin", &["Connection: close"]).expect(200);
    closing.expect_close();
    let mut refused = connect(&server, &client);
    refused.exchange("GET / HTTP/1.1\r\n\r\n").expect(400);
    refused.expect_close();
}

#[test]
fn the_end_is_announced_when_the_server_stops() {
    let (mut server, client) = serve();
    let mut idle = connect(&server, &client);
    idle.get("/t.bin", &[]).expect(200);
    server.begin_shutdown();
    idle.expect_close();
}

#[test]
fn a_client_may_announce_its_end_and_still_be_answered() {
    let (server, client) = serve();
    let mut client = connect(&server, &client);
    let text = request("GET", "/t.bin", &[]);
    client.send(&text);
    client.shut_write();
    client.read(&text).expect(200).expect_body(pattern(1000));
    client.expect_close();
}

#[test]
fn large_files_arrive_byte_by_byte() {
    let (server, client) = serve();
    let large = pattern(24 << 20);
    server.docroot.write("large.bin", &large);
    let mut first = connect(&server, &client);
    assert!(
        first.get("/large.bin", &[]).expect(200).body == large,
        "HTTP/1.1"
    );
    first.get("/t.bin", &[]).expect(200);
    first.finish();
    let mut second = H2Client::over(connect(&server, &client.speaking(&["h2"])));
    let stream = second.begin(&[
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "a.example"),
        (":path", "/large.bin"),
    ]);
    second.widen(stream);
    match second.finish(stream) {
        H2Outcome::Response { status: 200, body } => assert!(body == large, "HTTP/2"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_slow_reader_gets_all_of_it() {
    let (server, client) = serve();
    let large = pattern(6 << 20);
    server.docroot.write("large.bin", &large);
    let mut client = connect(&server, &client);
    let text = request("GET", "/large.bin", &["Connection: close"]);
    client.send(&text);
    client.read_head(&text);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(client.count_to_end(), 6 << 20);
}

/// Bytes are missing and nothing announced the end: what a client has then it must not take for the whole.
#[test]
fn an_end_without_words_is_an_error_to_the_client_of_these_tests() {
    let (server, client) = serve();
    let mut client = connect(&server, &client);
    client.get("/t.bin", &[]).expect(200);
    client.stream().shutdown(std::net::Shutdown::Read).unwrap();
    assert_eq!(client.stream().read(&mut [0]).unwrap(), 0);
    assert!(client.try_read(b"GET").is_err());
}
