//! What is told of applications and their servers.

use daemun::Handle;

use crate::exposition::Exposition;
use crate::harness::{Back, Docroot, HELLO, Refusing, TestServer, eventually, in_front};

/// The value of one of the only upstream that there is.
fn of_server(handle: &Handle, name: &str, server: &str, more: &[(&str, &str)]) -> f64 {
    let mut labels = vec![("upstream", "app"), ("server", server)];
    labels.extend(more);
    Exposition::read(&handle.metrics()).value(name, &labels)
}

#[track_caller]
fn expect(of: (&Handle, &str), name: &str, more: &[(&str, &str)], value: f64) {
    let (handle, server) = of;
    let now = || of_server(handle, name, server, more);
    let is_it = || (now() - value).abs() < f64::EPSILON;
    assert!(eventually(is_it), "{name} of {server} is {}", now());
}

#[test]
fn attempts_and_failures_are_counted_by_server_and_retries_by_upstream() {
    let (back, refusing) = (Back::by_request(|_| Some(HELLO.into())), Refusing::new());
    let server = TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n\
             [upstream.app]\nservers = [\"{}\", \"{}\"]\nbalance = \"round-robin\"\nmax_failures = 0\n",
            back.address(),
            refusing.address()
        ),
    );
    let handle = &server.handle;
    let mut client = server.connect();
    for _ in 0..6 {
        client.get("/", &[]).expect(200);
    }
    let (well, ill) = (back.address(), refusing.address());
    expect((handle, &well), "daemun_upstream_attempts_total", &[], 6.0);
    // Whoever is asked after it did not answer has had a turn: how often it is asked is for the turns to say.
    let asked = of_server(handle, "daemun_upstream_attempts_total", &ill, &[]);
    assert!((3.0..=6.0).contains(&asked), "{asked}");
    let failures = "daemun_upstream_failures_total";
    expect((handle, &ill), failures, &[("kind", "refused")], asked);
    expect((handle, &ill), failures, &[("kind", "timeout")], 0.0);
    expect((handle, &well), failures, &[("kind", "refused")], 0.0);
    expect((handle, &ill), "daemun_upstream_server_up", &[], 1.0);
    let status = handle.status();
    let [upstream] = &status.upstreams[..] else {
        panic!("one: {:?}", status.upstreams)
    };
    assert_eq!((&*upstream.name, upstream.waiting), ("app", 0));
    let ill = upstream.servers.iter().find(|server| server.name == ill);
    assert_eq!(ill.unwrap().failures, upstream.retries);
    let all = Exposition::read(&handle.metrics());
    let labels = [("upstream", "app")];
    let retries = all.value("daemun_upstream_retries_total", &labels);
    assert!((retries - asked).abs() < f64::EPSILON);
}

#[test]
fn a_server_that_is_left_out_says_why_and_since_when() {
    let (back, refusing) = (Back::by_request(|_| Some(HELLO.into())), Refusing::new());
    let server = TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n\
             [upstream.app]\nservers = [\"{}\", \"{}\"]\nbalance = \"round-robin\"\nmax_failures = 2\nejection_time = \"1h\"\nejection_most = \"1h\"\n",
            back.address(),
            refusing.address()
        ),
    );
    let handle = &server.handle;
    let ill = refusing.address();
    let told = || {
        let upstream = handle.status().upstreams.remove(0);
        let mut servers = upstream.servers.into_iter();
        servers.find(|server| server.name == ill).unwrap()
    };
    let before = told();
    assert_eq!((&*before.state, before.why), ("up", None));
    assert!(before.since > 1.5e9);
    let mut client = server.connect();
    for _ in 0..8 {
        client.get("/", &[]).expect(200);
    }
    let after = told();
    assert_eq!((&*after.state, after.ejections), ("ejected", 1));
    assert!(after.since >= before.since);
    let why = after.why.unwrap();
    assert!(why.contains("refused"), "{why}");
    let of = (handle, &*ill);
    expect(of, "daemun_upstream_ejections_total", &[], 1.0);
    expect(of, "daemun_upstream_server_up", &[], 0.0);
    let state = "daemun_upstream_server_state";
    expect(of, state, &[("state", "ejected")], 1.0);
    expect(of, state, &[("state", "up")], 0.0);
}

/// One failed check is told at once; several of them in a row make the server one that is down.
#[test]
fn what_checks_found_is_told() {
    let back = Back::by_request(|request| {
        let is_check = request.target == "/healthz";
        let ill = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        Some(if is_check { ill.into() } else { HELLO.into() })
    });
    let server = in_front(
        &[&back],
        "",
        "health_path = \"/healthz\"\nhealth_interval = \"20ms\"\nhealth_fall = 3",
    );
    let (handle, name) = (&server.handle, back.address());
    let of = (handle, &*name);
    expect(of, "daemun_upstream_server_up", &[], 0.0);
    expect(
        of,
        "daemun_upstream_server_state",
        &[("state", "down")],
        1.0,
    );
    let checks = "daemun_upstream_checks_total";
    assert!(of_server(handle, checks, &name, &[("result", "failed")]) >= 3.0);
    expect(of, checks, &[("result", "passed")], 0.0);
    let status = handle.status();
    let server = &status.upstreams[0].servers[0];
    assert_eq!(server.trouble.as_deref(), Some("status 503"));
    assert_eq!(server.why.as_deref(), Some("status 503"));
    assert!(status.upstreams[0].is_checked);
    // Checks are no requests.
    expect(of, "daemun_upstream_attempts_total", &[], 0.0);
}
