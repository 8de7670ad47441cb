//! What an application answers: whom the request was sent to, and how; and what it would be sent.

use std::time::Duration;

use super::{Account, Explained, reason};
use crate::harness::{
    Back, Docroot, H2Client, H2Outcome, HELLO, Refusing, eventually, forwarding, request,
};

pub(super) const SITE: (&str, &str) = ("site", "*");
pub(super) const ROUTE: (&str, &str) = ("route", "/, to the upstream app");

/// Forwards everything to one of these; `rest` are further lines of its upstream, then any other table.
pub(super) fn in_front(backs: &[&Back], route: &str, rest: &str) -> Explained {
    Explained::start(Docroot::standard(), &forwarding(backs, route, rest))
}

pub(super) fn connected(back: &Back, status: u16) -> String {
    format!(
        "{}: connected in T, answered {status} after T",
        back.address()
    )
}

fn reused(back: &Back, status: u16) -> String {
    format!(
        "{}: over a connection that was open, answered {status} after T",
        back.address()
    )
}

#[test]
fn a_connection_is_made_and_then_there() {
    let back = Back::hello();
    let told = in_front(&[&back], "", "");
    let (response, account) = told.send("GET", "/a%20b?c=d", &["Host: Shop.test:81"]);
    response.expect(200).expect_body("hello");
    let forwarded = ("forwarded", "as /a%20b?c=d, to the host Shop.test:81");
    account.expect(&[SITE, ROUTE, forwarded, ("server", &connected(&back, 200))]);
    let seen = back.only();
    assert_eq!(seen.target, "/a%20b?c=d");
    assert_eq!(seen.value("host"), Some("Shop.test:81"));
    assert_eq!(seen.value("x-request-id"), Some(account.only("request")));
    let (_, account) = told.send("GET", "/a%20b?c=d", &["Host: Shop.test:81"]);
    account.expect(&[SITE, ROUTE, forwarded, ("server", &reused(&back, 200))]);
    assert_eq!(back.connections(), 1);
}

#[test]
fn what_an_application_says_is_its_own() {
    let back = Back::by_request(|request| {
        let status: u16 = request.target[1..].parse().unwrap();
        Some(format!("HTTP/1.1 {}\r\nContent-Length: 0\r\n\r\n", reason(status)).into())
    });
    let told = in_front(&[&back], "intercept_errors = [502]\nhost = \"in.test\"", "");
    told.send("GET", "/200", &[]);
    for (status, refused) in [
        (404, None),
        (500, None),
        (502, Some("upstream-status (502 Bad Gateway)")),
    ] {
        let target = format!("/{status}");
        let (response, account) = told.send("GET", &target, &[]);
        response.expect(status);
        let forwarded = format!("as {target}, to the host in.test");
        let server = reused(&back, status);
        let mut lines = vec![
            SITE,
            ROUTE,
            ("forwarded", &*forwarded),
            ("server", &*server),
        ];
        lines.extend(refused.map(|refused| ("refused", refused)));
        account.expect(&lines);
    }
}

#[test]
fn a_server_that_refuses_is_told_before_the_one_that_answers() {
    let (refusing, back) = (Refusing::new(), Back::hello());
    let config = format!(
        "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n[upstream.app]\n\
         servers = [\"{}\", \"{}\"]\nbalance = \"round-robin\"\n",
        refusing.address(),
        back.address()
    );
    let told = Explained::start(Docroot::standard(), &config);
    let mut retried = None;
    for _ in 0..2 {
        let (response, account) = told.send("POST", "/x", &["Content-Length: 0"]);
        response.expect(200);
        retried = retried.or((account.all("server").len() == 2).then_some(account));
    }
    let account = retried.expect("one of two was sent to the first server before");
    let servers = account.all("server");
    let first = format!(
        "{}: no connection to the server, after T (",
        refusing.address()
    );
    assert!(servers[0].starts_with(&first), "{account:?}");
    assert!(servers[0].contains("refused"), "{account:?}");
    assert_eq!(servers[1], connected(&back, 200));
    assert_eq!(back.requests().len(), 2);
}

#[test]
fn a_file_that_is_there_goes_before_the_application_and_one_that_it_names_after_it() {
    let back = Back::answering(
        "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /report.txt\r\nContent-Length: 0\r\n\r\n",
    );
    let docroot = Docroot::standard();
    docroot.publish("private/report.txt", "a report\n");
    let route = "docroot = \"$ROOT\"\naccel_root = \"$ROOT/private\"";
    let told = Explained::start(docroot, &forwarding(&[&back], route, ""));
    told.both(
        "GET",
        "/t.bin",
        &[],
        &[
            SITE,
            ROUTE,
            ("file", "t.bin: opened on the disk"),
            ("sent", "the file as it is"),
        ],
    );
    back.expect_untouched();
    let (response, account) = told.send("GET", "/report", &["Range: bytes=2-"]);
    response.expect(206).expect_body("report\n");
    account.expect(&[
        SITE,
        ROUTE,
        ("forwarded", "as /report, to the host localhost"),
        ("server", &connected(&back, 200)),
        ("file", "report.txt: opened on the disk"),
        (
            "sent",
            "a part of it, as the client asked: the file as it is",
        ),
    ]);
}

#[test]
fn a_web_socket_is_one_request_until_it_ends() {
    let back = Back::new(|conversation| {
        conversation.next();
        conversation.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello",
        );
        conversation.next_bytes(3);
    });
    let told = in_front(&[&back], "", "");
    let fields = ["Connection: upgrade", "Upgrade: echo", "X-Request-Id: ws"];
    let mut client = told.server.connect();
    client.send(request("GET", "/ws", &fields));
    assert_eq!(client.read_head("GET").status, 101);
    assert_eq!(told.server.handle.explain("ws"), None, "it goes on");
    assert_eq!(told.server.handle.status().in_flight, 1);
    client.send("bye");
    assert_eq!(client.read_to_end(), b"hello");
    client.finish();
    let account = Account::of(&told.server.handle, "ws");
    account.expect_answer(101, 5);
    account.expect(&[
        SITE,
        ROUTE,
        ("forwarded", "as /ws, to the host localhost"),
        ("server", &connected(&back, 101)),
    ]);
}

#[test]
fn http_2_is_told_as_such() {
    let back = Back::hello();
    let told = in_front(&[&back], "", "");
    let mut client = H2Client::over(told.server.connect());
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "two.test"),
        (":path", "/x?y"),
        ("x-request-id", "two"),
    ];
    let body = b"hello".to_vec();
    let expected = H2Outcome::Response { status: 200, body };
    assert_eq!(client.exchange(&fields), expected);
    let account = Account::of(&told.server.handle, "two");
    account.expect_request("two", "HTTP/2.0");
    account.expect_answer(200, 5);
    assert_eq!(account.only("asked"), "GET /x?y");
    assert_eq!(account.only("host"), "two.test");
    account.expect(&[
        SITE,
        ROUTE,
        ("forwarded", "as /x?y, to the host two.test"),
        ("server", &connected(&back, 200)),
    ]);
    assert_eq!(back.only().value("x-request-id"), Some("two"));
}

#[test]
fn who_waits_for_room_is_told_how_long() {
    let back = Back::new(|conversation| {
        while conversation.next().is_some() {
            conversation.pause(Duration::from_millis(200));
            conversation.send(HELLO);
        }
    });
    let told = one_at_a_time(&back, "");
    let mut clients = [told.server.connect(), told.server.connect()];
    for (number, client) in clients.iter_mut().enumerate() {
        let id = format!("X-Request-Id: {number}");
        client.send(request("GET", "/x", &[&id]));
        if number == 0 {
            back.expect_requests(1);
        }
    }
    for client in &mut clients {
        client.read("GET").expect(200);
    }
    let first = Account::of(&told.server.handle, "0");
    assert!(!first.has("waited"), "{first:?}");
    let second = Account::of(&told.server.handle, "1");
    second.expect(&[
        SITE,
        ROUTE,
        ("forwarded", "as /x, to the host localhost"),
        ("waited", "T for a server"),
        ("server", &reused(&back, 200)),
    ]);
    // The application takes that long, whatever else is slow.
    assert!(second.times[1] >= 0.2, "{second:?}");
}

pub(super) fn one_at_a_time(back: &Back, rest: &str) -> Explained {
    Explained::start(
        Docroot::standard(),
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n[upstream.app]\n{rest}\n\
             [[upstream.app.server]]\naddress = \"{}\"\nmax_connections = 1\n",
            back.address()
        ),
    )
}

/// What a rehearsal says would be sent is what is sent.
#[test]
fn a_rehearsal_names_what_the_application_would_be_told() {
    let back = Back::hello();
    let other = Back::hello();
    let config = format!(
        "[[site]]\n[[site.route]]\npath = \"/app/\"\nupstream = \"app\"\nrewrite_prefix = \"/\"\n\
         forwarded = true\n[[site.route]]\npath = \"/ws\"\nupstream = \"http://{}\"\n\
         [upstream.app]\nservers = [\"{}\"]\nhealth_path = \"/health\"\n\
         [log]\naccess = \"json\"\nfile = \"$PARENT/access.log\"\n",
        other.address(),
        back.address()
    );
    let told = Explained::start(Docroot::standard(), &config);
    let fields = [
        "Host: shop.test",
        "X-Forwarded-For: 192.0.2.1",
        "Accept: a/b",
    ];
    let (_, sent) = told.send("GET", "/app/x?y", &fields);
    let is_sent = |request: &crate::harness::Received| request.target == "/x?y";
    let seen = back.requests().into_iter().find(is_sent).expect("it came");
    let rehearsed = told.rehearse("GET", "/app/x?y", &fields);
    for word in ["site", "route", "forwarded"] {
        assert_eq!(rehearsed.only(word), sent.only(word), "{word}");
    }
    assert_eq!(
        rehearsed.only("forwarded"),
        "as /x?y, to the host shop.test"
    );
    assert_eq!(
        rehearsed.only("server"),
        format!("{}, by HTTP/1.1", back.address())
    );
    assert_eq!(
        rehearsed.only("answer"),
        "the application's (it was not asked)"
    );
    let told_fields = rehearsed.all("");
    assert!(told_fields.len() > 4, "{rehearsed:?}");
    for field in told_fields {
        let (name, value) = field.split_once(": ").unwrap();
        // Those are others each time.
        if !matches!(name, "x-request-id" | "x-request-start") {
            assert!(seen.values(name).contains(&value), "{field}: {seen:?}");
        }
    }
}

/// It is as if it had not been: no connection, no file, no count.
#[test]
fn a_rehearsal_leaves_no_trace() {
    let back = Back::hello();
    let docroot = Docroot::standard();
    let parent = docroot.parent().to_owned();
    let config = format!(
        "[[site]]\ndocroot = \"$ROOT\"\n[[site.route]]\npath = \"/app/\"\nupstream = \"app\"\n\
         [upstream.app]\nservers = [\"{}\"]\nhealth_path = \"/\"\nhealth_interval = \"10ms\"\n\
         [compression]\ndictionary_folder = \"$PARENT/dictionaries\"\n\
         [log]\naccess = \"json\"\nfile = \"$PARENT/access.log\"\n",
        back.address()
    );
    let config = config
        .replace("$ROOT", docroot.root().to_str().unwrap())
        .replace("$PARENT", parent.to_str().unwrap());
    docroot.publish("app.3f9a1c7b.js", "export const name = 1;\n".repeat(100));
    std::fs::create_dir(parent.join("dictionaries")).unwrap();
    let before = names(&parent);
    let parsed = daemun::Config::parse(&config, std::path::Path::new("test.toml")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for target in ["/app/x", "/t.css", "/app.3f9a1c7b.js", "/missing"] {
            let request = http::Request::post(format!("http://localhost{target}"));
            let request = request
                .header("accept-encoding", "br, dcb")
                .body(())
                .unwrap();
            assert!(
                daemun::rehearse(&parsed, request, None)
                    .await
                    .contains("site ")
            );
            let request = http::Request::get(format!("http://localhost{target}"));
            let request = request
                .header("accept-encoding", "br, dcb")
                .body(())
                .unwrap();
            assert!(
                daemun::rehearse(&parsed, request, None)
                    .await
                    .contains("site ")
            );
        }
        // Whatever goes on beside requests would have begun by now.
        tokio::time::sleep(Duration::from_millis(100)).await;
    });
    drop(runtime);
    assert_eq!(back.connections(), 0);
    assert_eq!(names(&parent), before);
    // The listener is one that sees who comes.
    std::net::TcpStream::connect(back.address()).unwrap();
    assert!(eventually(|| back.connections() == 1));
}

fn names(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            names.extend(self::names(&path));
        }
        names.push(path);
    }
    names.sort();
    names
}
