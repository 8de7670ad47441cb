//! What is known of a request that has ended, as it is handed over to be told as spans.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::access_log::{AccessRecorder, End, Exchange};
use super::story::{Attempt, AttemptResult};
use super::traces::{AttemptSpan, RequestSpan, Span, Tracer};

/// Where requests are written down. Clones are the same places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlets {
    pub(crate) log: Option<AccessRecorder>,
    pub(crate) tracer: Option<Tracer>,
}

impl Outlets {
    /// Whether anybody wants all of a request.
    pub(crate) fn are_any(&self) -> bool {
        self.log.is_some() || self.tracer.is_some()
    }
}

impl Exchange {
    pub(super) fn span(&self, span: Span, (sent, end, took): (u64, End, Duration)) -> RequestSpan {
        let told = self.story.told();
        let place = told.place.place();
        let upstream = place.upstream.unwrap_or_default();
        let answer = self.answer.as_ref();
        let attempts = told.forward.iter().flat_map(|forward| &forward.attempts);
        let now = SystemTime::now();
        RequestSpan {
            span,
            begun: now.checked_sub(took).unwrap_or(now),
            took,
            id: self.story.id.to_string(),
            client: self.client,
            method: self.method.clone(),
            uri: self.uri.clone(),
            version: self.version,
            host: self.host.clone(),
            user_agent: self.user_agent.clone(),
            status: answer.map(|answer| answer.status),
            route: Some(place.route).filter(|route| !route.is_empty()),
            refused: answer.and_then(|answer| Some(answer.rejection?.reason())),
            is_aborted: end != End::Whole,
            sent,
            attempts: attempts
                .map(|attempt| self.attempt(attempt, &upstream, took))
                .collect(),
        }
    }

    /// One that has not ended did when the request had.
    fn attempt(&self, attempt: &Attempt, upstream: &Arc<str>, until: Duration) -> AttemptSpan {
        let begun = attempt.begun.saturating_duration_since(self.begun);
        let (took, result) = match &attempt.result {
            AttemptResult::Answered(status) => (attempt.took, Ok(*status)),
            AttemptResult::Failed { what, error, .. } => {
                (attempt.took, Err(format!("{what}: {error}").into()))
            }
            AttemptResult::Unfinished => (
                until.saturating_sub(begun),
                Err("the client left before".into()),
            ),
        };
        AttemptSpan {
            upstream: Arc::clone(upstream),
            server: attempt.server.clone(),
            begun,
            took,
            result,
        }
    }
}
