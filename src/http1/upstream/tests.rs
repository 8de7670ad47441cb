use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body::{Body, Frame, SizeHint};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;
use crate::proxy::fields::{Sink, WriteFields};
use crate::proxy::request_body::RequestBody;
use crate::proxy::transport::{Failure, FailureKind, Outgoing, Stage};

const LIMITS: Limits = Limits {
    head: 4096,
    first_byte: Duration::from_secs(60),
    idle: Duration::from_secs(30),
    keeps_alive: true,
};

struct Lines(Vec<(&'static str, &'static str)>);

impl WriteFields for Lines {
    fn write(&self, sink: &mut dyn Sink) {
        for (name, value) in &self.0 {
            sink.put(name.as_bytes(), value.as_bytes());
        }
    }
}

/// Frames of a client; `None` is one that has not come (and never will).
struct Frames {
    frames: VecDeque<Option<Result<Frame<Bytes>, BoxError>>>,
    length: Option<u64>,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.frames.front() {
            Some(None) => Poll::Pending,
            _ => Poll::Ready(self.frames.pop_front().flatten()),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map(SizeHint::with_exact).unwrap_or_default()
    }
}

#[allow(clippy::unnecessary_wraps)]
fn data(text: &'static str) -> Option<Result<Frame<Bytes>, BoxError>> {
    Some(Ok(Frame::data(Bytes::from_static(text.as_bytes()))))
}

fn client_body(
    length: Option<u64>,
    frames: impl IntoIterator<Item = Option<Result<Frame<Bytes>, BoxError>>>,
) -> RequestBody {
    RequestBody::Other(Box::new(Frames {
        frames: frames.into_iter().collect(),
        length,
    }))
}

/// A body that comes when it is told to.
struct Late(Option<tokio::sync::oneshot::Receiver<()>>);

impl Body for Late {
    type Data = Bytes;
    type Error = BoxError;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(wait) = &mut self.0 {
            std::task::ready!(Pin::new(wait).poll(context)).unwrap();
            self.0 = None;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"late")))));
        }
        Poll::Ready(None)
    }
}

/// A request as the tests change it.
struct Request {
    method: Method,
    path: &'static str,
    fields: Lines,
    body: RequestBody,
    has_body: bool,
    expects_continue: bool,
    takes_trailers: bool,
    upgrade: Option<&'static [u8]>,
    interim: Vec<(u16, HeaderMap)>,
    limits: Limits,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: Method::GET,
            path: "/",
            fields: Lines(Vec::new()),
            body: RequestBody::Empty,
            has_body: false,
            expects_continue: false,
            takes_trailers: false,
            upgrade: None,
            interim: Vec::new(),
            limits: LIMITS,
        }
    }
}

impl Request {
    fn post(body: RequestBody) -> Self {
        Self {
            method: Method::POST,
            body,
            has_body: true,
            ..Self::default()
        }
    }

    async fn send(&mut self, stream: DuplexStream) -> Result<Exchanged<DuplexStream>, Failure> {
        let interim = &mut self.interim;
        let mut request = Outgoing {
            method: &self.method,
            path: self.path,
            authority: b"x",
            is_https: false,
            fields: &self.fields,
            body: &mut self.body,
            has_body: self.has_body,
            expects_continue: self.expects_continue,
            takes_trailers: self.takes_trailers,
            needs_new: false,
            upgrade: self.upgrade,
            interim: &mut |status, fields| interim.push((status.as_u16(), fields.clone())),
        };
        let exchanged = exchange(Connection::new(stream), &mut request, self.limits);
        tokio::time::timeout(Duration::from_secs(300), exchanged)
            .await
            .expect("an end")
    }

    /// To a server that sends this, whatever comes.
    async fn send_to(&mut self, answer: &str) -> Result<Exchanged<DuplexStream>, Failure> {
        let (near, mut far) = duplex(1 << 20);
        far.write_all(answer.as_bytes()).await.unwrap();
        // The server is there still, and what it was sent is taken.
        let far =
            tokio::spawn(async move { tokio::io::copy(&mut far, &mut tokio::io::sink()).await });
        let exchanged = self.send(near).await;
        far.abort();
        exchanged
    }
}

/// What came of an answer's body.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    data: Vec<u8>,
    trailers: Option<HeaderMap>,
    error: Option<io::ErrorKind>,
    may_go_on: bool,
}

async fn read(exchanged: Exchanged<DuplexStream>) -> (StatusCode, Seen) {
    let mut seen = Seen::default();
    match exchanged {
        Exchanged::Whole {
            head,
            body,
            connection,
        } => {
            seen.data = body.to_vec();
            seen.may_go_on = connection.is_some();
            (head.status, seen)
        }
        Exchanged::Streaming { head, mut body } => {
            while let Some(frame) = poll_fn(|context| body.poll_frame(context)).await {
                match frame.map(Frame::into_data) {
                    Ok(Ok(data)) => seen.data.extend_from_slice(&data),
                    Ok(Err(frame)) => seen.trailers = frame.into_trailers().ok(),
                    Err(error) => {
                        seen.error = Some(error.kind());
                        break;
                    }
                }
            }
            assert!(body.is_over());
            seen.may_go_on = body.take_connection().is_some();
            (head.status, seen)
        }
        Exchanged::Upgraded { head, first, .. } => {
            seen.data = first.to_vec();
            (head.status, seen)
        }
    }
}

/// What a server is sent for it, until the head ends in an empty line and this much follows.
async fn sent(mut request: Request, more: usize) -> String {
    let (near, mut far) = duplex(1 << 20);
    let server = tokio::spawn(async move {
        let mut sent = Vec::new();
        loop {
            let end = memchr::memmem::find(&sent, b"\r\n\r\n");
            if end.is_some_and(|end| sent.len() >= end + 4 + more) {
                break;
            }
            if far.read_buf(&mut sent).await.unwrap() == 0 {
                break;
            }
        }
        far.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .await
            .unwrap();
        String::from_utf8(sent).unwrap()
    });
    let exchanged = request.send(near).await.unwrap();
    let (status, seen) = read(exchanged).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(seen.may_go_on);
    server.await.unwrap()
}

#[tokio::test]
async fn a_request_is_framed_by_what_is_known_of_its_body() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    trailers.insert("content-length", HeaderValue::from_static("1"));
    let with_trailers = [data("abc"), data(""), Some(Ok(Frame::trailers(trailers)))];
    for (request, expected) in [
        (Request::default(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        (
            Request {
                path: "/a?b",
                fields: Lines(vec![("a", "b"), ("c", "")]),
                ..Request::default()
            },
            "GET /a?b HTTP/1.1\r\nHost: x\r\na: b\r\nc: \r\n\r\n",
        ),
        (
            Request::post(RequestBody::Empty),
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            Request::post(client_body(Some(5), [data("ab"), data("cde")])),
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde",
        ),
        (
            Request {
                method: Method::GET,
                ..Request::post(client_body(None, [data("ab"), data("cde")]))
            },
            "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n",
        ),
        (
            Request::post(client_body(None, with_trailers)),
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n",
        ),
        (
            Request {
                takes_trailers: true,
                ..Request::default()
            },
            "GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: TE\r\n\r\n",
        ),
    ] {
        let head = expected.find("\r\n\r\n").unwrap() + 4;
        assert_eq!(sent(request, expected.len() - head).await, expected);
    }
}

#[tokio::test]
async fn what_would_be_two_requests_is_not_sent() {
    for path in [
        "/ HTTP/1.1\r\nHost: y\r\n\r\nGET /",
        "/a b",
        "/\n",
        "/\0",
        "",
    ] {
        let mut request = Request {
            path,
            ..Request::default()
        };
        let failure = request.send_to("").await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unsupported);
        assert_eq!(failure.stage, Stage::NotSent);
    }
}

#[tokio::test]
async fn a_body_is_whole_or_an_error() {
    let eof = Some(io::ErrorKind::UnexpectedEof);
    let invalid = Some(io::ErrorKind::InvalidData);
    for (answer, data, error, may_go_on) in [
        ("Content-Length: 3\r\n\r\nabc", "abc", None, true),
        ("Content-Length: 3\r\n\r\nabcd", "abc", None, false),
        (
            "Content-Length: 3\r\nConnection: close\r\n\r\nabc",
            "abc",
            None,
            false,
        ),
        ("Content-Length: 3\r\n\r\nab", "ab", eof, false),
        ("Content-Length: 0\r\n\r\n", "", None, true),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "abc",
            None,
            true,
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            "abcde",
            None,
            true,
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "",
            None,
            true,
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n",
            "abc",
            None,
            false,
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "abc",
            eof,
            false,
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nab",
            "ab",
            eof,
            false,
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd",
            "abc",
            invalid,
            false,
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\nabc",
            "",
            invalid,
            false,
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n0\r\nA : b\r\n\r\n",
            "",
            invalid,
            false,
        ),
        ("\r\nabc", "abc", None, false),
        ("\r\n", "", None, false),
    ] {
        let (near, mut far) = duplex(1 << 20);
        far.write_all(format!("HTTP/1.1 200 OK\r\n{answer}").as_bytes())
            .await
            .unwrap();
        far.shutdown().await.unwrap();
        let exchanged = Request::default().send(near).await.unwrap();
        let (_, seen) = read(exchanged).await;
        assert_eq!(String::from_utf8(seen.data).unwrap(), data, "{answer:?}");
        assert_eq!(seen.error, error, "{answer:?}");
        assert_eq!(seen.may_go_on, may_go_on, "{answer:?}");
    }
}

#[tokio::test]
async fn answers_without_a_body_leave_the_connection_intact() {
    for (method, answer) in [
        (Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        (
            Method::HEAD,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        (
            Method::GET,
            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        ),
        (
            Method::GET,
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        ),
    ] {
        let mut request = Request {
            method,
            ..Request::default()
        };
        let (_, seen) = read(request.send_to(answer).await.unwrap()).await;
        assert_eq!(seen.data, b"", "{answer}");
        assert!(seen.may_go_on, "{answer}");
        let (_, seen) = read(request.send_to(&format!("{answer}hello")).await.unwrap()).await;
        assert_eq!(seen.data, b"", "{answer}");
        assert!(!seen.may_go_on, "{answer}");
    }
}

#[tokio::test]
async fn interim_answers_are_told_of() {
    let mut request = Request::default();
    let answer = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let (status, seen) = read(request.send_to(answer).await.unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(seen.data, b"ok");
    assert_eq!(request.interim[0].0, 103);
    assert_eq!(request.interim[0].1["link"], "</x>");
    assert_eq!(request.interim[1].0, 102);
    let endless = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(200);
    let failure = Request::default().send_to(&endless).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Malformed);
}

#[tokio::test]
async fn an_upgrade_is_one_only_when_it_was_asked_for() {
    let answer = "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nfirst";
    let mut request = Request {
        upgrade: Some(b"websocket"),
        ..Request::default()
    };
    let (status, seen) = read(request.send_to(answer).await.unwrap()).await;
    assert_eq!(status, StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(seen.data, b"first");
    let failure = Request::default().send_to(answer).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Malformed);
    assert_eq!(failure.stage, Stage::Answered);
    // Who refuses to go over answers as usual.
    let refusal = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno";
    let (status, seen) = read(request.send_to(refusal).await.unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(seen.data, b"no");
}

#[tokio::test]
async fn a_body_that_has_to_be_asked_for_is_held_back() {
    // The client waits.
    let waiting = || Request {
        expects_continue: true,
        ..Request::post(client_body(Some(3), [None]))
    };
    let mut request = waiting();
    let refusal = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
    let (status, seen) = read(request.send_to(refusal).await.unwrap()).await;
    assert_eq!(status, StatusCode::EXPECTATION_FAILED);
    assert!(!seen.may_go_on, "the body never came");
    assert!(request.interim.is_empty());
    let streamed = "HTTP/1.1 401 x\r\nContent-Length: 5\r\n\r\nab";
    let mut request = waiting();
    let Exchanged::Streaming { mut body, .. } = request.send_to(streamed).await.unwrap() else {
        panic!("more is to come");
    };
    assert!(body.take_connection().is_none());
    assert!(
        poll_fn(|context| body.poll_frame(context))
            .await
            .unwrap()
            .is_ok()
    );
    assert!(matches!(request.body, RequestBody::Other(_)));

    let (near, mut far) = duplex(1 << 20);
    let server = tokio::spawn(async move {
        let mut head = vec![0; 80];
        let read = far.read(&mut head).await.unwrap();
        far.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 x\r\n\r\n")
            .await
            .unwrap();
        String::from_utf8(head[..read].to_vec()).unwrap()
    });
    let mut request = waiting();
    let exchanged = request.send(near).await.unwrap();
    let (status, seen) = read(exchanged).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(request.interim[0].0, 100);
    assert!(!seen.may_go_on, "the body never came");
    let head = server.await.unwrap();
    assert!(head.ends_with("\r\nExpect: 100-continue\r\n\r\n"), "{head}");

    // What comes of itself goes on.
    let eager = Request {
        expects_continue: true,
        ..Request::post(client_body(Some(3), [data("abc")]))
    };
    assert!(sent(eager, 3).await.ends_with("\r\n\r\nabc"));
}

#[tokio::test]
async fn an_answer_may_come_before_the_request_is_through() {
    // The client sends the rest when it has seen something of the answer.
    let (near, mut far) = duplex(1 << 20);
    let (proceed, wait) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        far.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            .await
            .unwrap();
        let mut sent = Vec::new();
        while !sent.ends_with(b"\r\n0\r\n\r\n") {
            assert_ne!(far.read_buf(&mut sent).await.unwrap(), 0);
        }
        far.write_all(b"2\r\nde\r\n0\r\n\r\n").await.unwrap();
        String::from_utf8(sent).unwrap()
    });
    let mut request = Request::post(RequestBody::Other(Box::new(Late(Some(wait)))));
    let Exchanged::Streaming { mut body, .. } = request.send(near).await.unwrap() else {
        panic!("more is to come");
    };
    let first = poll_fn(|context| body.poll_frame(context))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(first.into_data().unwrap(), "abc");
    proceed.send(()).unwrap();
    let second = poll_fn(|context| body.poll_frame(context))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(second.into_data().unwrap(), "de");
    assert!(poll_fn(|context| body.poll_frame(context)).await.is_none());
    assert!(body.take_connection().is_some(), "both are whole");
    assert!(
        server
            .await
            .unwrap()
            .ends_with("\r\n\r\n4\r\nlate\r\n0\r\n\r\n")
    );
}

#[tokio::test]
async fn a_connection_with_an_unfinished_request_is_not_used_again() {
    for answer in [
        "HTTP/1.1 413 x\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 413 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    ] {
        let mut request = Request::post(client_body(Some(9), [data("abc"), None]));
        let (_, seen) = read(request.send_to(answer).await.unwrap()).await;
        assert_eq!(seen.data, b"no");
        assert!(!seen.may_go_on);
    }
}

#[tokio::test]
async fn a_failure_tells_how_far_it_had_come() {
    async fn fail(mut request: Request, answer: &'static str) -> (FailureKind, Stage) {
        let (near, mut far) = duplex(1 << 20);
        tokio::spawn(async move {
            let mut head = [0; 1024];
            assert_ne!(far.read(&mut head).await.unwrap(), 0);
            far.write_all(answer.as_bytes()).await.unwrap();
        });
        let failure = request.send(near).await.unwrap_err();
        (failure.kind, failure.stage)
    }
    let closed = FailureKind::Closed;
    assert_eq!(
        fail(Request::default(), "").await,
        (closed, Stage::HeadSent)
    );
    let held = Request::post(client_body(Some(3), [None]));
    assert_eq!(fail(held, "").await, (closed, Stage::HeadSent));
    let read = Request::post(client_body(Some(3), [data("ab"), None]));
    assert_eq!(fail(read, "").await, (closed, Stage::BodyRead));
    let cut = fail(Request::default(), "HTTP/1.1 200 OK\r\nA:").await;
    assert_eq!(cut, (FailureKind::Malformed, Stage::Answered));

    let (near, far) = duplex(1 << 20);
    drop(far);
    let failure = Request::default().send(near).await.unwrap_err();
    assert_eq!((failure.kind, failure.stage), (closed, Stage::NotSent));

    for frames in [
        vec![Some(Err(BoxError::from("broken")))],
        vec![data("ab")],
        vec![data("abcd")],
    ] {
        let mut request = Request::post(client_body(Some(3), frames));
        let failure = request.send_to("").await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::ClientBody);
        assert_eq!(failure.stage, Stage::BodyRead);
    }
    let long = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(5000));
    let failure = Request::default().send_to(&long).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::TooLarge);
}

#[tokio::test(start_paused = true)]
async fn a_server_is_waited_for_so_long() {
    let begun = tokio::time::Instant::now();
    let failure = Request::default().send_to("").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimedOut);
    assert_eq!(begun.elapsed().as_secs(), 60);

    let begun = tokio::time::Instant::now();
    let failure = Request::default()
        .send_to("HTTP/1.1 200")
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimedOut);
    assert_eq!(begun.elapsed().as_secs(), 30);

    // An early hint shows that it is alive.
    let begun = tokio::time::Instant::now();
    let (near, mut far) = duplex(1 << 20);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(50)).await;
        far.write_all(b"HTTP/1.1 103 x\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let failure = Request::default().send(near).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimedOut);
    assert_eq!(begun.elapsed().as_secs(), 110);

    // Nobody waits for the server while it waits for the client.
    let mut request = Request::post(client_body(Some(3), [None]));
    let patience = Duration::from_secs(200);
    let waited = tokio::time::timeout(patience, request.send_to("")).await;
    assert!(waited.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_go_on_is_an_error() {
    let (near, mut far) = duplex(1 << 20);
    far.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
        .await
        .unwrap();
    let Exchanged::Streaming { mut body, .. } = Request::default().send(near).await.unwrap() else {
        panic!("more is to come");
    };
    assert!(
        poll_fn(|context| body.poll_frame(context))
            .await
            .unwrap()
            .is_ok()
    );
    // Time in which nobody asks for more does not count.
    tokio::time::sleep(Duration::from_secs(100)).await;
    let begun = tokio::time::Instant::now();
    let error = poll_fn(|context| body.poll_frame(context))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(begun.elapsed().as_secs(), 30);
    drop(far);
}

#[tokio::test]
async fn who_stops_reading_ends_the_exchange() {
    let (near, mut far) = duplex(64);
    far.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
        .await
        .unwrap();
    let exchanged = Request::default().send(near).await.unwrap();
    drop(exchanged);
    let mut rest = Vec::new();
    far.read_to_end(&mut rest).await.unwrap();
    assert_eq!(
        far.write_all(b"cde").await.unwrap_err().kind(),
        io::ErrorKind::BrokenPipe
    );
}

/// Sends an answer in these pieces, each read before the next.
async fn in_pieces(answer: &[u8], splits: &[usize]) -> (StatusCode, Seen, usize) {
    let (near, mut far) = duplex(1 << 20);
    let answer = answer.to_vec();
    let splits = splits.to_vec();
    let server = tokio::spawn(async move {
        let mut from = 0;
        for to in splits.into_iter().chain([answer.len()]) {
            let to = to.clamp(from, answer.len());
            // Who has seen the end may be gone.
            if far.write_all(&answer[from..to]).await.is_err() {
                return;
            }
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            from = to;
        }
        let _ = far.shutdown().await;
    });
    let mut request = Request::default();
    let exchanged = request.send(near).await.unwrap();
    let (status, seen) = read(exchanged).await;
    server.await.unwrap();
    (status, seen, request.interim.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_is_the_same_however_its_bytes_come(
        which in 0..6_usize,
        length in 0..100_usize,
        mut splits in prop::collection::vec(0..400_usize, 0..12),
    ) {
        splits.sort_unstable();
        let text = "abcdefghij".repeat(10);
        let (text, rest) = text.split_at(length);
        let answer = match which {
            0 => format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nA: b\r\n\r\n{text}"),
            1 => format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64;x=\"y\"\r\n{text}{rest}\r\n3\r\nabc\r\n0\r\n\r\n"),
            2 => format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{text}{rest}\r\n0\r\nX: y\r\n\r\n"),
            3 => format!("HTTP/1.1 103 Hints\r\nLink: <{text}>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: {length}\r\n\r\n{text}"),
            4 => format!("HTTP/1.0 200 OK\r\n\r\n{text}"),
            _ => format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{text}{rest}\r\nx"),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (whole, split) = runtime.block_on(async {
            (in_pieces(answer.as_bytes(), &[]).await, in_pieces(answer.as_bytes(), &splits).await)
        });
        prop_assert_eq!(whole, split);
    }
}
