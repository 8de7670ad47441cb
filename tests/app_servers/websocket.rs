//! An echo through a web socket, as long as it may take.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use tungstenite::{Message, WebSocket};

use crate::parts;

/// A connection for a few seconds, or for a minute: short messages, now and then a large one, and a pause.
pub(crate) fn echoes(address: SocketAddr, path: &str) {
    let time = if parts::is_long() { 60 } else { 3 };
    let end = Instant::now() + Duration::from_secs(time);
    let mut socket = open(address, path);
    let large: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    let mut count = 0;
    while Instant::now() < end || count < 3 {
        count += 1;
        let short = Message::text(format!("message {count}"));
        let sent = if count % 3 == 0 {
            Message::binary(large.clone())
        } else {
            short
        };
        socket.send(sent.clone()).unwrap();
        assert!(received(&mut socket) == sent, "message {count} comes back");
        thread::sleep(Duration::from_millis(200));
    }
    socket.close(None).unwrap();
    // The other side's close, then the end of the connection.
    while socket.read().is_ok() {}
}

fn received(socket: &mut WebSocket<TcpStream>) -> Message {
    loop {
        match socket.read().unwrap() {
            // The server's own sign of life.
            Message::Ping(_) | Message::Pong(_) => {}
            message => return message,
        }
    }
}

fn open(address: SocketAddr, path: &str) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let (socket, answer) = tungstenite::client(format!("ws://{address}{path}"), stream)
        .unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(answer.status().as_u16(), 101);
    socket
}
