//! The page of a real server, with real requests.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use tempfile::TempDir;

use super::{open, text, wait};
use crate::chromium::Chromium;
use crate::looks::{FAINT, FAULTS};
use crate::page::View;
use crate::server::{Server, public};

/// An application of one answer, on a free port; it ends with the test.
fn application() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
        }
    });
    address
}

/// An address where nobody is.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

fn configuration() -> (TempDir, std::path::PathBuf) {
    let folder = TempDir::with_prefix("daemun-status-").expect("a folder");
    let file = folder.path().join("daemun.toml");
    let content = format!(
        "[[listen]]\naddress = \"127.0.0.1:0\"\n\n[[site]]\ndocroot = '{}'\n\n[[site.route]]\npath = \"/app/\"\nupstream = \"app\"\n\n\
         [[site.route]]\npath = \"/lost/\"\nupstream = \"lost\"\n\n[upstream.app]\nservers = [\"{}\"]\n\n[upstream.lost]\nservers = [\"{}\"]\n\
         health_path = \"/\"\nhealth_interval = \"100ms\"\n",
        public().display(),
        application(),
        nobody(),
    );
    fs::write(&file, content).expect("the configuration");
    (folder, file)
}

#[test]
fn it_shows_what_a_real_server_did() {
    let (_folder, file) = configuration();
    let mut server = Server::configured(&file);
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    let troubles = open(&mut page, &server.status_page());
    assert!(troubles.is_empty(), "{troubles:?}");

    for _ in 0..40 {
        assert_eq!(server.get(&server.url("/")).0, 200);
        assert_eq!(server.get(&server.url("/app/")).0, 200);
    }
    assert_eq!(server.get(&server.url("/lost/x")).0, 503);
    assert_eq!(server.get(&server.url("/%00")).0, 400);

    let body = "document.body.innerText";
    for expected in [
        "82 requests",
        "path-control-character",
        "/lost/",
        "from 127.0.0.1",
        " is down",
    ] {
        wait(&mut page, &format!("{body}.includes('{expected}')"));
    }
    assert_eq!(
        text(&mut page, "document.querySelector('h1').textContent"),
        "Not ready"
    );
    let success =
        "document.querySelector('#answers [data-key=success]').innerText.replace(/\\s+/g, ' ')";
    let told = text(&mut page, success);
    assert!(
        told.starts_with("2xx answered") && told.ends_with(" 80"),
        "{told}"
    );

    page.evaluate("document.querySelector('#failing a').click()");
    wait(
        &mut page,
        "document.querySelector('#story-text').textContent.length > 20",
    );
    let story = text(
        &mut page,
        "document.querySelector('#story-text').textContent",
    );
    assert!(
        story.contains("/%00") || story.contains("/lost/"),
        "{story}"
    );
    page.screenshot("status-real-story");
    page.evaluate("document.querySelector('#story-close').click()");
    page.evaluate("document.querySelector('#text summary').click()");
    wait(
        &mut page,
        "document.querySelector('#text-content').textContent.includes('[upstream.lost]')",
    );

    for view in View::ALL {
        page.set_view(view);
        page.screenshot(&format!("status-real-{}", view.name()));
        let faults = [page.strings(FAULTS), page.strings(FAINT)].concat();
        assert!(faults.is_empty(), "{} {faults:?}", view.name());
    }
    let troubles = page.since().troubles;
    assert!(troubles.is_empty(), "{troubles:?}");

    server.kill();
    wait(&mut page, "document.body.dataset.live === 'lost'");
}
