//! What is in `examples/front_of_app/`, each by its own command.

use std::fs;
use std::path::Path;

use crate::client::Client;
use crate::process::Recipe;
use crate::{parts, ports, python, servlet};

/// A copy of an example, on ports that are free; `taken` are those of its application.
fn example(name: &str, taken: &[u16], folder: &Path) -> Recipe {
    let recipe = Recipe::new(&format!("example-{name}"));
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/front_of_app");
    servlet::copy(&example.join(name), folder);
    let mut moves: Vec<_> = taken.iter().map(|port| (*port, ports::free())).collect();
    moves.push((8080, recipe.port));
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        if file.is_file() {
            let mut text = fs::read_to_string(&file).unwrap();
            // In two steps: a new port may look like an old one.
            for (from, _) in &moves {
                text = text.replace(&from.to_string(), &format!("PORT-{from}-"));
            }
            for (from, to) in &moves {
                text = text.replace(&format!("PORT-{from}-"), &to.to_string());
            }
            fs::write(&file, text).unwrap();
        }
    }
    recipe
        .run([folder.join("run")])
        .env("DAEMUN", crate::daemun::program())
        .env("GUNICORN", python::program("gunicorn"))
}

#[test]
fn node() {
    if !parts::has("node") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = example("node", &[3000, 3001], folder.path())
        .answers("/")
        .start();
    let mut client = Client::new(server.address());
    let style = client.get("/style.css");
    assert!(style.text().starts_with("body"), "{style:?}");
    for visit in 1..5 {
        let page = client.get("/");
        let told = page.text();
        assert!(told.contains(&format!("Visit {visit}, ")), "{told}");
        assert!(told.contains("from 127.0.0.1"), "{told}");
    }
    assert_eq!(client.get("/nothing").status, 404);
}

#[test]
fn gunicorn() {
    if !parts::has("python") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = example("gunicorn", &[], folder.path()).answers("/").start();
    let page = Client::new(server.address()).get("/?name=Ada%20%3CLovelace%3E");
    assert!(
        page.text().contains("Hello, Ada &lt;Lovelace&gt;."),
        "{page:?}"
    );
    let style = Client::new(server.address()).get("/static/style.css");
    assert_eq!(style.field("cache-control"), Some("public, max-age=600"));
    let mut clock = Client::new(server.address()).open("/clock");
    assert_eq!(clock.field("content-type"), Some("text/event-stream"));
    clock.read_until("data: ");
}

#[test]
fn tomcat() {
    if !parts::has("tomcat") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = example("tomcat", &[8081, 8082], folder.path())
        .answers("/")
        .start();
    for _ in 0..4 {
        let mut client = Client::new(server.address());
        let first = client.get("/");
        let place = first.text().split("to node").nth(1).map(|rest| &rest[..1]);
        for visit in 2..5 {
            let told = client.get("/index.jsp");
            let expected = format!("Visit {visit} to node{}", place.unwrap());
            assert!(told.text().contains(&expected), "{told:?}");
        }
    }
    for path in ["/internal/", "/x/..;/internal/", "/;x/internal;y/"] {
        let answer = Client::new(server.address()).get(path);
        assert!(
            matches!(answer.status, 400 | 403 | 404),
            "{path}: {answer:?}"
        );
    }
}
