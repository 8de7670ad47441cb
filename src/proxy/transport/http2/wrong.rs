//! What came of a request that was not answered.

use std::error::Error;
use std::io;

use h2::Reason;
use http::Request;
use hyper::client::conn::TrySendError;

use super::outbound::{Outbound, Shared};
use crate::proxy::transport::exchange::{Failure, FailureKind, Stage};

pub(super) fn failure(mut error: TrySendError<Request<Outbound>>, shared: &Shared) -> Failure {
    let was_sent = error.take_message().is_none();
    let error = error.into_error();
    let (kind, stage) = judge(&error, was_sent, shared.stage());
    match shared.take_error() {
        Some(error) => Failure::new(FailureKind::ClientBody, Stage::BodyRead, error),
        None => Failure::new(kind, stage, text(&error)),
    }
}

/// RFC 9113 §8.7: a server says what it has not looked at, by refusing the stream, or by leaving it out of its last word. Then nothing of
/// the request counts but what of its body is gone.
fn judge(error: &hyper::Error, was_sent: bool, stage: Stage) -> (FailureKind, Stage) {
    let unseen = match stage {
        Stage::HeadSent => Stage::NotSent,
        stage => stage,
    };
    if !was_sent {
        return (FailureKind::Closed, Stage::NotSent);
    }
    let Some(cause) = find::<h2::Error>(error) else {
        // Its connection went before it did.
        return if error.is_canceled() {
            (FailureKind::Closed, unseen)
        } else {
            (FailureKind::Closed, stage)
        };
    };
    match cause.reason() {
        Some(Reason::REFUSED_STREAM) if cause.is_remote() => (FailureKind::Rejected, unseen),
        Some(Reason::NO_ERROR) if cause.is_go_away() && cause.is_remote() => {
            (FailureKind::Rejected, unseen)
        }
        Some(Reason::HTTP_1_1_REQUIRED) => (FailureKind::Unsupported, stage),
        // Of a connection that ends, nobody says which stream was to blame.
        Some(_) if cause.is_remote() || cause.is_go_away() => (FailureKind::Closed, stage),
        Some(_) => (FailureKind::Malformed, Stage::Answered),
        None => (FailureKind::Closed, stage),
    }
}

/// With its causes, which are what tells something.
pub(super) fn text(error: &hyper::Error) -> io::Error {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    let kind = find::<io::Error>(error).map_or(io::ErrorKind::Other, io::Error::kind);
    io::Error::new(kind, text)
}

fn find<T: Error + 'static>(error: &hyper::Error) -> Option<&T> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
