//! Passenger standalone, with an application of Rack and one of Node.

use std::fs;

use crate::daemun::{Daemun, all_to};
use crate::process::{Recipe, Server, start_all};
use crate::{curl, parts, servlet};

/// Passenger 6.0.17 forgets the empty line after its `100 Continue`, and curl asks for one.
const UNASKED: [&str; 2] = ["--header", "Expect:"];

/// Its own engine: the other one is nginx, built for it.
fn passenger(app: &str, more: &[&str]) -> Recipe {
    let recipe = Recipe::new(&format!("passenger-{app}"));
    servlet::copy(&parts::apps().join(app), &recipe.folder.join("app"));
    fs::create_dir_all(recipe.folder.join("app/public")).unwrap();
    let port = recipe.port.to_string();
    let app = recipe.folder.join("app").display().to_string();
    let program = parts::program("passenger").display().to_string();
    let fixed = [
        program.as_str(),
        "start",
        app.as_str(),
        "--engine=builtin",
        "--environment=production",
        "--address=127.0.0.1",
        "--port",
        port.as_str(),
        "--log-file=/dev/stdout",
        "--pid-file=passenger.pid",
        "--disable-security-update-check",
        "--disable-anonymous-telemetry",
    ];
    recipe
        .run(fixed.into_iter().chain(more.iter().copied()))
        .answers("/")
}

#[test]
fn applications_of_rack_and_node() {
    if !parts::has("ruby") || !parts::has("node") {
        return;
    }
    let node = passenger("node", &["--app-type=node", "--startup-file=app/app.js"])
        .env("NAME", "passenger-node")
        .env("NODE_PATH", parts::folder().join("node/node_modules"));
    let rack = passenger("ruby", &[]).env("NAME", "passenger-rack");
    let [rack, node]: [Server; 2] = start_all([rack, node]);
    let daemun = Daemun::start(&all_to(&[&rack], ""));
    let mut client = daemun.client();
    assert_eq!(client.get("/").text(), "passenger-rack\n");
    assert_eq!(
        client.post("/login", "user=ada").field("location"),
        Some("/me")
    );
    assert_eq!(client.get("/me").text(), "user=ada\n");
    curl::large().upload(&daemun.url("/upload"), &UNASKED);

    let daemun = Daemun::start(&all_to(&[&node], ""));
    let mut client = daemun.client();
    assert_eq!(client.get("/").text(), "passenger-node\n");
    assert_eq!(
        client.post("/echo", "as it was sent").text(),
        "as it was sent"
    );
    curl::large().upload(&daemun.url("/upload"), &UNASKED);
}
