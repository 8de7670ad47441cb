use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::config::upstream::{
    Balance, Ejection, PoolConfig, Protocol, QueueConfig, ServerAddress, ServerConfig, Timeouts,
    UpstreamTls,
};
use crate::proxy::fields::{Sink, WriteFields};
use crate::proxy::request_body::RequestBody;

mod encrypted;
mod http2;

const PLAIN: Protocol = Protocol {
    is_tls: false,
    is_http2: false,
};

fn config(protocol: Protocol) -> UpstreamConfig {
    UpstreamConfig {
        name: "test".into(),
        servers: vec![ServerConfig {
            address: ServerAddress::Socket(([127, 0, 0, 1], 1).into()),
            protocol,
            weight: 1,
            is_backup: false,
            max_connections: 0,
            id: None,
        }],
        balance: Balance::PowerOfTwo,
        sticky: None,
        slow_start: Duration::ZERO,
        health: None,
        ejection: Ejection {
            after: 0,
            time: Duration::ZERO,
            most: Duration::ZERO,
        },
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(20),
            idle: Duration::from_secs(20),
            tunnel_idle: Duration::ZERO,
        },
        pool: PoolConfig {
            size: 8,
            idle: Duration::from_secs(60),
        },
        queue: QueueConfig {
            size: 0,
            timeout: Duration::ZERO,
        },
        retries: false,
        tls: UpstreamTls {
            ca: None,
            verify: true,
            server_name: None,
            client: None,
        },
        header_size: 64 << 10,
        resolvers: Vec::new(),
    }
}

fn transport() -> Transport {
    Transport::new(&config(PLAIN)).unwrap()
}

fn target(address: SocketAddr, protocol: Protocol) -> Target {
    Target {
        address: TargetAddress::Socket(address),
        protocol,
        host: "localhost".into(),
        authority: HeaderValue::from_static("localhost"),
    }
}

struct NoFields;

impl WriteFields for NoFields {
    fn write(&self, sink: &mut dyn Sink) {
        sink.put(b"x-test", b"1");
    }
}

struct Ask<'a> {
    method: Method,
    path: &'a str,
    body: RequestBody,
    upgrade: Option<&'a [u8]>,
}

fn get(path: &str) -> Ask<'_> {
    Ask {
        method: Method::GET,
        path,
        body: RequestBody::Empty,
        upgrade: None,
    }
}

fn post(path: &str, body: impl Into<Bytes>) -> Ask<'_> {
    let body = Full::new(body.into()).map_err(|never| match never {});
    Ask {
        method: Method::POST,
        body: RequestBody::Other(Box::new(body)),
        ..get(path)
    }
}

impl Ask<'_> {
    async fn send(&mut self, transport: &Transport, target: &Target) -> Result<Answer, Failure> {
        let mut request = Outgoing {
            method: &self.method,
            path: self.path,
            authority: b"localhost",
            is_https: false,
            fields: &NoFields,
            has_body: !matches!(self.body, RequestBody::Empty),
            body: &mut self.body,
            expects_continue: false,
            takes_trailers: true,
            needs_new: false,
            upgrade: self.upgrade,
            interim: &mut |_, _| {},
        };
        tokio::time::timeout(
            Duration::from_secs(30),
            transport.send(target, &mut request),
        )
        .await
        .expect("an end")
    }

    /// The whole body.
    async fn read(mut self, transport: &Transport, target: &Target) -> String {
        let answer = self.send(transport, target).await.unwrap();
        let body = answer.body.collect().await.unwrap();
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }
}

/// A server that has its connections served by a function.
struct Back {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Back {
    async fn new<F>(serve: impl Fn(TcpStream, usize) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let index = count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(socket, index));
            }
        });
        Self {
            address,
            connections,
            accepting,
        }
    }

    /// One that answers each request with this, made of the request's path.
    async fn answering(answer: impl Fn(&str) -> String + Copy + Send + 'static) -> Self {
        Self::new(move |mut socket, _| async move {
            while let Some(head) = head(&mut socket).await {
                let path = head.split(' ').nth(1).unwrap().to_owned();
                let answer = answer(&path);
                if socket.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        })
        .await
    }

    fn target(&self) -> Target {
        target(self.address, PLAIN)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Back {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The next head; None at the end.
async fn head(socket: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Until what the other side has done is seen, in a time that is no test of speed.
async fn until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not come about");
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let back = Back::answering(ok).await;
    let (transport, target) = (transport(), back.target());
    for path in ["/a", "/b", "/c"] {
        assert_eq!(get(path).read(&transport, &target).await, path);
    }
    // Also by who has not read the body yet: it was there with the head.
    let first = get("/held").send(&transport, &target).await.unwrap();
    assert!(matches!(first.body, AnswerBody::Held(_)));
    assert_eq!(get("/d").read(&transport, &target).await, "/d");
    assert_eq!(back.connections(), 1);
}

#[tokio::test]
async fn a_large_body_gives_its_connection_back() {
    let back = Back::answering(|path| match path {
        "/chunks" => format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
            format!("4000\r\n{}\r\n", "x".repeat(16 << 10)).repeat(30)
        ),
        _ => ok(&"x".repeat(480 << 10)),
    })
    .await;
    let (transport, target) = (transport(), back.target());
    for path in ["/length", "/chunks", "/length", "/chunks"] {
        assert_eq!(get(path).read(&transport, &target).await.len(), 480 << 10);
    }
    assert_eq!(back.connections(), 1);
    let unread = get("/length").send(&transport, &target).await.unwrap();
    assert_eq!(
        http_body::Body::size_hint(&unread.body).exact(),
        Some(480 << 10)
    );
    drop(unread);
    assert_eq!(
        get("/length").read(&transport, &target).await.len(),
        480 << 10
    );
    assert_eq!(
        back.connections(),
        2,
        "what was not read to its end is closed"
    );
}

#[tokio::test]
async fn nobody_gets_what_was_not_meant_for_him() {
    let back = Back::new(|mut socket, index| async move {
        let Some(_) = head(&mut socket).await else {
            return;
        };
        let _ = socket.write_all(ok("mine").as_bytes()).await;
        if index == 0 {
            // Later than the answer, so that the connection waits already.
            tokio::time::sleep(Duration::from_millis(30)).await;
            let _ = socket.write_all(ok("poison").as_bytes()).await;
        }
        let _ = head(&mut socket).await;
    })
    .await;
    let (transport, target) = (transport(), back.target());
    assert_eq!(get("/").read(&transport, &target).await, "mine");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(get("/").read(&transport, &target).await, "mine");
    assert_eq!(back.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_not_used() {
    let back = Back::new(|mut socket, _| async move {
        head(&mut socket).await;
        let _ = socket.write_all(ok("once").as_bytes()).await;
    })
    .await;
    let (transport, target) = (transport(), back.target());
    for round in 1..5 {
        assert_eq!(get("/").read(&transport, &target).await, "once");
        assert_eq!(back.connections(), round);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_is_closed_by_the_request_is_told_as_such() {
    let back = Back::new(|mut socket, _| async move {
        head(&mut socket).await;
        let _ = socket.write_all(ok("once").as_bytes()).await;
        head(&mut socket).await;
    })
    .await;
    let (transport, target) = (transport(), back.target());
    let both = tokio::join!(
        get("/").read(&transport, &target),
        get("/").read(&transport, &target)
    );
    assert_eq!(both, ("once".into(), "once".into()));
    assert_eq!(back.connections(), 2, "both wait");
    let failure = get("/").send(&transport, &target).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Closed);
    assert_eq!(failure.stage, Stage::HeadSent);
    assert!(failure.is_reused);
    let failure = get("/").send(&transport, &target).await;
    assert!(failure.is_ok(), "on a new one, not on the other that waits");
}

#[tokio::test]
async fn no_connection_is_used_when_the_server_may_have_given_it_up() {
    let back = Back::answering(|path| match path {
        "/no" => ok("x").replace("\r\n\r\n", "\r\nKeep-Alive: timeout=0\r\n\r\n"),
        "/close" => ok("x").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
        _ => ok("x").replace("\r\n\r\n", "\r\nKeep-Alive: timeout=1\r\n\r\n"),
    })
    .await;
    let (transport, target) = (transport(), back.target());
    for (path, connections) in [("/", 1), ("/", 1), ("/no", 1), ("/close", 2), ("/", 3)] {
        assert_eq!(get(path).read(&transport, &target).await, "x");
        assert_eq!(back.connections(), connections, "{path}");
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(get("/").read(&transport, &target).await, "x");
    assert_eq!(back.connections(), 4);
}

#[tokio::test]
async fn idle_connections_are_closed_and_few() {
    let open = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&open);
    let back = Back::new(move |mut socket, _| {
        let count = Arc::clone(&count);
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            while head(&mut socket).await.is_some() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let _ = socket.write_all(ok("x").as_bytes()).await;
            }
            count.fetch_sub(1, Ordering::SeqCst);
        }
    })
    .await;
    let mut config = config(PLAIN);
    config.pool = PoolConfig {
        size: 2,
        idle: Duration::from_millis(1500),
    };
    let transport = Arc::new(Transport::new(&config).unwrap());
    let requests: Vec<_> = (0..5)
        .map(|_| {
            let (transport, target) = (Arc::clone(&transport), back.target());
            tokio::spawn(async move { get("/").read(&transport, &target).await })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), "x");
    }
    assert_eq!(back.connections(), 5);
    until(|| open.load(Ordering::SeqCst) == 2).await;
    until(|| open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn none_is_kept_where_none_is_wanted_and_all_go_with_the_transport() {
    let back = Back::answering(ok).await;
    let mut config = config(PLAIN);
    config.pool.size = 0;
    let single = Transport::new(&config).unwrap();
    for count in 1..4 {
        get("/").read(&single, &back.target()).await;
        assert_eq!(back.connections(), count);
    }
    let (closed, wait) = tokio::sync::oneshot::channel();
    let closed = std::sync::Mutex::new(Some(closed));
    let back = Back::new(move |mut socket, _| {
        let closed = closed.lock().unwrap().take().unwrap();
        async move {
            head(&mut socket).await;
            let _ = socket.write_all(ok("x").as_bytes()).await;
            assert!(head(&mut socket).await.is_none());
            closed.send(()).unwrap();
        }
    })
    .await;
    let transport = transport();
    get("/").read(&transport, &back.target()).await;
    drop(transport);
    let patience = Duration::from_secs(10);
    tokio::time::timeout(patience, wait).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_refuses() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let failure = get("/")
        .send(&transport(), &target(address, PLAIN))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert_eq!(failure.stage, Stage::NotSent);
    let folder = tempfile::tempdir().unwrap();
    let missing = Target {
        address: TargetAddress::Unix(folder.path().join("missing").into()),
        ..target(address, PLAIN)
    };
    let failure = get("/").send(&transport(), &missing).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
}

#[tokio::test]
async fn a_unix_socket_is_as_good() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        while head(&mut socket).await.is_some() {
            socket.write_all(ok("unix").as_bytes()).await.unwrap();
        }
    });
    let transport = transport();
    let target = Target {
        address: TargetAddress::Unix(path.into()),
        ..target(([127, 0, 0, 1], 1).into(), PLAIN)
    };
    for _ in 0..2 {
        assert_eq!(get("/").read(&transport, &target).await, "unix");
    }
    drop(transport);
    server.await.unwrap();
}

#[tokio::test]
async fn a_connection_goes_over_to_another_protocol() {
    let back = Back::new(|mut socket, _| async move {
        let asked = head(&mut socket).await.unwrap();
        assert!(asked.contains("\r\nUpgrade: echo\r\nConnection: upgrade, TE\r\n"));
        let answer = "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello ";
        socket.write_all(answer.as_bytes()).await.unwrap();
        let (mut from, mut to) = socket.split();
        tokio::io::copy(&mut from, &mut to).await.unwrap();
    })
    .await;
    let mut ask = Ask {
        upgrade: Some(b"echo"),
        ..get("/")
    };
    let answer = ask.send(&transport(), &back.target()).await.unwrap();
    assert_eq!(answer.status, StatusCode::SWITCHING_PROTOCOLS);
    let mut upgraded = answer.upgraded.unwrap();
    upgraded.write_all(b"there").await.unwrap();
    upgraded.shutdown().await.unwrap();
    let mut echoed = String::new();
    upgraded.read_to_string(&mut echoed).await.unwrap();
    assert_eq!(echoed, "hello there");
}

#[tokio::test]
async fn a_large_body_goes_while_the_answer_comes() {
    let back = Back::new(|mut socket, _| async move {
        while let Some(head) = head(&mut socket).await {
            assert!(head.contains("\r\nContent-Length: 4194304\r\n"), "{head}");
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n";
            socket.write_all(answer.as_bytes()).await.unwrap();
            let (from, mut to) = socket.split();
            let echoed = tokio::io::copy(&mut from.take(4 << 20), &mut to).await;
            assert_eq!(echoed.unwrap(), 4 << 20);
        }
    })
    .await;
    let (transport, target) = (transport(), back.target());
    let body: Bytes = (0..4 << 20)
        .map(|at: u32| at.to_le_bytes()[1])
        .collect::<Vec<_>>()
        .into();
    for _ in 0..2 {
        let answer = post("/", body.clone())
            .send(&transport, &target)
            .await
            .unwrap();
        let echoed = answer.body.collect().await.unwrap().to_bytes();
        assert!(echoed == body);
    }
    assert_eq!(back.connections(), 1);
}
