//! Preconditions (RFC 9110 §13): whether a request still makes sense, given what the client holds.
//!
//! The order is that of §13.2.2, and the numbers in [`evaluate`] are its numbers:
//! 1. `If-Match`
//! 2. `If-Unmodified-Since`, when there is no `If-Match`
//! 3. `If-None-Match`
//! 4. `If-Modified-Since`, when there is no `If-None-Match`, for GET and HEAD
//! 5. `If-Range`, when there is `Range`: [`if_range_holds`]
//!
//! All of them are for a request that would otherwise succeed: a missing file stays 404 (§13.2.1).

use std::time::SystemTime;

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName, Method};

use super::entity_tag::{EntityTag, EntityTagList};
use super::{http_date, only_line};

/// What is known of the representation that would be sent: exactly what its `ETag` and `Last-Modified` will say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Validators<'a> {
    pub(crate) entity_tag: Option<&'a EntityTag>,
    /// In whole seconds, as HTTP writes it.
    pub(crate) last_modified: Option<SystemTime>,
}

/// What follows from a request's preconditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// Answer as if there were none.
    Proceed,
    /// 304: the client holds this representation already.
    NotModified,
    /// 412: the representation is not the one that the client spoke of.
    Failed,
}

/// Evaluates all preconditions but `If-Range`.
pub(crate) fn evaluate(
    method: &Method,
    headers: &HeaderMap,
    validators: Validators<'_>,
) -> Precondition {
    // §13.2.1: methods that select no representation have no preconditions.
    if matches!(*method, Method::CONNECT | Method::OPTIONS | Method::TRACE) {
        return Precondition::Proceed;
    }
    let reads = matches!(*method, Method::GET | Method::HEAD);

    if let Some(list) = EntityTagList::parse(headers, &IF_MATCH) {
        // 1. Strong comparison: the client is about to rely on every byte (§13.1.1).
        if !list.contains(|tag| {
            validators
                .entity_tag
                .is_some_and(|ours| ours.strong_eq(tag))
        }) {
            return Precondition::Failed;
        }
    } else if changed_after(headers, &IF_UNMODIFIED_SINCE, validators) == Some(true) {
        // 2.
        return Precondition::Failed;
    }

    if let Some(list) = EntityTagList::parse(headers, &IF_NONE_MATCH) {
        // 3. Weak comparison: what the client holds is as good as ours (§13.1.2).
        if list.contains(|tag| validators.entity_tag.is_some_and(|ours| ours.weak_eq(tag))) {
            return if reads {
                Precondition::NotModified
            } else {
                Precondition::Failed
            };
        }
    } else if reads && changed_after(headers, &IF_MODIFIED_SINCE, validators) == Some(false) {
        // 4.
        return Precondition::NotModified;
    }
    Precondition::Proceed
}

/// Step 5: whether the ranges asked for are of the representation that the client holds a part of (§13.1.5); true when it did
/// not ask. When it is false, the whole representation is sent. Without `Range` the question must not be put.
///
/// An entity tag holds by strong comparison. A date holds when it is our `Last-Modified` exactly and is a strong validator
/// (§8.8.2.2). Which files changed twice within one second nobody knows, so this is what is taken for it: our own entity
/// tag is not weak, for it is weak as long as the file is so young that it may change again within that second. That the
/// client's copy was made later than that second is for the client to know before it sends a date at all (§13.1.5).
pub(crate) fn if_range_holds(headers: &HeaderMap, validators: Validators<'_>) -> bool {
    if !headers.contains_key(IF_RANGE) {
        return true;
    }
    let Some(line) = only_line(headers, &IF_RANGE) else {
        return false;
    };
    let (sent, tag) = (line.as_bytes(), validators.entity_tag);
    if sent.ends_with(b"\"") {
        return tag.is_some_and(|ours| ours.strong_eq(sent));
    }
    let settled = tag.is_none_or(|ours| !ours.is_weak());
    settled
        && validators.last_modified.is_some()
        && http_date::parse(sent) == validators.last_modified
}

/// Whether the representation changed after the date in the field `name`; `None` when the field does not count: it is
/// absent, is not one date, or we know no date to compare it with (§13.1.3, §13.1.4).
fn changed_after(
    headers: &HeaderMap,
    name: &HeaderName,
    validators: Validators<'_>,
) -> Option<bool> {
    let line = only_line(headers, name)?;
    let last_modified = validators.last_modified?;
    Some(last_modified > http_date::parse(line.as_bytes())?)
}
