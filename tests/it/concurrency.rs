//! Many at once.

use std::sync::Barrier;

use crate::harness::{A_JS_BR, Client, Docroot, PATIENCE, TestServer, pattern, request};

/// So many threads, all of them ready before the first one asks.
fn together(count: usize, work: impl Fn(usize) + Sync) {
    let barrier = Barrier::new(count);
    std::thread::scope(|scope| {
        for index in 0..count {
            let (barrier, work) = (&barrier, &work);
            scope.spawn(move || {
                barrier.wait();
                work(index);
            });
        }
    });
}

#[test]
fn the_first_request_may_come_from_a_hundred_clients() {
    let docroot = Docroot::standard();
    docroot.publish("first.bin", pattern(800_000));
    let server = TestServer::with_docroot(docroot, "");
    let content = pattern(800_000);
    let address = server.address;
    let tags = std::sync::Mutex::new(Vec::new());
    together(100, |_| {
        let mut client = Client::connect(address);
        let response = client
            .get("/first.bin", &[])
            .expect(200)
            .expect_body(&content);
        tags.lock().unwrap().push(response.entity_tag().to_owned());
    });
    let mut tags = tags.into_inner().unwrap();
    tags.dedup();
    assert_eq!(tags.len(), 1, "{tags:?}");
}

#[test]
fn the_same_on_several_workers() {
    let docroot = Docroot::standard();
    let server = TestServer::start_with_workers(docroot, "[[site]]\ndocroot = \"$ROOT\"\n", 2);
    let address = server.address;
    together(50, |index| {
        let mut client = Client::connect(address);
        for _ in 0..10 {
            if index % 2 == 0 {
                client
                    .get("/t.bin", &[])
                    .expect(200)
                    .expect_body(pattern(1000));
            } else {
                client
                    .get("/a.js", &["Accept-Encoding: br"])
                    .expect(200)
                    .expect_body(A_JS_BR);
            }
        }
    });
}

#[test]
fn files_changed_under_load_are_always_one_of_their_versions() {
    let server = TestServer::with_docroot(Docroot::standard(), "");
    let version = |round: u8| vec![round; 2000 + usize::from(round)];
    server.docroot.replace("busy.bin", version(0));
    let address = server.address;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                let mut client = Client::connect(address);
                let mut newest = 0;
                for _ in 0..300 {
                    let response = client.get("/busy.bin", &[]).expect(200);
                    let round = response.body[0];
                    assert!(response.body == version(round), "a mixture: {response:?}");
                    assert!(
                        round >= newest,
                        "an older version after a newer one: {round} after {newest}"
                    );
                    newest = round;
                }
            });
        }
        for round in 1..200_u8 {
            server.docroot.replace("busy.bin", version(round));
            std::thread::yield_now();
        }
    });
}

#[test]
fn a_thousand_connections_are_served() {
    let server = TestServer::standard();
    let mut clients: Vec<Client> = (0..1000).map(|_| server.connect()).collect();
    let text = request("GET", "/t.bin", &[]);
    for client in &mut clients {
        client.send(&text);
    }
    let begun = std::time::Instant::now();
    for client in &mut clients {
        client.read(&text).expect(200).expect_body(pattern(1000));
    }
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn releases_swapped_under_load_are_never_mixed_within_an_answer() {
    use std::os::unix::fs::symlink;
    let docroot = Docroot::empty();
    let current = docroot.parent().join("current");
    for (release, fill) in [("one", 1_u8), ("two", 2)] {
        let folder = docroot.parent().join(release);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("page"), vec![fill; 3000 * usize::from(fill)]).unwrap();
        std::fs::write(
            folder.join("big"),
            vec![fill; (2 << 20) + usize::from(fill)],
        )
        .unwrap();
    }
    symlink("one", &current).unwrap();
    let server = TestServer::start(docroot, "[[site]]\ndocroot = \"$PARENT/current\"\n");
    let address = server.address;
    std::thread::scope(|scope| {
        for path in ["/page", "/big", "/page"] {
            scope.spawn(move || {
                let mut client = Client::connect(address);
                for _ in 0..if path == "/big" { 30 } else { 300 } {
                    let response = client.get(path, &[]).expect(200);
                    let fill = response.body[0];
                    assert!(
                        response.body.iter().all(|byte| *byte == fill),
                        "a mixture of releases"
                    );
                    let length = if path == "/big" {
                        (2 << 20) + usize::from(fill)
                    } else {
                        3000 * usize::from(fill)
                    };
                    assert_eq!(response.body.len(), length);
                }
            });
        }
        for round in 0..300 {
            let incoming = server.docroot.parent().join("incoming");
            symlink(if round % 2 == 0 { "two" } else { "one" }, &incoming).unwrap();
            std::fs::rename(&incoming, &current).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    });
}
