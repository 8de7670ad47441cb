//! What a server tells about itself: who is told, and what.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;

use daemun::{AdminServer, Config, Handle, ListenAddress, Listener, Server};
use tokio::sync::oneshot;

use crate::harness::{
    Client, Docroot, PATIENCE, Refusing, Response, TestServer, eventually, request,
};

const TOKEN: &str = "0123456789abcdef";

/// A server that tells about itself by TCP and at a socket of its own.
struct Told {
    docroot: Docroot,
    site: SocketAddr,
    admin: SocketAddr,
    socket: PathBuf,
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread of the server says once it listens.
struct Ready {
    site: SocketAddr,
    admin: SocketAddr,
    handle: Handle,
}

impl Told {
    /// `keys` are further lines of `[admin]`, `rest` follows.
    fn start(keys: &str, rest: &str) -> Self {
        let docroot = Docroot::standard();
        let text = text(&docroot, keys, rest);
        let socket = docroot.parent().join("own.admin");
        let (tell, told) = mpsc::channel();
        let (stop, asked) = oneshot::channel();
        let own = socket.clone();
        let file = docroot.parent().join("daemun.toml");
        let thread = std::thread::spawn(move || {
            serve(&text, (&file, &own), &tell, asked);
        });
        let Ready {
            site,
            admin,
            handle,
        } = told.recv_timeout(PATIENCE).expect("it starts");
        Self {
            docroot,
            site,
            admin,
            socket,
            handle,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn get(&self, path: &str, fields: &[&str]) -> Response {
        self.send("GET", path, fields)
    }

    fn send(&self, method: &str, path: &str, fields: &[&str]) -> Response {
        Client::connect(self.admin).exchange(request(method, path, fields))
    }

    /// Over the Unix socket, as raw bytes.
    fn get_local(&self, path: &str, fields: &[&str]) -> String {
        use std::io::{Read as _, Write as _};
        let mut stream = UnixStream::connect(&self.socket).expect("the socket is there");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut fields = fields.to_vec();
        fields.push("Connection: close");
        stream
            .write_all(request("GET", path, &fields).as_bytes())
            .expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// First the server, then the one that tells about it.
    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server does not panic");
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end();
        }
    }
}

fn text(docroot: &Docroot, keys: &str, rest: &str) -> String {
    let root = docroot.root();
    let root = root.display();
    format!("[admin]\nlisten = [\"127.0.0.1:0\"]\n{keys}\n[[site]]\ndocroot = \"{root}\"\n{rest}\n")
}

fn serve(
    text: &str,
    (file, own): (&Path, &Path),
    tell: &mpsc::Sender<Ready>,
    asked: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let config = Config::parse(text, file).unwrap_or_else(|error| panic!("{error}"));
        let server = Server::new(&config).expect("a server");
        let listener = Listener::bind(&"127.0.0.1:0".parse::<ListenAddress>().expect("an address"));
        let listener = listener.expect("a listener");
        let mut told_at = AdminServer::bind(&config).expect("the admin listener");
        let tcp = |listener: &Listener| match listener.local_address() {
            ListenAddress::Tcp(address) => address,
            other => panic!("{other}"),
        };
        let (site, admin) = (tcp(&listener), tcp(&told_at[0]));
        let own = ListenAddress::Unix(own.to_owned());
        told_at.push(AdminServer::bind_own(&own).expect("the socket"));
        let handle = server.handle();
        let teller = AdminServer::start(&handle, told_at).expect("it is told");
        let serving = server.serve(vec![listener], async { drop(asked.await) });
        tokio::pin!(serving);
        // Its first step has it listen.
        tokio::select! {
            biased;
            ended = &mut serving => panic!("{ended:?}"),
            () = std::future::ready(()) => {}
        }
        tell.send(Ready {
            site,
            admin,
            handle,
        })
        .expect("the test waits");
        serving.await.expect("it ends in good order");
        teller.end().await;
    });
}

#[test]
fn each_endpoint_answers_what_nobody_keeps() {
    let told = Told::start("", "");
    for (path, status, media_type) in [
        ("/status", 200, "application/json"),
        ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("/healthz", 200, "text/plain; charset=utf-8"),
        ("/readyz", 200, "text/plain; charset=utf-8"),
        ("/configuration", 200, "text/plain; charset=utf-8"),
        ("/explain/0a1b", 404, "text/plain; charset=utf-8"),
        ("/nothing", 404, "text/plain; charset=utf-8"),
    ] {
        for method in ["GET", "HEAD"] {
            told.send(method, path, &[])
                .expect(status)
                .expect_field("content-type", media_type)
                .expect_field("cache-control", "no-store")
                .expect_field("x-content-type-options", "nosniff");
        }
    }
    assert_eq!(told.get("/healthz", &[]).text(), "ok\n");
    assert_eq!(told.get("/readyz", &[]).text(), "ok\n");
    let configuration = told.get("/configuration", &[]).text();
    assert_eq!(configuration, text(&told.docroot, "", ""));
    let status: daemun::status::Status =
        serde_json::from_slice(&told.get("/status", &[]).body).expect("a status");
    assert_eq!(status.pid, std::process::id());
    assert_eq!(status.listeners, [told.site.to_string()]);
    assert!(status.readiness.is_ready && status.started > 1e9 && status.now >= status.started);
    assert_eq!(status.configuration.summary, "1 site, 0 routes, 1 listener");
    let file = told.docroot.parent().join("daemun.toml");
    assert_eq!(status.configuration.file.as_deref(), file.to_str());
}

#[test]
fn nothing_is_changed_here_so_no_method_but_get_and_head_is_allowed() {
    let told = Told::start("", "");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = told.send(method, "/status", &["Origin: http://localhost"]);
        assert!(answer.lists("allow", "GET"), "{method}");
        answer
            .expect(405)
            .expect_field("cache-control", "no-store")
            .expect_no("access-control-allow-origin")
            .expect_no("access-control-allow-methods");
    }
}

#[test]
fn names_of_others_and_pages_of_others_get_nothing() {
    let told = Told::start("hosts = [\"status.example.com\"]", "");
    let with_port = format!("Host: localhost:{}", told.admin.port());
    let origin = format!("Origin: http://localhost:{}", told.admin.port());
    for (fields, status) in [
        (vec!["Host: 127.0.0.1"], 200),
        (vec!["Host: [::1]:9180"], 200),
        (vec!["Host: Status.Example.com"], 200),
        (vec!["Host: rebound.example.com"], 421),
        (vec!["Host: localhost.example.com"], 421),
        (
            vec![&*with_port, &*origin, "Sec-Fetch-Site: same-origin"],
            200,
        ),
        (vec![&*with_port, "Sec-Fetch-Site: none"], 200),
        (vec![&*with_port, "Origin: http://localhost:1"], 403),
        (vec![&*with_port, "Origin: null"], 403),
        (vec![&*with_port, "Sec-Fetch-Site: cross-site"], 403),
        (vec![&*with_port, "Sec-Fetch-Site: same-site"], 403),
    ] {
        for path in ["/status", "/metrics", "/configuration", "/nothing"] {
            let expected = if path == "/nothing" && status == 200 {
                404
            } else {
                status
            };
            told.get(path, &fields)
                .expect(expected)
                .expect_field("cache-control", "no-store")
                .expect_no("access-control-allow-origin");
        }
    }
    // A page that looks on without end is no other case.
    told.get("/events", &["Origin: http://example.com"])
        .expect(403);
}

#[test]
fn by_tcp_the_token_is_wanted_and_at_the_socket_it_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).expect("a file");
    let told = Told::start(&format!("token_file = \"{}\"", file.display()), "");
    let bearer = format!("Authorization: Bearer {TOKEN}");
    // `anybody:` and the token.
    let basic = "Authorization: Basic YW55Ym9keTowMTIzNDU2Nzg5YWJjZGVm";
    for path in ["/status", "/healthz", "/configuration", "/nothing"] {
        let refused = told.get(path, &[]).expect(401);
        let challenges = refused.head.values("www-authenticate");
        assert!(challenges[0].starts_with("Basic ") && challenges[1].starts_with("Bearer "));
        told.get(path, &["Authorization: Bearer 0123456789abcdeg"])
            .expect(401);
        let status = if path == "/nothing" { 404 } else { 200 };
        told.get(path, &[&bearer]).expect(status);
        told.get(path, &[basic]).expect(status);
    }
    assert!(
        !told
            .get("/configuration", &[&bearer])
            .text()
            .contains(TOKEN)
    );
    assert!(told.get_local("/status", &[]).starts_with("HTTP/1.1 200 "));
    // A socket has no name that could lead elsewhere; a page of another origin is one there, too.
    assert!(
        told.get_local("/status", &["Host: any.example.com"])
            .starts_with("HTTP/1.1 200 ")
    );
    let foreign = told.get_local("/status", &["Origin: http://example.com"]);
    assert!(foreign.starts_with("HTTP/1.1 403 "), "{foreign}");
    let mode = std::fs::metadata(&told.socket)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn who_looks_on_is_told_at_once_and_again_until_there_is_no_more() {
    let mut told = Told::start("", "");
    let mut client = Client::connect(told.admin);
    let text = request("GET", "/events", &["Sec-Fetch-Site: same-origin"]);
    client.send(&text);
    let head = client.read_head(&text);
    assert_eq!(head.value("content-type"), Some("text/event-stream"));
    assert_eq!(head.value("cache-control"), Some("no-store"));
    let mut events = String::new();
    assert!(eventually(|| {
        events += &String::from_utf8_lossy(&client.read_some(64 << 10));
        events.matches("event: status\ndata: {").count() >= 2
    }));
    assert!(events.contains("retry: "), "{events}");
    told.end();
    let rest = String::from_utf8_lossy(&client.read_to_end()).into_owned();
    assert!(rest.ends_with("0\r\n\r\n"), "the end is told: {rest:?}");
    assert!(TcpStream::connect(told.admin).is_err(), "nobody listens");
    assert!(!told.socket.exists());
}

#[test]
fn a_refused_configuration_changes_nothing_and_is_told() {
    let told = Told::start("", "");
    let other_program = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = other_program.local_addr().expect("an address");
    let parse = |text: &str| {
        Config::parse(text, &told.docroot.parent().join("daemun.toml")).expect("a configuration")
    };
    let other = text(&told.docroot, "hosts = [\"new.example.com\"]", "");
    let wanted = format!("[\"127.0.0.1:0\", \"{taken}\"]");
    let refused = told
        .handle
        .reload(&parse(&other.replace("[\"127.0.0.1:0\"]", &wanted)));
    assert!(refused.is_err());
    told.get("/status", &["Host: new.example.com"]).expect(421);
    let status = told.handle.status();
    assert_eq!(
        (
            status.configuration.reloads,
            status.configuration.failed_reloads
        ),
        (0, 1)
    );
    let why = status.configuration.last_error.expect("an error");
    assert!(why.contains("already in use"), "{why}");
    let ready = told.get("/readyz", &[]).expect(200).text();
    assert!(
        ready.starts_with("ok\nthe configuration was refused"),
        "{ready}"
    );

    told.handle.reload(&parse(&other)).expect("it is taken");
    told.get("/status", &["Host: new.example.com"]).expect(200);
    let status = told.handle.status();
    assert_eq!(
        (
            status.configuration.reloads,
            status.configuration.failed_reloads
        ),
        (1, 1)
    );
    assert_eq!(status.configuration.last_error, None);
    assert_eq!(told.get("/readyz", &[]).text(), "ok\n");
    assert_eq!(told.get("/configuration", &[]).text(), other);
    assert!(
        told.get("/configuration", &[])
            .text()
            .contains("new.example.com")
    );
}

#[test]
fn addresses_come_and_go_with_a_reload() {
    let told = Told::start("", "");
    let socket = told.docroot.parent().join("more.admin");
    let with = text(&told.docroot, "", "").replace(
        "\"127.0.0.1:0\"",
        &format!("\"127.0.0.1:0\", \"unix:{}\"", socket.display()),
    );
    let reload = |text: &str| {
        let config = Config::parse(text, Path::new("/daemun.toml")).expect("a configuration");
        told.handle.reload(&config).expect("it is taken");
    };
    reload(&with);
    UnixStream::connect(&socket).expect("it listens");
    assert_eq!(
        std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777,
        0o600
    );
    reload(&text(&told.docroot, "", ""));
    assert!(eventually(|| !socket.exists()));
    // The one that the program brought stays.
    assert!(told.get_local("/healthz", &[]).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_server_whose_application_is_out_is_not_ready() {
    let refusing = Refusing::new();
    let application = format!(
        "[[site.route]]\npath = \"/app\"\nupstream = \"app\"\n[[site.route]]\npath = \"=/ready\"\nhealth = \"ready\"\n\
         [[site.route]]\npath = \"=/alive\"\nhealth = \"alive\"\n\
         [upstream.app]\nservers = [\"{}\"]\nhealth_path = \"/\"\nhealth_interval = \"50ms\"\nhealth_fall = 1",
        refusing.address()
    );
    let told = Told::start("", &application);
    let at_site = |path: &str| Client::connect(told.site).exchange(request("GET", path, &[]));
    assert!(eventually(|| told.get("/readyz", &[]).status() == 503));
    let why = told.get("/readyz", &[]).expect(503).text();
    assert!(
        why.contains("the upstream app has no server: ") && why.ends_with(" is down\n"),
        "{why}"
    );
    let answer = at_site("/ready")
        .expect(503)
        .expect_field("cache-control", "no-store");
    assert_eq!(answer.text(), why);
    assert_eq!(at_site("/alive").expect(200).text(), "ok\n");
    told.get("/healthz", &[]).expect(200);
    let status = told.handle.status();
    assert!(!status.readiness.is_ready && !status.readiness.is_draining);
    assert_eq!(status.readiness.reasons, [why.trim_end()]);
}

#[test]
fn routes_for_health_checks_say_how_the_server_is() {
    let routes = "[[site.route]]\npath = \"=/ready\"\nhealth = \"ready\"\n[[site.route]]\npath = \"=/alive\"\nhealth = \"alive\"";
    let mut server = TestServer::with_site(routes);
    for path in ["/ready", "/alive"] {
        server
            .get(path, &[])
            .expect(200)
            .expect_body("ok\n")
            .expect_field("cache-control", "no-store")
            .expect_field("content-type", "text/plain; charset=utf-8");
        server
            .head(path, &[])
            .expect(200)
            .expect_field("content-length", "3");
        server
            .send("POST", path, &["Content-Length: 0"])
            .expect(405);
    }
    // Two that have connected before the end begins, one that is within a request.
    let mut ready = server.connect();
    let mut alive = server.connect();
    ready.send("GET /ready HTTP/1.1\r\n");
    alive.send("GET /alive HTTP/1.1\r\n");
    std::thread::sleep(std::time::Duration::from_millis(100));
    server.begin_shutdown();
    assert!(eventually(|| TcpStream::connect(server.address).is_err()));
    ready.send("Host: localhost\r\n\r\n");
    let request = request("GET", "/ready", &[]);
    ready
        .read(&request)
        .expect(503)
        .expect_body("the server was told to stop\n");
    alive.send("Host: localhost\r\n\r\n");
    alive
        .read(request.replace("ready", "alive"))
        .expect(200)
        .expect_body("ok\n");
    server.stop_within(PATIENCE);
}
