//! Checks: each server is asked by itself, again and again, whether it is well.
//!
//! 1. A request is sent to it as any other is, but through no queue and at any load.
//! 2. Its status is one of those that pass, and its body says what it has to; all of that in time.
//! 3. Several checks in a row change the verdict.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use http_body::Body;
use tokio::time::{Instant, sleep_until, timeout};

use super::group::Group;
use super::random::random;
use super::server::Server;
use super::verdict::Streak;
use crate::config::upstream::HealthCheck;
use crate::proxy::fields::{Sink, WriteFields};
use crate::proxy::request_body::RequestBody;
use crate::proxy::transport::{AnswerBody, Outgoing, Target, Transport};

/// How much of a body is looked through.
const MOST_READ: usize = 64 << 10;

/// What asks a server.
pub(super) trait Probe: Send + Sync + 'static {
    /// Asks it once; an error says what is wrong.
    fn probe(
        &self,
        target: &Target,
        check: &HealthCheck,
    ) -> impl Future<Output = Result<(), String>> + Send;
}

/// Checks a server until it is dropped.
pub(super) async fn watch<P: Probe>(group: Arc<Group>, probe: Arc<P>, server: Arc<Server>) {
    let Some(check) = &group.config.health else {
        return;
    };
    let mut streak = Streak::new(server.condition.verdict());
    loop {
        let begin = Instant::now();
        let outcome = timeout(check.timeout, probe.probe(&server.target, check)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(format!("no answer in {:?}", check.timeout)));
        server.tally.checked(outcome.as_ref().err());
        let why = outcome.as_ref().err().map_or("the check passed", |why| why);
        match streak.count(outcome.is_ok(), check.rise, check.fall) {
            Some(verdict) => group.judge(&server, verdict, why),
            None if outcome.is_err() => {
                let upstream = &*group.config.name;
                tracing::debug!(upstream, server = %server.name, why, "a check failed");
            }
            None => {}
        }
        sleep_until(begin + jittered(check.interval, random())).await;
    }
}

/// Up to a tenth more or less, so that not all proxies ask at the same moment.
fn jittered(interval: Duration, random: u64) -> Duration {
    let per_mille = 900 + u32::try_from(random % 201).unwrap_or(100);
    (interval * per_mille / 1000).max(Duration::from_millis(1))
}

impl Probe for Transport {
    async fn probe(&self, target: &Target, check: &HealthCheck) -> Result<(), String> {
        let host = check.host.as_ref().unwrap_or(&target.authority);
        let mut nobody = |_: StatusCode, _: &HeaderMap| {};
        let mut request = Outgoing {
            method: &Method::GET,
            path: &check.path,
            authority: host.as_bytes(),
            is_https: target.protocol.is_tls,
            fields: &CheckFields,
            body: &mut RequestBody::Empty,
            has_body: false,
            expects_continue: false,
            takes_trailers: false,
            needs_new: false,
            upgrade: None,
            interim: &mut nobody,
        };
        let answer = self.send(target, &mut request).await;
        let answer = answer.map_err(|failure| format!("{:?}: {}", failure.kind, failure.error))?;
        let status = answer.status.as_u16();
        let passes = |(from, to): &(u16, u16)| (*from..=*to).contains(&status);
        if !check.statuses.iter().any(passes) {
            return Err(format!("status {status}"));
        }
        match &check.body {
            Some(text) => holds(answer.body, text).await,
            None => Ok(()),
        }
    }
}

/// Whether the text is in the first part of the body.
async fn holds(body: AnswerBody, text: &str) -> Result<(), String> {
    let mut body = pin!(body);
    let mut read = Vec::new();
    while read.len() < MOST_READ
        && let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await
    {
        let frame = frame.map_err(|error| error.to_string())?;
        if let Some(data) = frame.data_ref() {
            let room = MOST_READ - read.len();
            read.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    match memchr::memmem::find(&read, text.as_bytes()) {
        Some(_) => Ok(()),
        None => Err(format!("\"{text}\" is not in its body")),
    }
}

/// What a check says besides `Host`.
struct CheckFields;

impl WriteFields for CheckFields {
    fn write(&self, sink: &mut dyn Sink) {
        let agent = concat!("daemun/", env!("CARGO_PKG_VERSION"), " (health check)");
        sink.put(b"user-agent", agent.as_bytes());
        sink.put(b"accept", b"*/*");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_differ_by_a_tenth_at_most() {
        let second = Duration::from_secs(1);
        for random in [0, 1, 100, 200, 201, u64::MAX] {
            let pause = jittered(second, random);
            assert!(pause >= second * 9 / 10 && pause <= second * 11 / 10);
        }
        assert!(
            jittered(Duration::ZERO, 7) > Duration::ZERO,
            "never a busy loop"
        );
    }
}
