//! How the answers of a router are framed (RFC 9112 §6): chunks, trailers, nothing at all, and what goes wrong on the way.

use crate::harness::{TestServer, request};

/// What `/chunks` sends.
const CHUNKS: &str = "first second second second second second second second third";

#[test]
fn a_body_of_unknown_length_is_chunked() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    for _ in 0..3 {
        let response = client.get("/chunks", &[]).expect(200).expect_body(CHUNKS);
        assert_eq!(response.value("Transfer-Encoding"), Some("chunked"));
        assert!(response.trailers.is_empty(), "nobody asked for trailers");
    }
    client.finish();
}

#[test]
fn trailers_go_to_who_asks_for_them() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    for te in ["TE: trailers", "TE: gzip;q=0.5, Trailers"] {
        let response = client
            .get("/chunks", &[te, "Connection: TE"])
            .expect(200)
            .expect_body(CHUNKS);
        assert_eq!(
            response.trailers,
            [("x-checksum".to_owned(), "abc".to_owned())]
        );
    }
    client.finish();
}

#[test]
fn http_1_0_gets_no_chunks() {
    let (server, _) = TestServer::app("");
    for fields in ["", "Connection: keep-alive\r\n", "TE: trailers\r\n"] {
        let mut client = server.connect();
        let text = format!("GET /chunks HTTP/1.0\r\nHost: localhost\r\n{fields}\r\n");
        let response = client.exchange(&text).expect(200).expect_body(CHUNKS);
        response
            .expect_no("Transfer-Encoding")
            .expect_no("Content-Length");
        client.expect_close();
    }
}

#[test]
fn http_1_0_is_kept_when_it_asks_and_the_length_is_known() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    let text = "GET /x HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n";
    for _ in 0..3 {
        let response = client.exchange(text).expect(200);
        assert!(response.lists("Connection", "keep-alive"), "{response:?}");
    }
    client
        .exchange("GET /x HTTP/1.0\r\nHost: localhost\r\n\r\n")
        .expect(200);
    client.expect_close();
}

#[test]
fn a_head_has_no_body_whatever_the_handler_says() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    for target in [
        "/chunks",
        "/declared/5",
        "/x",
        "/status/404",
        "/hop",
        "/drip",
    ] {
        client.head(target, &[]);
        client
            .get("/x", &[])
            .expect(200)
            .expect_body("GET /x [] {}");
    }
    client.finish();
}

#[test]
fn statuses_without_content_have_none() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    for method in ["GET", "POST"] {
        for status in [204, 304] {
            let text = request(method, &format!("/empty/{status}"), &[]);
            client
                .exchange(text)
                .expect(status)
                .expect_no("Transfer-Encoding");
            client
                .get("/x", &[])
                .expect(200)
                .expect_body("GET /x [] {}");
        }
    }
    client.finish();
}

#[test]
fn a_body_that_fails_is_visibly_cut() {
    let (server, _) = TestServer::app("");
    for target in ["/cut", "/broken"] {
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let mut client = server.connect();
            let text = format!("GET {target} {version}\r\nHost: localhost\r\n\r\n");
            client.send(&text);
            if version == "HTTP/1.1" {
                let result = client.try_read(text.as_bytes());
                assert!(result.is_err(), "RFC 9112 §8: {result:?}");
            }
            client.read_to_end();
        }
    }
    server.exchange(request("GET", "/x", &[])).expect(200);
}

#[test]
fn a_handler_that_panics_ends_its_connection_and_no_other() {
    let (server, _) = TestServer::app("");
    let mut other = server.connect();
    other.get("/x", &[]).expect(200);
    for _ in 0..3 {
        let statuses =
            server.statuses(request("GET", "/panic", &[]) + &request("GET", "/next", &[]));
        assert!(matches!(statuses[..], [] | [500]), "{statuses:?}");
    }
    other.get("/x", &[]).expect(200);
    other.finish();
    server.exchange(request("GET", "/x", &[])).expect(200);
}

#[test]
fn a_body_shorter_than_it_said_is_cut() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    let text = request("GET", "/declared/10", &[]);
    client.send(text.clone() + &request("GET", "/next", &[]));
    let result = client.try_read(text.as_bytes());
    assert!(result.is_err(), "{result:?}");
    assert!(client.read_to_end().is_empty());
}

#[test]
fn a_body_longer_than_it_said_spills_into_nothing() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    let text = request("GET", "/declared/3", &[]);
    client.send(text.clone() + &request("GET", "/next", &[]));
    // Cut, or whole with its three bytes; what follows is an answer or nothing.
    client.shut_write();
    if let Ok(response) = client.try_read(text.as_bytes()) {
        response.expect_any(&[200, 500]);
        if let Ok(next) = client.try_read(text.as_bytes()) {
            next.expect(200).expect_body("GET /next [] {}");
        }
    }
    let rest = client.read_to_end();
    assert!(rest.is_empty(), "{}", rest.escape_ascii());
}

#[test]
fn an_answer_begins_before_it_is_whole() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    let text = request("GET", "/endless", &[]);
    client.send(&text);
    assert_eq!(client.read_head(&text).status, 200);
    let piece = client.read_some(usize::MAX);
    assert!(!piece.is_empty());
    drop(client);
    server
        .exchange(request("GET", "/drip", &[]))
        .expect(200)
        .expect_body("drop".repeat(5));
}

#[test]
fn a_redirect_cannot_split_the_answer() {
    let server =
        TestServer::with_site("[[site.route]]\npath = \"/old/\"\nredirect = \"/new/{rest}\"\n");
    for target in [
        "/old/%0d%0aX-Split:%20yes",
        "/old/%0aX-Split:%20yes",
        "/old/x?%0d%0aX-Split:%20yes",
        "/old/%E5%98%8A%E5%98%8DX-Split:%20yes",
    ] {
        let response = server.exchange(request("GET", target, &[]));
        response
            .expect_any(&[301, 302, 307, 308, 400, 404])
            .expect_no("X-Split");
    }
}
