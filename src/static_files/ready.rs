//! Answers that were put together before: copying their fields is several times faster than putting them together, and sending them as they
//! were written before is faster again.
//!
//! 1. The first answer of its kind is kept beside the representation that it sends.
//! 2. The next ones take its fields, as long as they would be the same.
//! 3. A plain request for what is held in memory is answered with nothing but a look at it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::body::{Body, Lines};
use super::dictionary::DictionaryOffer;
use super::outcome::Selected;
use super::representation::{Content, Representation};
use super::response::{Policy, cache_control};
use crate::header::accept_encoding::ContentCoding;
use crate::header::field_lines;
use crate::http1;
use crate::observe::places::PlaceId;
use crate::transform::cache_policy::{IMMUTABLE, NO_CACHE};

/// Fields that were put together once.
pub(crate) type ReadyMade = OnceLock<Ready>;

/// Of the answers that are given most.
#[derive(Debug, Default)]
pub(crate) struct ReadyAnswers {
    /// 200 with all of it.
    pub(crate) whole: ReadyMade,
    /// 304
    pub(crate) not_modified: ReadyMade,
}

/// The fields of an answer, in both forms.
#[derive(Debug)]
pub(crate) struct Ready {
    /// Whether they say that the file is negotiable.
    pub(crate) negotiable: bool,
    /// What they say that it is a dictionary for.
    pub(super) dictionary: Option<Arc<DictionaryOffer>>,
    pub(crate) cache_control: HeaderValue,
    pub(crate) fields: HeaderMap,
    /// The same as they are sent.
    pub(crate) lines: Bytes,
}

/// What was put together before for this file in this coding, or will be.
pub(super) fn ready_answers(selected: &Selected) -> Option<&ReadyAnswers> {
    let is_own = selected.coding == ContentCoding::Identity;
    let is_usual = !selected.is_fallback && !selected.is_coded_as_sent && selected.digest.is_none();
    is_usual.then_some(if is_own {
        &selected.representation.own
    } else {
        &selected.representation.as_coding
    })
}

pub(super) fn ready_made<'r>(
    ready: Option<&'r ReadyMade>,
    selected: &Selected,
) -> Option<&'r Ready> {
    ready?.get().filter(|ready| {
        ready.negotiable == selected.negotiable
            && is_same(ready.dictionary.as_ref(), selected.dictionary.as_ref())
    })
}

fn is_same(one: Option<&Arc<DictionaryOffer>>, other: Option<&Arc<DictionaryOffer>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}

/// Copying fields that were put together before is several times faster than putting them together, and sending them as they were
/// written before is faster again.
pub(super) fn from_ready(
    body: Body,
    ready: &Ready,
    selected: &Selected,
    policy: Policy<'_>,
) -> Response<Body> {
    let cache_control = cache_control(selected, policy);
    let is_same = cache_control == ready.cache_control;
    if is_same && policy.as_lines {
        return Response::new(body.with_lines(Lines {
            bytes: ready.lines.clone(),
            has_length: true,
            has_date: false,
        }));
    }
    let mut response = Response::new(body);
    *response.headers_mut() = ready.fields.clone();
    if !is_same {
        // They were put together for another route.
        response.headers_mut().insert(CACHE_CONTROL, cache_control);
    }
    response
}

/// The whole file from memory, or that the client holds it already, with the fields of the last such answer; the same as [`respond`] would
/// make of it.
pub(super) struct ReadyAnswer<'a> {
    pub(super) file: &'a Representation,
    /// The coding that is sent of it, if any.
    pub(super) coded: Option<(ContentCoding, &'a Representation)>,
    pub(super) negotiable: bool,
    pub(super) dictionary: Option<Arc<DictionaryOffer>>,
    /// Of the route or site.
    pub(super) cache_control: Option<&'a HeaderValue>,
}

impl ReadyAnswer<'_> {
    pub(super) fn to(&self, if_none_match: Option<&[u8]>) -> Option<http1::Ready> {
        let (sent, ready) = match self.coded {
            Some((_, coded)) => (coded, &coded.as_coding),
            None => (self.file, &self.file.own),
        };
        let Content::Memory(body) = &sent.content else {
            return None;
        };
        let (status, ready, body) = match if_none_match {
            None => (StatusCode::OK, ready.whole.get()?, body.clone()),
            // A list, a weak tag, or another one takes more than a comparison.
            Some(held) if held == sent.entity_tag().as_value() => (
                StatusCode::NOT_MODIFIED,
                ready.not_modified.get()?,
                Bytes::new(),
            ),
            Some(_) => return None,
        };
        let cache_control = match self.cache_control {
            Some(rule) => rule,
            None if self.file.fingerprinted => &IMMUTABLE,
            None => &NO_CACHE,
        };
        let is_same = ready.negotiable == self.negotiable
            && is_same(ready.dictionary.as_ref(), self.dictionary.as_ref());
        (is_same && ready.cache_control == *cache_control).then(|| http1::Ready {
            status,
            lines: ready.lines.clone(),
            body,
            coding: self
                .coded
                .map_or(ContentCoding::Identity, |(coding, _)| coding),
            place: PlaceId::NOWHERE,
        })
    }
}

pub(super) fn keep(ready: Option<&ReadyMade>, selected: &Selected, fields: &HeaderMap) {
    let (Some(ready), Some(cache_control)) = (ready, fields.get(CACHE_CONTROL)) else {
        return;
    };
    if selected.representation.is_steady() && selected.original.is_steady() {
        let mut lines = Vec::with_capacity(512);
        field_lines(&mut lines, fields);
        // Somebody else may have been faster, with the same fields.
        let _ = ready.set(Ready {
            negotiable: selected.negotiable,
            dictionary: selected.dictionary.clone(),
            cache_control: cache_control.clone(),
            fields: fields.clone(),
            lines: lines.into(),
        });
    }
}
