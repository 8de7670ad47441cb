//! The last requests of a worker, and those worth a look: the slowest and the failing ones of the last minutes, which would soon be pushed out
//! by ordinary ones.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderValue, Method, StatusCode, Version};

use super::places::PlaceId;
use super::request_id::RequestId;
use super::status::RequestSummary;
use super::story::Told;
use crate::header::accept_encoding::ContentCoding;
use crate::rejection::Rejection;

/// How much of a target is remembered, in bytes.
const LONGEST_TARGET: usize = 2 << 10;

/// How long a request is among the slowest or failing ones.
const WORTH_A_LOOK: Duration = Duration::from_secs(5 * 60);

const MOST_SLOWEST: usize = 20;
const MOST_FAILING: usize = 50;

/// The status in the log for a client that left before it was answered, as nginx writes it.
pub(super) const CLIENT_CLOSED_REQUEST: u16 = 499;

/// A request that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended<'a> {
    pub(super) id: &'a RequestId,
    pub(super) begun: Instant,
    pub(super) took: Duration,
    pub(super) client: Option<IpAddr>,
    pub(super) method: &'a Method,
    pub(super) host: &'a [u8],
    pub(super) target: &'a [u8],
    pub(super) version: Version,
    pub(super) status: u16,
    pub(super) rejection: Option<Rejection>,
    pub(super) bytes: u64,
    pub(super) is_aborted: bool,
    pub(super) place: PlaceId,
    pub(super) told: Account<'a>,
}

/// What was done for it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Account<'a> {
    /// An answer was at hand, in this coding.
    Ready(ContentCoding),
    Told(&'a Told),
}

#[derive(Clone, Debug)]
pub(super) enum Kept {
    Ready(ContentCoding),
    Told(Arc<Told>),
}

/// What is remembered of it.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) id: RequestId,
    pub(super) begun: Instant,
    pub(super) took: Duration,
    pub(super) client: Option<IpAddr>,
    pub(super) method: Method,
    /// The host, and behind it the target.
    text: Vec<u8>,
    host_ends: usize,
    pub(super) version: Version,
    pub(super) status: u16,
    pub(super) rejection: Option<Rejection>,
    pub(super) bytes: u64,
    pub(super) is_aborted: bool,
    pub(super) place: PlaceId,
    pub(super) kept: Kept,
}

/// The last so many.
#[derive(Debug, Default)]
pub(super) struct Ring {
    records: Vec<Record>,
    capacity: usize,
    /// Where the next one goes once there are as many as may be.
    next: usize,
}

#[derive(Debug, Default)]
pub(super) struct WorthALook {
    slowest: Vec<Record>,
    failing: VecDeque<Record>,
}

impl Ended<'_> {
    /// Whether somebody should know: the server failed, the answer broke off, or the request was none. What is not there, or not as expected,
    /// is everyday life.
    fn is_failing(&self) -> bool {
        let is_usual = |rejection: &Rejection| {
            matches!(
                rejection.status(),
                StatusCode::NOT_FOUND
                    | StatusCode::PRECONDITION_FAILED
                    | StatusCode::RANGE_NOT_SATISFIABLE
            )
        };
        self.status >= 500
            || self.is_aborted
            || self
                .rejection
                .is_some_and(|rejection| !is_usual(&rejection))
    }

    /// A tunnel takes as long as both sides want it to.
    pub(super) fn is_tunnel(&self) -> bool {
        self.status == StatusCode::SWITCHING_PROTOCOLS.as_u16()
    }

    fn record(&self, mut text: Vec<u8>) -> Record {
        let target = &self.target[..self.target.len().min(LONGEST_TARGET)];
        let host = &self.host[..self.host.len().min(LONGEST_TARGET)];
        text.clear();
        text.extend_from_slice(host);
        text.extend_from_slice(target);
        Record {
            id: own(self.id),
            begun: self.begun,
            took: self.took,
            client: self.client,
            method: self.method.clone(),
            text,
            host_ends: host.len(),
            version: self.version,
            status: self.status,
            rejection: self.rejection,
            bytes: self.bytes,
            is_aborted: self.is_aborted,
            place: self.place,
            kept: match self.told {
                Account::Ready(coding) => Kept::Ready(coding),
                Account::Told(told) => Kept::Told(Arc::new(told.clone())),
            },
        }
    }
}

/// What came with a request lies in the memory that the request was read into: that is not to be kept.
fn own(id: &RequestId) -> RequestId {
    match id {
        RequestId::Sent(sent) => match HeaderValue::from_bytes(sent.as_bytes()) {
            Ok(copy) => RequestId::Sent(copy),
            Err(_) => RequestId::new(),
        },
        RequestId::Made(high, low) => RequestId::Made(*high, *low),
    }
}

impl Record {
    pub(super) fn host(&self) -> &[u8] {
        &self.text[..self.host_ends]
    }

    pub(super) fn target(&self) -> &[u8] {
        &self.text[self.host_ends..]
    }

    /// `time` is when it came, in seconds since 1970.
    pub(super) fn summary(&self, time: f64) -> RequestSummary {
        let place = self.place.place();
        let server = match &self.kept {
            Kept::Told(told) => told.server().map(str::to_owned),
            Kept::Ready(_) => None,
        };
        RequestSummary {
            id: self.id.to_string(),
            time,
            client: self.client.map_or_else(String::new, |ip| ip.to_string()),
            method: self.method.to_string(),
            host: String::from_utf8_lossy(self.host()).into_owned(),
            target: String::from_utf8_lossy(self.target()).into_owned(),
            protocol: protocol(self.version).to_owned(),
            status: self.status,
            bytes: self.bytes,
            seconds: self.took.as_secs_f64(),
            site: place.site.to_string(),
            route: place.route.to_string(),
            server,
            refused: self
                .rejection
                .map(|rejection| rejection.reason().to_owned()),
            is_aborted: self.is_aborted,
        }
    }
}

pub(super) fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

impl Ring {
    pub(super) fn resize(&mut self, capacity: usize) {
        if capacity != self.capacity {
            let mut all: Vec<Record> = self.records.split_off(self.next.min(self.records.len()));
            all.append(&mut self.records);
            let superfluous = all.len().saturating_sub(capacity);
            self.records = all.split_off(superfluous);
            self.capacity = capacity;
            self.next = 0;
        }
    }

    pub(super) fn keeps(&self) -> bool {
        self.capacity > 0
    }

    pub(super) fn keep(&mut self, ended: &Ended<'_>) {
        if self.records.len() < self.capacity {
            self.records.push(ended.record(Vec::new()));
        } else if let Some(oldest) = self.records.get_mut(self.next) {
            let text = std::mem::take(&mut oldest.text);
            *oldest = ended.record(text);
            self.next = (self.next + 1) % self.capacity;
        }
    }

    /// Clients may send the same id again: the last one.
    pub(super) fn find(&self, id: &str) -> Option<&Record> {
        latest(self.records.iter(), id)
    }
}

fn latest<'r>(records: impl Iterator<Item = &'r Record>, id: &str) -> Option<&'r Record> {
    let is_it = |record: &&Record| record.id.with(|known| known == id.as_bytes());
    records.filter(is_it).max_by_key(|record| record.begun)
}

impl WorthALook {
    pub(super) fn look_at(&mut self, ended: &Ended<'_>) {
        if ended.is_failing() {
            if self.failing.len() == MOST_FAILING {
                self.failing.pop_front();
            }
            self.failing.push_back(ended.record(Vec::new()));
        }
        if !ended.is_tunnel() {
            self.compare(ended);
        }
    }

    /// The list is short, and all but few are faster than its last one: they cost one comparison.
    fn compare(&mut self, ended: &Ended<'_>) {
        let is_full = self.slowest.len() == MOST_SLOWEST;
        if is_full
            && self
                .slowest
                .last()
                .is_some_and(|last| ended.took <= last.took)
        {
            return;
        }
        self.slowest
            .retain(|record| ended.begun.saturating_duration_since(record.begun) < WORTH_A_LOOK);
        let at = self
            .slowest
            .partition_point(|record| record.took >= ended.took);
        self.slowest.insert(at, ended.record(Vec::new()));
        self.slowest.truncate(MOST_SLOWEST);
    }

    pub(super) fn slowest(&self, now: Instant) -> impl Iterator<Item = &Record> {
        let is_recent = move |record: &&Record| is_recent(record, now);
        self.slowest.iter().filter(is_recent)
    }

    pub(super) fn failing(&self, now: Instant) -> impl Iterator<Item = &Record> {
        let is_recent = move |record: &&Record| is_recent(record, now);
        self.failing.iter().filter(is_recent)
    }

    pub(super) fn find(&self, id: &str) -> Option<&Record> {
        latest(self.failing.iter().chain(&self.slowest), id)
    }

    /// What is older gives way to ordinary ones, whatever it was like.
    pub(super) fn expire(&mut self, now: Instant) {
        self.slowest.retain(|record| is_recent(record, now));
        self.failing.retain(|record| is_recent(record, now));
    }
}

fn is_recent(record: &Record, now: Instant) -> bool {
    now.saturating_duration_since(record.begun + record.took) < WORTH_A_LOOK
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_ended<T>(number: u64, status: u16, use_ended: impl FnOnce(&Ended<'_>) -> T) -> T {
        let ended = Ended {
            id: &RequestId::Made(0, number),
            begun: Instant::now(),
            took: Duration::from_millis(number),
            client: None,
            method: &Method::GET,
            host: b"a.example",
            target: b"/x",
            version: Version::HTTP_11,
            status,
            rejection: None,
            bytes: 1,
            is_aborted: false,
            place: PlaceId::NOWHERE,
            told: Account::Ready(ContentCoding::Identity),
        };
        use_ended(&ended)
    }

    fn id(number: u64) -> String {
        RequestId::Made(0, number).to_string()
    }

    #[test]
    fn the_last_so_many_are_remembered() {
        let mut ring = Ring::default();
        with_ended(0, 200, |ended| ring.keep(ended));
        assert!(ring.find(&id(0)).is_none(), "of none, none");
        ring.resize(3);
        for number in 1..=5 {
            with_ended(number, 200, |ended| ring.keep(ended));
        }
        let known = |ring: &Ring| -> Vec<u64> {
            (1..=9)
                .filter(|number| ring.find(&id(*number)).is_some())
                .collect()
        };
        assert_eq!(known(&ring), [3, 4, 5]);
        ring.resize(2);
        assert_eq!(known(&ring), [4, 5]);
        with_ended(6, 200, |ended| ring.keep(ended));
        assert_eq!(known(&ring), [5, 6]);
        ring.resize(4);
        for number in 7..=9 {
            with_ended(number, 200, |ended| ring.keep(ended));
        }
        assert_eq!(known(&ring), [6, 7, 8, 9]);
        let record = ring.find(&id(9)).unwrap();
        assert_eq!(
            (record.host(), record.target()),
            (&b"a.example"[..], &b"/x"[..])
        );
    }

    #[test]
    fn of_those_with_the_same_id_the_last_is_found() {
        let mut ring = Ring::default();
        ring.resize(3);
        for round in 0..5 {
            for status in [200, 404, 503] {
                with_ended(round, status, |ended| ring.keep(ended));
                let found = ring.find(&id(round)).unwrap();
                assert_eq!(found.status, status);
            }
            // The oldest one's place is the next one's, and so the first in memory.
            with_ended(99, 200, |ended| ring.keep(ended));
        }
    }

    #[test]
    fn the_slowest_are_in_order_and_few() {
        let mut look = WorthALook::default();
        for number in [5, 50, 1, 30, 2].into_iter().chain(100..140) {
            with_ended(number, 200, |ended| look.look_at(ended));
        }
        with_ended(9_999, 101, |ended| look.look_at(ended));
        let millis: Vec<u128> = look
            .slowest(Instant::now())
            .map(|record| record.took.as_millis())
            .collect();
        let expected: Vec<u128> = (120..140).rev().collect();
        assert_eq!(millis, expected);
        look.expire(Instant::now() + 2 * WORTH_A_LOOK);
        assert_eq!(look.slowest(Instant::now()).count(), 0);
    }

    #[test]
    fn failing_is_what_somebody_should_know_of() {
        let failing = |change: &dyn Fn(&mut Ended<'_>)| {
            with_ended(1, 200, |ended| {
                let mut ended = *ended;
                change(&mut ended);
                ended.is_failing()
            })
        };
        assert!(!failing(&|_| ()));
        assert!(failing(&|ended| ended.status = 502));
        assert!(failing(&|ended| ended.is_aborted = true));
        assert!(failing(&|ended| ended.rejection = Some(Rejection::HEAD)));
        assert!(!failing(
            &|ended| ended.rejection = Some(Rejection::NOT_FOUND)
        ));
    }
}
