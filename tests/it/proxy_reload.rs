//! Another configuration while requests are forwarded.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use daemun::Config;

use crate::harness::{Back, Client, HELLO, eventually, request};
use crate::reload::{Serving, free_address};

fn config(listen: std::net::SocketAddr, back: &Back, keys: &str) -> Config {
    let text = format!(
        "[[listen]]\naddress = \"{listen}\"\n[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n\
         [upstream.app]\nservers = [\"{}\"]\n{keys}\n",
        back.address()
    );
    Config::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn requests_go_to_the_new_servers_and_those_under_way_are_finished_by_the_old() {
    let may_answer = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&may_answer);
    let old = Back::by_request(move |request| {
        let may_answer = request.target != "/slow" || eventually(|| gate.load(Ordering::SeqCst));
        may_answer.then(|| HELLO.replace("hello", "older").into())
    });
    let new = Back::hello();
    let listen = free_address();
    let server = Serving::start(&config(listen, &old, ""), 2);
    let mut slow = Client::connect(listen);
    slow.send(request("GET", "/slow", &[]));
    old.expect_requests(1);
    server.reload(&config(listen, &new, ""));
    for _ in 0..10 {
        let mut client = Client::connect(listen);
        client.get("/x", &[]).expect(200).expect_body("hello");
    }
    may_answer.store(true, Ordering::SeqCst);
    slow.read("GET").expect(200).expect_body("older");
    // On a connection that was there before, as well.
    slow.get("/x", &[]).expect(200).expect_body("hello");
    assert_eq!(old.requests().len(), 1);
}

#[test]
fn servers_that_are_no_more_asked_are_left_alone() {
    let checks = "health_path = \"/healthz\"\nhealth_interval = \"50ms\"\n";
    let (old, new) = (Back::hello(), Back::hello());
    let listen = free_address();
    let server = Serving::start(&config(listen, &old, checks), 2);
    Client::connect(listen).get("/x", &[]).expect(200);
    assert!(eventually(|| old.requests().len() > 3));
    server.reload(&config(listen, &new, checks));
    Client::connect(listen).get("/x", &[]).expect(200);
    assert!(eventually(|| new.requests().len() > 3));
    // No more checks, and no connections that wait for a request.
    old.expect_all_closed();
    let before = old.requests().len();
    let checked = new.requests().len();
    assert!(eventually(|| new.requests().len() > checked + 5));
    assert_eq!(old.requests().len(), before);
}

#[test]
fn what_is_the_same_goes_on_being_checked() {
    let checks = "health_path = \"/healthz\"\nhealth_interval = \"50ms\"\n";
    let back = Back::hello();
    let listen = free_address();
    let server = Serving::start(&config(listen, &back, checks), 2);
    for _ in 0..3 {
        assert!(eventually(|| Client::connect(listen)
            .get("/x", &[])
            .status()
            == 200));
        server.reload(&config(listen, &back, checks));
        let before = back.requests().len();
        assert!(eventually(|| back.requests().len() > before + 3));
    }
}
