//! Puma, with a Rack application.

use crate::daemun::{Daemun, all_to};
use crate::node::events_come_at_once_and_end_with_the_client;
use crate::process::Recipe;
use crate::{curl, parts};

#[test]
fn a_rack_application() {
    if !parts::has("ruby") {
        return;
    }
    let recipe = Recipe::new("puma");
    let bind = format!("tcp://{}", recipe.address());
    let config = parts::apps().join("ruby/config.ru").display().to_string();
    let puma = recipe
        .run([
            &parts::program("puma").display().to_string(),
            "--environment",
            "production",
            "--bind",
            &bind,
            &config,
        ])
        .env("NAME", "puma")
        .answers("/")
        .start();
    let daemun = Daemun::start(&all_to(&[&puma], ""));
    let mut client = daemun.client();
    assert_eq!(client.get("/").text(), "puma\n");
    assert_eq!(
        client.post("/login", "user=ada").field("location"),
        Some("/me")
    );
    assert_eq!(client.get("/me").text(), "user=ada\n");
    let address = daemun.address();
    assert_eq!(
        client.get("/scheme").text(),
        format!("http 127.0.0.1 {address}\n")
    );
    events_come_at_once_and_end_with_the_client(&daemun);
    curl::large().upload(&daemun.url("/upload"), &[]);
}
