//! Getting an answer from some server of an upstream.
//!
//! 1. A server is picked, one that was not tried before.
//! 2. The request is sent to it; an answer, whatever its status, is the end of it.
//! 3. After a failure, another is tried if that is safe: nobody can have acted on the request, or acting on it twice is as once. And only
//!    as long as such tries are few among the requests: when all fail, more of them help nobody.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;

use super::answer;
use super::fields::WriteFields;
use super::traced::Traced;
use super::transport::{Answer, Failure, FailureKind, Outgoing, Stage};
use super::upstream::{Asked, Lease, Unavailable, Upstream};
use crate::config::upstream::HostPolicy;
use crate::observe::story::{Attempt, AttemptResult, Story};

/// Servers that one request is sent to at most.
const MOST_ATTEMPTS: u32 = 4;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// Nobody was asked.
    Unavailable(Unavailable),
    /// The last one who was asked.
    Failure(Failure),
}

/// Steps 1 to 3. The authority of a request may depend on the server.
pub(super) async fn attempt(
    upstream: &Arc<Upstream>,
    asked: &Asked<'_>,
    outgoing: &mut Outgoing<'_>,
    (host, asked_host): (&HostPolicy, &[u8]),
    story: &Story,
) -> Result<(Answer, Lease), Failed> {
    // Where nobody has, or the runtime that did is gone.
    upstream.start();
    upstream.begin();
    let mut tried = Vec::new();
    let mut last = None;
    let (mut attempts, mut repeats) = (0, 0);
    loop {
        let (picked, waited) = with_wait(upstream.pick(asked, &tried)).await;
        let lease = match picked {
            Ok(lease) => lease,
            Err(unavailable) => {
                tell_unavailable(story, unavailable, waited);
                return Err(last.map_or(Failed::Unavailable(unavailable), Failed::Failure));
            }
        };
        attempts = lease.count_attempt(attempts);
        let picked = Instant::now();
        let authority = answer::authority(host, asked_host, &lease);
        tell_begun(story, &lease, authority, waited);
        let traced = Traced::new(outgoing.fields, story, attempts - 1);
        let sent = {
            let mut outgoing = to(outgoing, (authority, &traced));
            let transport = upstream.transport();
            transport.send(lease.target(), &mut outgoing).await
        };
        tell_ended(story, &sent, picked.elapsed());
        let failure = match sent {
            Ok(answer) => {
                lease.succeeded();
                return Ok((answer, lease));
            }
            Err(failure) => failure,
        };
        tell(upstream, &lease, outgoing, &failure);
        let may_go_on = upstream.config().retries
            && attempts < MOST_ATTEMPTS
            && may_repeat(outgoing, &failure, repeats)
            && (is_stale(&failure) || upstream.may_retry());
        if !may_go_on {
            return Err(Failed::Failure(failure));
        }
        if is_stale(&failure) {
            outgoing.needs_new = true;
        } else if failure.kind == FailureKind::Rejected && attempts == 1 {
            // RFC 9113 §8.7: it took none of this connection's; there may be nobody else to ask.
        } else {
            tried.push(lease.key());
            repeats += usize::from(failure.stage == Stage::HeadSent);
        }
        last = Some(failure);
    }
}

/// With how long it had to be waited for; what is there when it is asked for takes no time, however busy the machine is.
async fn with_wait<T>(future: impl Future<Output = T>) -> (T, Duration) {
    let begin = Instant::now();
    let mut future = pin!(future);
    let mut has_waited = false;
    poll_fn(|context| {
        let ready = future.as_mut().poll(context).map(|output| {
            let waited = has_waited.then(|| begin.elapsed());
            (output, waited.unwrap_or_default())
        });
        has_waited = true;
        ready
    })
    .await
}

/// Until it has ended, it is one that the client did not wait for.
fn tell_begun(story: &Story, lease: &Lease, authority: &[u8], waited: Duration) {
    story.forward(|told| {
        told.waited += waited;
        told.host = String::from_utf8_lossy(authority).into();
        told.attempts.push(Attempt {
            server: lease.name().into(),
            begun: Instant::now(),
            connecting: None,
            took: Duration::ZERO,
            result: AttemptResult::Unfinished,
        });
    });
}

fn tell_unavailable(story: &Story, why: Unavailable, waited: Duration) {
    story.forward(|told| {
        told.unavailable = Some(why.why());
        told.waited += waited;
    });
}

fn tell_ended(story: &Story, sent: &Result<Answer, Failure>, took: Duration) {
    story.forward(|told| {
        let Some(attempt) = told.attempts.last_mut() else {
            return;
        };
        attempt.took = took;
        attempt.result = match sent {
            Ok(answer) => {
                attempt.connecting = answer.connecting;
                AttemptResult::Answered(answer.status)
            }
            Err(failure) => AttemptResult::Failed {
                what: what(failure.kind),
                error: failure.error.to_string().into(),
                is_reused: failure.is_reused,
            },
        };
    });
}

/// The same request, for one server.
fn to<'r>(
    request: &'r mut Outgoing<'_>,
    (authority, fields): (&'r [u8], &'r dyn WriteFields),
) -> Outgoing<'r> {
    Outgoing {
        method: request.method,
        path: request.path,
        authority,
        is_https: request.is_https,
        fields,
        body: request.body,
        has_body: request.has_body,
        expects_continue: request.expects_continue,
        takes_trailers: request.takes_trailers,
        needs_new: request.needs_new,
        upgrade: request.upgrade,
        interim: request.interim,
    }
}

/// That a connection had been closed while it waited says nothing of its server. And there are no more such failures than there were
/// answers before, which left those connections behind: they need no budget. All that was under way on connections of a server that is
/// killed fails like this.
fn is_stale(failure: &Failure) -> bool {
    failure.is_reused && failure.kind == FailureKind::Closed
}

/// Notes whose fault it was.
fn tell(upstream: &Upstream, lease: &Lease, outgoing: &Outgoing<'_>, failure: &Failure) {
    let is_servers = !matches!(
        failure.kind,
        FailureKind::ClientBody | FailureKind::Unsupported
    );
    if !is_servers || is_stale(failure) {
        return;
    }
    lease.failed(failure.kind, &failure.error);
    tracing::warn!(
        upstream = &*upstream.config().name,
        server = lease.name(),
        method = %outgoing.method,
        path = outgoing.path,
        error = %failure.error,
        "{}",
        what(failure.kind)
    );
}

/// What happened, for the log.
fn what(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Refused => "no connection to the server",
        FailureKind::ConnectTimeout => "no connection to the server in time",
        FailureKind::Tls => "no trusted connection to the server",
        FailureKind::Closed => "the server closed the connection without an answer",
        FailureKind::TimedOut => "the server did not answer in time",
        FailureKind::Malformed => "the server's answer is malformed",
        FailureKind::TooLarge => "the head of the server's answer is too large",
        FailureKind::Rejected => "the server did not take the request",
        FailureKind::ClientBody => "the client's body ended early",
        FailureKind::Unsupported => "the server's protocol cannot carry the request",
        FailureKind::Io => "the connection to the server broke",
    }
}

/// Step 3. A request that may change something is never sent to a second server that could see it as another one.
/// `repeats` is how often it was sent to somebody who may have seen it, and sent again.
fn may_repeat(outgoing: &Outgoing<'_>, failure: &Failure, repeats: usize) -> bool {
    match failure.stage {
        Stage::NotSent => !matches!(
            failure.kind,
            FailureKind::ClientBody | FailureKind::Unsupported
        ),
        Stage::HeadSent => {
            let is_safe = matches!(
                *outgoing.method,
                Method::GET | Method::HEAD | Method::OPTIONS
            );
            let is_cut = matches!(failure.kind, FailureKind::Closed | FailureKind::Io);
            is_safe && is_cut && !outgoing.has_body && repeats == 0
        }
        Stage::BodyRead | Stage::Answered => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::super::fields::{Sink, WriteFields};
    use super::super::request_body::RequestBody;
    use super::*;

    struct None;

    impl WriteFields for None {
        fn write(&self, _: &mut dyn Sink) {}
    }

    #[test]
    fn only_what_nobody_can_have_acted_on_twice_is_repeated() {
        use FailureKind::{ClientBody, Closed, Io, Malformed, Refused, Rejected, TimedOut};
        use Stage::{Answered, BodyRead, HeadSent, NotSent};
        let cases = [
            ("GET", false, Refused, NotSent, true),
            ("POST", true, Refused, NotSent, true),
            ("POST", true, Rejected, NotSent, true),
            ("POST", true, ClientBody, NotSent, false),
            ("GET", false, Closed, HeadSent, true),
            ("HEAD", false, Io, HeadSent, true),
            ("GET", true, Closed, HeadSent, false),
            ("POST", false, Closed, HeadSent, false),
            ("PUT", true, Closed, BodyRead, false),
            ("DELETE", false, Closed, HeadSent, false),
            ("GET", false, TimedOut, HeadSent, false),
            ("GET", false, Malformed, Answered, false),
            ("GET", false, Closed, Answered, false),
        ];
        for (method, has_body, kind, stage, expected) in cases {
            let method = method.parse().unwrap();
            let outgoing = Outgoing {
                method: &method,
                path: "/",
                authority: b"example.com",
                is_https: false,
                fields: &None,
                body: &mut RequestBody::Empty,
                has_body,
                expects_continue: false,
                takes_trailers: false,
                needs_new: false,
                upgrade: Option::None,
                interim: &mut |_, _| {},
            };
            let failure = Failure::new(kind, stage, io::ErrorKind::Other);
            let told = may_repeat(&outgoing, &failure, 0);
            assert_eq!(told, expected, "{method} {kind:?} {stage:?}");
        }
    }
}
