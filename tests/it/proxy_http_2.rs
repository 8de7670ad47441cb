//! HTTP/2 on either side of the proxy (RFC 9113), and on both: trailers, resets, many at a time.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version};
use http_body::Frame;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::oneshot;

use crate::harness::h2::{
    DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, SETTINGS, block, frame,
};
use crate::harness::{
    Back, Docroot, H2Client, H2Outcome, HELLO, PATIENCE, TestServer, in_front_of, pattern,
};

/// What is sent, piece by piece.
#[derive(Default)]
struct Frames(VecDeque<io::Result<Frame<Bytes>>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.0.pop_front())
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

impl Frames {
    fn data(mut self, data: impl Into<Bytes>) -> Self {
        self.0.push_back(Ok(Frame::data(data.into())));
        self
    }

    fn trailer(mut self, name: &'static str, value: &'static str) -> Self {
        let mut trailers = HeaderMap::new();
        trailers.insert(name, HeaderValue::from_static(value));
        self.0.push_back(Ok(Frame::trailers(trailers)));
        self
    }

    fn cut(mut self) -> Self {
        self.0.push_back(Err(io::ErrorKind::Other.into()));
        self
    }
}

/// An application that speaks HTTP/2 by prior knowledge: it sends back what it gets, and tells how it was asked in fields.
struct H2App {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl H2App {
    fn start() -> Self {
        let (tell, ready) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            runtime().block_on(async move {
                tokio::select! {
                    () = serve(&tell) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            address: ready.recv_timeout(PATIENCE).expect("it starts"),
            _stop: stop,
        }
    }

    fn in_front(&self) -> TestServer {
        TestServer::start(
            Docroot::standard(),
            &format!(
                "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"h2c://{}\"\n",
                self.address
            ),
        )
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

async fn serve(tell: &mpsc::Sender<SocketAddr>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    tell.send(listener.local_addr().unwrap()).unwrap();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        tokio::spawn(builder.serve_connection(TokioIo::new(stream), service_fn(echo)));
    }
}

async fn echo(request: Request<Incoming>) -> Result<Response<Frames>, Infallible> {
    let (parts, body) = request.into_parts();
    let answer = match parts.uri.path() {
        "/reset" => Frames::default().data("half").cut(),
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Frames::default().data("at last")
        }
        "/refused" => Frames::default(),
        _ => {
            let mut answer = Frames::default();
            match body.collect().await {
                Ok(body) => {
                    let trailers = body.trailers().cloned();
                    let data = body.to_bytes();
                    if !data.is_empty() || parts.uri.path() == "/empty" {
                        answer = answer.data(data);
                    }
                    let mut trailers = trailers.unwrap_or_default();
                    trailers.insert("grpc-status", HeaderValue::from_static("0"));
                    answer.0.push_back(Ok(Frame::trailers(trailers)));
                }
                Err(_) => answer = answer.cut(),
            }
            answer
        }
    };
    let mut response = Response::new(answer);
    told(&parts, response.headers_mut());
    Ok(response)
}

/// How it was asked.
fn told(parts: &Parts, fields: &mut HeaderMap) {
    fields.insert("content-type", HeaderValue::from_static("application/grpc"));
    let asked = format!("{} {} {:?}", parts.method, parts.uri, parts.version);
    fields.insert("x-asked", HeaderValue::from_str(&asked).unwrap());
    for (name, value) in &parts.headers {
        let name: HeaderName = format!("x-got-{name}").parse().unwrap();
        fields.append(name, value.clone());
    }
}

/// What a client of HTTP/2 gets.
struct Got {
    head: http::response::Parts,
    /// None: it was cut off.
    body: Option<(Bytes, HeaderMap)>,
}

impl Got {
    #[track_caller]
    fn field(&self, name: &str) -> &str {
        let value = self.head.headers.get(name);
        let value = value.unwrap_or_else(|| panic!("no {name}: {:?}", self.head));
        value.to_str().unwrap()
    }
}

async fn connect(server: &TestServer) -> SendRequest<Frames> {
    let stream = tokio::net::TcpStream::connect(server.address)
        .await
        .expect("a connection");
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    tokio::spawn(connection);
    sender
}

fn asking(method: Method, path: &str, body: Frames) -> Request<Frames> {
    Request::builder()
        .method(method)
        .version(Version::HTTP_2)
        .uri(format!("http://shop.test{path}"))
        .header("te", "trailers")
        .body(body)
        .unwrap()
}

async fn exchange(
    sender: &mut SendRequest<Frames>,
    request: Request<Frames>,
) -> Result<Got, hyper::Error> {
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await.ok().map(|body| {
        let trailers = body.trailers().cloned().unwrap_or_default();
        (body.to_bytes(), trailers)
    });
    Ok(Got { head, body })
}

/// One request over a connection of its own.
#[track_caller]
fn ask(server: &TestServer, request: Request<Frames>) -> Result<Got, hyper::Error> {
    runtime().block_on(async {
        let exchange = async {
            let mut sender = connect(server).await;
            exchange(&mut sender, request).await
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .expect("in time")
    })
}

#[test]
fn http_2_in_and_http_1_1_out() {
    let back = Back::by_request(|request| {
        let length = request.body.len();
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Kept: 1\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        answer.extend_from_slice(&request.body);
        Some(answer)
    });
    let server = in_front_of(&back);
    let body = pattern(1 << 20);
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let frames = Frames::default()
            .data(body[..500].to_vec())
            .data(body[500..].to_vec());
        let got = ask(&server, asking(method, "/x?y", frames)).unwrap();
        assert_eq!(got.head.status, 200);
        assert_eq!(got.field("x-kept"), "1");
        assert!(
            !got.head.headers.contains_key("x-hop") && !got.head.headers.contains_key("connection")
        );
        assert!(got.body.unwrap().0 == body);
    }
    let got = ask(&server, asking(Method::GET, "/x", Frames::default())).unwrap();
    assert_eq!(got.head.status, 200);
    let requests = back.expect_requests(4);
    for received in &requests[..3] {
        assert_eq!(received.value("Transfer-Encoding"), Some("chunked"));
        assert_eq!(received.value("Host"), Some("shop.test"));
    }
    assert!(!requests[3].has("Transfer-Encoding") && !requests[3].has("Content-Length"));
    assert_eq!(requests[3].value("TE"), Some("trailers"));
}

#[test]
fn a_length_of_http_2_goes_on() {
    let back = Back::hello();
    let server = in_front_of(&back);
    let mut request = asking(Method::POST, "/x", Frames::default().data("hello"));
    request.headers_mut().insert("content-length", 5.into());
    assert_eq!(ask(&server, request).unwrap().head.status, 200);
    assert_eq!(back.only().value("Content-Length"), Some("5"));
}

#[test]
fn http_1_1_in_and_http_2_out() {
    let app = H2App::start();
    let server = app.in_front();
    let mut client = server.connect();
    for _ in 0..3 {
        let text = crate::harness::request(
            "POST",
            "/x?y",
            &[
                "Content-Length: 5",
                "Connection: X-Hop",
                "X-Hop: 1",
                "Host: shop.test",
            ],
        );
        let response = client
            .exchange(text + "hello")
            .expect(200)
            .expect_body("hello");
        assert_eq!(
            response.field("X-Asked"),
            "POST http://shop.test/x?y HTTP/2.0"
        );
        assert_eq!(response.field("X-Got-Via"), "1.1 daemun");
        assert_eq!(response.field("X-Got-X-Forwarded-For"), "127.0.0.1");
        assert!(response.value("X-Got-X-Hop").is_none() && response.value("X-Got-Te").is_none());
        let response = client
            .get("/x", &["TE: trailers", "Connection: TE"])
            .expect(200);
        assert_eq!(response.field("X-Got-Te"), "trailers");
        assert_eq!(
            response.trailers,
            [("grpc-status".to_owned(), "0".to_owned())]
        );
    }
    client.finish();
}

#[test]
fn http_2_in_and_out_with_trailers_both_ways_is_what_grpc_needs() {
    let app = H2App::start();
    let server = app.in_front();
    let body = pattern(3 << 20);
    let frames = Frames::default().data(body.clone()).trailer("x-sum", "abc");
    let got = ask(&server, asking(Method::POST, "/pkg.Service/Call", frames)).unwrap();
    assert_eq!(got.head.status, 200);
    assert_eq!(got.field("x-got-te"), "trailers");
    assert_eq!(got.field("x-got-via"), "2 daemun");
    assert_eq!(got.field("content-type"), "application/grpc");
    let (echoed, trailers) = got.body.unwrap();
    assert!(echoed == body);
    assert_eq!(trailers["grpc-status"], "0");
    assert_eq!(trailers["x-sum"], "abc");
}

#[test]
fn trailers_of_http_1_1_reach_http_2() {
    let back = Back::answering(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: abc\r\nConnection: x\r\n\r\n",
    );
    let server = in_front_of(&back);
    let frames = Frames::default().data("hi").trailer("x-sent", "1");
    let got = ask(&server, asking(Method::POST, "/x", frames)).unwrap();
    let (body, trailers) = got.body.unwrap();
    assert_eq!(body, "hello");
    assert_eq!(trailers.len(), 1, "{trailers:?}");
    assert_eq!(trailers["x-sum"], "abc");
    let received = back.only();
    assert_eq!(received.trailers, [("x-sent".to_owned(), "1".to_owned())]);
}

#[test]
fn an_answer_that_was_reset_is_cut_off_for_the_client() {
    let app = H2App::start();
    let server = app.in_front();
    // In frames: a library may take one reset or another for an end.
    let outcome = H2Client::over(server.connect()).get("/reset");
    assert!(
        matches!(outcome, H2Outcome::Reset(_)) || is_refused(&outcome),
        "{outcome:?}"
    );
    let text = crate::harness::request("GET", "/reset", &[]);
    let mut client = server.connect();
    client.send(&text);
    let read = client.try_read(text.as_bytes());
    let is_refused = matches!(&read, Ok(response) if response.status() == 502);
    assert!(read.is_err() || is_refused, "{read:?}");
}

fn is_refused(outcome: &H2Outcome) -> bool {
    matches!(outcome, H2Outcome::Response { status: 502, .. })
}

#[test]
fn no_reset_of_a_server_is_the_end_of_its_answer() {
    // NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL; and the end of the connection.
    for code in [Some(8), Some(7), Some(2), Some(1), None, Some(0)] {
        let back = Back::new(move |conversation| {
            conversation.next_bytes(24);
            conversation.send(frame(SETTINGS, 0, 0, &[]));
            while let Some(head) = conversation.next_bytes(9) {
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                conversation.next_bytes(length);
                if head[3] == HEADERS {
                    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                    // `:status: 200`, and a type.
                    let mut fields = vec![0x88];
                    fields.extend(block(&[("content-type", "text/plain")]));
                    conversation.send(frame(HEADERS, END_HEADERS, stream, &fields));
                    conversation.send(frame(DATA, 0, stream, b"half"));
                    conversation.pause(Duration::from_millis(100));
                    match code {
                        Some(code) => {
                            let code = u32::to_be_bytes(code);
                            conversation.send(frame(RST_STREAM, 0, stream, &code))
                        }
                        None => return,
                    };
                }
            }
        });
        let server = TestServer::start(
            Docroot::standard(),
            &format!(
                "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"h2c://{}\"\n",
                back.address()
            ),
        );
        let text = crate::harness::request("GET", "/x", &[]);
        let mut client = server.connect();
        client.send(&text);
        let read = client.try_read(text.as_bytes());
        assert!(read.is_err(), "{code:?}: {read:?}");
        let outcome = H2Client::over(server.connect()).get("/x");
        let is_whole = matches!(outcome, H2Outcome::Response { .. });
        assert!(!is_whole, "{code:?}: {outcome:?}");
    }
}

#[test]
fn a_request_that_was_reset_is_not_whole_for_the_application() {
    let back = Back::hello();
    let server = in_front_of(&back);
    let frames = Frames::default().data("half").cut();
    assert!(ask(&server, asking(Method::POST, "/x", frames)).is_err());
    back.expect_all_closed();
    assert!(back.requests().iter().all(|request| !request.is_whole));
}

#[test]
fn a_client_that_gives_up_a_stream_ends_the_application_s_work() {
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.pause(Duration::from_secs(10));
        conversation.send(HELLO);
    });
    let server = in_front_of(&back);
    runtime().block_on(async {
        let mut sender = connect(&server).await;
        let asked = sender.send_request(asking(Method::GET, "/x", Frames::default()));
        assert!(
            tokio::time::timeout(Duration::from_millis(500), asked)
                .await
                .is_err()
        );
        // The connection goes on, only the stream is gone.
        tokio::task::spawn_blocking(move || {
            back.expect_requests(1);
            back.expect_all_closed();
        })
        .await
        .unwrap();
        drop(sender);
    });
}

#[test]
fn many_streams_at_a_time_each_get_their_own() {
    let app = H2App::start();
    let server = app.in_front();
    runtime().block_on(async {
        let sender = connect(&server).await;
        let mut asked = tokio::task::JoinSet::new();
        for number in 0..150 {
            let mut sender = sender.clone();
            asked.spawn(async move {
                let path = if number % 10 == 0 {
                    "/slow".to_owned()
                } else {
                    format!("/{number}")
                };
                let got = exchange(&mut sender, asking(Method::GET, &path, Frames::default()))
                    .await
                    .unwrap();
                assert!(got.field("x-asked").ends_with(&format!("{path} HTTP/2.0")));
            });
        }
        while let Some(done) = asked.join_next().await {
            done.unwrap();
        }
    });
}

#[test]
fn a_server_that_sends_empty_frames_before_its_trailers_does_so_again_and_again() {
    // Node does. A library takes a hundred of them, over the life of a connection, for a flood.
    let app = H2App::start();
    let server = app.in_front();
    let mut client = server.connect();
    for number in 0..300 {
        let text = crate::harness::request("GET", "/empty", &[]);
        client.send(&text);
        let read = client.try_read(text.as_bytes());
        let is_right = matches!(&read, Ok(response) if response.status() == 200);
        assert!(is_right, "after {number}: {read:?}");
    }
}

#[test]
fn hints_do_no_harm_to_http_2() {
    let back = Back::answering(format!(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n{HELLO}"
    ));
    let server = in_front_of(&back);
    let got = ask(&server, asking(Method::GET, "/x", Frames::default())).unwrap();
    assert_eq!(got.head.status, 200);
    assert_eq!(got.body.unwrap().0, "hello");
}

#[test]
fn an_upload_is_refused_in_the_middle_by_who_does_not_want_it() {
    let back = Back::new(|conversation| {
        conversation.next_head();
        conversation.send(
            "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
        conversation.pause(Duration::from_millis(300));
    });
    let server = in_front_of(&back);
    let frames = Frames::default().data(pattern(8 << 20));
    let got = ask(&server, asking(Method::POST, "/x", frames)).unwrap();
    assert_eq!(got.head.status, 413);
}

#[test]
fn a_websocket_of_http_2_goes_to_an_application_that_knows_http_1_1() {
    // RFC 8441: it works, or is refused at once.
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nwelcome",
        );
        let heard = conversation.next_bytes(5);
        conversation.send(heard.unwrap_or_default());
        conversation.shut_write();
        conversation.wait_for_end();
    });
    let server = in_front_of(&back);
    let mut client = H2Client::over(server.connect());
    let stream = client.new_stream();
    let fields = block(&[
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "shop.test"),
        (":path", "/ws"),
        ("sec-websocket-version", "13"),
        ("origin", "http://shop.test"),
    ]);
    client.send_frame(HEADERS, END_HEADERS, stream, &fields);
    client.send_frame(DATA, END_STREAM, stream, b"hello");
    match client.finish(stream) {
        H2Outcome::Response { status: 200, body } => {
            assert_eq!(body, b"welcomehello");
            let received = &back.requests()[0];
            assert_eq!(received.method, "GET");
            assert_eq!(received.target, "/ws");
            assert_eq!(received.value("Upgrade"), Some("websocket"));
            assert_eq!(received.value("Host"), Some("shop.test"));
            assert_eq!(received.value("Sec-WebSocket-Version"), Some("13"));
            // RFC 6455 §4.1: sixteen bytes in base64.
            let key = received.value("Sec-WebSocket-Key").unwrap();
            assert!(key.len() == 24 && key.ends_with("=="), "{key}");
            back.expect_all_closed();
        }
        H2Outcome::Response { status, .. } => assert!(status >= 400, "{status}"),
        _ => {}
    }
}

#[test]
fn a_websocket_of_http_2_that_is_refused_is_refused() {
    for (answer, expected) in [
        (HELLO, 502),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno",
            403,
        ),
    ] {
        let back = Back::answering(answer);
        let server = in_front_of(&back);
        let mut client = H2Client::over(server.connect());
        let stream = client.new_stream();
        let fields = block(&[
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "http"),
            (":authority", "shop.test"),
            (":path", "/ws"),
            ("sec-websocket-version", "13"),
        ]);
        client.send_frame(HEADERS, END_HEADERS, stream, &fields);
        let outcome = client.finish(stream);
        // 200 would be a tunnel.
        let is_right = match outcome {
            H2Outcome::Response { status, .. } => status == expected || status >= 400,
            _ => true,
        };
        assert!(is_right, "{outcome:?}");
    }
}
