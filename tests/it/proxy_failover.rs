//! Applications that die under load: no read is lost while one of them is there.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::harness::{Docroot, TestServer, eventually};

const CLIENTS: usize = 48;
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

/// An application that takes some milliseconds for each request, until it is killed.
struct Application {
    address: SocketAddr,
    is_killed: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    requests: Arc<AtomicUsize>,
    acceptor: Option<JoinHandle<()>>,
}

impl Application {
    fn start(at: SocketAddr) -> Self {
        let listener = TcpListener::bind(at).expect("the port is free");
        let address = listener.local_addr().unwrap();
        let is_killed = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::new(AtomicUsize::new(0));
        let (killed, open) = (Arc::clone(&is_killed), Arc::clone(&connections));
        let count = Arc::clone(&requests);
        let acceptor = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let mut open = open.lock().unwrap();
                if killed.load(Ordering::SeqCst) {
                    return;
                }
                open.push(stream.try_clone().unwrap());
                let count = Arc::clone(&count);
                std::thread::spawn(move || serve(stream, &count));
            }
        });
        Self {
            address,
            is_killed,
            connections,
            requests,
            acceptor: Some(acceptor),
        }
    }

    /// What the kernel does to the sockets of a process that is killed.
    fn kill(&mut self) {
        let Some(acceptor) = self.acceptor.take() else {
            return;
        };
        self.is_killed.store(true, Ordering::SeqCst);
        // Wakes it; whoever else waits to be accepted is let go with it.
        TcpStream::connect(self.address).ok();
        acceptor.join().unwrap();
        for connection in self.connections.lock().unwrap().drain(..) {
            connection.shutdown(Shutdown::Both).ok();
        }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(mut stream: TcpStream, count: &AtomicUsize) {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length) = stream.read(&mut buffer) {
        received.extend_from_slice(&buffer[..length]);
        if length == 0 {
            return;
        }
        if received.ends_with(b"\r\n\r\n") {
            received.clear();
            count.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5));
            if stream.write_all(ANSWER).is_err() {
                return;
            }
        }
    }
}

/// Reads on many connections at a time.
struct Load {
    is_over: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(server: &TestServer) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let answers = Arc::new(AtomicUsize::new(0));
        let client = |_| {
            let (is_over, answers) = (Arc::clone(&is_over), Arc::clone(&answers));
            let mut client = server.connect();
            std::thread::spawn(move || {
                while !is_over.load(Ordering::SeqCst) {
                    client.get("/", &[]).expect(200);
                    answers.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        Self {
            clients: (0..CLIENTS).map(client).collect(),
            is_over,
            answers,
        }
    }

    /// Lets that many more be answered.
    fn pass(&self, more: usize) {
        let until = self.answers.load(Ordering::SeqCst) + more;
        let is_passed = || {
            let is_lost = self.clients.iter().any(JoinHandle::is_finished);
            assert!(!is_lost, "a read was lost");
            self.answers.load(Ordering::SeqCst) >= until
        };
        assert!(eventually(is_passed), "nothing is answered any more");
    }

    fn end(self) {
        self.is_over.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().expect("each read is answered");
        }
    }
}

fn in_front_of(applications: [&Application; 2]) -> TestServer {
    let [one, other] = applications.map(|application| application.address);
    let config = format!(
        "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n\
         [upstream.app]\nservers = [\"{one}\", \"{other}\"]\n"
    );
    TestServer::start_with_workers(Docroot::empty(), &config, 2)
}

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

#[test]
fn a_server_that_is_killed_under_load_costs_no_read() {
    let mut killed = Application::start(anywhere());
    let other = Application::start(anywhere());
    let server = in_front_of([&killed, &other]);
    let load = Load::start(&server);
    load.pass(400);
    killed.kill();
    let before = (killed.requests(), other.requests());
    load.pass(2000);
    load.end();
    assert!(before.0 > 50, "it had its part of them");
    assert!(other.requests() >= before.1 + 2000);
}

#[test]
fn servers_that_are_started_again_one_after_the_other_cost_no_read() {
    let mut applications = [(); 2].map(|()| Application::start(anywhere()));
    let server = in_front_of(applications.each_ref());
    let load = Load::start(&server);
    load.pass(400);
    for round in 0..4 {
        let application = &mut applications[round % 2];
        application.kill();
        load.pass(500);
        *application = Application::start(application.address);
        load.pass(500);
    }
    load.end();
}
