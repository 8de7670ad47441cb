//! An application behind the server under test: it answers as its script says, byte for byte, and keeps every byte that it was sent.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::client::PATIENCE;
use super::eventually;

/// What most tests have answered.
pub(crate) const HELLO: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

pub(crate) struct Back {
    place: Place,
    state: Arc<State>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Clone)]
enum Place {
    Port(SocketAddr),
    Path(PathBuf),
}

/// A request as it was received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// The number of its connection, in the order in which they came.
    pub(crate) connection: usize,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) version: String,
    /// In order, names in lower case.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// The body came to an end that was one.
    pub(crate) is_whole: bool,
}

impl Received {
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.fields
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The value of a field that is there once at most.
    #[track_caller]
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let values = self.values(name);
        assert!(values.len() <= 1, "{name} {} times: {self:?}", values.len());
        values.first().copied()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        !self.values(name).is_empty()
    }
}

#[derive(Default)]
struct State {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    connections: Vec<Connection>,
    is_stopping: bool,
}

#[derive(Default)]
struct Connection {
    received: Vec<u8>,
    /// When the other side said its last, or was gone.
    ended: Option<Instant>,
    stream: Option<Stream>,
}

/// One connection, for a script.
pub(crate) struct Conversation {
    /// Its number, from 0.
    pub(crate) number: usize,
    stream: Stream,
    state: Arc<State>,
    /// How much of what came was taken.
    taken: usize,
}

impl Back {
    /// Each connection is talked to by the script, and closed when it returns.
    pub(crate) fn new(script: impl Fn(&mut Conversation) + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", script)
    }

    /// The same at this address.
    pub(crate) fn at(
        address: &str,
        script: impl Fn(&mut Conversation) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        let place = Place::Port(listener.local_addr().expect("an address"));
        Self::start(
            place,
            move || Some(Stream::Tcp(listener.accept().ok()?.0)),
            script,
        )
    }

    /// The same on a Unix socket.
    pub(crate) fn on_path(
        path: &Path,
        script: impl Fn(&mut Conversation) + Send + Sync + 'static,
    ) -> Self {
        let listener = UnixListener::bind(path).expect("a socket");
        Self::start(
            Place::Path(path.to_owned()),
            move || Some(Stream::Unix(listener.accept().ok()?.0)),
            script,
        )
    }

    /// Answers every request with these bytes, once it is there whole, and keeps the connection.
    pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::new(move |conversation| conversation.answer_all(&answer))
    }

    /// Answers every request with [`HELLO`].
    pub(crate) fn hello() -> Self {
        Self::answering(HELLO)
    }

    /// Answers by the request; `None` closes the connection.
    pub(crate) fn by_request(
        answer: impl Fn(&Received) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self::new(move |conversation| {
            while let Some(request) = conversation.next() {
                match answer(&request) {
                    Some(answer) => drop(conversation.send(answer)),
                    None => return,
                }
            }
        })
    }

    fn start(
        place: Place,
        accept: impl Fn() -> Option<Stream> + Send + 'static,
        script: impl Fn(&mut Conversation) + Send + Sync + 'static,
    ) -> Self {
        let state = Arc::new(State::default());
        let script = Arc::new(script);
        let shared = Arc::clone(&state);
        let acceptor = std::thread::Builder::new()
            .name("back".to_owned())
            .spawn(move || {
                while let Some(stream) = accept() {
                    let Some(mut conversation) = Conversation::begin(stream, &shared) else {
                        return;
                    };
                    let script = Arc::clone(&script);
                    std::thread::spawn(move || {
                        script(&mut conversation);
                        conversation.stream.shut(Shutdown::Both);
                    });
                }
            })
            .expect("a thread");
        Self {
            place,
            state,
            acceptor: Some(acceptor),
        }
    }

    /// As a configuration names it.
    pub(crate) fn address(&self) -> String {
        match &self.place {
            Place::Port(address) => address.to_string(),
            Place::Path(path) => format!("unix:{}", path.display()),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        match &self.place {
            Place::Port(address) => address.port(),
            Place::Path(_) => panic!("a socket without a port"),
        }
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().connections.len()
    }

    /// How many of them the other side has not ended.
    pub(crate) fn open(&self) -> usize {
        let inner = self.state.lock();
        let open = inner.connections.iter().filter(|it| it.ended.is_none());
        open.count()
    }

    /// Waits until the other side has ended all connections.
    #[track_caller]
    pub(crate) fn expect_all_closed(&self) {
        assert!(eventually(|| self.open() == 0), "{} are open", self.open());
    }

    /// All bytes of one connection.
    pub(crate) fn bytes(&self, connection: usize) -> Vec<u8> {
        self.state.lock().connections[connection].received.clone()
    }

    /// The requests of all connections, connection by connection; the last of each may not be whole.
    pub(crate) fn requests(&self) -> Vec<Received> {
        let inner = self.state.lock();
        let mut requests = Vec::new();
        for (number, connection) in inner.connections.iter().enumerate() {
            let mut rest = &connection.received[..];
            while let Some((mut request, length)) = head(rest) {
                request.connection = number;
                rest = &rest[length..];
                let length = body(&mut request, rest);
                let is_whole = request.is_whole;
                requests.push(request);
                if !is_whole {
                    break;
                }
                rest = &rest[length..];
            }
        }
        requests
    }

    /// What was asked for, in order.
    pub(crate) fn targets(&self) -> Vec<String> {
        let requests = self.requests().into_iter();
        requests.map(|request| request.target).collect()
    }

    /// The one request that came, whole.
    #[track_caller]
    pub(crate) fn only(&self) -> Received {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "one request: {requests:?}");
        let request = requests.remove(0);
        assert!(request.is_whole, "a whole one: {request:?}");
        request
    }

    /// Waits for so many requests.
    #[track_caller]
    pub(crate) fn expect_requests(&self, count: usize) -> Vec<Received> {
        let came = eventually(|| self.requests().len() >= count);
        let requests = self.requests();
        assert!(came && requests.len() == count, "{count} of: {requests:?}");
        requests
    }

    /// Nothing was asked of it.
    #[track_caller]
    pub(crate) fn expect_untouched(&self) {
        let inner = self.state.lock();
        for connection in &inner.connections {
            assert!(
                connection.received.is_empty(),
                "it received: {}",
                connection.received.escape_ascii()
            );
        }
    }
}

impl Drop for Back {
    fn drop(&mut self) {
        let streams: Vec<_> = {
            let mut inner = self.state.lock();
            inner.is_stopping = true;
            inner
                .connections
                .iter_mut()
                .filter_map(|connection| connection.stream.take())
                .collect()
        };
        self.state.changed.notify_all();
        for stream in streams {
            stream.shut(Shutdown::Both);
        }
        // Whoever accepts looks whether there is more to do.
        let woken = match &self.place {
            Place::Port(address) => TcpStream::connect(address).is_ok(),
            Place::Path(path) => UnixStream::connect(path).is_ok(),
        };
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            acceptor.join().ok();
        }
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Conversation {
    fn begin(stream: Stream, state: &Arc<State>) -> Option<Self> {
        let mut inner = state.lock();
        if inner.is_stopping {
            return None;
        }
        let number = inner.connections.len();
        inner.connections.push(Connection {
            stream: Some(stream.copy()),
            ..Connection::default()
        });
        drop(inner);
        let reader = stream.copy();
        let shared = Arc::clone(state);
        std::thread::spawn(move || record(reader, number, &shared));
        Some(Self {
            number,
            stream,
            state: Arc::clone(state),
            taken: 0,
        })
    }

    /// The next request, body included. None: there will be none.
    pub(crate) fn next(&mut self) -> Option<Received> {
        self.take(|bytes| {
            let (mut request, length) = head(bytes)?;
            let body = body(&mut request, &bytes[length..]);
            request.is_whole.then_some((request, length + body))
        })
    }

    /// The head of the next request.
    pub(crate) fn next_head(&mut self) -> Option<Received> {
        self.take(head)
    }

    /// So many bytes of what comes next.
    pub(crate) fn next_bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        self.take(|bytes| Some((bytes.get(..count)?.to_vec(), count)))
    }

    fn take<T>(&mut self, parse: impl Fn(&[u8]) -> Option<(T, usize)>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut inner = self.state.lock();
        loop {
            let connection = &inner.connections[self.number];
            if let Some((found, length)) = parse(&connection.received[self.taken..]) {
                self.taken += length;
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if connection.ended.is_some() || inner.is_stopping || left.is_zero() {
                return None;
            }
            let waited = self.state.changed.wait_timeout(inner, left);
            inner = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// Sends bytes as they stand; false when nobody takes them.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Answers every request with these bytes.
    pub(crate) fn answer_all(&mut self, answer: &[u8]) {
        while self.next().is_some() {
            if !self.send(answer) {
                return;
            }
        }
    }

    /// Says that nothing more will be sent.
    pub(crate) fn shut_write(&mut self) {
        self.stream.shut(Shutdown::Write);
    }

    /// Waits so long; not longer than the other side is there. Whether it still is.
    pub(crate) fn pause(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut inner = self.state.lock();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let is_there = inner.connections[self.number].ended.is_none() && !inner.is_stopping;
            if !is_there || left.is_zero() {
                return is_there;
            }
            let waited = self.state.changed.wait_timeout(inner, left);
            inner = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// Waits for the other side to end the connection; false when it does not.
    pub(crate) fn wait_for_end(&mut self) -> bool {
        !self.pause(PATIENCE)
    }
}

/// Keeps what comes, until the end.
fn record(mut stream: Stream, number: usize, state: &State) {
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = stream.read(&mut piece).unwrap_or(0);
        let mut inner = state.lock();
        let connection = &mut inner.connections[number];
        if read == 0 {
            connection.ended = Some(Instant::now());
        } else {
            connection.received.extend_from_slice(&piece[..read]);
        }
        drop(inner);
        state.changed.notify_all();
        if read == 0 {
            return;
        }
    }
}

/// A head at the front of `bytes`, and its length.
fn head(bytes: &[u8]) -> Option<(Received, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = text.split("\r\n");
    let mut words = lines.next()?.split(' ').map(str::to_owned);
    let mut request = Received {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        version: words.next().unwrap_or_default(),
        ..Received::default()
    };
    request.fields = lines.map(field).collect();
    Some((request, end + 4))
}

fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, "(no colon)"));
    (name.to_ascii_lowercase(), value.trim().to_owned())
}

/// Reads the body at the front of `bytes`, as far as it is there; its length.
fn body(request: &mut Received, bytes: &[u8]) -> usize {
    if request.has("transfer-encoding") {
        return chunks(request, bytes).unwrap_or_default();
    }
    let length = request.values("content-length").first().copied();
    let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
    let here = length.min(bytes.len());
    request.body = bytes[..here].to_vec();
    request.is_whole = here == length;
    here
}

fn chunks(request: &mut Received, bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let line = |rest: &mut &[u8]| {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        *rest = &rest[end + 2..];
        Some(line)
    };
    loop {
        let size = line(&mut rest)?;
        let size = usize::from_str_radix(&size, 16).expect("a chunk's size");
        if size == 0 {
            break;
        }
        let here = size.min(rest.len());
        request.body.extend_from_slice(&rest[..here]);
        rest = rest.get(size..)?;
        assert!(line(&mut rest)?.is_empty(), "the end of a chunk");
    }
    loop {
        let trailer = line(&mut rest)?;
        if trailer.is_empty() {
            request.is_whole = true;
            return Some(bytes.len() - rest.len());
        }
        request.trailers.push(field(&trailer));
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn copy(&self) -> Self {
        match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone().expect("a descriptor")),
            Self::Unix(stream) => Self::Unix(stream.try_clone().expect("a descriptor")),
        }
    }

    fn shut(&self, how: Shutdown) {
        match self {
            Self::Tcp(stream) => stream.shutdown(how).ok(),
            Self::Unix(stream) => stream.shutdown(how).ok(),
        };
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The statuses of all that is answered to these bytes. The client is there until the first answer: one that has said its last may be
/// taken for one that is gone.
#[track_caller]
pub(crate) fn statuses(server: &super::TestServer, bytes: impl AsRef<[u8]>) -> Vec<u16> {
    let bytes = bytes.as_ref();
    let mut client = server.connect();
    client.send(bytes);
    let mut statuses = Vec::new();
    while let Ok(response) = client.try_read(bytes) {
        statuses.push(response.status());
        client.shut_write();
    }
    statuses
}

/// A port that is taken, on which nobody listens.
pub(crate) struct Refusing(socket2::Socket);

impl Refusing {
    pub(crate) fn new() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
            .expect("a socket");
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        socket.bind(&any.into()).expect("a port");
        Self(socket)
    }

    pub(crate) fn address(&self) -> String {
        let address = self.0.local_addr().expect("an address").as_socket();
        address.expect("an address of IP").to_string()
    }
}

/// A server that forwards everything there.
pub(crate) fn in_front_of(back: &Back) -> super::TestServer {
    in_front(&[back], "", "")
}

/// A server that forwards everything to one of these; `route` are further lines of its route, `rest` of its upstream, then any other table.
pub(crate) fn in_front(backs: &[&Back], route: &str, rest: &str) -> super::TestServer {
    super::TestServer::start(super::Docroot::standard(), &forwarding(backs, route, rest))
}

/// The configuration of such a server.
pub(crate) fn forwarding(backs: &[&Back], route: &str, rest: &str) -> String {
    let servers: Vec<_> = backs.iter().map(|back| back.address()).collect();
    format!(
        "[[site]]\ndocroot = \"$ROOT\"\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n{route}\n\
         [upstream.app]\nservers = {servers:?}\n{rest}\n"
    )
}
