//! What the server tells Prometheus of itself.

use std::sync::mpsc;
use std::time::Duration;

use daemun::{Handle, Server};

use crate::exposition::Exposition;
use crate::harness::{
    A_JS, Authority, Docroot, TestServer, TlsClient, TlsServer, eventually, request,
};

fn read(handle: &Handle) -> Exposition {
    Exposition::read(&handle.metrics())
}

fn real(length: usize) -> f64 {
    f64::from(u32::try_from(length).unwrap())
}

/// The value that one of these comes to in the end.
#[track_caller]
fn expect(handle: &Handle, name: &str, labels: &[(&str, &str)], value: f64) {
    let now = || read(handle).value(name, labels);
    let is_it = || (now() - value).abs() < f64::EPSILON;
    assert!(eventually(is_it), "{name} {labels:?} is {}", now());
}

#[test]
fn connections_are_counted_and_those_that_were_refused() {
    let server = TestServer::with_site("[limits]\nconnections = 7\nconnections_per_client = 2");
    let handle = &server.handle;
    expect(handle, "daemun_connections_limit", &[], 7.0);
    let mut open = [server.connect(), server.connect()];
    for client in &mut open {
        client.get("/a.js", &[]).expect(200);
    }
    let mut third = server.connect();
    third.expect_close();
    expect(handle, "daemun_connections_open", &[], 2.0);
    expect(handle, "daemun_connections_accepted_total", &[], 3.0);
    expect(handle, "daemun_connections_refused_total", &[], 1.0);
    drop(open);
    expect(handle, "daemun_connections_open", &[], 0.0);
}

#[test]
fn handshakes_are_counted_by_how_they_ended_and_certificates_tell_their_end() {
    let authority = Authority::new();
    let (tell, told) = mpsc::channel();
    let pair = authority.issue(&["example.com", "*.example.com"]);
    let server = TlsServer::start_whole(
        "[[listen]]\naddress = \"127.0.0.1:0\"\ntls = true\n\
         [[listen]]\naddress = \"127.0.0.1:0\"\ntls = true\n\
         [[certificate]]\ncert = \"$TLS/a.pem\"\nkey = \"$TLS/a.key\"\n\
         [[site]]\ndocroot = \"$ROOT\"\n",
        |folder| pair.write(folder, "a"),
        move |config| {
            let server = Server::new(config)?;
            tell.send(server.handle()).unwrap();
            Ok(server)
        },
    );
    let handle = told.recv_timeout(Duration::from_secs(10)).unwrap();
    let client = TlsClient::trusting(&authority);
    for _ in 0..2 {
        let mut client = client.connect(server.address(), "example.com");
        client
            .get("/a.js", &["Host: example.com", "Connection: close"])
            .expect(200);
        client.finish();
    }
    let stranger = TlsClient::trusting(&Authority::new());
    assert!(
        stranger
            .try_connect(server.address(), "example.com")
            .is_err()
    );
    for (result, count) in [("full", 1.0), ("resumed", 1.0), ("failed", 1.0)] {
        let labels = [("result", result)];
        expect(&handle, "daemun_tls_handshakes_total", &labels, count);
    }
    let status = handle.status();
    let [certificate] = &status.certificates[..] else {
        panic!(
            "once, however many listeners show it: {:?}",
            status.certificates
        )
    };
    assert_eq!(certificate.names, ["example.com", "*.example.com"]);
    assert!(certificate.not_before < certificate.not_after);
    expect(
        &handle,
        "daemun_certificate_not_after_timestamp_seconds",
        &[("name", "*.example.com")],
        certificate.not_after,
    );
}

#[test]
fn what_is_held_in_memory_is_told_and_what_gave_way() {
    let docroot = Docroot::standard();
    for number in 0..64 {
        docroot.write(&format!("{number}.bin"), vec![7; 64 << 10]);
    }
    let server = TestServer::with_docroot(docroot, "[cache]\nmemory = \"1MiB\"\nfile = \"100KiB\"");
    let handle = &server.handle;
    server.get("/a.js", &[]).expect(200);
    let before = read(handle);
    assert!(before.value("daemun_cache_entries", &[]) >= 1.0);
    assert!(before.value("daemun_cache_bytes", &[]) >= real(A_JS.len()));
    let capacity = before.value("daemun_cache_capacity_bytes", &[]);
    assert!(capacity >= f64::from(1 << 20), "{capacity}");
    assert!(before.value("daemun_cache_evictions_total", &[]).abs() < f64::EPSILON);
    let mut client = server.connect();
    for number in 0..64 {
        client.get(&format!("/{number}.bin"), &[]).expect(200);
    }
    let after = read(handle);
    assert!(after.value("daemun_cache_bytes", &[]) <= capacity);
    // 4 MiB went through a place for one.
    assert!(after.value("daemun_cache_evictions_total", &[]) >= 40.0);
    assert!(after.value("daemun_cache_entries", &[]) <= 20.0);
}

#[test]
fn codings_are_counted_once_each_and_what_they_took() {
    let docroot = Docroot::standard();
    let text = b"the same words again and again, ".repeat(4000);
    docroot.write("words.txt", &text);
    let mut state = 7_u64;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    });
    let noise: Vec<u8> = noise.take(40_000).collect();
    docroot.write("noise.txt", &noise);
    let server = TestServer::with_docroot(docroot, "");
    let handle = &server.handle;
    let ask = |target| {
        server
            .get(target, &["Accept-Encoding: gzip", "Connection: close"])
            .expect(200);
    };
    ask("/words.txt");
    ask("/words.txt");
    ask("/noise.txt");
    let files = "daemun_coding_files_total";
    expect(handle, files, &[("result", "made")], 1.0);
    expect(handle, files, &[("result", "given_up")], 1.0);
    expect(handle, "daemun_coding_waiting", &[], 0.0);
    let now = read(handle);
    let bytes = |direction| now.value("daemun_coding_bytes_total", &[("direction", direction)]);
    // More, if somebody lost patience and had it made twice.
    assert!(bytes("in") >= real(text.len() + noise.len()));
    assert!(bytes("out") > 0.0 && bytes("out") < bytes("in"));
    let seconds = now.value("daemun_coding_seconds_total", &[]);
    assert!(seconds > 0.0 && seconds < 60.0, "{seconds}");
}

#[test]
fn the_process_tells_what_it_takes() {
    let server = TestServer::standard();
    let now = read(&server.handle);
    let value = |name| now.value(name, &[]);
    assert!(value("process_cpu_seconds_total") > 0.0);
    assert!(value("process_max_fds") >= 64.0);
    assert!(value("process_start_time_seconds") > 1.5e9);
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert!((now.value("daemun_build_info", &version) - 1.0).abs() < f64::EPSILON);
}

/// What clients send is never a label: the number of series depends on the configuration alone.
#[test]
fn whatever_clients_send_makes_no_series_of_its_own() {
    let server = TestServer::start(
        Docroot::standard(),
        "[[site]]\nhosts = [\"example.com\", \"*.example.com\"]\ndocroot = \"$ROOT\"\n\
         [[site.route]]\npath = \"/old/\"\nredirect = \"/new/\"\n",
    );
    let handle = &server.handle;
    let mut sent = 0;
    let mut round = |from: usize, to: usize| {
        let mut client = server.connect();
        for number in from..to {
            let (method, host, target) = match number % 6 {
                0 => (
                    "GET",
                    format!("h{number}.example.com"),
                    format!("/{number}"),
                ),
                1 => (
                    "HEAD",
                    "example.com".into(),
                    format!("/old/{number}?q={number}"),
                ),
                2 => ("GET", format!("unknown{number}.test"), "/".to_owned()),
                3 => ("GET", "example.com".into(), format!("/a.js?{number}")),
                4 => ("OPTIONS", "example.com".into(), format!("/a{number}")),
                _ => ("POST", "example.com".into(), format!("/p{number}")),
            };
            let fields = [
                format!("Host: {host}"),
                format!("User-Agent: agent-{number}"),
                format!("X-Request-Id: {number}"),
                "Content-Length: 0".to_owned(),
            ];
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            client.send(request(method, &target, &fields));
            sent += 1;
            let answered = client.try_read(method.as_bytes());
            if answered.is_err()
                || answered.is_ok_and(|answer| answer.value("Connection").is_some())
            {
                client = server.connect();
            }
        }
        // Methods that nobody knows end connections.
        for number in from..from + 20 {
            server.statuses(request(&format!("M{number}"), "/", &["Host: example.com"]));
            sent += 1;
        }
        sent
    };
    let sent = f64::from(u32::try_from(round(0, 60)).unwrap());
    assert!(eventually(|| read(handle)
        .sum("daemun_requests_total", &[])
        >= sent));
    let before = read(handle).series();
    let sent = f64::from(u32::try_from(round(60, 3060)).unwrap());
    assert!(eventually(|| read(handle)
        .sum("daemun_requests_total", &[])
        >= sent));
    let after = read(handle);
    assert!((after.sum("daemun_requests_total", &[]) - sent).abs() < 0.5);
    assert!((after.sum("daemun_request_duration_seconds_count", &[]) - sent).abs() < 0.5);
    assert!((after.sum("daemun_response_size_bytes_count", &[]) - sent).abs() < 0.5);
    let new: Vec<_> = after.series().difference(&before).cloned().collect();
    assert!(new.is_empty(), "{new:?}");
}
