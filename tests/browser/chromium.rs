//! A headless Chromium that ends with its owner.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::devtools::DevTools;
use crate::page::Page;

const NAMES: [&str; 5] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
];

const MISSING: &str = "no Chromium found on PATH. The browser checks are part of the tests: install it \
    (Debian, Ubuntu: apt-get install --no-install-recommends chromium; Fedora: dnf install chromium; Alpine: apk add chromium), \
    or name one in the environment variable CHROMIUM";

/// A browser is heavy: one at a time, whatever the number of test threads.
static TURN: Mutex<()> = Mutex::new(());

/// A running browser.
pub(crate) struct Chromium {
    devtools: DevTools,
    child: Child,
    _profile: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Chromium {
    pub(crate) fn start() -> Self {
        // A check that failed while it had its turn has ended its browser all the same.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let profile =
            TempDir::with_prefix("daemun-chromium-").expect("a folder for the browser's profile");
        let mut child = Command::new(find())
            // Root, as in a container, may not use the sandbox; all that is opened here is our own.
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--remote-debugging-port=0",
            ])
            // Nothing but what the pages ask for.
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .args([
                "--disable-default-apps",
                "--disable-extensions",
                "--disable-quic",
                "--no-proxy-server",
                "--lang=en",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Chromium starts");
        let address = devtools_address(&mut child);
        Self {
            devtools: DevTools::connect(&address),
            child,
            _profile: profile,
            _turn: turn,
        }
    }

    /// Opens an empty page with a cache of its own.
    pub(crate) fn open(&mut self) -> Page<'_> {
        let context = self
            .devtools
            .call(None, "Target.createBrowserContext", &json!({}));
        let target = self.devtools.call(
            None,
            "Target.createTarget",
            &json!({ "url": "about:blank", "browserContextId": context["browserContextId"] }),
        );
        let attached = self.devtools.call(
            None,
            "Target.attachToTarget",
            &json!({ "targetId": target["targetId"], "flatten": true }),
        );
        let session = attached["sessionId"]
            .as_str()
            .expect("a session")
            .to_owned();
        Page::new(&mut self.devtools, session)
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.devtools.close_browser();
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn find() -> PathBuf {
    if let Some(path) = env::var_os("CHROMIUM") {
        return path.into();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates = NAMES
        .iter()
        .flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)));
    candidates
        .find(|candidate| candidate.is_file())
        .expect(MISSING)
}

/// Chromium tells on its standard error where it listens.
fn devtools_address(child: &mut Child) -> String {
    let stderr = BufReader::new(child.stderr.take().expect("it was piped"));
    let (send, receive) = mpsc::channel();
    // Read to the end, so that the browser never waits for somebody to read its complaints.
    thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    let mut said = String::new();
    while let Ok(line) = receive.recv_timeout(Duration::from_secs(30)) {
        if let Some(address) = line.strip_prefix("DevTools listening on ") {
            return address.to_owned();
        }
        said.push_str(&line);
        said.push('\n');
    }
    let _ = child.kill();
    panic!("Chromium did not open its DevTools port; it said:\n{said}");
}
