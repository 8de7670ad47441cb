//! HTTP/2 on either side of the proxy (RFC 9113), and on both: trailers, resets, windows.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::oneshot;

use crate::harness::{
    Back, Docroot, H2Client, H2Outcome, HELLO, PATIENCE, TestServer, in_front_of, pattern,
};

type AnyBody = BoxBody<Bytes, Infallible>;

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
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let serve = async {
                    loop {
                        let (stream, _) = listener.accept().await.unwrap();
                        tokio::spawn(
                            hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                                .serve_connection(TokioIo::new(stream), service_fn(echo)),
                        );
                    }
                };
                tokio::select! {
                    () = serve => {}
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

async fn echo(request: Request<Incoming>) -> Result<Response<AnyBody>, Infallible> {
    let (parts, body) = request.into_parts();
    let mut response = Response::new(());
    let fields = response.headers_mut();
    let asked = format!("{} {} {:?}", parts.method, parts.uri, parts.version);
    fields.insert("x-asked", HeaderValue::from_str(&asked).unwrap());
    for name in ["te", "via", "x-forwarded-for", "content-length"] {
        if let Some(value) = parts.headers.get(name) {
            let echoed: http::HeaderName = format!("x-got-{name}").parse().unwrap();
            fields.insert(echoed, value.clone());
        }
    }
    fields.insert("content-type", HeaderValue::from_static("application/grpc"));
    if parts.uri.path() == "/reset" {
        // A body that fails is a stream that is reset.
        let frames = futures_like(vec![Ok(Frame::data(Bytes::from_static(b"half")))], true);
        return Ok(response.map(|()| frames));
    }
    let body = body.collect().await;
    let Ok(body) = body else {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response.map(|()| Full::new(Bytes::new()).boxed()));
    };
    let mut trailers = body.trailers().cloned().unwrap_or_default();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = vec![
        Ok(Frame::data(body.to_bytes())),
        Ok(Frame::trailers(trailers)),
    ];
    Ok(response.map(|()| futures_like(frames, false)))
}

/// A body of these frames; one that does not end, if it is to be cut.
fn futures_like(frames: Vec<Result<Frame<Bytes>, Infallible>>, is_cut: bool) -> AnyBody {
    StreamBody::new(Frames {
        frames: frames.into(),
        is_cut,
    })
    .boxed()
}

struct Frames {
    frames: std::collections::VecDeque<Result<Frame<Bytes>, Infallible>>,
    is_cut: bool,
}
