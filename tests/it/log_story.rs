//! What the records in JSON tell of who answered.

use std::fs;

use serde_json::Value;

use crate::harness::{Back, Docroot, TestServer, eventually, forwarding, in_front, in_front_of};

const LOG: &str = "[log]\naccess = \"json\"\nfile = \"$PARENT/access.log\"\n";

#[track_caller]
fn records(server: &TestServer, count: usize) -> Vec<Value> {
    let file = server.docroot.parent().join("access.log");
    let text = || fs::read_to_string(&file).unwrap_or_default();
    assert!(eventually(|| text().lines().count() >= count), "{}", text());
    let records = text();
    let records = records
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    records.collect()
}

#[track_caller]
fn millis(record: &Value, field: &str) -> f64 {
    record[field]
        .as_f64()
        .unwrap_or_else(|| panic!("{field}: {record}"))
}

#[test]
fn a_forwarded_request_names_its_server_and_what_it_took() {
    let back = Back::hello();
    let server = in_front(&[&back], "", LOG);
    server
        .get(
            "/x",
            &["traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
        )
        .expect(200);
    server.get("/x", &["traceparent: nonsense"]).expect(200);
    let records = records(&server, 2);
    for record in &records {
        assert_eq!(record["upstream"], "app", "{record}");
        assert_eq!(record["server"], back.address());
        assert_eq!(record["attempts"], 1);
        assert_eq!(record["route"], "/");
        assert_eq!(record["cache"], Value::Null);
        let (first_byte, upstream) = (
            millis(record, "first_byte_ms"),
            millis(record, "upstream_ms"),
        );
        assert!(first_byte > 0.0 && first_byte <= upstream, "{record}");
        assert!(upstream <= millis(record, "duration_ms"), "{record}");
    }
    let (first, second) = (&records[0], &records[1]);
    assert!(
        millis(first, "connect_ms") <= millis(first, "first_byte_ms"),
        "{first}"
    );
    assert_eq!(
        second["connect_ms"],
        Value::Null,
        "it was in the pool: {second}"
    );
    assert_eq!(first["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(second["trace_id"], Value::Null);
    let id = back.requests()[0].value("x-request-id").map(str::to_owned);
    assert_eq!(first["request_id"].as_str(), id.as_deref());
}

#[test]
fn attempts_are_counted_and_the_last_one_is_named() {
    // It takes the request and answers nothing.
    let (bad, good) = (Back::by_request(|_| None), Back::hello());
    let config = forwarding(
        &[&bad, &good],
        "",
        &format!("balance = \"round-robin\"\n{LOG}"),
    );
    let server = TestServer::start(Docroot::standard(), &config);
    for _ in 0..2 {
        server.get("/x", &[]).expect(200);
    }
    let records = records(&server, 2);
    let attempts: Vec<_> = records
        .iter()
        .map(|record| record["attempts"].as_u64())
        .collect();
    assert!(attempts.contains(&Some(2)), "{records:?}");
    assert!(
        records
            .iter()
            .all(|record| record["server"] == good.address())
    );
}

#[test]
fn nobody_was_there_and_the_record_says_who_was_asked() {
    let away = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let config = format!(
        "[[site]]\ndocroot = \"$ROOT\"\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n\
         [upstream.app]\nservers = [\"{away}\"]\nretries = false\n{LOG}"
    );
    let server = TestServer::start(Docroot::standard(), &config);
    server.get("/x", &[]).expect(502);
    let record = records(&server, 1).remove(0);
    assert_eq!(record["server"], away);
    assert_eq!(record["attempts"], 1);
    assert_eq!(record["first_byte_ms"], Value::Null, "{record}");
    assert!(millis(&record, "upstream_ms") >= 0.0);
    assert!(record["refused"].is_string(), "{record}");
}

#[test]
fn a_file_names_its_coding_and_whether_it_was_held() {
    let docroot = Docroot::standard();
    docroot.write("style.css", "p { margin: 0 }\n".repeat(500));
    let server = TestServer::with_docroot(docroot, LOG);
    let mut asked = 0;
    // Of a file that was just written, nothing is kept for a while.
    let mut is_coded_and_held = || {
        let answer = server.get("/style.css", &["Accept-Encoding: gzip"]);
        asked += 1;
        let records = records(&server, asked);
        let last = &records[asked - 1];
        assert_eq!(last["coding"].as_str(), answer.value("content-encoding"));
        last["coding"] == "gzip" && last["cache"] == "hit"
    };
    assert!(
        eventually(&mut is_coded_and_held),
        "coded and held some time"
    );
    server.get("/missing", &[]).expect(404);
    let records = records(&server, asked + 1);
    assert_eq!(records[0]["cache"], "miss", "{}", records[0]);
    assert_eq!(records[asked]["cache"], Value::Null, "{}", records[asked]);
    for record in &records {
        for name in [
            "upstream",
            "server",
            "connect_ms",
            "first_byte_ms",
            "upstream_ms",
            "trace_id",
        ] {
            assert!(record[name].is_null(), "{name}: {record}");
        }
        assert_eq!(record["attempts"], 0);
    }
}

#[test]
fn without_traces_a_traceparent_passes_as_it_came() {
    let back = Back::hello();
    in_front_of(&back)
        .get("/x", &["traceparent: anything", "tracestate: a=b"])
        .expect(200);
    let request = back.only();
    assert_eq!(request.value("traceparent"), Some("anything"));
    assert_eq!(request.value("tracestate"), Some("a=b"));
}
