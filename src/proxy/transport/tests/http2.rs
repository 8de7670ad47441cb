//! HTTP/2 with servers.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::BoxError;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use super::*;

const H2C: Protocol = Protocol {
    is_tls: false,
    is_http2: true,
};

/// A server that has each request answered by a function, with so many at a time.
async fn back<F>(
    most: u32,
    answer: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Clone + Send + 'static,
) -> Back
where
    F: Future<Output = ()> + Send + 'static,
{
    Back::new(move |socket, _| serve(socket, most, answer.clone())).await
}

pub(super) async fn serve<S, F>(
    socket: S,
    most: u32,
    answer: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F,
) where
    S: AsyncRead + tokio::io::AsyncWrite + Unpin,
    F: Future<Output = ()> + Send + 'static,
{
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(most);
    let Ok(mut connection) = builder.handshake(socket).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request, respond));
    }
}

fn h2_target(back: &Back) -> Target {
    target(back.address, H2C)
}

fn h2_transport() -> Transport {
    Transport::new(&config(H2C)).unwrap()
}

/// Says what it was asked.
pub(super) async fn tell(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let (parts, mut body) = request.into_parts();
    let mut length = 0;
    while let Some(Ok(data)) = body.data().await {
        length += data.len();
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    let trailers = body.trailers().await.ok().flatten();
    let text = format!(
        "{} {} te={:?} length={:?} came={length} trailers={:?} test={:?}",
        parts.method,
        parts.uri,
        parts.headers.get("te"),
        parts.headers.get("content-length"),
        trailers.map(|trailers| trailers.len()),
        parts.headers["x-test"],
    );
    let mut sending = respond.send_response(Response::new(()), false).unwrap();
    sending.send_data(text.into(), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    trailers.insert("set-cookie", HeaderValue::from_static("a=b"));
    sending.send_trailers(trailers).unwrap();
}

/// A body that comes by a channel, of a length that nobody knows.
struct Fed(mpsc::UnboundedReceiver<Result<Frame<Bytes>, BoxError>>);

impl Body for Fed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(context)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn fed() -> (
    mpsc::UnboundedSender<Result<Frame<Bytes>, BoxError>>,
    Ask<'static>,
) {
    let (feed, body) = mpsc::unbounded_channel();
    let ask = Ask {
        method: Method::POST,
        body: RequestBody::Other(Box::new(Fed(body))),
        ..get("/fed")
    };
    (feed, ask)
}

#[tokio::test]
async fn requests_share_a_connection() {
    let back = back(100, tell).await;
    let transport = Arc::new(h2_transport());
    let asked: Vec<_> = (0..20)
        .map(|_| {
            let (transport, target) = (Arc::clone(&transport), h2_target(&back));
            tokio::spawn(async move { get("/a?b").read(&transport, &target).await })
        })
        .collect();
    for answer in asked {
        assert_eq!(
            answer.await.unwrap(),
            "GET http://localhost/a?b te=Some(\"trailers\") length=None came=0 trailers=None test=\"1\""
        );
    }
    assert_eq!(back.connections(), 1);
}

#[tokio::test]
async fn bodies_and_trailers_go_both_ways() {
    let back = back(100, tell).await;
    let (transport, target) = (h2_transport(), h2_target(&back));
    let text = post("/", "hello").read(&transport, &target).await;
    assert!(
        text.contains("length=Some(\"5\") came=5 trailers=None"),
        "{text}"
    );
    let large = post("/", vec![0; 3 << 20]).read(&transport, &target).await;
    assert!(large.contains("came=3145728"), "{large}");

    let (feed, mut ask) = fed();
    feed.send(Ok(Frame::data("abc".into()))).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    trailers.insert("authorization", HeaderValue::from_static("1"));
    feed.send(Ok(Frame::trailers(trailers))).unwrap();
    drop(feed);
    let answer = ask.send(&transport, &target).await.unwrap();
    assert!(!answer.is_http1);
    let body = answer.body.collect().await.unwrap();
    let trailers = body.trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    assert_eq!(trailers.len(), 1, "cookies are none");
    let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
    assert!(
        text.contains("length=None came=3 trailers=Some(1)"),
        "{text}"
    );
}

#[tokio::test]
async fn an_answer_may_come_before_the_body_and_ends_with_its_reader() {
    let (told, mut hear) = mpsc::unbounded_channel();
    let back = back(100, move |request: Request<RecvStream>, mut respond| {
        let told = told.clone();
        async move {
            let mut body = request.into_body();
            let mut sending = respond.send_response(Response::new(()), false).unwrap();
            while let Some(Ok(data)) = body.data().await {
                body.flow_control().release_capacity(data.len()).unwrap();
                sending.send_data(data, false).unwrap();
            }
            let reason = std::future::poll_fn(|context| sending.poll_reset(context)).await;
            let _ = told.send(reason.unwrap());
        }
    })
    .await;
    let (transport, target) = (h2_transport(), h2_target(&back));
    let (feed, mut ask) = fed();
    let mut answer = ask.send(&transport, &target).await.unwrap();
    for text in ["ping", "pong"] {
        feed.send(Ok(Frame::data(text.into()))).unwrap();
        let echoed = answer.body.frame().await.unwrap().unwrap();
        assert_eq!(echoed.into_data().unwrap(), text);
    }
    drop(answer);
    assert_eq!(hear.recv().await, Some(Reason::CANCEL));

    // The same for who does not wait for the answer.
    let (feed, mut ask) = fed();
    feed.send(Ok(Frame::data("x".into()))).unwrap();
    let mut answer = ask.send(&transport, &target).await.unwrap();
    answer.body.frame().await.unwrap().unwrap();
    feed.send(Err("the client is gone".into())).unwrap();
    let error = answer.body.frame().await.unwrap().unwrap_err();
    assert!(error.to_string().contains("the client is gone"), "{error}");
    assert_eq!(hear.recv().await, Some(Reason::CANCEL));
    assert_eq!(back.connections(), 1);
}

#[tokio::test]
async fn who_gives_up_waiting_ends_the_stream() {
    let (told, mut hear) = mpsc::unbounded_channel();
    let back = back(100, move |request: Request<RecvStream>, mut respond| {
        let told = told.clone();
        async move {
            let _ = told.send(None);
            let reason = std::future::poll_fn(|context| respond.poll_reset(context)).await;
            drop(request);
            let _ = told.send(Some(reason.unwrap()));
        }
    })
    .await;
    let (transport, target) = (h2_transport(), h2_target(&back));
    let (_feed, mut ask) = fed();
    tokio::select! {
        _ = ask.send(&transport, &target) => panic!("nobody answers"),
        () = async {
            assert_eq!(hear.recv().await, Some(None));
            // So that the body is being waited for.
            tokio::time::sleep(Duration::from_millis(50)).await;
        } => {}
    }
    assert_eq!(hear.recv().await, Some(Some(Reason::CANCEL)));
}

#[tokio::test]
async fn what_was_not_looked_at_can_be_sent_again() {
    let back = back(
        100,
        |request: Request<RecvStream>, mut respond: SendResponse<Bytes>| async move {
            if request.uri().path() == "/refused" {
                respond.send_reset(Reason::REFUSED_STREAM);
            } else {
                respond.send_reset(Reason::INTERNAL_ERROR);
            }
        },
    )
    .await;
    let (transport, target) = (h2_transport(), h2_target(&back));
    let (feed, mut ask) = fed();
    // Once more at the same server, and then no more.
    ask.path = "/refused";
    let failure = ask.send(&transport, &target).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.stage),
        (FailureKind::Rejected, Stage::NotSent)
    );
    feed.send(Ok(Frame::data("kept".into()))).unwrap();
    let first = ask.body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "kept");

    let mut broken = get("/broken");
    let failure = broken.send(&transport, &target).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.stage),
        (FailureKind::Closed, Stage::HeadSent)
    );

    let mut read = post("/refused", "gone");
    let failure = read.send(&transport, &target).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.stage),
        (FailureKind::Rejected, Stage::BodyRead)
    );
}

#[tokio::test]
async fn a_server_that_says_goodbye_gets_no_more() {
    let back = Back::new(|socket, _| async move {
        let mut connection = h2::server::handshake(socket).await.unwrap();
        let (request, respond) = connection.accept().await.unwrap().unwrap();
        tokio::spawn(tell(request, respond));
        connection.graceful_shutdown();
        while let Some(Ok((request, respond))) = connection.accept().await {
            tokio::spawn(tell(request, respond));
        }
    })
    .await;
    let (transport, target) = (h2_transport(), h2_target(&back));
    for _ in 0..10 {
        assert!(get("/").read(&transport, &target).await.starts_with("GET"));
    }
    assert!(back.connections() > 1);
}

#[tokio::test]
async fn another_connection_is_made_when_one_is_full() {
    let (release, wait) = tokio::sync::watch::channel(());
    let back = back(3, move |request: Request<RecvStream>, respond| {
        let mut wait = wait.clone();
        async move {
            if request.uri().path() == "/wait" {
                wait.changed().await.unwrap();
            }
            tell(request, respond).await;
        }
    })
    .await;
    let transport = Arc::new(h2_transport());
    get("/").read(&transport, &h2_target(&back)).await;
    let asked: Vec<_> = (0..5)
        .map(|_| {
            let (transport, target) = (Arc::clone(&transport), h2_target(&back));
            tokio::spawn(async move { get("/wait").read(&transport, &target).await })
        })
        .collect();
    until(|| back.connections() == 2).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    release.send(()).unwrap();
    for answer in asked {
        assert!(answer.await.unwrap().starts_with("GET"));
    }
    assert_eq!(back.connections(), 2);
}

#[tokio::test]
async fn what_is_cut_off_is_an_error() {
    let back = back(100, |_, mut respond: SendResponse<Bytes>| async move {
        let mut sending = respond.send_response(Response::new(()), false).unwrap();
        sending.send_data("half".into(), false).unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        sending.send_reset(Reason::INTERNAL_ERROR);
    })
    .await;
    let answer = get("/")
        .send(&h2_transport(), &h2_target(&back))
        .await
        .unwrap();
    assert!(answer.body.collect().await.is_err());
}

#[tokio::test]
async fn what_http_2_has_no_words_for_is_told() {
    let mut ask = Ask {
        upgrade: Some(b"websocket"),
        ..get("/")
    };
    let nowhere = target(([127, 0, 0, 1], 1).into(), H2C);
    let failure = ask.send(&h2_transport(), &nowhere).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.stage),
        (FailureKind::Unsupported, Stage::NotSent)
    );
    let failure = get("/").send(&h2_transport(), &nowhere).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.stage),
        (FailureKind::Refused, Stage::NotSent)
    );
}

#[tokio::test]
async fn a_server_and_a_client_have_their_times() {
    let back = back(100, |request: Request<RecvStream>, respond| async move {
        std::future::pending::<()>().await;
        drop((request, respond));
    })
    .await;
    let mut config = config(H2C);
    config.timeouts.first_byte = Duration::from_millis(100);
    let transport = Transport::new(&config).unwrap();
    let failure = get("/")
        .send(&transport, &h2_target(&back))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.kind, failure.stage),
        (FailureKind::TimedOut, Stage::HeadSent)
    );
    // While the client is slow the server is not.
    let (feed, mut ask) = fed();
    let slow = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        feed.send(Err("slow, and then broken".into())).unwrap();
    };
    let target = h2_target(&back);
    let (failure, ()) = tokio::join!(ask.send(&transport, &target), slow);
    assert_eq!(failure.unwrap_err().kind, FailureKind::ClientBody);
}

#[tokio::test]
async fn an_end_that_comes_late_is_waited_for() {
    let (told, mut hear) = mpsc::unbounded_channel();
    let back = back(100, move |_, mut respond: SendResponse<Bytes>| {
        let told = told.clone();
        async move {
            let response = Response::builder()
                .header("content-length", "5")
                .body(())
                .unwrap();
            let mut sending = respond.send_response(response, false).unwrap();
            sending.send_data("hello".into(), false).unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            let was_reset = tokio::time::timeout(
                Duration::from_millis(1),
                std::future::poll_fn(|context| sending.poll_reset(context)),
            );
            let _ = told.send(was_reset.await.is_ok());
            let _ = sending.send_data(Bytes::new(), true);
        }
    })
    .await;
    let (transport, target) = (h2_transport(), h2_target(&back));
    let mut answer = get("/").send(&transport, &target).await.unwrap();
    let data = answer.body.frame().await.unwrap().unwrap();
    assert_eq!(data.into_data().unwrap(), "hello");
    drop(answer);
    assert_eq!(hear.recv().await, Some(false));
}

#[tokio::test]
async fn empty_frames_of_a_server_are_no_flood() {
    let back = back(100, |_, mut respond: SendResponse<Bytes>| async move {
        let mut sending = respond.send_response(Response::new(()), false).unwrap();
        sending.send_data(Bytes::new(), false).unwrap();
        sending.send_trailers(HeaderMap::new()).unwrap();
    })
    .await;
    let (transport, target) = (h2_transport(), h2_target(&back));
    for _ in 0..250 {
        assert_eq!(get("/").read(&transport, &target).await, "");
    }
    assert_eq!(back.connections(), 3);
}

#[tokio::test]
async fn a_reset_is_no_end() {
    let back = back(100, |_, mut respond: SendResponse<Bytes>| async move {
        let mut sending = respond.send_response(Response::new(()), false).unwrap();
        sending.send_data("half".into(), false).unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        sending.send_reset(Reason::NO_ERROR);
    })
    .await;
    let answer = get("/")
        .send(&h2_transport(), &h2_target(&back))
        .await
        .unwrap();
    assert!(answer.body.collect().await.is_err());
}
