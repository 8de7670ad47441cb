//! What checks change.

use std::collections::HashMap;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::endpoint::Endpoint;
use super::super::group::Group;
use super::super::health::Probe;
use super::super::tasks::Tasks;
use super::*;
use crate::config::upstream::HealthCheck;
use crate::proxy::transport::Target;

/// Answers as it is told to, by address; at first nobody answers at all.
#[derive(Default)]
struct Answers(Mutex<HashMap<String, bool>>);

impl Answers {
    fn set(&self, number: u8, is_well: bool) {
        let name = format!("10.0.0.{number}:80");
        self.0.lock().unwrap().insert(name, is_well);
    }
}

impl Probe for Answers {
    async fn probe(&self, target: &Target, _check: &HealthCheck) -> Result<(), String> {
        let answer = self
            .0
            .lock()
            .unwrap()
            .get(&target.address.to_string())
            .copied();
        match answer {
            Some(true) => Ok(()),
            Some(false) => Err(String::from("status 500")),
            None => std::future::pending().await,
        }
    }
}

fn check(body: Option<&str>) -> HealthCheck {
    HealthCheck {
        path: Box::from("/healthz?full"),
        host: None,
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        rise: 2,
        fall: 3,
        statuses: vec![(200, 299), (401, 401)],
        body: body.map(Box::from),
    }
}

fn checked(servers: Vec<ServerConfig>) -> (Arc<Upstream>, Arc<Answers>, Tasks) {
    let upstream = upstream(UpstreamConfig {
        health: Some(check(None)),
        ..config(servers)
    });
    let answers = Arc::new(Answers::default());
    let tasks = Tasks::default();
    tasks.start(&upstream.group, &answers);
    (upstream, answers, tasks)
}

fn names_picked(upstream: &Arc<Upstream>) -> Vec<String> {
    let mut names = Vec::new();
    for _ in 0..40 {
        if let Selected::Place(lease) = select(&upstream.group) {
            names.push(lease.name().to_owned());
        }
    }
    names.sort();
    names.dedup();
    names
}

fn select(group: &Group) -> Selected {
    let headers = HeaderMap::new();
    let asked = Asked {
        client: None,
        headers: &headers,
        path: "/",
    };
    group.select(&asked, &[])
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn who_has_passed_no_check_gets_nothing_unless_nobody_has() {
    let (upstream, answers, _tasks) = checked(servers(2));
    pass(1).await;
    assert_eq!(names_picked(&upstream).len(), 2);
    answers.set(2, true);
    pass(7).await;
    assert_eq!(names_picked(&upstream), ["10.0.0.2:80"]);
    assert_eq!(state(&upstream, "10.0.0.1:80"), State::Unknown);
    answers.set(1, true);
    pass(7).await;
    assert_eq!(names_picked(&upstream).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_fails_checks_is_down_until_some_pass() {
    let (upstream, answers, _tasks) = checked(servers(2));
    answers.set(1, true);
    answers.set(2, true);
    pass(1).await;
    answers.set(1, false);
    pass(7).await;
    assert_eq!(state(&upstream, "10.0.0.1:80"), State::Up);
    pass(12).await;
    assert_eq!(state(&upstream, "10.0.0.1:80"), State::Down);
    assert_eq!(names_picked(&upstream), ["10.0.0.2:80"]);
    answers.set(2, false);
    pass(20).await;
    let none = pick_none(&upstream).await;
    assert_eq!(none, Unavailable::NoServer);
    assert!(none.retry_after() > 0);
    answers.set(1, true);
    pass(12).await;
    assert_eq!(names_picked(&upstream), ["10.0.0.1:80"]);
}

async fn pick_none(upstream: &Arc<Upstream>) -> Unavailable {
    let headers = HeaderMap::new();
    let asked = Asked {
        client: None,
        headers: &headers,
        path: "/",
    };
    let found = upstream.group.select(&asked, &[]);
    upstream.group.wait(&asked, &[], found).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_check_without_an_answer_fails_in_time() {
    let (upstream, answers, _tasks) = checked(servers(2));
    answers.set(1, true);
    pass(20).await;
    assert_eq!(state(&upstream, "10.0.0.2:80"), State::Down);
}

#[tokio::test(start_paused = true)]
async fn tasks_start_once_and_end_when_dropped() {
    let (upstream, answers, tasks) = checked(servers(1));
    let count = Arc::strong_count(&answers);
    tasks.start(&upstream.group, &answers);
    pass(1).await;
    let running = Arc::strong_count(&answers);
    assert!(running > count, "each server has a task");
    tasks.start(&upstream.group, &answers);
    pass(1).await;
    assert_eq!(Arc::strong_count(&answers), running);
    drop(tasks);
    pass(1).await;
    assert_eq!(Arc::strong_count(&answers), 1);
}

#[test]
fn tasks_can_start_again_after_their_runtime() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let first = runtime();
    let (upstream, answers, tasks) = first.block_on(async { checked(servers(1)) });
    answers.set(1, true);
    drop(first);
    assert_eq!(Arc::strong_count(&answers), 1);
    tasks.start(&upstream.group, &answers);
    assert_eq!(Arc::strong_count(&answers), 1, "there is no runtime");
    runtime().block_on(async {
        tasks.start(&upstream.group, &answers);
        until("it is up", || state(&upstream, "10.0.0.1:80") == State::Up).await;
    });
}

/// Checks a server that answers with these bytes, and closes; what is wrong with it, and what it was asked.
async fn probe(answer: &str, check: &HealthCheck) -> (Result<(), String>, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let config = server(ServerAddress::Socket(listener.local_addr().unwrap()));
    let target = Endpoint::configured(&config)
        .unwrap()
        .target(config.protocol);
    let transport = Transport::new(&super::config(vec![config])).unwrap();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(asked).unwrap()
    };
    let (outcome, asked) = tokio::join!(transport.probe(&target, check), serve);
    (outcome, asked)
}

#[tokio::test]
async fn a_check_passes_by_status_and_body() {
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nall well";
    let chunked =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nall\r\n5\r\n well\r\n0\r\n\r\n";
    let late = format!("HTTP/1.0 200 OK\r\n\r\n{}all well", "x".repeat(70_000));
    let asked_in = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
    let error = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let body = Some("all well");
    for (answer, body, expected) in [
        (ok, None, Ok(())),
        (ok, body, Ok(())),
        (chunked, body, Ok(())),
        (ok, Some("all ill"), Err("\"all ill\" is not in its body")),
        (&late, body, Err("\"all well\" is not in its body")),
        (asked_in, None, Ok(())),
        (error, None, Err("status 503")),
    ] {
        let (outcome, asked) = probe(answer, &check(body)).await;
        assert_eq!(outcome, expected.map_err(String::from), "{answer:.40}");
        assert!(
            asked.starts_with("GET /healthz?full HTTP/1.1\r\n"),
            "{asked}"
        );
        assert!(
            asked.to_lowercase().contains("\r\nhost: 127.0.0.1:"),
            "{asked}"
        );
    }
    for wrong in ["", "SSH-2.0-OpenSSH\r\n"] {
        assert!(probe(wrong, &check(None)).await.0.is_err(), "{wrong}");
    }
}
