//! A visitor who comes back after a new version was deployed: the browser tells which version it has, and gets what is new.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::chromium::Chromium;
use crate::page::Page;
use crate::server::Server;

const OLD: &str = "app.3f9a1c7b.js";
const NEW: &str = "app.8f3a1b2c.js";

/// A script of many lines, of which a version changes one in forty.
fn script(version: u32) -> String {
    let words = [
        "gate", "house", "yard", "wall", "roof", "hall", "stone", "key",
    ];
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let mut text = format!("window.version = {version};\n");
    for line in 0..4000 {
        let (one, other, number) = (next() as usize % 8, next() as usize % 8, next());
        let number = if line % 40 == 0 {
            number + version
        } else {
            number
        };
        let (one, other) = (words[one], words[other]);
        let _ = writeln!(
            text,
            "function {one}_{other}_{line}(x) {{ return x * {number}; }}"
        );
    }
    text
}

fn deploy(folder: &Path, name: &str, version: u32) {
    let page = format!(
        "<!doctype html><title>App</title><link rel=icon href=data:,><script src=/{name}></script>\n"
    );
    fs::write(folder.join(name), script(version)).expect("the script");
    fs::write(folder.join("index.html"), page).expect("the page");
}

/// How a script came: its coding, and how many bytes its content took.
#[derive(Debug)]
struct Arrived {
    coding: String,
    bytes: u64,
    content: u64,
}

fn arrived(page: &mut Page<'_>, name: &str) -> Arrived {
    let entry = page.evaluate(&format!(
        "(() => {{
            const entry = performance.getEntriesByType('resource').findLast((entry) => entry.name.endsWith('{name}'));
            return {{ coding: entry.contentEncoding, bytes: entry.encodedBodySize, content: entry.decodedBodySize }};
        }})()"
    ));
    let number = |value: &Value| value.as_u64().expect("a number");
    Arrived {
        coding: entry["coding"].as_str().expect("a coding").to_owned(),
        bytes: number(&entry["bytes"]),
        content: number(&entry["content"]),
    }
}

/// The browser keeps a dictionary some time after it has got it: asks under ever other names until it is used.
fn wait_for_dictionary(page: &mut Page<'_>) {
    let last = page.evaluate(&format!(
        "(async () => {{
            for (let at = 0; at < 200; at += 1) {{
                const name = '/{OLD}?' + at;
                const answer = await fetch(name);
                await answer.arrayBuffer();
                const coding = answer.headers.get('content-encoding');
                if (coding.startsWith('dc')) return coding;
                await new Promise((done) => setTimeout(done, 50));
            }}
            return 'none';
        }})()"
    ));
    assert_ne!(last, "none", "the browser names no dictionary");
}

#[test]
fn who_comes_back_after_a_new_version_gets_what_is_new() {
    let folder = TempDir::new().expect("a folder");
    deploy(folder.path(), OLD, 1);
    let server = Server::start(folder.path());
    let mut chromium = Chromium::start();
    let mut page = chromium.open();
    let visit = page.visit(&server.url("/"));
    assert!(visit.troubles.is_empty(), "{:?}", visit.troubles);
    assert_eq!(page.evaluate("window.version"), 1);
    let first = arrived(&mut page, OLD);
    assert_eq!(first.content, script(1).len() as u64);
    wait_for_dictionary(&mut page);

    fs::remove_file(folder.path().join(OLD)).expect("the old version goes");
    deploy(folder.path(), NEW, 2);
    let visit = page.visit(&server.url("/?again"));
    assert!(visit.troubles.is_empty(), "{:?}", visit.troubles);
    assert_eq!(page.evaluate("window.version"), 2);
    let again = arrived(&mut page, NEW);
    assert_eq!(again.content, script(2).len() as u64);

    // Somebody else, who was never here.
    let mut stranger = chromium.open();
    stranger.visit(&server.url("/"));
    assert_eq!(stranger.evaluate("window.version"), 2);
    let usual = arrived(&mut stranger, NEW);
    println!(
        "the second version: identity {}, {} {}, {} {}",
        usual.content, usual.coding, usual.bytes, again.coding, again.bytes
    );
    assert_eq!(usual.coding, "br");
    assert!(["dcb", "dcz"].contains(&&*again.coding), "{again:?}");
    assert!(again.bytes * 4 < usual.bytes, "{again:?} {usual:?}");
}
