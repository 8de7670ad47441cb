//! The `DevTools` protocol: commands with answers, and events in between.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

/// How long the browser may be silent when an answer or an event is due.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the browser tells on its own.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) method: String,
    pub(crate) params: Value,
}

/// The connection with a browser.
pub(crate) struct DevTools {
    socket: WebSocket<TcpStream>,
    last_id: u64,
    /// Arrived while an answer was waited for.
    events: VecDeque<Event>,
}

impl DevTools {
    /// Connects to an address of the form `ws://127.0.0.1:PORT/devtools/browser/ID`.
    pub(crate) fn connect(address: &str) -> Self {
        let host = address
            .strip_prefix("ws://")
            .and_then(|rest| rest.split('/').next())
            .expect("a WebSocket URL");
        let stream = TcpStream::connect(host).expect("the DevTools port accepts");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        let (socket, _) =
            tungstenite::client(address, stream).expect("the DevTools port speaks WebSocket");
        Self {
            socket,
            last_id: 0,
            events: VecDeque::new(),
        }
    }

    /// Sends a command, to a page (its session) or to the browser, and waits for the answer.
    pub(crate) fn call(&mut self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let mut command = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        self.socket
            .send(Message::text(command.to_string()))
            .expect("the browser listens");
        loop {
            let mut message = self.read(method);
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
            self.keep(message);
        }
    }

    /// The next event, waited for when there is none yet.
    pub(crate) fn next_event(&mut self, awaited: &str) -> Event {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            let message = self.read(awaited);
            self.keep(message);
        }
    }

    /// The next of the events that have arrived.
    pub(crate) fn known_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Asks the browser to end; it may be gone already.
    pub(crate) fn close_browser(&mut self) {
        let command = json!({ "id": self.last_id + 1, "method": "Browser.close" });
        let _ = self.socket.send(Message::text(command.to_string()));
    }

    fn keep(&mut self, mut message: Value) {
        if let Some(method) = message["method"].as_str().map(str::to_owned) {
            self.events.push_back(Event {
                method,
                params: message["params"].take(),
            });
        }
    }

    fn read(&mut self, awaited: &str) -> Value {
        let text = self
            .socket
            .read()
            .unwrap_or_else(|error| panic!("Chromium was silent on {awaited}: {error}"));
        serde_json::from_slice(&text.into_data()).expect("DevTools messages are JSON")
    }
}
