//! Where a server listens: several addresses at once, unix sockets, taken ports.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use daemun::{Config, ListenAddress, Listener, Server};

use crate::harness::{Client, Docroot, PATIENCE, pattern};

fn config(docroot: &Docroot) -> Config {
    let text = format!("[[site]]\ndocroot = \"{}\"\n", docroot.root().display());
    Config::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"))
}

fn bind(address: &str) -> Result<Listener, daemun::ServeError> {
    Listener::bind(&address.parse::<ListenAddress>().expect("an address"))
}

/// Serves on these listeners while `work` runs on another thread.
fn serving(docroot: &Docroot, listeners: Vec<Listener>, work: impl FnOnce() + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let server = Server::new(&config(docroot)).unwrap_or_else(|error| panic!("{error}"));
        let worked = tokio::task::spawn_blocking(work);
        let (done, is_done) = tokio::sync::oneshot::channel();
        let serve = server.serve(listeners, async {
            is_done.await.ok();
        });
        let watch = async {
            let worked = worked.await;
            done.send(()).ok();
            worked.expect("the client is content");
        };
        let (result, ()) = tokio::join!(serve, watch);
        result.unwrap_or_else(|error| panic!("{error}"));
    });
}

fn tcp(listener: &Listener) -> std::net::SocketAddr {
    match listener.local_address() {
        ListenAddress::Tcp(address) => address,
        other => panic!("{other}"),
    }
}

fn get_over_unix(path: &Path) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(b"GET /t.css HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn several_addresses_are_served_at_once() {
    let docroot = Docroot::standard();
    let socket = docroot.parent().join("socket");
    let listeners = vec![
        bind("127.0.0.1:0").unwrap(),
        bind("127.0.0.1:0").unwrap(),
        bind(&format!("unix:{}", socket.display())).unwrap(),
    ];
    let addresses = [tcp(&listeners[0]), tcp(&listeners[1])];
    assert_ne!(addresses[0], addresses[1]);
    serving(&docroot, listeners, move || {
        for address in addresses {
            let mut client = Client::connect(address);
            client
                .get("/t.bin", &[])
                .expect(200)
                .expect_body(pattern(1000));
        }
        assert!(get_over_unix(&socket).starts_with("HTTP/1.1 200 OK\r\n"));
    });
}

#[test]
fn ipv6_is_served_where_there_is_any() {
    let Ok(listener) = bind("[::1]:0") else {
        return;
    };
    let address = tcp(&listener);
    serving(&Docroot::standard(), vec![listener], move || {
        let mut client = Client::connect(address);
        client.get("/t.bin", &["Host: [::1]"]).expect(200);
    });
}

#[test]
fn a_connection_made_before_the_server_serves_is_answered() {
    let listener = bind("127.0.0.1:0").unwrap();
    let mut early = Client::connect(tcp(&listener));
    serving(&Docroot::standard(), vec![listener], move || {
        early.get("/t.bin", &[]).expect(200);
    });
}

#[test]
fn a_unix_socket_is_gone_when_the_server_is() {
    let docroot = Docroot::standard();
    let socket = docroot.parent().join("socket");
    let listener = bind(&format!("unix:{}", socket.display())).unwrap();
    let path = socket.clone();
    serving(&docroot, vec![listener], move || {
        get_over_unix(&path);
    });
    assert!(!socket.exists());
}

#[test]
fn a_unix_socket_that_a_dead_process_left_is_replaced() {
    let docroot = Docroot::standard();
    let socket = docroot.parent().join("socket");
    drop(UnixListener::bind(&socket).unwrap());
    assert!(socket.exists(), "a socket outlives its process");
    let listener = bind(&format!("unix:{}", socket.display())).unwrap();
    serving(&docroot, vec![listener], move || {
        assert!(get_over_unix(&socket).contains("200 OK"));
    });
}

#[test]
fn what_lies_in_the_way_of_a_unix_socket_is_left_alone() {
    let docroot = Docroot::standard();
    let path = docroot.path("t.bin");
    assert!(bind(&format!("unix:{}", path.display())).is_err());
    assert_eq!(std::fs::read(path).unwrap(), pattern(1000));
    let live = docroot.parent().join("live");
    let _taken = UnixListener::bind(&live).unwrap();
    assert!(
        bind(&format!("unix:{}", live.display())).is_err(),
        "somebody listens there"
    );
    assert!(UnixStream::connect(live).is_ok(), "and still does");
}

#[test]
fn a_taken_port_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = bind(&address.to_string())
        .expect_err("it is taken")
        .to_string();
    assert!(error.contains(&address.port().to_string()), "{error}");
    // Also by another server of ours, whose sockets may share a port among themselves.
    let first = bind("127.0.0.1:0").unwrap();
    assert!(bind(&tcp(&first).to_string()).is_err());
}

#[test]
fn a_port_is_free_again_after_the_server() {
    let docroot = Docroot::standard();
    let listener = bind("127.0.0.1:0").unwrap();
    let address = tcp(&listener);
    serving(&docroot, vec![listener], move || {
        let mut client = Client::connect(address);
        client.get("/t.bin", &["Connection: close"]).expect(200);
        client.expect_close();
    });
    std::thread::sleep(Duration::from_millis(10));
    bind(&address.to_string()).unwrap_or_else(|error| panic!("{error}"));
}
