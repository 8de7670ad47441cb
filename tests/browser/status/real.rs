//! The page of a real server, with real requests.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

use super::{open, text, wait};
use crate::chromium::Chromium;
use crate::looks::{FAINT, FAULTS};
use crate::page::View;
use crate::server::{Server, public};

/// An application of one answer.
struct Application {
    address: SocketAddr,
    is_stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Application {
    fn start(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("the port is free");
        let address = listener.local_addr().expect("an address");
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&is_stopped);
        let thread = thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
                );
            }
        });
        Self {
            address,
            is_stopped,
            thread: Some(thread),
        }
    }

    /// From now on, connections are refused.
    fn stop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        // It waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An address where nobody is.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

fn configuration(application: &Application) -> (TempDir, std::path::PathBuf) {
    let folder = TempDir::with_prefix("daemun-status-").expect("a folder");
    let file = folder.path().join("daemun.toml");
    let content = format!(
        "[[listen]]\naddress = \"127.0.0.1:0\"\n\n[[site]]\ndocroot = '{}'\n\n[[site.route]]\npath = \"/app/\"\nupstream = \"app\"\n\n\
         [[site.route]]\npath = \"/lost/\"\nupstream = \"lost\"\n\n[upstream.app]\nservers = [\"{}\"]\n\
         health_path = \"/\"\nhealth_interval = \"100ms\"\n\n[upstream.lost]\nservers = [\"{}\"]\n\
         health_path = \"/\"\nhealth_interval = \"100ms\"\n",
        public().display(),
        application.address,
        nobody(),
    );
    fs::write(&file, content).expect("the configuration");
    (folder, file)
}

/// Whether the table of servers says this of the application.
fn shown(application: &Application, text: &str) -> String {
    format!(
        "[...document.querySelectorAll('#upstreams tbody tr')].some((row) => row.innerText.includes('{}') && row.innerText.toLowerCase().includes('{text}'))",
        application.address
    )
}

#[test]
fn it_shows_what_a_real_server_did() {
    let mut application = Application::start("127.0.0.1:0");
    let (_folder, file) = configuration(&application);
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

    application.stop();
    for sign in ["▼ down", "refused"] {
        wait(&mut page, &shown(&application, sign));
    }
    let application = Application::start(&application.address.to_string());
    wait(&mut page, &shown(&application, "● up"));

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
