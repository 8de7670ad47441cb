//! What a connection may cost over its life: time to take an answer, age, requests, and how many a client may have.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::harness::{Client, Docroot, PATIENCE, TestServer, eventually, request};

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let keys = "[limits]\nwrite_timeout = \"300ms\"\n";
    let docroot = Docroot::empty();
    docroot.sparse("big", 256 << 20);
    let site = TestServer::with_docroot(docroot, keys);
    let (app, _) = TestServer::app(keys);
    for (server, target) in [(&site, "/big"), (&app, "/endless")] {
        let mut client = server.connect();
        client.send(request("GET", target, &[]));
        std::thread::sleep(Duration::from_millis(2500));
        let mut taken = 0;
        loop {
            let piece = client.read_some(usize::MAX);
            if piece.is_empty() {
                break;
            }
            taken += piece.len();
            assert!(taken < 128 << 20, "{target}: the server goes on");
        }
        server
            .exchange(request("GET", "/x", &[]))
            .expect_any(&[200, 404]);
    }
}

#[test]
fn a_client_that_takes_a_little_now_and_then_is_not() {
    let docroot = Docroot::empty();
    docroot.sparse("big", 24 << 20);
    let server = TestServer::with_docroot(docroot, "[limits]\nwrite_timeout = \"3s\"\n");
    let mut client = server.connect();
    let text = request("GET", "/big", &["Connection: close"]);
    client.send(&text);
    client.read_head(&text);
    let mut taken = 0;
    for _ in 0..30 {
        std::thread::sleep(Duration::from_millis(150));
        // More than one buffer of the system, so that room is made on the other side.
        for _ in 0..40 {
            taken += client.read_some(usize::MAX).len() as u64;
        }
    }
    assert_eq!(taken + client.count_to_end(), 24 << 20);
}

#[test]
fn a_connection_grows_no_older_than_its_age() {
    let keys = "[limits]\nconnection_age = \"300ms\"\n";
    let (app, _) = TestServer::app(keys);
    let site = TestServer::with_site(keys);
    for (server, target) in [(&app, "/x"), (&site, "/t.bin")] {
        let mut client = server.connect();
        let begun = Instant::now();
        let text = request("GET", target, &[]);
        loop {
            client.send(&text);
            let Ok(response) = client.try_read(text.as_bytes()) else {
                break;
            };
            if response.expect(200).lists("Connection", "close") {
                client.expect_close();
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{target}");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(begun.elapsed() >= Duration::from_millis(250), "{target}");
    }
}

#[test]
fn an_answer_under_way_outlives_the_age() {
    let (server, _) = TestServer::app("[limits]\nconnection_age = \"200ms\"\n");
    let mut client = server.connect();
    client
        .get("/drip", &[])
        .expect(200)
        .expect_body("drop".repeat(5));
    server
        .connect()
        .get("/slow", &[])
        .expect(200)
        .expect_body("at last");
}

#[test]
fn an_idle_connection_ends_at_its_age() {
    let (server, _) = TestServer::app("[limits]\nconnection_age = \"500ms\"\n");
    let mut client = server.connect();
    client.get("/x", &[]).expect(200);
    let begun = Instant::now();
    client.expect_close();
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
}

#[test]
fn a_connection_carries_so_many_requests() {
    let keys = "[limits]\nrequests_per_connection = 3\n";
    let (app, journal) = TestServer::app(keys);
    let site = TestServer::with_site(keys);
    for (server, target) in [(&app, "/x"), (&site, "/t.bin")] {
        let mut client = server.connect();
        let text = request("GET", target, &[]);
        client.send(text.repeat(5));
        for turn in 1..=3 {
            let response = client.read(&text).expect(200);
            assert_eq!(
                response.lists("Connection", "close"),
                turn == 3,
                "{turn}: {response:?}"
            );
        }
        client.expect_close();
        server.exchange(&text).expect(200);
    }
    assert_eq!(journal.seen().len(), 4);
}

#[test]
fn a_client_has_so_many_connections() {
    let server = TestServer::with_site("[limits]\nconnections_per_client = 2\n");
    let (mut one, mut two) = (server.connect(), server.connect());
    one.get("/t.bin", &[]).expect(200);
    two.get("/t.bin", &[]).expect(200);
    let mut third = server.connect();
    let text = request("GET", "/t.bin", &[]);
    third.send(&text);
    let refused = third.try_read(text.as_bytes());
    assert!(
        !matches!(&refused, Ok(response) if ![429, 503].contains(&response.status())),
        "{refused:?}"
    );
    // Another client is served, and those that were there go on.
    from("127.0.0.2", server.address)
        .get("/t.bin", &[])
        .expect(200);
    one.get("/t.bin", &[]).expect(200);
    two.finish();
    assert!(
        eventually(|| {
            let mut client = server.connect();
            client.send(&text);
            client
                .try_read(text.as_bytes())
                .is_ok_and(|response| response.status() == 200)
        }),
        "there is room again"
    );
}

/// A connection from another address of the loopback network.
fn from(client: &str, server: SocketAddr) -> Client {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let own: SocketAddr = format!("{client}:0").parse().unwrap();
    socket.bind(&own.into()).unwrap();
    socket.connect(&server.into()).unwrap();
    Client::over(TcpStream::from(socket))
}
