//! Traces, as a collector of OpenTelemetry gets them: OTLP over HTTP, in protobuf.

mod otlp;

use std::time::{SystemTime, UNIX_EPOCH};

use self::otlp::{Span, Value, spans};
use crate::harness::{Back, Docroot, Received, TestServer, eventually, forwarding};

const OK: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SENT: &str = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const SERVER: u64 = 2;
const CLIENT: u64 = 3;

fn collector() -> Back {
    Back::answering(OK)
}

fn log(collector: &Back, more: &str) -> String {
    format!(
        "[log]\ntraces = \"http://{}\"\n{more}\n",
        collector.address()
    )
}

/// Once there are so many.
#[track_caller]
fn collected(collector: &Back, count: usize) -> Vec<Span> {
    let all = || -> Vec<Span> {
        let requests = collector.requests();
        let whole = requests.iter().filter(|request| request.is_whole);
        whole.flat_map(|request| spans(&request.body)).collect()
    };
    assert!(
        eventually(|| all().len() >= count),
        "{count} spans: {:?}",
        all()
    );
    let all = all();
    assert_eq!(all.len(), count, "{all:?}");
    all
}

#[track_caller]
fn only(spans: &[Span], kind: u64) -> &Span {
    let of_kind: Vec<_> = spans.iter().filter(|span| span.kind == kind).collect();
    let [span] = of_kind[..] else {
        panic!("one of kind {kind}: {spans:?}");
    };
    span
}

/// `00-TRACE-SPAN-FLAGS`
#[track_caller]
fn told(request: &Received) -> (String, String, String) {
    let value = request.value("traceparent").expect("a traceparent");
    let parts: Vec<_> = value.split('-').map(str::to_owned).collect();
    let [version, trace, span, flags] = &parts[..] else {
        panic!("{value}");
    };
    assert_eq!(version, "00");
    (trace.clone(), span.clone(), flags.clone())
}

#[test]
fn a_request_is_a_span_with_what_the_conventions_name() {
    let collector = collector();
    let server = TestServer::with_docroot(
        Docroot::standard(),
        &format!("[[site.route]]\npath = \"/dir/\"\n{}", log(&collector, "")),
    );
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let answer = server.get(
        "/dir/nothing?x=1",
        &["User-Agent: test/1.0", "X-Request-Id: known"],
    );
    answer.expect(404);
    let spans = collected(&collector, 1);
    let span = &spans[0];
    assert_eq!((&*span.name, span.kind), ("GET /dir/", SERVER));
    assert_eq!(span.parent_span_id, "");
    assert!(
        span.trace_id.len() == 32 && span.span_id.len() == 16,
        "{span:?}"
    );
    let text = |value: &str| Some(Value::Text(value.to_owned()));
    for (name, expected) in [
        ("http.request.method", text("GET")),
        ("url.path", text("/dir/nothing")),
        ("url.query", text("x=1")),
        ("url.scheme", text("http")),
        ("network.protocol.version", text("1.1")),
        ("server.address", text("localhost")),
        ("client.address", text("127.0.0.1")),
        ("user_agent.original", text("test/1.0")),
        ("http.route", text("/dir/")),
        ("http.response.status_code", Some(Value::Number(404))),
        ("daemun.request.id", text("known")),
        ("daemun.request.refused", text("not-found")),
        ("error.type", None),
    ] {
        assert_eq!(span.attribute(name), expected.as_ref(), "{name}: {span:?}");
    }
    assert_eq!(span.status, 0, "the client's fault is none of the server's");
    assert!(span.start <= span.end && u128::from(span.end) - before.as_nanos() < 60_000_000_000);
    assert!(
        u128::from(span.start) + 1_000_000_000 > before.as_nanos(),
        "{span:?}"
    );

    let request = collector.requests().remove(0);
    assert_eq!((&*request.method, &*request.target), ("POST", "/v1/traces"));
    assert_eq!(
        request.value("content-type"),
        Some("application/x-protobuf")
    );
    assert_eq!(request.value("host"), Some(&*collector.address()));
    let resource = otlp::resource(&request.body);
    assert!(
        resource.contains(&("service.name".to_owned(), Value::Text("daemun".to_owned()))),
        "{resource:?}"
    );
}

#[test]
fn each_attempt_is_a_span_of_the_same_trace_and_the_application_is_told_of_its_own() {
    let (collector, good) = (collector(), Back::hello());
    // It takes the request and answers nothing.
    let bad = Back::by_request(|_| None);
    let config = forwarding(
        &[&bad, &good],
        "",
        &format!("balance = \"round-robin\"\n{}", log(&collector, "")),
    );
    let server = TestServer::start(Docroot::standard(), &config);
    // Whichever is asked first.
    let mut sent = 0;
    while bad.requests().is_empty() && sent < 10 {
        server
            .get("/x", &[SENT, "tracestate: congo=t61rcWkgMzE"])
            .expect(200);
        sent += 1;
    }
    let (failures, answers) = (bad.requests().len(), good.requests().len());
    assert_eq!(answers, sent);
    let spans = collected(&collector, sent + failures + answers);
    assert!(spans.iter().all(|span| span.trace_id == TRACE), "{spans:?}");
    let parents: Vec<_> = spans.iter().filter(|span| span.kind == SERVER).collect();
    assert_eq!(parents.len(), sent, "{spans:?}");
    let caller = "00f067aa0ba902b7";
    assert!(parents.iter().all(|span| span.parent_span_id == caller));
    let failed: Vec<_> = spans.iter().filter(|span| span.status == 2).collect();
    assert_eq!(failed.len(), failures, "{spans:?}");
    for span in failed {
        assert_eq!(span.kind, CLIENT);
        assert!(span.attribute("error.type").is_some(), "{span:?}");
    }
    for (request, is_failed) in bad
        .requests()
        .iter()
        .map(|request| (request, true))
        .chain(good.requests().iter().map(|request| (request, false)))
    {
        let (trace, span, flags) = told(request);
        assert_eq!((&*trace, &*flags), (TRACE, "01"));
        let span = spans.iter().find(|found| found.span_id == span);
        let span = span.unwrap_or_else(|| panic!("{request:?} in {spans:?}"));
        assert_eq!(span.kind, CLIENT);
        assert_eq!(span.status == 2, is_failed);
        assert!(
            parents
                .iter()
                .any(|parent| parent.span_id == span.parent_span_id)
        );
        assert!(span.attribute("server.port").is_some());
        assert_eq!(request.value("tracestate"), Some("congo=t61rcWkgMzE"));
    }
    let again = spans
        .iter()
        .find(|span| span.attribute("http.request.resend_count").is_some());
    let again = again.expect("a second attempt");
    assert_eq!(
        again.attribute("http.request.resend_count"),
        Some(&Value::Number(1))
    );
    assert_eq!(
        again.attribute("http.response.status_code"),
        Some(&Value::Number(200))
    );
}

#[test]
fn a_new_trace_takes_nothing_of_a_broken_one() {
    let (collector, back) = (collector(), Back::hello());
    let config = forwarding(&[&back], "", &log(&collector, ""));
    let server = TestServer::start(Docroot::standard(), &config);
    server
        .get(
            "/x",
            &["traceparent: 00-broken", "tracestate: congo=t61rcWkgMzE"],
        )
        .expect(200);
    let request = back.only();
    let (trace, span, flags) = told(&request);
    assert!(!request.has("tracestate"), "{request:?}");
    assert_eq!(flags, "03", "sampled, of a random id");
    let spans = collected(&collector, 2);
    let (parent, child) = (only(&spans, SERVER), only(&spans, CLIENT));
    assert_eq!((&*parent.trace_id, &*parent.parent_span_id), (&*trace, ""));
    assert_eq!(
        (&child.span_id, &child.parent_span_id),
        (&span, &parent.span_id)
    );
}

/// The last request is traced, so that there is something to wait for.
#[test]
fn what_is_not_sampled_is_not_told_but_carried_on() {
    let (collector, back) = (collector(), Back::hello());
    let config = forwarding(&[&back], "", &log(&collector, "trace_sample = 0.0"));
    let server = TestServer::start(
        Docroot::standard(),
        &format!("trusted_proxies = [\"127.0.0.1\"]\n{config}"),
    );
    let not_sampled = "traceparent: 00-11111111111111111111111111111111-00f067aa0ba902b7-00";
    server.get("/none", &[]).expect(200);
    server.get("/none", &[not_sampled]).expect(200);
    server.get("/traced", &[SENT]).expect(200);
    let spans = collected(&collector, 2);
    assert!(spans.iter().all(|span| span.trace_id == TRACE), "{spans:?}");
    let flags: Vec<_> = back
        .requests()
        .iter()
        .map(|request| told(request).2)
        .collect();
    assert_eq!(flags, ["02", "00", "01"]);
    assert_eq!(told(&back.requests()[1]).0, "1".repeat(32));
}

#[test]
fn a_collector_that_is_away_costs_nothing_but_spans() {
    let away = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let mut server = TestServer::with_site(&format!("[log]\ntraces = \"http://{away}\"\n"));
    for _ in 0..10 {
        server.get("/t.bin", &[]).expect(200);
    }
    server.stop_within(std::time::Duration::from_secs(20));
}

#[test]
fn what_was_traced_is_sent_before_the_server_has_stopped() {
    let collector = collector();
    let mut server = TestServer::with_site(&log(&collector, ""));
    server.get("/t.bin", &[]).expect(200);
    server.stop_within(std::time::Duration::from_secs(20));
    assert_eq!(collector.requests().len(), 1, "no later than that");
    assert_eq!(collected(&collector, 1)[0].name, "GET");
}
