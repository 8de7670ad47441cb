//! The server under test: in this process, on a port of its own, on a thread of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use daemun::{Config, Handle, ListenAddress, Listener, Server};
use tokio::sync::oneshot;

use super::{Client, Docroot, Journal, Response, app};

/// How long a server may take to stop: more than the default drain timeout.
const STOP_WITHIN: Duration = Duration::from_secs(40);

pub(crate) struct TestServer {
    pub(crate) docroot: Docroot,
    pub(crate) address: SocketAddr,
    pub(crate) handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    stopped: mpsc::Receiver<Result<(), String>>,
    thread: Option<JoinHandle<()>>,
}

impl TestServer {
    /// The standard docroot with the settings that nobody had to write.
    pub(crate) fn standard() -> Self {
        Self::with_site("")
    }

    /// The standard docroot; `keys` are further lines of its `[[site]]` table, then any other table.
    pub(crate) fn with_site(keys: &str) -> Self {
        Self::with_docroot(Docroot::standard(), keys)
    }

    /// A site of this docroot; `keys` are further lines of its `[[site]]` table, then any other table.
    pub(crate) fn with_docroot(docroot: Docroot, keys: &str) -> Self {
        Self::start(docroot, &format!("[[site]]\ndocroot = \"$ROOT\"\n{keys}\n"))
    }

    /// A whole configuration file, in which `$ROOT`, `$OUTSIDE` and `$PARENT` are the docroot's folders.
    pub(crate) fn start(docroot: Docroot, config: &str) -> Self {
        Self::start_with_workers(docroot, config, 0)
    }

    /// The same on so many worker threads; none: on the current-thread runtime of the caller.
    pub(crate) fn start_with_workers(docroot: Docroot, config: &str, workers: usize) -> Self {
        Self::start_app(docroot, config, workers, None)
    }

    /// A router of one's own under a configuration, of which only its limits and its log count.
    pub(crate) fn with_app(app: axum::Router, keys: &str) -> Self {
        let config = format!("[[site]]\ndocroot = \"$ROOT\"\n{keys}\n");
        Self::start_app(Docroot::empty(), &config, 0, Some(app))
    }

    /// A server of the router that any test may use, and what its handlers see.
    pub(crate) fn app(keys: &str) -> (Self, Journal) {
        let journal = Journal::default();
        (Self::with_app(app(&journal), keys), journal)
    }

    /// The statuses of everything that the server answers to these bytes, interim ones included, until it or the client is done.
    #[track_caller]
    pub(crate) fn statuses(&self, bytes: impl AsRef<[u8]>) -> Vec<u16> {
        let mut client = self.connect();
        client.send(bytes.as_ref());
        client.shut_write();
        let mut statuses = Vec::new();
        while let Ok(response) = client.try_read(bytes.as_ref()) {
            statuses.push(response.status());
        }
        statuses
    }

    fn start_app(
        docroot: Docroot,
        config: &str,
        workers: usize,
        app: Option<axum::Router>,
    ) -> Self {
        let text = config
            .replace("$ROOT", docroot.root().to_str().expect("UTF-8"))
            .replace("$OUTSIDE", docroot.outside().to_str().expect("UTF-8"))
            .replace("$PARENT", docroot.parent().to_str().expect("UTF-8"));
        let (stop, stop_asked) = oneshot::channel();
        let (tell_ready, ready) = mpsc::channel();
        let (tell_stopped, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || {
                tell_stopped
                    .send(run(&text, workers, app, &tell_ready, stop_asked))
                    .ok();
            })
            .expect("a thread");
        let (address, handle) = ready
            .recv_timeout(super::PATIENCE)
            .expect("the server starts");
        Self {
            docroot,
            address,
            handle,
            stop: Some(stop),
            stopped,
            thread: Some(thread),
        }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Sends a request as it stands on a new connection, reads one response and sees the connection end after it.
    #[track_caller]
    pub(crate) fn exchange(&self, request: impl AsRef<[u8]>) -> Response {
        let mut client = self.connect();
        let response = client.exchange(request);
        client.finish();
        response
    }

    #[track_caller]
    pub(crate) fn get(&self, target: &str, fields: &[&str]) -> Response {
        self.send("GET", target, fields)
    }

    #[track_caller]
    pub(crate) fn head(&self, target: &str, fields: &[&str]) -> Response {
        self.send("HEAD", target, fields)
    }

    #[track_caller]
    pub(crate) fn send(&self, method: &str, target: &str, fields: &[&str]) -> Response {
        self.exchange(request(method, target, fields))
    }

    /// Asks the server to stop, and returns at once.
    pub(crate) fn begin_shutdown(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
    }

    /// What `serve` returned within this time; `None`: it did not.
    pub(crate) fn stops_within(&mut self, time: Duration) -> Option<Result<(), String>> {
        self.begin_shutdown();
        match self.stopped.recv_timeout(time) {
            Ok(served) => Some(served),
            Err(mpsc::RecvTimeoutError::Timeout) => None,
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                Some(Err("the server panicked".to_owned()))
            }
        }
    }

    /// Stops the server, which must end in good order within this time.
    #[track_caller]
    pub(crate) fn stop_within(&mut self, time: Duration) {
        assert_eq!(self.stops_within(time), Some(Ok(())));
        self.thread.take();
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        self.begin_shutdown();
        if !std::thread::panicking() {
            assert!(
                self.stops_within(STOP_WITHIN).is_some(),
                "the server did not stop"
            );
            thread.join().expect("the server does not panic");
        }
    }
}

/// The text of a request; `fields` are whole lines, such as `Range: bytes=0-4`.
pub(crate) fn request(method: &str, target: &str, fields: &[&str]) -> String {
    let mut text = format!("{method} {target} HTTP/1.1\r\n");
    if !fields
        .iter()
        .any(|field| field.to_ascii_lowercase().starts_with("host:"))
    {
        text.push_str("Host: localhost\r\n");
    }
    for field in fields {
        text.push_str(field);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text
}

fn run(
    config: &str,
    workers: usize,
    app: Option<axum::Router>,
    ready: &mpsc::Sender<(SocketAddr, Handle)>,
    stop: oneshot::Receiver<()>,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let config =
            Config::parse(config, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"));
        let server = match app {
            None => Server::new(&config),
            Some(app) => Server::with_app(&config, app),
        };
        let server = server.unwrap_or_else(|error| panic!("{error}"));
        let address: ListenAddress = "127.0.0.1:0".parse().expect("an address");
        // A configuration may say more about its listener than where it is.
        let listener = match config.listen() {
            [listen] if *listen.address() == address => Listener::bind(listen),
            _ => Listener::bind(&address),
        };
        let listener = listener.unwrap_or_else(|error| panic!("{error}"));
        let ListenAddress::Tcp(address) = listener.local_address() else {
            panic!("a TCP listener")
        };
        ready
            .send((address, server.handle()))
            .expect("the test waits");
        let shutdown = async move {
            stop.await.ok();
        };
        let result = match std::num::NonZeroUsize::new(workers) {
            None => server.serve(vec![listener], shutdown).await,
            Some(workers) => {
                server
                    .serve_with_workers(vec![listener], workers, shutdown)
                    .await
            }
        };
        result.map_err(|error| error.to_string())
    })
}
