//! Request bodies as handlers read them: whole, in order, streamed, and never more than was announced.

use std::io::Write;

use crate::harness::{TestServer, pattern, request};

#[test]
fn a_body_of_known_length_reaches_the_handler() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "GET"] {
        let text = request(method, "/x?y=1", &["Content-Length: 5"]) + "hello";
        client
            .exchange(text)
            .expect(200)
            .expect_body(format!("{method} /x?y=1 [hello] {{}}"));
    }
    client
        .exchange(request("POST", "/x", &["Content-Length: 0"]))
        .expect(200)
        .expect_body("POST /x [] {}");
    client
        .exchange(request("POST", "/x", &["Content-Length: 005"]) + "hello")
        .expect_any(&[200, 400]);
}

#[test]
fn a_request_without_framing_has_no_body() {
    let (server, journal) = TestServer::app("");
    let text = request("POST", "/x", &[]) + &request("GET", "/next", &[]);
    assert_eq!(server.statuses(text), [200, 200], "RFC 9112 §6.3, rule 7");
    assert_eq!(journal.targets(), ["/x", "/next"]);
}

#[test]
fn what_comes_is_echoed_while_it_comes() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    let text = request("POST", "/echo", &["Transfer-Encoding: chunked"]);
    client.send(&text);
    for piece in ["one", "two", "three"] {
        client.send(format!("{:x}\r\n{piece}\r\n", piece.len()));
        if piece == "one" {
            let head = client.read_head(&text);
            assert_eq!(head.value("Transfer-Encoding"), Some("chunked"));
        }
        let mut echo = Vec::new();
        while !echo.ends_with(b"\r\n") || echo.len() < piece.len() + 2 {
            echo.extend(client.read_some(usize::MAX));
        }
        assert_eq!(
            String::from_utf8_lossy(&echo).to_lowercase(),
            format!("{:x}\r\n{piece}\r\n", piece.len())
        );
    }
    client.send("0\r\n\r\n");
    client.shut_write();
    assert_eq!(client.read_to_end(), b"0\r\n\r\n");
}

#[test]
fn megabytes_go_in_and_come_out_unchanged() {
    let (server, _) = TestServer::app("");
    let body = pattern(9 << 20);
    for is_chunked in [false, true] {
        let mut client = server.connect();
        let fields = if is_chunked {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {}", body.len())
        };
        let text = request("POST", "/echo", &[&fields]);
        let mut stream = client.stream().try_clone().unwrap();
        let (sent, head) = (body.clone(), text.clone());
        let sending = std::thread::spawn(move || {
            stream.write_all(head.as_bytes()).unwrap();
            if !is_chunked {
                return stream.write_all(&sent).unwrap();
            }
            for piece in sent.chunks(77_777) {
                write!(stream, "{:x}\r\n", piece.len()).unwrap();
                stream.write_all(piece).unwrap();
                stream.write_all(b"\r\n").unwrap();
            }
            stream.write_all(b"0\r\n\r\n").unwrap();
        });
        let response = client.read(&text).expect(200);
        assert!(response.body == body, "{} bytes came", response.body.len());
        sending.join().unwrap();
        client.get("/next", &[]).expect(200);
        client.finish();
    }
}

#[test]
fn a_body_cut_short_is_an_error_to_the_handler() {
    let (server, journal) = TestServer::app("");
    let statuses = server.statuses(request("POST", "/x", &["Content-Length: 10"]) + "hello");
    assert!(matches!(statuses[..], [] | [400]), "{statuses:?}");
    assert!(!journal.seen()[0].is_whole);
    let statuses = server.statuses(request("POST", "/echo", &["Content-Length: 10"]) + "hello");
    assert!(!statuses.contains(&200), "an echo that says it is whole");
}

#[test]
fn what_was_not_announced_is_the_next_request() {
    let (server, journal) = TestServer::app("");
    let mut client = server.connect();
    let text = request("POST", "/x", &["Content-Length: 3"]) + "hello";
    client
        .exchange(&text)
        .expect(200)
        .expect_body("POST /x [hel] {}");
    client.send(" /next HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.read("lo /next").expect_any(&[200, 400, 501]);
    assert_eq!(journal.seen()[0].body, b"hel");
}

#[test]
fn the_handler_knows_the_client() {
    let (server, _) = TestServer::app("");
    let mut client = server.connect();
    let own = client.stream().local_addr().unwrap().to_string();
    client.get("/client", &[]).expect(200).expect_body(&own);
    client.get("/client", &[]).expect(200).expect_body(&own);
}
