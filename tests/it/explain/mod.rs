//! What the server tells of a request afterwards, held against what went over the wire; and what it would do with one that nobody sent,
//! held against what it does.

mod applications;
mod failures;
mod files;
mod ids;
mod refusals;

use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use daemun::{Config, Handle};
use http::StatusCode;

use crate::harness::{Docroot, PATIENCE, Response, TestServer, eventually, request};

/// What an answer begins with that broke off because its client left.
const LEFT: &str = "broken off: the client closed the connection";

const HELD: &str = "held in memory, and still the one on the disk";

/// A server, and its configuration.
struct Explained {
    server: TestServer,
    config: String,
    sent: AtomicUsize,
    /// Of the requests' files, as their stories have it.
    held: AtomicU64,
    opened: AtomicU64,
}

/// A story, line by line; times are taken out.
#[derive(Clone, Debug)]
struct Account {
    lines: Vec<(String, String)>,
    /// In seconds, in their order.
    times: Vec<f64>,
    text: String,
}

impl Explained {
    fn start(docroot: Docroot, config: &str) -> Self {
        let root = docroot.root();
        let parent = docroot.parent();
        let config = config
            .replace("$ROOT", root.to_str().unwrap())
            .replace("$PARENT", parent.to_str().unwrap());
        Self {
            server: TestServer::start(docroot, &config),
            config,
            sent: AtomicUsize::new(0),
            held: AtomicU64::new(0),
            opened: AtomicU64::new(0),
        }
    }

    /// One site of the standard docroot; `keys` are further lines of its table, then any other table.
    fn with_site(keys: &str) -> Self {
        let config = format!("[[site]]\ndocroot = \"$ROOT\"\n{keys}\n");
        Self::start(Docroot::standard(), &config)
    }

    /// Sends a request under an id of its own, and checks that its story ends as the answer did.
    #[track_caller]
    fn send(&self, method: &str, target: &str, fields: &[&str]) -> (Response, Account) {
        let id = self.new_id();
        let own = format!("X-Request-Id: {id}");
        let fields: Vec<&str> = fields.iter().copied().chain([&*own]).collect();
        let mut client = self.server.connect();
        let response = client.exchange(request(method, target, &fields));
        let account = Account::of(&self.server.handle, &id);
        account.expect_request(&id, "HTTP/1.1");
        assert_eq!(account.only("asked"), format!("{method} {target}"));
        account.expect_answer(response.status(), response.body.len());
        for file in account.all("file") {
            self.held
                .fetch_add(file.ends_with(HELD).into(), Ordering::SeqCst);
            let is_opened = file.ends_with(": opened on the disk");
            self.opened.fetch_add(is_opened.into(), Ordering::SeqCst);
        }
        (response, account)
    }

    fn new_id(&self) -> String {
        let sent = self.sent.fetch_add(1, Ordering::SeqCst) + 1;
        format!("request-{sent}")
    }

    /// What would become of it.
    fn rehearse(&self, method: &str, target: &str, fields: &[&str]) -> Account {
        let config = Config::parse(&self.config, Path::new("test.toml")).unwrap();
        let fields = fields.iter().map(|field| field.split_once(": ").unwrap());
        let host = fields.clone().find(|(name, _)| *name == "Host");
        let host = host.map_or("localhost", |(_, host)| host);
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("http://{host}{target}"));
        for (name, value) in fields {
            request = request.header(name, value);
        }
        let request = request.body(()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        Account::read(&runtime.block_on(daemun::rehearse(&config, request, None)))
    }

    /// Sends it, and has it told as if nobody had: both accounts are this one, and the answer has the fields that were told.
    #[track_caller]
    fn both(&self, method: &str, target: &str, fields: &[&str], lines: &[(&str, &str)]) {
        let (response, sent) = self.send(method, target, fields);
        sent.expect(lines);
        let rehearsed = self.rehearse(method, target, fields);
        let of_rehearsal = rehearsed.but(&["asked", "answer", "body", ""]);
        let of_sent = sent.but(&["request", "asked", "host", "when", "answer"]);
        assert_eq!(as_first_time(of_rehearsal), as_first_time(of_sent));
        assert_eq!(rehearsed.only("answer"), reason(response.status()));
        if rehearsed.has("body") && method != "HEAD" {
            assert_eq!(
                rehearsed.only("body"),
                format!("{} bytes", response.body.len())
            );
        }
        assert!(rehearsed.has(""), "it names fields: {rehearsed:?}");
        for field in rehearsed.all("") {
            let (name, value) = field.split_once(": ").unwrap();
            assert!(
                response.head.values(name).contains(&value),
                "{field}: {response:?}"
            );
        }
    }
}

/// A rehearsal has nothing in memory.
fn as_first_time(lines: Vec<(String, String)>) -> Vec<(String, String)> {
    lines
        .into_iter()
        .map(|(word, meaning)| (word, meaning.replace(HELD, "opened on the disk")))
        .collect()
}

fn reason(status: u16) -> String {
    let status = StatusCode::from_u16(status).unwrap();
    format!(
        "{} {}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    )
}

impl Account {
    /// Of a request that was answered, or will soon be over.
    #[track_caller]
    fn of(handle: &Handle, id: &str) -> Self {
        let mut text = None;
        assert!(
            eventually(|| {
                text = handle.explain(id);
                text.is_some()
            }),
            "{id} is remembered"
        );
        Self::read(&text.unwrap_or_default())
    }

    fn read(text: &str) -> Self {
        let mut times = Vec::new();
        let lines = text.lines().map(|line| {
            assert_eq!(line, line.trim_end(), "nothing is left open");
            let (word, meaning) = line.split_at(11);
            let meaning = without_times(meaning, &mut times);
            (word.trim_end().to_owned(), meaning)
        });
        let lines = lines.collect();
        Self {
            lines,
            times,
            text: text.to_owned(),
        }
    }

    fn all(&self, word: &str) -> Vec<&str> {
        let lines = self.lines.iter().filter(|(known, _)| known == word);
        lines.map(|(_, meaning)| meaning.as_str()).collect()
    }

    fn has(&self, word: &str) -> bool {
        !self.all(word).is_empty()
    }

    #[track_caller]
    fn only(&self, word: &str) -> &str {
        let [meaning] = self.all(word)[..] else {
            panic!("{word} once: {}", self.text)
        };
        meaning
    }

    fn but(&self, words: &[&str]) -> Vec<(String, String)> {
        let mut lines = self.lines.clone();
        lines.retain(|(word, _)| !words.contains(&&**word));
        lines
    }

    /// All that stands between what was asked and what was answered, in this order. When a file begins to be held in memory depends on
    /// how long it has been as it is, so that is not looked at.
    #[track_caller]
    fn expect(&self, lines: &[(&str, &str)]) {
        let told = as_first_time(self.but(&["request", "asked", "host", "when", "answer"]));
        let told: Vec<_> = told.iter().map(|(word, is)| (&**word, &**is)).collect();
        assert_eq!(told, lines, "{}", self.text);
    }

    #[track_caller]
    fn expect_request(&self, id: &str, protocol: &str) {
        assert_eq!(self.only("request"), id);
        let when = self.only("when");
        let by = format!(" GMT, by {protocol}, from 127.0.0.1");
        assert!(when.ends_with(&by), "{}", self.text);
        let longest = PATIENCE.as_secs_f64() * 2.0;
        for time in &self.times {
            assert!((0.0..longest).contains(time), "{}", self.text);
        }
        let last = self.times.last().expect("how long it took in all");
        assert!(self.times.iter().all(|time| time <= last), "{}", self.text);
    }

    #[track_caller]
    fn expect_answer(&self, status: u16, bytes: usize) {
        let expected = format!("{}, {bytes} bytes, whole, after T", reason(status));
        assert_eq!(self.only("answer"), expected, "{}", self.text);
    }
}

/// Each time that is told becomes a `T`.
fn without_times(meaning: &str, times: &mut Vec<f64>) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in meaning.split(' ') {
        let unit = word.trim_end_matches([',', ')']);
        let factor = match unit {
            "ms" => Some(1e-3),
            "s" => Some(1.0),
            _ => None,
        };
        let number = words.last().and_then(|last| last.parse::<f64>().ok());
        match number.zip(factor) {
            Some((number, factor)) => {
                times.push(number * factor);
                words.pop();
                words.push(format!("T{}", &word[unit.len()..]));
            }
            None => words.push(word.to_owned()),
        }
    }
    words.join(" ")
}
