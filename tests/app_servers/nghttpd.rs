//! nghttpd: HTTP/2 with trailers, with and without TLS.

use std::fs;
use std::process::Command;

use crate::daemun::Daemun;
use crate::parts;
use crate::process::{Recipe, start_all};

const HELLO: &str = "hello over HTTP/2\n";
const LONG: usize = 500_000;

/// Serves two files, and says a trailer after each; `more` is what comes with the port.
fn nghttpd(name: &str, more: fn(&Recipe) -> Vec<String>) -> Recipe {
    let recipe = Recipe::new(name);
    fs::create_dir(recipe.folder.join("root")).unwrap();
    fs::write(recipe.folder.join("root/hello.txt"), HELLO).unwrap();
    fs::write(
        recipe.folder.join("root/long.txt"),
        "long ".repeat(LONG / 5),
    )
    .unwrap();
    let program = parts::program("nghttpd").display().to_string();
    let fixed = [
        program.as_str(),
        "--address=127.0.0.1",
        "--htdocs=root",
        "--trailer=x-checksum: 1234",
        "--echo-upload",
        "--max-concurrent-streams=10",
    ];
    let more = more(&recipe);
    recipe.run(fixed.into_iter().map(str::to_owned).chain(more))
}

fn certified(recipe: &Recipe) -> Vec<String> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(recipe.folder.join("cert.pem"), made.cert.pem()).unwrap();
    let key = made.signing_key.serialize_pem();
    fs::write(recipe.folder.join("key.pem"), key).unwrap();
    [&recipe.port.to_string(), "key.pem", "cert.pem"]
        .map(str::to_owned)
        .into()
}

#[test]
fn http_2_with_trailers() {
    if !parts::has("nghttpd") {
        return;
    }
    let plain = nghttpd("nghttpd", |recipe| {
        vec!["--no-tls".to_owned(), recipe.port.to_string()]
    });
    let tls = nghttpd("nghttpd-tls", certified);
    let tls_port = tls.port;
    let certificate = tls.folder.join("cert.pem").display().to_string();
    let [plain, tls] = start_all([plain, tls]);
    let daemun = Daemun::start(&format!(
        r#"
        [[site]]
        [[site.route]]
        path = "/"
        upstream = "h2c://{}"
        [[site.route]]
        path = "/tls/"
        upstream = "encrypted"
        strip_prefix = true
        [upstream.encrypted]
        servers = ["h2://localhost:{tls_port}"]
        tls_ca = "{certificate}"
        "#,
        plain.address()
    ));
    for prefix in ["", "/tls"] {
        let mut client = daemun.client();
        for _ in 0..3 {
            assert_eq!(client.get(&format!("{prefix}/hello.txt")).text(), HELLO);
            let long = client.get(&format!("{prefix}/long.txt"));
            assert_eq!(long.body.len(), LONG);
        }
        let body = "sent, and sent back. ".repeat(10_000);
        let answer = client
            .request("POST", &format!("{prefix}/echo"), &[], body.as_bytes())
            .unwrap();
        assert!(
            answer.text() == body,
            "{} of {}",
            answer.body.len(),
            body.len()
        );
        assert_eq!(client.get(&format!("{prefix}/nothing")).status, 404);
        // HTTP/1.1 has no place for them behind a body whose length was told.
        let told = over_http_2(&daemun.url(&format!("{prefix}/hello.txt")));
        assert!(told.contains(") x-checksum: 1234"), "{told}");
    }
    drop(tls);
}

/// Every frame, as nghttp tells of them.
fn over_http_2(url: &str) -> String {
    let output = Command::new(parts::program("nghttp"))
        .args(["--verbose", "--timeout=30", "--header=te: trailers", url])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
