//! A router of a test's own: its handlers do with a request what handlers do, and a journal keeps what they saw.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use bytes::Bytes;
use daemun::Interim;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::time::Sleep;

/// A request as a handler saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case, sorted.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// The body was read to an end that was one.
    pub(crate) is_whole: bool,
}

/// What the handlers saw, in the order in which they were called.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<Seen>>>);

impl Journal {
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// The targets asked for, in order.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.target).collect()
    }

    fn enter(&self, request: &Request) -> usize {
        let mut entries = self.0.lock().unwrap();
        entries.push(Seen {
            method: request.method().to_string(),
            target: request.uri().to_string(),
            fields: lines(request.headers()),
            ..Seen::default()
        });
        entries.len() - 1
    }

    fn update(&self, index: usize, change: impl FnOnce(&mut Seen)) {
        if let Some(seen) = self.0.lock().unwrap().get_mut(index) {
            change(seen);
        }
    }

    /// Reads a body, noting what comes as it comes.
    async fn read(&self, index: usize, mut body: Body) -> Result<(), axum::Error> {
        while let Some(frame) = body.frame().await {
            let frame = frame?;
            self.update(index, |seen| {
                if let Some(data) = frame.data_ref() {
                    seen.body.extend_from_slice(data);
                } else if let Some(trailers) = frame.trailers_ref() {
                    seen.trailers.extend(lines(trailers));
                }
            });
        }
        self.update(index, |seen| seen.is_whole = true);
        Ok(())
    }
}

/// What any test may ask of a router; every other path is answered by what was seen of the request, body included.
pub(crate) fn app(journal: &Journal) -> Router {
    Router::new()
        .route(
            "/echo",
            any(|request: Request| async { typed(Response::new(request.into_body())) }),
        )
        .route(
            "/bytes",
            any(|body: Bytes| async move { body.len().to_string() }),
        )
        .route("/hints", any(hints))
        .route(
            "/early",
            any(|| async { (StatusCode::UNAUTHORIZED, "first say who you are") }),
        )
        .route("/late", any(late))
        .route(
            "/slow",
            any(|| async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                "at last"
            }),
        )
        .route(
            "/client",
            any(|ConnectInfo(client): ConnectInfo<SocketAddr>| async move { client.to_string() }),
        )
        .route("/chunks", any(|| async { stream(chunks()) }))
        .route("/drip", any(|| async { stream(drip()) }))
        .route("/endless", any(|| async { stream([Step::Endless]) }))
        .route(
            "/cut",
            any(|| async { stream([Step::Data("whole so far"), Step::Wait(50), Step::Fail]) }),
        )
        .route(
            "/broken",
            any(|| async { stream([Step::Data("whole so far"), Step::Wait(50), Step::Panic]) }),
        )
        .route("/panic", any(|| async { panic_now().await }))
        .route(
            "/declared/{length}",
            any(|Path(length): Path<usize>| async move { declared(length) }),
        )
        .route(
            "/status/{status}",
            any(|Path(status): Path<u16>| async move {
                (StatusCode::from_u16(status).unwrap(), "content")
            }),
        )
        .route(
            "/empty/{status}",
            any(|Path(status): Path<u16>| async move { StatusCode::from_u16(status).unwrap() }),
        )
        .route("/hop", any(hop_by_hop))
        .route(
            "/ws",
            get(|upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(echo_messages) }),
        )
        .fallback(report)
        .layer(DefaultBodyLimit::disable())
        .layer(axum::middleware::from_fn(note))
        .layer(Extension(journal.clone()))
}

/// Every request is in the journal, whichever handler it goes to.
async fn note(
    Extension(journal): Extension<Journal>,
    mut request: Request,
    next: axum::middleware::Next,
) -> Response {
    let index = journal.enter(&request);
    request.extensions_mut().insert(Entry(index));
    next.run(request).await
}

/// The place of a request in the journal.
#[derive(Clone, Copy)]
struct Entry(usize);

async fn report(
    Extension(journal): Extension<Journal>,
    Extension(Entry(index)): Extension<Entry>,
    request: Request,
) -> Response {
    let method = request.method().clone();
    if let Err(error) = journal.read(index, request.into_body()).await {
        return (StatusCode::BAD_REQUEST, format!("the body: {error}")).into_response();
    }
    let seen = journal.seen().get(index).cloned().unwrap_or_default();
    let body = String::from_utf8_lossy(&seen.body).into_owned();
    let trailers: Vec<String> = seen
        .trailers
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!(
        "{method} {} [{body}] {{{}}}",
        seen.target,
        trailers.join(",")
    )
    .into_response()
}

/// Two interim answers, one that is not the handler's to send, one with fields that no interim answer has, and the final one.
async fn hints(interim: Option<Extension<Interim>>, body: Bytes) -> Response {
    if let Some(Extension(interim)) = interim {
        let link = |value| {
            let mut fields = HeaderMap::new();
            fields.insert(http::header::LINK, HeaderValue::from_static(value));
            fields
        };
        interim.send(StatusCode::EARLY_HINTS, &link("</a.css>; rel=preload"));
        interim.send(StatusCode::CONTINUE, &HeaderMap::new());
        interim.send(StatusCode::SWITCHING_PROTOCOLS, &HeaderMap::new());
        interim.send(StatusCode::OK, &HeaderMap::new());
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut second = link("</b.css>; rel=preload");
        second.insert(http::header::CONTENT_LENGTH, HeaderValue::from_static("5"));
        second.insert(
            http::header::TRANSFER_ENCODING,
            HeaderValue::from_static("chunked"),
        );
        interim.send(StatusCode::EARLY_HINTS, &second);
    }
    format!("after hints, {}", body.len()).into_response()
}

/// Waits before it reads.
async fn late(journal: Extension<Journal>, entry: Extension<Entry>, request: Request) -> Response {
    tokio::time::sleep(Duration::from_millis(300)).await;
    report(journal, entry, request).await
}

#[allow(clippy::unused_async, reason = "a handler")]
async fn panic_now() -> Response {
    panic!("a handler of a test panics, as it shall")
}

/// An answer that says a length, and brings five bytes.
fn declared(length: usize) -> Response {
    let mut response = stream([Step::Data("hello")]);
    response
        .headers_mut()
        .insert(http::header::CONTENT_LENGTH, length.into());
    response
}

/// Fields that are the connection's, from a handler that does not know it.
#[allow(clippy::unused_async, reason = "a handler")]
async fn hop_by_hop() -> Response {
    let mut response = "content".into_response();
    for (name, value) in [
        ("transfer-encoding", "chunked"),
        ("keep-alive", "timeout=1"),
        ("x-own", "kept"),
    ] {
        response.headers_mut().insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}

async fn echo_messages(mut socket: axum::extract::ws::WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if let Message::Text(_) | Message::Binary(_) = &message
            && socket.send(message).await.is_err()
        {
            return;
        }
    }
}

/// Ten chunks of different sizes, one of them empty, and trailers, of which some may not be sent.
fn chunks() -> Vec<Step> {
    let mut steps = vec![Step::Data("first "), Step::Data(""), Step::Wait(10)];
    steps.extend([Step::Data("second "); 7]);
    steps.push(Step::Data("third"));
    steps.push(Step::Trailers(&[
        ("x-checksum", "abc"),
        ("content-length", "3"),
        ("transfer-encoding", "chunked"),
    ]));
    steps
}

fn drip() -> Vec<Step> {
    (0..5)
        .flat_map(|_| [Step::Data("drop"), Step::Wait(100)])
        .collect()
}

fn stream(steps: impl IntoIterator<Item = Step>) -> Response {
    let mut response = typed(Response::new(Body::new(Steps {
        steps: steps.into_iter().collect(),
        wait: None,
    })));
    response.headers_mut().insert(
        http::header::TRAILER,
        HeaderValue::from_static("x-checksum"),
    );
    response
}

fn typed(mut response: Response) -> Response {
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain"),
    );
    response
}

/// One thing that a body does.
#[derive(Clone, Copy)]
enum Step {
    Data(&'static str),
    /// In milliseconds.
    Wait(u64),
    Trailers(&'static [(&'static str, &'static str)]),
    Fail,
    Panic,
    /// 64 KiB, again and again.
    Endless,
}

/// A body of unknown length.
struct Steps {
    steps: VecDeque<Step>,
    wait: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for Steps {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        loop {
            if let Some(wait) = &mut self.wait {
                ready!(wait.as_mut().poll(context));
                self.wait = None;
            }
            let frame = match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Data(text)) => Frame::data(Bytes::from_static(text.as_bytes())),
                Some(Step::Wait(time)) => {
                    self.wait = Some(Box::pin(tokio::time::sleep(Duration::from_millis(time))));
                    continue;
                }
                Some(Step::Trailers(fields)) => Frame::trailers(
                    fields
                        .iter()
                        .map(|(name, value)| {
                            (
                                HeaderName::from_static(name),
                                HeaderValue::from_static(value),
                            )
                        })
                        .collect(),
                ),
                Some(Step::Fail) => {
                    return Poll::Ready(Some(Err(std::io::ErrorKind::Other.into())));
                }
                Some(Step::Panic) => panic!("a body of a test panics, as it shall"),
                Some(Step::Endless) => {
                    self.steps.push_front(Step::Endless);
                    Frame::data(Bytes::from(vec![b'x'; 64 << 10]))
                }
            };
            return Poll::Ready(Some(Ok(frame)));
        }
    }
}

fn lines(fields: &HeaderMap) -> Vec<(String, String)> {
    let mut lines: Vec<_> = fields
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                value.as_bytes().escape_ascii().to_string(),
            )
        })
        .collect();
    lines.sort();
    lines
}
