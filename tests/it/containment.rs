//! Nothing from outside of the docroot, also while somebody moves things about.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::harness::{Docroot, SECRET, TestServer};

/// Swaps two names, in one step of the kernel, again and again.
struct Swapper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Swapper {
    fn start(one: &Path, other: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (asked, one, other) = (stop.clone(), one.to_owned(), other.to_owned());
        let thread = std::thread::spawn(move || {
            let mut swaps = 0;
            while !asked.load(Ordering::Relaxed) {
                renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
                swaps += 1;
                // Long enough for the server to get through sometimes, short enough to catch it in between.
                std::thread::sleep(Duration::from_micros(1500));
            }
            swaps
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }

    fn finish(&mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .take()
            .map_or(0, |thread| thread.join().unwrap())
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        self.finish();
    }
}

/// So many requests for `path` while `one` and `other` change places: the file inside, or nothing.
fn never_outside(
    docroot: Docroot,
    settings: &str,
    one: &str,
    other: &str,
    path: &str,
    requests: usize,
) {
    let server = TestServer::with_docroot(docroot, settings);
    let mut swapper = Swapper::start(&server.docroot.path(one), &server.docroot.path(other));
    let mut client = server.connect();
    let mut found = 0;
    for _ in 0..requests {
        let response = client.get(path, &["Accept-Encoding: gzip"]);
        match response.status() {
            200 => {
                assert_eq!(response.text(), "inside\n", "{response:?}");
                found += 1;
            }
            404 => assert!(!response.text().contains(SECRET.trim_end()), "{response:?}"),
            _ => panic!("{response:?}"),
        }
    }
    let swaps = swapper.finish();
    assert!(
        swaps > 0 && found > 0,
        "{swaps} swaps, {found} of {requests} found"
    );
}

fn with_directory() -> Docroot {
    let docroot = Docroot::empty();
    docroot.publish("swap/secret.txt", "inside\n");
    docroot.link("other", "../outside");
    docroot
}

fn with_file() -> Docroot {
    let docroot = Docroot::empty();
    docroot.publish("swap.txt", "inside\n");
    docroot.link("other.txt", "../outside/secret.txt");
    docroot
}

#[test]
fn a_directory_swapped_for_a_link_leads_nowhere() {
    never_outside(
        with_directory(),
        "",
        "swap",
        "other",
        "/swap/secret.txt",
        10_000,
    );
}

#[test]
fn a_file_swapped_for_a_link_leads_nowhere() {
    never_outside(
        with_file(),
        "",
        "swap.txt",
        "other.txt",
        "/swap.txt",
        10_000,
    );
}

#[test]
fn the_same_with_links_denied() {
    never_outside(
        with_directory(),
        "symlinks = \"deny\"",
        "swap",
        "other",
        "/swap/secret.txt",
        2000,
    );
    never_outside(
        with_file(),
        "symlinks = \"deny\"",
        "swap.txt",
        "other.txt",
        "/swap.txt",
        2000,
    );
}

#[test]
fn the_same_when_nothing_is_held_in_memory() {
    never_outside(
        with_directory(),
        "[cache]\nmemory = 0\n",
        "swap",
        "other",
        "/swap/secret.txt",
        3000,
    );
}

#[test]
fn the_same_with_an_absolute_link() {
    let docroot = Docroot::empty();
    docroot.publish("swap/secret.txt", "inside\n");
    docroot.link("other", docroot.outside());
    never_outside(docroot, "", "swap", "other", "/swap/secret.txt", 3000);
}

#[test]
fn an_index_and_a_clean_url_are_held_to_the_same() {
    let docroot = Docroot::empty();
    docroot.publish("swap/index.html", "inside\n");
    docroot.link("other", "../outside");
    std::fs::write(docroot.outside().join("index.html"), SECRET).unwrap();
    never_outside(docroot, "", "swap", "other", "/swap/", 1500);
    let docroot = Docroot::empty();
    docroot.publish("page.html", "inside\n");
    docroot.link("other.html", "../outside/secret.txt");
    never_outside(
        docroot,
        "clean_urls = true",
        "page.html",
        "other.html",
        "/page",
        1500,
    );
}

#[test]
fn a_listing_of_a_swapped_directory_names_nothing_from_outside() {
    let docroot = Docroot::empty();
    docroot.publish("swap/inside.txt", "inside\n");
    docroot.link("other", "../outside");
    let server = TestServer::with_docroot(docroot, "listing = true");
    let mut swapper = Swapper::start(&server.docroot.path("swap"), &server.docroot.path("other"));
    let mut client = server.connect();
    for _ in 0..2000 {
        let response = client.get("/swap/", &[]).expect_any(&[200, 404]);
        assert!(!response.text().contains("secret.txt"), "{response:?}");
    }
    assert!(swapper.finish() > 0);
}

/// A file just written may not be held in memory yet: one that has rested a moment is.
fn settle() {
    std::thread::sleep(Duration::from_millis(100));
}

/// Asks until the file is held in memory, then moves its folder out of the document root and puts a link in its place:
/// the bytes are the same, but they are outside now.
#[test]
fn a_folder_moved_outside_is_not_found_through_a_link_to_it() {
    for settings in ["", "symlinks = \"deny\"", "[cache]\nmemory = 0\n"] {
        let docroot = Docroot::empty();
        docroot.publish("folder/page.txt", "inside\n");
        docroot.publish("folder/deep/er/page.txt", "inside\n");
        let server = TestServer::with_docroot(docroot, settings);
        settle();
        for _ in 0..3 {
            for path in ["/folder/page.txt", "/folder/deep/er/page.txt"] {
                server.get(path, &[]).expect(200).expect_body("inside\n");
            }
        }
        std::fs::rename(
            server.docroot.path("folder"),
            server.docroot.outside().join("folder"),
        )
        .unwrap();
        server.docroot.link("folder", "../outside/folder");
        server.get("/folder/page.txt", &[]).expect(404);
        server.get("/folder/deep/er/page.txt", &[]).expect(404);
    }
}

#[test]
fn a_folder_that_becomes_a_link_is_not_found_where_links_are_denied() {
    let docroot = Docroot::empty();
    docroot.publish("folder/page.txt", "inside\n");
    let server = TestServer::with_docroot(docroot, "symlinks = \"deny\"");
    settle();
    for _ in 0..3 {
        server.get("/folder/page.txt", &[]).expect(200);
    }
    std::fs::rename(
        server.docroot.path("folder"),
        server.docroot.path("elsewhere"),
    )
    .unwrap();
    server.docroot.link("folder", "elsewhere");
    server.get("/folder/page.txt", &[]).expect(404);
    server.get("/elsewhere/page.txt", &[]).expect(200);
}
