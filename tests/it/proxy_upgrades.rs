//! Upgrades and tunnels to an application (RFC 9110 §7.8), interim answers, `Expect`, and requests that go no further than here.

use std::time::Duration;

use tungstenite::Message;

use crate::harness::{
    Back, Client, Conversation, HELLO, TestServer, in_front, in_front_of, request, statuses,
};
use crate::upgrades::upgrade;

const SWITCHING: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// Reads so many bytes of a tunnel.
#[track_caller]
fn exactly(client: &mut Client, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < count {
        let piece = client.read_some(count - bytes.len());
        assert!(!piece.is_empty(), "the tunnel ended after {bytes:?}");
        bytes.extend(piece);
    }
    bytes
}

/// An application that takes every upgrade, and sends back what it gets.
fn echo() -> Back {
    Back::new(|conversation| {
        while let Some(request) = conversation.next() {
            if !request.has("upgrade") {
                conversation.send(HELLO);
                continue;
            }
            conversation.send(SWITCHING);
            while let Some(byte) = conversation.next_bytes(1) {
                conversation.send(byte);
            }
            return;
        }
    })
}

#[test]
fn a_websocket_goes_through() {
    let (app, _) = TestServer::app("");
    let server = TestServer::start(
        crate::harness::Docroot::standard(),
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"http://{}\"\n",
            app.address
        ),
    );
    for _ in 0..2 {
        let stream = server.connect().stream().try_clone().unwrap();
        let (mut socket, _) = tungstenite::client("ws://localhost/ws", stream)
            .map_err(|error| error.to_string())
            .expect("an upgrade");
        for message in [
            Message::text("hello"),
            Message::binary(vec![7; 1 << 20]),
            Message::text(""),
        ] {
            socket.send(message.clone()).unwrap();
            assert_eq!(socket.read().unwrap(), message);
        }
        socket.close(None).unwrap();
        while socket.read().is_ok() {}
    }
}

#[test]
fn both_sides_see_an_upgrade_and_the_bytes_around_it() {
    let back = Back::new(|conversation| {
        conversation.next();
        // Its first bytes come with the head.
        conversation.send([SWITCHING, "welcome"].concat());
        let heard = conversation.next_bytes(5);
        conversation.send(heard.unwrap_or_default());
        conversation.wait_for_end();
    });
    let server = in_front_of(&back);
    let mut client = server.connect();
    let text = upgrade("/ws");
    // And so do the client's, though nobody has said yes.
    client.send(text.clone() + "early");
    let head = client.read_head(&text);
    assert_eq!(head.status, 101);
    assert!(head.lists("Connection", "upgrade"), "{head:?}");
    assert_eq!(head.value("Upgrade"), Some("websocket"));
    assert_eq!(exactly(&mut client, 12), b"welcomeearly");
    let received = &back.requests()[0];
    assert_eq!(received.value("Upgrade"), Some("websocket"));
    assert_eq!(
        received.value("Connection").map(str::to_ascii_lowercase),
        Some("upgrade".to_owned())
    );
    assert_eq!(received.value("Sec-WebSocket-Version"), Some("13"));
    assert!(received.has("Sec-WebSocket-Key") && received.has("Via"));
}

#[test]
fn any_protocol_may_be_switched_to_that_both_sides_know() {
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo/1\r\n\r\n",
        );
        let heard = conversation.next_bytes(5);
        conversation.send(heard.unwrap_or_default());
    });
    let server = in_front_of(&back);
    let text = request("GET", "/x", &["Connection: upgrade", "Upgrade: echo/1"]);
    let mut client = server.connect();
    client.send(&text);
    let head = client.read_head(&text);
    assert_eq!((head.status, head.value("Upgrade")), (101, Some("echo/1")));
    client.send("hello");
    assert_eq!(exactly(&mut client, 5), b"hello");
    client.expect_close();
}

#[test]
fn what_follows_an_upgrade_that_was_not_taken_up_is_a_request_of_its_own() {
    // CVE-2026-2833: the bytes went through as they were.
    for answer in [
        HELLO,
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n",
    ] {
        let back = Back::answering(answer);
        let server = in_front_of(&back);
        let statuses = statuses(&server, upgrade("/ws") + &request("GET", "/smuggled", &[]));
        assert!(matches!(statuses.len(), 1 | 2), "{statuses:?}");
        for received in back.requests() {
            assert!(received.has("Via"), "not by way of the rules: {received:?}");
        }
    }
}

#[test]
fn http_2_is_nobody_s_to_ask_for_behind_a_proxy() {
    // CVE-2026-88008: a tunnel to another protocol, past all rules.
    let fields = [
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQAAP__",
    ];
    let back = Back::hello();
    let server = in_front_of(&back);
    let text = request("GET", "/x", &fields) + &request("GET", "/next", &[]);
    let statuses = statuses(&server, text);
    assert!(matches!(statuses[..], [200] | [200, 200]), "{statuses:?}");
    for received in back.requests() {
        assert!(received.has("Via"), "{received:?}");
        assert!(
            !received.has("Upgrade") && !received.has("HTTP2-Settings"),
            "{received:?}"
        );
    }
}

#[test]
fn nobody_is_switched_who_did_not_ask() {
    let h2c = SWITCHING.replace("websocket", "h2c");
    for (text, answer) in [
        (request("GET", "/x", &[]), SWITCHING),
        (request("POST", "/x", &["Content-Length: 0"]), SWITCHING),
        (
            request("GET", "/x", &["Connection: upgrade", "Upgrade: h2c"]),
            &h2c,
        ),
        (upgrade("/x").replace("HTTP/1.1", "HTTP/1.0"), SWITCHING),
        // To what it did not ask for.
        (upgrade("/x"), &h2c),
        (upgrade("/x"), "HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    ] {
        let back = Back::answering(answer.to_owned() + "raw bytes");
        let server = in_front_of(&back);
        let statuses = statuses(&server, &text);
        let is_refused = matches!(statuses[..], [502 | 400]);
        assert!(is_refused, "{statuses:?}: {text} {answer}");
        if statuses == [502] {
            back.expect_all_closed();
        }
    }
}

#[test]
fn an_answer_that_switches_has_no_fields_of_the_connection_behind() {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade, X-Secret\r\nUpgrade: websocket\r\n\
        X-Secret: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nSec-WebSocket-Accept: x\r\n\r\n";
    let back = Back::answering(answer);
    let server = in_front_of(&back);
    let text = upgrade("/ws");
    let mut client = server.connect();
    client.send(&text);
    let head = client.read_head(&text);
    assert_eq!(head.status, 101);
    for name in [
        "X-Secret",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Content-Length",
    ] {
        assert_eq!(head.value(name), None, "{head:?}");
    }
    let options = head.value("Connection").map(str::to_ascii_lowercase);
    assert_eq!(options.as_deref(), Some("upgrade"));
    assert_eq!(head.value("Sec-WebSocket-Accept"), Some("x"));
}

#[test]
fn who_has_said_its_last_hears_the_other_to_its_end() {
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.send(SWITCHING);
        // The client has ended before this is said.
        conversation.wait_for_end();
        std::thread::sleep(Duration::from_millis(200));
        conversation.send("late bytes");
    });
    let server = in_front_of(&back);
    let mut client = server.connect();
    let text = upgrade("/ws");
    client.send(&text);
    assert_eq!(client.read_head(&text).status, 101);
    client.send("goodbye");
    client.shut_write();
    assert_eq!(client.read_to_end(), b"late bytes");
    assert!(back.bytes(0).ends_with(b"goodbye"));
    back.expect_all_closed();
}

#[test]
fn an_application_that_has_said_its_last_hears_the_client_to_its_end() {
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.send([SWITCHING, "that is all"].concat());
        conversation.shut_write();
        conversation.wait_for_end();
    });
    let server = in_front_of(&back);
    let mut client = server.connect();
    let text = upgrade("/ws");
    client.send(&text);
    assert_eq!(client.read_head(&text).status, 101);
    assert_eq!(client.read_to_end(), b"that is all");
    client.send("late bytes");
    client.shut_write();
    back.expect_all_closed();
    assert!(back.bytes(0).ends_with(b"late bytes"));
}

#[test]
fn a_tunnel_that_nobody_uses_ends() {
    for half_open in [false, true] {
        let back = Back::new(|conversation| {
            conversation.next();
            conversation.send(SWITCHING);
            conversation.pause(Duration::from_secs(60));
            // Half-closed, the other side is still to be waited for.
            std::thread::sleep(Duration::from_secs(5));
        });
        let server = in_front(&[&back], "", "tunnel_timeout = \"300ms\"");
        let mut client = server.connect();
        let text = upgrade("/ws");
        client.send(&text);
        assert_eq!(client.read_head(&text).status, 101);
        if half_open {
            client.shut_write();
        }
        client.expect_close();
        back.expect_all_closed();
    }
}

#[test]
fn a_tunnel_in_use_outlives_all_other_timeouts() {
    let back = echo();
    let rest = "first_byte_timeout = \"200ms\"\nidle_timeout = \"200ms\"\ntunnel_timeout = \"10s\"\n\
        [limits]\nheader_timeout = \"200ms\"\nkeep_alive_timeout = \"200ms\"\n";
    let server = in_front(&[&back], "", rest);
    let mut client = server.connect();
    let text = upgrade("/ws");
    client.send(&text);
    assert_eq!(client.read_head(&text).status, 101);
    std::thread::sleep(Duration::from_millis(900));
    client.send("still here");
    assert_eq!(exactly(&mut client, 10), b"still here");
}

#[test]
fn much_goes_through_a_tunnel_unharmed() {
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.send(SWITCHING);
        while let Some(bytes) = conversation.next_bytes(64 << 10) {
            conversation.send(bytes);
        }
    });
    let server = in_front_of(&back);
    let mut client = server.connect();
    let text = upgrade("/ws");
    client.send(&text);
    assert_eq!(client.read_head(&text).status, 101);
    let sent = crate::harness::pattern(8 << 20);
    let mut writer = client.stream().try_clone().unwrap();
    let copy = sent.clone();
    let sender = std::thread::spawn(move || std::io::Write::write_all(&mut writer, &copy));
    assert!(exactly(&mut client, sent.len()) == sent);
    sender.join().unwrap().unwrap();
}

#[test]
fn an_upgrade_after_other_requests_works_and_before_others_does_not_leak() {
    let back = echo();
    let server = in_front_of(&back);
    let mut client = server.connect();
    client.get("/a", &[]).expect(200);
    let text = upgrade("/ws");
    client.send(&text);
    assert_eq!(client.read_head(&text).status, 101);
    client.send(request("GET", "/raw", &[]));
    assert!(exactly(&mut client, 8) == b"GET /raw");
    drop(client);
    server.get("/b", &[]).expect(200).expect_body("hello");
}

#[test]
fn a_drain_does_not_wait_for_a_tunnel_without_end() {
    let back = echo();
    let mut server = in_front(&[&back], "", "[limits]\ndrain_timeout = \"500ms\"\n");
    let mut client = server.connect();
    let text = upgrade("/ws");
    client.send(&text);
    assert_eq!(client.read_head(&text).status, 101);
    assert!(server.stops_within(crate::harness::PATIENCE).is_some());
    back.expect_all_closed();
}

/// A head that waits for a 100, and a body that looks like a request.
fn expecting() -> (String, String) {
    let body = request("GET", "/smuggled", &[]);
    let length = format!("Content-Length: {}", body.len());
    let head = request("POST", "/x", &["Expect: 100-continue", &length]);
    (head, body)
}

#[test]
fn a_final_answer_instead_of_100_reaches_the_client_and_its_body_is_no_request() {
    // RFC 9110 §10.1.1; CVE-2024-24791.
    for answer in [
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n",
        HELLO,
    ] {
        let back = Back::new(move |conversation| {
            // Without reading a body: what comes next is a request, to an application as simple as that.
            while conversation.next_head().is_some() {
                conversation.send(answer);
            }
        });
        let server = in_front_of(&back);
        let (head, body) = expecting();
        let mut client = server.connect();
        let status = client.exchange(&head).status();
        assert_eq!(status.to_string(), answer[9..12]);
        // As a client may that has heard of no 100.
        client.send(body);
        client.shut_write();
        client.count_to_end();
        back.expect_all_closed();
        server.get("/after", &[]);
        for received in back.requests() {
            assert_ne!(received.target, "/smuggled");
        }
        let bytes = String::from_utf8_lossy(&back.bytes(0)).into_owned();
        assert!(!bytes.contains("/smuggled"), "{bytes}");
    }
}

#[test]
fn a_100_of_the_application_is_the_only_one() {
    let back = Back::new(|conversation: &mut Conversation| {
        while let Some(head) = conversation.next_head() {
            assert_eq!(head.value("Expect"), Some("100-continue"));
            conversation.send("HTTP/1.1 100 Continue\r\n\r\n");
            let length = head.value("Content-Length").unwrap().parse().unwrap();
            conversation.next_bytes(length);
            conversation.send(HELLO);
        }
    });
    let server = in_front_of(&back);
    let mut client = server.connect();
    for _ in 0..2 {
        let (head, body) = expecting();
        client.exchange(&head).expect(100);
        client.send(body);
        client.read(&head).expect(200).expect_body("hello");
    }
    client.finish();
}

#[test]
fn nobody_has_to_wait_for_a_100() {
    // The client sends at once; and the application, which knows no 100, waits for the body.
    let back = Back::hello();
    let server = in_front_of(&back);
    let (head, body) = expecting();
    let mut client = server.connect();
    client.send([head.as_str(), &body].concat());
    let mut response = client.read(&head);
    if response.status() == 100 {
        response = client.read(&head);
    }
    response.expect(200).expect_body("hello");
    // The client gives up waiting, as all do after a second or so.
    client.send(&head);
    std::thread::sleep(Duration::from_millis(300));
    client.send(&body);
    let mut response = client.read(&head);
    if response.status() == 100 {
        response = client.read(&head);
    }
    response.expect(200).expect_body("hello");
    client.finish();
    for received in back.expect_requests(2) {
        assert_eq!(received.body, body.as_bytes());
        assert_eq!(received.target, "/x");
    }
}

#[test]
fn an_expectation_of_http_1_0_is_none() {
    let back = Back::hello();
    let server = in_front_of(&back);
    let (head, body) = expecting();
    let text = head.replace("HTTP/1.1", "HTTP/1.0") + &body;
    server.exchange(text).expect(200).expect_body("hello");
    assert!(!back.only().has("Expect"));
}

#[test]
fn hints_come_before_the_answer_and_the_answer_is_whole() {
    let answer = format!(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Secret\r\nX-Secret: 1\r\n\r\n\
         HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=preload\r\n\r\n{HELLO}"
    );
    let back = Back::answering(answer);
    let server = in_front_of(&back);
    let mut client = server.connect();
    for _ in 0..2 {
        let text = request("GET", "/x", &[]);
        client
            .exchange(&text)
            .expect(103)
            .expect_field("Link", "</a.css>; rel=preload")
            .expect_no("X-Secret");
        client
            .read(&text)
            .expect(103)
            .expect_field("Link", "</b.css>; rel=preload");
        client
            .read(&text)
            .expect(200)
            .expect_body("hello")
            .expect_no("Link");
    }
    client.finish();
    // Who does not know them gets none.
    server
        .exchange("GET /x HTTP/1.0\r\nHost: localhost\r\n\r\n")
        .expect(200)
        .expect_body("hello");
}

#[test]
fn hints_come_as_soon_as_they_are_there() {
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
        // The answer never comes.
        conversation.wait_for_end();
    });
    let server = in_front_of(&back);
    let mut client = server.connect();
    client.exchange(request("GET", "/x", &[])).expect(103);
}

#[test]
fn other_interim_answers_do_no_harm() {
    for interim in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 199 Unheard Of\r\nA: b\r\n\r\n",
    ] {
        let back = Back::answering(interim.repeat(3) + HELLO);
        let server = in_front_of(&back);
        let mut client = server.connect();
        for _ in 0..2 {
            let text = request("GET", "/x", &[]);
            let mut response = client.exchange(&text);
            while response.status() < 200 {
                response = client.read(&text);
            }
            response.expect(200).expect_body("hello");
        }
        client.finish();
        assert_eq!(back.connections(), 1);
    }
}

#[test]
fn some_requests_go_no_further_than_here() {
    let back = Back::hello();
    let server = in_front_of(&back);
    for (text, expected) in [
        (request("TRACE", "/x", &["Cookie: a=1"]), 405),
        (
            request("CONNECT", "localhost:80", &["Host: localhost:80"]),
            405,
        ),
        (request("OPTIONS", "*", &[]), 204),
        (request("OPTIONS", "/x", &["Max-Forwards: 0"]), 204),
    ] {
        let statuses = statuses(&server, &text);
        assert!(
            statuses.len() == 1
                && (statuses[0] == expected || text.starts_with("OPTIONS /") && statuses[0] == 200),
            "{statuses:?}: {text}"
        );
        back.expect_untouched();
    }
    server
        .send("OPTIONS", "/x", &["Max-Forwards: 5"])
        .expect(200);
    assert_eq!(back.only().value("Max-Forwards"), Some("4"));
}
