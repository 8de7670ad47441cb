//! The end: what is being sent is sent, nothing new begins.

use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{
    Client, Docroot, H2Client, H2Outcome, PATIENCE, TestServer, eventually, pattern, request,
};

const LARGE: u64 = 32 << 20;

fn with_large_file(settings: &str) -> TestServer {
    let docroot = Docroot::standard();
    docroot.sparse("big", LARGE);
    TestServer::with_docroot(docroot, settings)
}

#[test]
fn a_server_without_connections_stops_at_once() {
    let mut server = TestServer::standard();
    server.get("/t.bin", &[]).expect(200);
    server.stop_within(PATIENCE / 2);
}

#[test]
fn a_download_is_completed() {
    let mut server = with_large_file("");
    let mut client = server.connect();
    let text = request("GET", "/big", &[]);
    client.send(&text);
    client.read_head(&text);
    server.begin_shutdown();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(
        client.count_to_end(),
        LARGE,
        "all of it, then the end of the connection"
    );
    server.stop_within(PATIENCE);
}

#[test]
fn idle_connections_are_closed() {
    let mut server = TestServer::standard();
    let mut idle: Vec<Client> = (0..5).map(|_| server.connect()).collect();
    for client in &mut idle {
        client.get("/t.bin", &[]).expect(200);
    }
    server.begin_shutdown();
    for client in &mut idle {
        client.expect_close();
    }
    server.stop_within(PATIENCE / 2);
}

#[test]
fn a_connection_that_never_asked_is_closed() {
    let mut server = TestServer::standard();
    server.get("/t.bin", &[]).expect(200);
    let mut silent = server.connect();
    std::thread::sleep(Duration::from_millis(50));
    server.begin_shutdown();
    silent.expect_close();
    server.stop_within(PATIENCE / 2);
}

#[test]
fn new_connections_are_refused() {
    let mut server = with_large_file("");
    let mut client = server.connect();
    let text = request("GET", "/big", &[]);
    client.send(&text);
    client.read_head(&text);
    server.begin_shutdown();
    let address = server.address;
    let refused = eventually(|| match TcpStream::connect_timeout(&address, PATIENCE) {
        Err(_) => true,
        // Taken into the backlog just before the listener closed: it gets no answer.
        Ok(stream) => {
            let mut late = Client::over(stream);
            late.send(request("GET", "/t.bin", &[]));
            late.read_to_end().is_empty()
        }
    });
    assert!(refused);
    assert_eq!(client.count_to_end(), LARGE);
    server.stop_within(PATIENCE);
}

#[test]
fn the_last_response_of_a_busy_connection_says_so() {
    let mut server = with_large_file("");
    let mut client = server.connect();
    let (big, small) = (request("GET", "/big", &[]), request("GET", "/t.bin", &[]));
    client.send(format!("{big}{small}"));
    client.read_head(&big);
    server.begin_shutdown();
    std::thread::sleep(Duration::from_millis(100));
    let rest = client.count_to_end();
    // The pipelined request may be answered once more or not at all, but the connection ends.
    assert!(
        rest == LARGE || (rest > LARGE + 1000 && rest < LARGE + 4096),
        "{rest}"
    );
    server.stop_within(PATIENCE);
}

#[test]
fn who_does_not_read_is_cut_at_the_deadline() {
    let mut server = with_large_file("[limits]\ndrain_timeout = \"300ms\"\n");
    let mut client = server.connect();
    let text = request("GET", "/big", &[]);
    client.send(&text);
    client.read_head(&text);
    let result = server
        .stops_within(PATIENCE / 2)
        .expect("one client holds nobody longer than the drain timeout");
    assert!(
        result.is_err_and(|error| error.contains("drain")),
        "and whoever waits is told"
    );
    assert!(client.count_to_end() < LARGE);
}

#[test]
fn workers_stop_together() {
    let docroot = Docroot::standard();
    docroot.sparse("big", LARGE);
    let mut server = TestServer::start_with_workers(docroot, "[[site]]\ndocroot = \"$ROOT\"\n", 2);
    let mut clients: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    for client in &mut clients {
        client
            .get("/t.bin", &[])
            .expect(200)
            .expect_body(pattern(1000));
    }
    let mut download = server.connect();
    let text = request("GET", "/big", &[]);
    download.send(&text);
    download.read_head(&text);
    server.begin_shutdown();
    for client in &mut clients {
        client.expect_close();
    }
    assert_eq!(download.count_to_end(), LARGE);
    server.stop_within(PATIENCE);
}

#[test]
fn a_request_that_comes_a_moment_later_is_answered_and_told_that_it_was_the_last() {
    let mut server = TestServer::standard();
    let mut busy: Vec<Client> = (0..5).map(|_| server.connect()).collect();
    for client in &mut busy {
        client.get("/t.bin", &[]).expect(200);
    }
    server.begin_shutdown();
    std::thread::sleep(Duration::from_millis(100));
    for client in &mut busy {
        let answer = client.get("/t.bin", &[]);
        answer.expect(200).expect_field("connection", "close");
        client.expect_close();
    }
    server.stop_within(PATIENCE);
}

#[test]
fn a_connection_of_http_2_takes_leave_in_two_steps() {
    let mut server = TestServer::standard();
    let mut client = H2Client::over(server.connect());
    assert!(matches!(
        client.get("/t.css"),
        H2Outcome::Response { status: 200, .. }
    ));
    server.begin_shutdown();
    // RFC 9113 §6.8: a request that was on the way when the server took leave is still answered; then its stream is the last.
    let (last, status) = client.take_leave();
    assert_eq!((&last[..], status), (&[(1 << 31) - 1, 3][..], 200));
    client.expect_close();
    server.stop_within(PATIENCE);
}
