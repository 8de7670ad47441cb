//! gunicorn on a Unix socket, and uvicorn.

use std::thread;

use crate::daemun::{Daemun, all_to};
use crate::node::events_come_at_once_and_end_with_the_client;
use crate::process::Recipe;
use crate::{curl, parts, websocket};

/// A program of the virtual environment.
pub(crate) fn program(name: &str) -> String {
    let file = parts::folder().join("python/bin").join(name);
    file.display().to_string()
}

pub(crate) fn apps() -> String {
    parts::apps().join("python").display().to_string()
}

#[test]
fn gunicorn_behind_a_unix_socket() {
    if !parts::has("python") {
        return;
    }
    // A socket's path has to be short.
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    let bind = format!("unix:{}", socket.display());
    let gunicorn = Recipe::new("gunicorn")
        .run([
            &program("gunicorn"),
            "--chdir",
            &apps(),
            "--bind",
            &bind,
            "--threads",
            "8",
            "wsgi:application",
        ])
        .connects_to(socket)
        .start();
    let daemun = Daemun::start(&format!(
        "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"{bind}\"\n"
    ));
    let mut client = daemun.client();
    assert_eq!(client.get("/").text(), "gunicorn\n");
    let answer = client.post("/form", "user=ada");
    assert_eq!(answer.field("location"), Some("/hello?ada"));
    assert_eq!(client.cookies["user"], "ada");
    let scheme = client.get("/scheme");
    assert_eq!(scheme.text(), "http 127.0.0.1\n");
    events_come_at_once_and_end_with_the_client(&daemun);
    curl::large().upload(&daemun.url("/upload"), &[]);
    curl::large().upload(
        &daemun.url("/upload"),
        &["--header", "Transfer-Encoding: chunked"],
    );
    drop(gunicorn);
}

/// The worker of gunicorn that closes every connection after its answer.
#[test]
fn gunicorn_that_keeps_no_connection() {
    if !parts::has("python") {
        return;
    }
    let recipe = Recipe::new("gunicorn-sync");
    let bind = recipe.address().to_string();
    let gunicorn = recipe
        .run([
            &program("gunicorn"),
            "--chdir",
            &apps(),
            "--bind",
            &bind,
            "--workers",
            "2",
            "wsgi:application",
        ])
        .answers("/")
        .start();
    let daemun = Daemun::start(&all_to(&[&gunicorn], ""));
    let mut client = daemun.client();
    for _ in 0..100 {
        assert_eq!(client.get("/").text(), "gunicorn\n");
        assert_eq!(client.post("/form", "user=ada").status, 303);
    }
}

#[test]
fn uvicorn_with_events_and_websockets() {
    if !parts::has("python") {
        return;
    }
    let recipe = Recipe::new("uvicorn");
    let port = recipe.port.to_string();
    let uvicorn = recipe
        .run([
            &program("uvicorn"),
            "--app-dir",
            &apps(),
            "--port",
            &port,
            "--no-access-log",
            "asgi:app",
        ])
        .answers("/")
        .start();
    let daemun = Daemun::start(&all_to(&[&uvicorn], ""));
    assert_eq!(daemun.client().get("/client").text(), "http 127.0.0.1\n");
    assert_eq!(daemun.client().get("/nothing").status, 404);
    thread::scope(|scope| {
        scope.spawn(|| websocket::echoes(daemun.address(), "/socket"));
        scope.spawn(|| events_come_at_once_and_end_with_the_client(&daemun));
        scope.spawn(|| curl::large().upload(&daemun.url("/upload"), &[]));
    });
}
