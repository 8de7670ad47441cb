//! Another configuration while the server serves, and another server that goes on with its sockets.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use daemun::{Config, Handle, HandoverError, Listener, Server, Takeover};
use tokio::sync::oneshot;

use crate::harness::{Client, Docroot, PATIENCE, eventually, pattern, request};

const LARGE: u64 = 64 << 20;

/// A server on a thread of its own, with its handle.
pub(crate) struct Serving {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Serving {
    pub(crate) fn start(config: &Config, workers: usize) -> Self {
        let listeners = config.listen().iter().map(Listener::bind);
        let listeners = listeners.collect::<Result<_, _>>();
        Self::on(
            config,
            listeners.unwrap_or_else(|error| panic!("{error}")),
            workers,
        )
    }

    fn on(config: &Config, listeners: Vec<Listener>, workers: usize) -> Self {
        let server = Server::new(config).unwrap_or_else(|error| panic!("{error}"));
        let handle = server.handle();
        let (stop, is_stopped) = oneshot::channel::<()>();
        let (tell, is_ready) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let shutdown = async { drop(is_stopped.await) };
                let serving = async {
                    match NonZeroUsize::new(workers) {
                        Some(workers) => {
                            server
                                .serve_with_workers(listeners, workers, shutdown)
                                .await
                        }
                        None => server.serve(listeners, shutdown).await,
                    }
                };
                let mut serving = std::pin::pin!(serving);
                tokio::select! {
                    biased;
                    ended = &mut serving => panic!("{ended:?}"),
                    () = std::future::ready(()) => tell.send(()).unwrap(),
                }
                serving.await.map_err(|error| error.to_string())
            })
        });
        is_ready.recv().unwrap();
        Self {
            handle,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn reload(&self, config: &Config) {
        self.handle
            .reload(config)
            .unwrap_or_else(|error| panic!("{error}"));
    }

    fn stop(&mut self) -> Result<(), String> {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && !std::thread::panicking()
        {
            thread.join().unwrap().unwrap();
        }
    }
}

/// Free when this returns; who takes it first has it.
pub(crate) fn free_address() -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap()
}

fn config(listen: &[String], docroot: &Path, more: &str) -> Config {
    let mut text = String::new();
    for address in listen {
        writeln!(text, "[[listen]]\naddress = \"{address}\"").unwrap();
    }
    write!(
        text,
        "[[site]]\ndocroot = \"{}\"\n{more}\n",
        docroot.display()
    )
    .unwrap();
    Config::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"))
}

fn over_unix(path: &Path) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /t.css HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn another_configuration_counts_for_the_next_request() {
    for workers in [0, 2] {
        let docroot = Docroot::standard();
        let address = free_address();
        let listen = [address.to_string()];
        let other = docroot.outside().join("other");
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("t.bin"), "other").unwrap();
        let server = Serving::start(&config(&listen, &docroot.root(), ""), workers);
        let get = |fields: &[&str]| Client::connect(address).get("/t.bin", fields);
        get(&[]).expect(200).expect_body(pattern(1000));

        let more = "[[site.route]]\npath = \"=/old\"\nredirect = \"/new\"\n[limits]\nheader_size = \"8 KiB\"\n";
        server.reload(&config(&listen, &other, more));
        get(&[]).expect(200).expect_body(b"other");
        Client::connect(address).get("/old", &[]).expect(302);
        let long = format!("X: {}", "x".repeat(10 << 10));
        get(&[&long]).expect(431);

        server.reload(&config(&listen, &docroot.root(), ""));
        get(&[&long]).expect(200).expect_body(pattern(1000));
        Client::connect(address).get("/old", &[]).expect(404);
    }
}

#[test]
fn it_counts_on_connections_that_are_open() {
    let docroot = Docroot::standard();
    let address = free_address();
    let listen = [address.to_string()];
    fs::create_dir_all(docroot.outside().join("other")).unwrap();
    let server = Serving::start(&config(&listen, &docroot.root(), ""), 1);
    let mut client = Client::connect(address);
    client.get("/t.bin", &[]).expect(200);
    server.reload(&config(&listen, &docroot.outside().join("other"), ""));
    client.get("/t.bin", &[]).expect(404);
}

#[test]
fn a_download_goes_on_over_reloads() {
    let docroot = Docroot::standard();
    docroot.sparse("big", LARGE);
    let address = free_address();
    let listen = [address.to_string()];
    let settings = config(&listen, &docroot.root(), "");
    let server = Serving::start(&settings, 1);
    let mut client = Client::connect(address);
    let text = request("GET", "/big", &["Connection: close"]);
    client.send(&text);
    client.read_head(&text);
    for _ in 0..5 {
        server.reload(&settings);
        server.reload(&config(&listen, &docroot.outside(), ""));
    }
    assert_eq!(client.count_to_end(), LARGE);
}

#[test]
fn what_cannot_be_taken_whole_changes_nothing() {
    let docroot = Docroot::standard();
    let (address, new) = (free_address(), free_address());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = [address.to_string()];
    let server = Serving::start(&config(&listen, &docroot.root(), ""), 2);
    let both = [new.to_string(), taken.local_addr().unwrap().to_string()];
    let missing = docroot.parent().join("missing/access.log");
    let log = format!(
        "[log]\naccess = \"json\"\nfile = \"{}\"\n",
        missing.display()
    );
    for (bad, why) in [
        (config(&both, &docroot.outside(), ""), "already in use"),
        (config(&listen, &docroot.outside(), &log), "access log"),
    ] {
        let error = server.handle.reload(&bad).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        let mut client = Client::connect(address);
        client
            .get("/t.bin", &[])
            .expect(200)
            .expect_body(pattern(1000));
        assert!(TcpStream::connect(new).is_err(), "what was bound is let go");
    }
}

#[test]
fn listeners_come_and_go_and_stay() {
    for workers in [0, 2] {
        let docroot = Docroot::standard();
        let (old, stays, new) = (free_address(), free_address(), free_address());
        let socket = docroot.parent().join("socket");
        let unix = format!("unix:{}", socket.display());
        let before = [old.to_string(), stays.to_string(), unix.clone()];
        let after = [stays.to_string(), unix.clone(), new.to_string()];
        let server = Serving::start(&config(&before, &docroot.root(), ""), workers);
        let mut kept = Client::connect(old);
        kept.get("/t.bin", &[]).expect(200);
        let text = request("GET", "/t.bin", &["Connection: close"]);
        let mut waiting: Vec<Client> = (0..40).map(|_| Client::connect(old)).collect();
        for client in &mut waiting {
            client.send(&text);
        }
        server.reload(&config(&after, &docroot.root(), ""));
        for mut client in waiting {
            client.read(&text).expect(200);
        }
        kept.get("/t.bin", &[]).expect(200);
        for address in [stays, new] {
            Client::connect(address).get("/t.bin", &[]).expect(200);
        }
        assert!(over_unix(&socket).unwrap().contains("200 OK"));
        assert!(eventually(|| TcpStream::connect(old).is_err()));
        server.reload(&config(&[new.to_string()], &docroot.root(), ""));
        assert!(eventually(|| !socket.exists()), "closed, and removed");
    }
}

#[test]
fn an_address_may_become_a_wider_one_with_the_same_port() {
    let docroot = Docroot::standard();
    let address = free_address();
    let wide = format!(":{}", address.port());
    let server = Serving::start(&config(&[address.to_string()], &docroot.root(), ""), 2);
    server.reload(&config(&[wide], &docroot.root(), ""));
    // Who connects at the very moment in which the old sockets close is reset by the system, and that is nothing to judge here.
    assert!(eventually(|| !listens(address)), "the narrow ones close");
    for _ in 0..20 {
        Client::connect(address).get("/t.bin", &[]).expect(200);
    }
}

/// Whether a socket listens at this very address of IPv4, as the system tells.
fn listens(address: SocketAddr) -> bool {
    const LISTEN: &str = "0A";
    let SocketAddr::V4(address) = address else {
        unreachable!("the tests listen on IPv4")
    };
    let octets = u32::from_le_bytes(address.ip().octets());
    let local = format!("{octets:08X}:{:04X}", address.port());
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    sockets.lines().any(|line| {
        let mut columns = line.split_whitespace().skip(1);
        columns.next() == Some(&local) && columns.nth(1) == Some(LISTEN)
    })
}

#[test]
fn records_go_to_the_log_that_counts_and_none_is_lost() {
    let docroot = Docroot::standard();
    let address = free_address();
    let listen = [address.to_string()];
    let path = |name: &str| docroot.parent().join(name);
    let logging = |name: &str, format: &str| {
        let log = format!(
            "[log]\naccess = \"{format}\"\nfile = \"{}\"\n",
            path(name).display()
        );
        config(&listen, &docroot.root(), &log)
    };
    let mut server = Serving::start(&logging("log", "combined"), 2);
    let get = |name: &str| drop(Client::connect(address).get(name, &[]));
    get("/first");
    let read = |name: &str| fs::read_to_string(path(name)).unwrap_or_default();
    assert!(eventually(|| read("log").contains("/first")));
    fs::rename(path("log"), path("log.1")).unwrap();
    get("/second");
    server.handle.reopen_log().unwrap();
    get("/third");
    server.reload(&logging("other", "json"));
    get("/fourth");
    server.stop().unwrap();
    let (rotated, log, other) = (read("log.1"), read("log"), read("other"));
    // A record is written when its answer has ended, which may be after the client has it.
    assert!(rotated.contains("/first"), "{rotated}");
    assert!(other.contains("/fourth"), "{other}");
    let all = [rotated, log, other].concat();
    for path in ["/first", "/second", "/third", "/fourth"] {
        assert_eq!(all.matches(path).count(), 1, "{path}: {all}");
    }
}

#[test]
fn another_server_goes_on_with_the_sockets() {
    let docroot = Docroot::standard();
    let address = free_address();
    let socket = docroot.parent().join("socket");
    let listen = [address.to_string(), format!("unix:{}", socket.display())];
    let settings = config(&listen, &docroot.root(), "");
    let mut server = Serving::start(&settings, 3);
    for workers in [1, 4, 2] {
        let mut idle = Client::connect(address);
        idle.get("/t.bin", &[]).expect(200);
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(PATIENCE)).unwrap();
        let handle = server.handle.clone();
        let handing = std::thread::spawn(move || handle.hand_over(&ours));
        let mut takeover = Takeover::receive(theirs).unwrap();
        let listeners = takeover.listeners(&settings).unwrap();
        let next = Serving::on(&settings, listeners, workers);
        takeover.ready().unwrap();
        handing.join().unwrap().unwrap();
        // Whoever connects from now on is served by the next.
        let mut clients: Vec<Client> = (0..40).map(|_| Client::connect(address)).collect();
        let last = idle.get("/t.bin", &[]);
        last.expect(200);
        drop(idle);
        server.stop().unwrap();
        for client in &mut clients {
            client.get("/t.bin", &[]).expect(200);
        }
        assert!(
            over_unix(&socket).unwrap().contains("200 OK"),
            "the file stays"
        );
        server = next;
    }
    server.stop().unwrap();
    assert!(!socket.exists(), "the last one removes it");
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_server_that_nobody_replaces_goes_on() {
    let docroot = Docroot::standard();
    let address = free_address();
    let socket = docroot.parent().join("socket");
    let listen = [address.to_string(), format!("unix:{}", socket.display())];
    let settings = config(&listen, &docroot.root(), "");
    let server = Serving::start(&settings, 2);
    for is_silent in [true, false] {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(PATIENCE)).unwrap();
        let handle = server.handle.clone();
        let handing = std::thread::spawn(move || handle.hand_over(&ours));
        let mut takeover = Takeover::receive(theirs).unwrap();
        drop(takeover.listeners(&settings).unwrap());
        if is_silent {
            drop(takeover);
        } else {
            takeover.refuse("no mood").unwrap();
        }
        let error = handing.join().unwrap().unwrap_err();
        match error {
            HandoverError::Ended if is_silent => {}
            HandoverError::Refused(why) if why == "no mood" => {}
            other => panic!("{other}"),
        }
        for _ in 0..10 {
            Client::connect(address).get("/t.bin", &[]).expect(200);
        }
        assert!(over_unix(&socket).unwrap().contains("200 OK"));
    }
}
