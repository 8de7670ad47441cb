//! PHP behind its own web server.

use std::process::Command;

use crate::daemun::{Daemun, all_to};
use crate::process::Recipe;
use crate::{curl, parts};

#[test]
fn forms_sessions_and_files() {
    if !parts::has("php") {
        return;
    }
    let recipe = Recipe::new("php");
    let address = recipe.address().to_string();
    let router = parts::apps().join("php/index.php").display().to_string();
    let folder = recipe.folder.display().to_string();
    let php = recipe
        .run([
            &parts::program("php").display().to_string(),
            "-d",
            &format!("session.save_path={folder}"),
            "-d",
            "upload_max_filesize=1G",
            "-d",
            "post_max_size=1G",
            "-S",
            &address,
            &router,
        ])
        .env("PHP_CLI_SERVER_WORKERS", "4")
        .answers("/")
        .start();
    let daemun = Daemun::start(&all_to(&[&php], ""));
    let mut client = daemun.client();
    let answer = client.post("/form", "name=J%C3%BCrgen&city=Seoul&empty=");
    let expected = format!(
        "{{\"post\":{{\"city\":\"Seoul\",\"empty\":\"\",\"name\":\"Jürgen\"}},\"host\":\"{}\"}}\n",
        daemun.address()
    );
    assert_eq!(answer.text(), expected);
    assert_eq!(
        client.post("/login", "user=ada").field("location"),
        Some("/me")
    );
    assert_eq!(client.get("/me").text(), "ada\n");
    assert_eq!(daemun.client().get("/me").text(), "nobody\n");

    let sample = curl::large();
    let form = format!("file=@{};filename=sample.bin", sample.file.display());
    let output = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--fail",
            "--max-time",
            "120",
            "--form",
            &form,
        ])
        .arg(daemun.url("/file"))
        .output()
        .expect("curl");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        text.trim(),
        format!("sample.bin {}", sample.summary()),
        "{output:?}"
    );
}
