//! Whose fault it was, as a status: the server's, the client's, or nobody's who is there.

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::attempt::Failed;
use super::transport::FailureKind;
use super::upstream::Unavailable;
use crate::rejection::Rejection;
use crate::static_files::Refusal;

/// RFC 9110 §15.6: 502 for an answer that is none, 504 for one that did not come, 503 while there is nobody to ask.
pub(super) fn refusal(failed: &Failed) -> Refusal {
    match failed {
        Failed::Unavailable(unavailable) => {
            let reason = match unavailable {
                Unavailable::NoServer => "upstream-unavailable",
                Unavailable::QueueFull => "upstream-queue-full",
                Unavailable::QueueTimeout => "upstream-queue-timeout",
            };
            let rejection = Rejection::new(StatusCode::SERVICE_UNAVAILABLE, reason);
            let seconds = HeaderValue::from(unavailable.retry_after());
            Refusal {
                rejection,
                field: Some((RETRY_AFTER, seconds)),
            }
        }
        Failed::Failure(failure) => by_kind(failure.kind).into(),
    }
}

fn by_kind(kind: FailureKind) -> Rejection {
    let bad = |reason| Rejection::new(StatusCode::BAD_GATEWAY, reason);
    let late = |reason| Rejection::new(StatusCode::GATEWAY_TIMEOUT, reason);
    match kind {
        FailureKind::Refused => bad("upstream-refused"),
        FailureKind::ConnectTimeout => late("upstream-connect-timeout"),
        FailureKind::Tls => bad("upstream-tls"),
        FailureKind::Closed => bad("upstream-closed"),
        FailureKind::TimedOut => late("upstream-timeout"),
        FailureKind::Malformed => bad("upstream-malformed"),
        FailureKind::TooLarge => bad("upstream-fields-too-large"),
        FailureKind::Rejected => bad("upstream-rejected"),
        FailureKind::Io => bad("upstream-broken-off"),
        FailureKind::ClientBody => Rejection::BODY_INCOMPLETE,
        FailureKind::Unsupported => {
            Rejection::new(StatusCode::NOT_IMPLEMENTED, "upgrade-not-possible")
        }
    }
}
