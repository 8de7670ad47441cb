//! Every descriptor is given back, however the client leaves.

use std::fs;
use std::path::Path;
use std::time::Duration;

use socket2::SockRef;

use crate::harness::{Docroot, TestServer, eventually, pattern, request};

/// Descriptors of this process that belong to one server: files beneath its folder, and its side of its connections.
fn open_descriptors(server: &TestServer) -> usize {
    let sockets = connections(server.address.port());
    let folder = server.docroot.parent();
    fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter(|target| {
            target.starts_with(folder) && target != folder || is_one_of(target, &sockets)
        })
        .count()
}

/// The inodes of the sockets whose own port this is, the listener aside.
fn connections(port: u16) -> Vec<String> {
    const LISTENING: &str = "0A";
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let own = format!(":{port:04X}");
    let lines = table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines
        .filter(|fields| fields[1].ends_with(&own) && fields[3] != LISTENING)
        .map(|fields| fields[9].to_owned())
        .collect()
}

fn is_one_of(target: &Path, inodes: &[String]) -> bool {
    let target = target.to_string_lossy();
    let inode = target
        .strip_prefix("socket:[")
        .and_then(|rest| rest.strip_suffix(']'));
    inode.is_some_and(|inode| inodes.iter().any(|known| known == inode))
}

#[test]
fn aborted_downloads_leave_none_open() {
    let docroot = Docroot::standard();
    docroot.sparse("big", 64 << 20);
    let server = TestServer::with_docroot(docroot, "");
    server.get("/t.bin", &[]).expect(200);
    assert!(
        eventually(|| open_descriptors(&server) <= 1),
        "the docroot's own at most: {}",
        open_descriptors(&server)
    );
    let before = open_descriptors(&server);
    let text = request("GET", "/big", &[]);
    for round in 0..3000 {
        let mut client = server.connect();
        client.send(&text);
        if round % 3 == 0 {
            client.read_head(&text);
        }
        if round % 2 == 0 {
            // A reset instead of a goodbye.
            SockRef::from(client.stream())
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        }
    }
    assert!(
        eventually(|| open_descriptors(&server) <= before),
        "{} before, {} after",
        before,
        open_descriptors(&server)
    );
    server
        .get("/t.bin", &[])
        .expect(200)
        .expect_body(pattern(1000));
}

#[test]
fn requests_broken_off_leave_none_open() {
    let server = TestServer::standard();
    server.get("/t.bin", &[]).expect(200);
    let text = request("GET", "/t.bin", &[]);
    for round in 0..1000 {
        let mut client = server.connect();
        client.send(&text[..round % text.len()]);
        if round % 2 == 0 {
            SockRef::from(client.stream())
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        }
    }
    assert!(
        eventually(|| open_descriptors(&server) <= 1),
        "{}",
        open_descriptors(&server)
    );
    server.get("/t.bin", &[]).expect(200);
}

#[test]
fn answers_of_every_kind_leave_none_open() {
    let docroot = Docroot::standard();
    docroot.publish("big.bin", pattern(3 << 20));
    docroot.fifo("fifo");
    let server = TestServer::with_docroot(docroot, "listing = true");
    for _ in 0..20 {
        for path in [
            "/t.bin",
            "/big.bin",
            "/missing",
            "/dir",
            "/dir/",
            "/link.txt",
            "/fifo",
            "/linkdir/",
            "/.env",
            "/a.js",
        ] {
            server.get(path, &["Accept-Encoding: gzip"]);
            server.head(path, &[]);
            server.get(path, &["Range: bytes=1-2"]);
            server.get(path, &["If-None-Match: *"]);
            server.get(path, &["If-Match: \"x\""]);
        }
    }
    assert!(
        eventually(|| open_descriptors(&server) <= 1),
        "{}",
        open_descriptors(&server)
    );
}
