//! Upgrades (RFC 9110 §7.8) that are not taken up: what follows is HTTP as before.

use crate::harness::{TestServer, request};

#[test]
fn what_follows_a_refused_upgrade_is_a_request_of_its_own() {
    // CVE-2026-2833: bytes behind an upgrade that was not taken up went through unread.
    let (server, journal) = TestServer::app("");
    let text = upgrade("/x") + &request("GET", "/next", &[]);
    // Asked for an upgrade, a connection that gets none may end: then nothing behind it is looked at.
    let statuses = server.statuses(text);
    match statuses[..] {
        [200] => assert_eq!(journal.targets(), ["/x"]),
        [200, 200] => assert_eq!(journal.targets(), ["/x", "/next"]),
        _ => panic!("{statuses:?}"),
    }
    let wrong = upgrade("/ws").replace("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 99");
    let statuses = server.statuses(wrong + &request("GET", "/next", &[]));
    assert!(
        matches!(statuses[..], [400..500] | [400..500, 200]),
        "{statuses:?}"
    );
}

#[test]
fn http_2_is_not_upgraded_to() {
    let (server, _) = TestServer::app("");
    let fields = [
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQAAP__",
    ];
    let text = request("GET", "/x", &fields) + &request("GET", "/next", &[]);
    assert_eq!(server.statuses(text), [200, 200]);
}

#[test]
fn http_1_0_cannot_upgrade() {
    let (server, _) = TestServer::app("");
    let text = upgrade("/ws").replace("HTTP/1.1", "HTTP/1.0");
    let statuses = server.statuses(text);
    assert!(matches!(statuses[..], [400..500]), "{statuses:?}");
}

#[test]
fn an_upgrade_without_its_connection_option_is_none() {
    let (server, _) = TestServer::app("");
    let text = upgrade("/ws").replace("Connection: Upgrade\r\n", "");
    let mut client = server.connect();
    client.exchange(text).expect_any(&[400, 426]);
}

/// A request for a WebSocket (RFC 6455 §4.1).
pub(crate) fn upgrade(target: &str) -> String {
    request(
        "GET",
        target,
        &[
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ],
    )
}
