//! Two instances of Node of which one goes away, under load.

use std::thread;
use std::time::{Duration, Instant};

use crate::client::Answer;
use crate::daemun::{Daemun, all_to};
use crate::load::{Ask, Load};
use crate::node::node;
use crate::parts;
use crate::process::{Server, start_all};

const READS: &[Ask] = &[("GET", "/", b""), ("GET", "/", b""), ("GET", "/slow", b"")];
const WRITES: &[Ask] = &[
    ("GET", "/", b""),
    ("POST", "/echo", b"a\n"),
    ("GET", "/slow", b""),
];

#[test]
fn a_killed_instance_costs_no_get() {
    if !parts::has("node") {
        return;
    }
    let [a, b] = start_all([node("a"), node("b")]);
    let daemun = Daemun::start(&all_to(&[&a, &b], ""));
    let load = Load::start(daemun.address(), 16, READS, is_from_one_of_them);
    load.go_on(500);
    let recipe = a.recipe.clone();
    a.kill();
    load.go_on(1000);
    let a = recipe.start();
    wait_for(&daemun, "a");
    load.go_on(500);
    b.kill();
    load.go_on(1000);
    println!("{} requests", load.end());
    drop(a);
}

/// As a deployment does it: told to end, an instance lets its health check fail for a while before it stops.
#[test]
fn a_rolling_restart_costs_no_request() {
    if !parts::has("node") {
        return;
    }
    let drains = |name| node(name).env("DRAIN", "1500");
    let [a, b] = start_all([drains("a"), drains("b")]);
    let health =
        "health_path = \"/healthz\"\nhealth_interval = \"200ms\"\nhealth_fall = 1\nhealth_rise = 1";
    let daemun = Daemun::start(&all_to(&[&a, &b], health));
    let load = Load::start(daemun.address(), 16, WRITES, is_from_one_of_them);
    load.go_on(500);
    let a = restarted(a);
    load.go_on(500);
    wait_for(&daemun, "a");
    let b = restarted(b);
    load.go_on(500);
    println!("{} requests", load.end());
    drop((a, b));
}

/// Until the gate sends requests to that one again.
fn wait_for(daemun: &Daemun, name: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut client = daemun.client();
    while client.get("/").text().trim_end() != name {
        assert!(Instant::now() < deadline, "{name} is left out for ever");
        thread::sleep(Duration::from_millis(20));
    }
}

fn restarted(server: Server) -> Server {
    let recipe = server.recipe.clone();
    server.end();
    recipe.start()
}

fn is_from_one_of_them(answer: &Answer) -> bool {
    answer.status == 200 && (answer.body == b"a\n" || answer.body == b"b\n")
}
