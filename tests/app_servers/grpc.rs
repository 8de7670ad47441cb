//! gRPC, by Python's own client and server.

use std::process::Command;

use crate::daemun::Daemun;
use crate::process::Recipe;
use crate::{parts, python};

#[test]
fn calls_of_every_kind_with_and_without_tls() {
    if !parts::has("python") {
        return;
    }
    let recipe = Recipe::new("grpc");
    let port = recipe.port.to_string();
    let server = format!("{}/grpc_server.py", python::apps());
    let server = recipe
        .run([&python::program("python"), &server, &port])
        .start();
    let config = format!(
        "[[site]]\n[[site.route]]\npath = \"/gate.Test/\"\nupstream = \"h2c://{}\"\n",
        server.address()
    );
    // That the checks hold at all.
    check(&[&server.address().to_string()]);
    let daemun = Daemun::start(&config);
    check(&[&daemun.address().to_string()]);
    let (daemun, certificate) = Daemun::start_tls(&config);
    check(&[
        &daemun.address().to_string(),
        &certificate.display().to_string(),
    ]);
}

fn check(arguments: &[&str]) {
    let client = format!("{}/grpc_client.py", python::apps());
    let output = Command::new(python::program("python"))
        .arg(client)
        .args(arguments)
        // A proxy of the machine is not meant.
        .env("no_proxy", "*")
        .output()
        .unwrap();
    assert!(
        output.stdout.ends_with(b"ok\n"),
        "{arguments:?}: after {}: {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
