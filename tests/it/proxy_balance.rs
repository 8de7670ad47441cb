//! Which of several servers gets a request.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::{Back, Docroot, HELLO, TestServer, eventually, in_front, request};

fn backs<const N: usize>() -> [Back; N] {
    std::array::from_fn(|_| Back::hello())
}

fn counts(backs: &[Back]) -> Vec<usize> {
    backs.iter().map(|back| back.requests().len()).collect()
}

/// Which of them answered last.
fn last(backs: &[Back], before: &[usize]) -> usize {
    let after = counts(backs);
    let changed: Vec<_> = (0..backs.len())
        .filter(|&number| after[number] != before[number])
        .collect();
    assert_eq!(changed.len(), 1, "{before:?} {after:?}");
    changed[0]
}

fn ask(server: &TestServer, backs: &[Back], target: &str, fields: &[&str]) -> usize {
    let before = counts(backs);
    server.get(target, fields).expect(200);
    last(backs, &before)
}

#[test]
fn in_turn_each_gets_its_share_by_weight() {
    let backs = backs::<3>();
    let server = TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n[upstream.app]\nbalance = \"round-robin\"\n\
             [[upstream.app.server]]\naddress = \"{}\"\nweight = 3\n\
             [[upstream.app.server]]\naddress = \"{}\"\nweight = 2\n\
             [[upstream.app.server]]\naddress = \"{}\"\n",
            backs[0].address(),
            backs[1].address(),
            backs[2].address()
        ),
    );
    let turns: Vec<_> = (0..12).map(|_| ask(&server, &backs, "/x", &[])).collect();
    assert_eq!(counts(&backs), [6, 4, 2]);
    // Smoothly: nobody three times in a row.
    assert!(
        turns
            .windows(3)
            .all(|turn| turn.iter().collect::<HashSet<_>>().len() > 1),
        "{turns:?}"
    );
}

#[test]
fn the_one_with_the_fewest_requests_gets_the_next() {
    let may_answer = Arc::new(AtomicBool::new(false));
    let backs: [Back; 3] = std::array::from_fn(|_| {
        let may_answer = Arc::clone(&may_answer);
        Back::by_request(move |_| {
            eventually(|| may_answer.load(Ordering::SeqCst)).then(|| HELLO.into())
        })
    });
    let all: Vec<_> = backs.iter().collect();
    let server = in_front(&all, "", "balance = \"least-connections\"");
    let mut clients = Vec::new();
    for count in 1..=9 {
        let mut client = server.connect();
        client.send(request("GET", "/x", &[]));
        clients.push(client);
        assert!(eventually(|| counts(&backs).iter().sum::<usize>() == count));
    }
    assert_eq!(counts(&backs), [3, 3, 3]);
    may_answer.store(true, Ordering::SeqCst);
    for client in &mut clients {
        client.read("GET").expect(200);
    }
}

#[test]
fn by_default_all_of_them_get_some() {
    let backs = backs::<4>();
    let all: Vec<_> = backs.iter().collect();
    let server = in_front(&all, "", "");
    for _ in 0..80 {
        server.get("/x", &[]).expect(200);
    }
    assert!(
        counts(&backs).iter().all(|&count| count > 0),
        "{:?}",
        counts(&backs)
    );
}

#[test]
fn the_same_key_goes_to_the_same_server() {
    let keys: Vec<_> = (0..12).map(|number| format!("key-{number}")).collect();
    for balance in ["hash:path", "hash:header=X-User", "hash:cookie=uid"] {
        let backs = backs::<3>();
        let all: Vec<_> = backs.iter().collect();
        let server = in_front(&all, "", &format!("balance = \"{balance}\""));
        let place = |key: &str| {
            let (path, field) = match balance {
                "hash:path" => (format!("/{key}"), "X-A: 1".to_owned()),
                "hash:cookie=uid" => ("/x".to_owned(), format!("Cookie: a=b; uid={key}; c=d")),
                _ => ("/x".to_owned(), format!("X-User: {key}")),
            };
            ask(&server, &backs, &path, &[&field])
        };
        let first: Vec<_> = keys.iter().map(|key| place(key)).collect();
        let second: Vec<_> = keys.iter().map(|key| place(key)).collect();
        assert_eq!(first, second, "{balance}");
        assert!(
            first.iter().collect::<HashSet<_>>().len() > 1,
            "{balance}: {first:?}"
        );
    }
    let backs = backs::<3>();
    let all: Vec<_> = backs.iter().collect();
    let server = in_front(&all, "", "balance = \"hash:client\"");
    let places: HashSet<_> = (0..6).map(|_| ask(&server, &backs, "/x", &[])).collect();
    assert_eq!(places.len(), 1);
}

#[test]
fn a_server_less_moves_no_key_of_the_others() {
    let backs = backs::<3>();
    let all: Vec<_> = backs.iter().collect();
    let keys: Vec<_> = (0..24).map(|number| format!("/{number}")).collect();
    let places = |server: &TestServer| -> Vec<_> {
        keys.iter()
            .map(|key| ask(server, &backs, key, &[]))
            .collect()
    };
    let before = places(&in_front(&all, "", "balance = \"hash:path\""));
    let after = places(&in_front(&all[..2], "", "balance = \"hash:path\""));
    for (before, after) in before.iter().zip(&after) {
        assert!(*before == 2 || before == after);
    }
}

#[test]
fn a_client_comes_back_to_the_server_that_its_cookie_names() {
    let backs = backs::<3>();
    let all: Vec<_> = backs.iter().collect();
    let server = in_front(&all, "", "sticky_cookie = \"daemun_server\"");
    let mut seen = HashSet::new();
    for _ in 0..20 {
        let before = counts(&backs);
        let response = server.get("/x", &[]).expect(200);
        let place = last(&backs, &before);
        seen.insert(place);
        let set = response.field("Set-Cookie").to_owned();
        let cookie = set.split(';').next().unwrap();
        assert!(cookie.starts_with("daemun_server="), "{set}");
        let lower = set.to_ascii_lowercase();
        assert!(
            lower.contains("httponly") && lower.contains("path=/"),
            "{set}"
        );
        // Nothing of the server's address can be read from it.
        let port = backs[place].port().to_string();
        assert!(!set.contains(&port) && !set.contains("127.0.0.1"), "{set}");
        for _ in 0..3 {
            let before = counts(&backs);
            let response = server
                .get("/x", &[&format!("Cookie: a=b; {cookie}")])
                .expect(200);
            assert_eq!(last(&backs, &before), place);
            assert!(
                response.head.values("Set-Cookie").is_empty(),
                "told already: {response:?}"
            );
        }
    }
    assert!(seen.len() > 1);
    // One that names nobody is replaced.
    let response = server
        .get("/x", &["Cookie: daemun_server=nonsense"])
        .expect(200);
    assert!(response.field("Set-Cookie").starts_with("daemun_server="));
    // The application does not hear of it, or does; but its own cookies are untouched.
    let back = Back::answering(HELLO.replace("\r\n\r\n", "\r\nSet-Cookie: app=1; Path=/\r\n\r\n"));
    let server = in_front(&[&back], "", "sticky_cookie = \"daemun_server\"");
    let response = server.get("/x", &["Cookie: app=0"]).expect(200);
    let set = response.head.values("Set-Cookie");
    assert!(set.contains(&"app=1; Path=/"), "{set:?}");
}

#[test]
fn a_client_whose_server_is_gone_gets_another() {
    let [a, b] = backs::<2>();
    let server = in_front(
        &[&a, &b],
        "",
        "sticky_cookie = \"s\"\nbalance = \"round-robin\"",
    );
    let mut of = std::collections::HashMap::new();
    for _ in 0..4 {
        let before = a.requests().len();
        let response = server.get("/x", &[]).expect(200);
        let cookie = response
            .field("Set-Cookie")
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        of.insert(a.requests().len() > before, cookie);
    }
    drop(a);
    let cookie = format!("Cookie: {}", of[&true]);
    for _ in 0..3 {
        let response = server.get("/x", &[&cookie]).expect(200);
        assert!(response.value("Set-Cookie").is_some(), "{response:?}");
    }
}

#[test]
fn a_session_of_the_application_s_own_leads_to_its_server() {
    let backs = backs::<2>();
    let server = TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\ndialect = \"servlet\"\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n\
             [upstream.app]\nsticky_route = \"JSESSIONID\"\n\
             [[upstream.app.server]]\naddress = \"{}\"\nid = \"node1\"\n\
             [[upstream.app.server]]\naddress = \"{}\"\nid = \"node2\"\n",
            backs[0].address(),
            backs[1].address()
        ),
    );
    for round in 0..5 {
        for (place, node) in ["node1", "node2"].into_iter().enumerate() {
            let cookie = format!("Cookie: x=y; JSESSIONID=0A1B{round}.{node}");
            assert_eq!(ask(&server, &backs, "/x", &[&cookie]), place);
            let path = format!("/x;jsessionid=0A1B.{node}?y");
            assert_eq!(ask(&server, &backs, &path, &[]), place);
        }
    }
    // Any will do for a session that nobody has.
    for cookie in ["JSESSIONID=0A1B.node3", "JSESSIONID=0A1B", "JSESSIONID="] {
        server
            .get("/x", &[&format!("Cookie: {cookie}")])
            .expect(200)
            .expect_no("Set-Cookie");
    }
}

#[test]
fn one_server_may_be_of_several_upstreams_and_routes() {
    let back = Back::hello();
    let server = TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/a/\"\nupstream = \"one\"\n[[site.route]]\npath = \"/b/\"\nupstream = \"two\"\n\
             [[site.route]]\npath = \"/c/\"\nupstream = \"one\"\n\
             [upstream.one]\nservers = [\"{0}\"]\n[upstream.two]\nservers = [\"http://{0}\"]\n",
            back.address()
        ),
    );
    for target in ["/a/x", "/b/x", "/c/x"] {
        server.get(target, &[]).expect(200);
    }
    server.get("/d/x", &[]).expect(404);
    assert_eq!(back.targets().len(), 3);
}
