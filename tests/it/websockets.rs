//! Upgrades (RFC 9110 §7.8) that a handler takes up: the connection is its own from then on.

use std::time::Duration;

use tungstenite::{Message, WebSocket};

use crate::harness::{Client, PATIENCE, TestServer, request};
use crate::upgrades::upgrade;

fn websocket(server: &TestServer) -> WebSocket<std::net::TcpStream> {
    let stream = server.connect().stream().try_clone().unwrap();
    tungstenite::client("ws://localhost/ws", stream)
        .map_err(|error| error.to_string())
        .expect("an upgrade")
        .0
}

#[test]
fn a_websocket_carries_messages_both_ways() {
    let (server, _) = TestServer::app("");
    let mut socket = websocket(&server);
    for message in [
        Message::text("hello"),
        Message::binary(vec![7; 100_000]),
        Message::text(""),
    ] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
}

#[test]
fn frames_sent_with_the_request_are_not_lost() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    let text = upgrade("/ws");
    // A text frame "hi" under the mask 0 (RFC 6455 §5.2).
    let frame = [0x81, 0x82, 0, 0, 0, 0, b'h', b'i'];
    client.send([text.as_bytes(), &frame].concat());
    let head = client.read_head(&text);
    assert_eq!(head.status, 101);
    assert!(head.lists("Connection", "upgrade"), "{head:?}");
    assert_eq!(read_exactly(&mut client, 4), [0x81, 2, b'h', b'i']);
}

#[test]
fn an_upgraded_connection_outlives_the_timeouts_of_http() {
    let (server, _) =
        TestServer::app("[limits]\nheader_timeout = \"200ms\"\nkeep_alive_timeout = \"200ms\"\n");
    let mut socket = websocket(&server);
    std::thread::sleep(Duration::from_millis(900));
    socket.send(Message::text("still here")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("still here"));
}

#[test]
fn an_upgrade_after_other_requests_works() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    client.get("/x", &[]).expect(200);
    client
        .exchange(request("POST", "/x", &["Content-Length: 2"]) + "hi")
        .expect(200);
    let text = upgrade("/ws");
    client.send(&text);
    assert_eq!(client.read_head(&text).status, 101);
    client.send([0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    assert_eq!(read_exactly(&mut client, 4), [0x81, 2, b'h', b'i']);
}

#[test]
fn a_drain_does_not_wait_for_a_websocket_without_end() {
    let (mut server, _) = TestServer::app("[limits]\ndrain_timeout = \"500ms\"\n");
    let mut socket = websocket(&server);
    socket.send(Message::text("hello")).unwrap();
    socket.read().unwrap();
    assert!(
        server.stops_within(PATIENCE).is_some(),
        "the server waits for a conversation that never ends"
    );
}

fn read_exactly(client: &mut Client, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < count {
        let piece = client.read_some(count - bytes.len());
        assert!(!piece.is_empty(), "the connection ended after {bytes:?}");
        bytes.extend(piece);
    }
    bytes
}
