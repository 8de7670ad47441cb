//! Step 8: an outcome becomes a response, in one place.

use std::sync::Arc;

use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::body::{Body, Lines, Part as BodyPart};
use super::dictionary::DictionaryOffer;
use super::listing;
use super::outcome::{self, Outcome, Part, Refusal, Selected};
use super::representation::{Content, Ready, ReadyAnswers, ReadyMade, Representation};
use crate::coding::stream;
use crate::header::accept;
use crate::header::accept_encoding::ContentCoding;
use crate::header::dictionary;
use crate::header::digest;
use crate::header::entity_tag::EntityTag;
use crate::header::field_lines;
use crate::header::multipart::{self, Boundary, Multipart};
use crate::header::range::{self, ByteRange};
use crate::http1;
use crate::transform::cache_policy::{IMMUTABLE, NO_CACHE, NO_STORE};
use crate::transform::error_body;

/// What the settings of a route or site say about a successful answer.
#[derive(Clone, Copy, Default)]
pub(crate) struct Policy<'a> {
    pub(crate) cache_control: Option<&'a HeaderValue>,
    /// Whether fields may be left out of the response's map and stand as lines in its body: nobody is to change or read them, and
    /// whoever sends it knows of them.
    pub(crate) as_lines: bool,
}

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Everything but refusals, which [`respond_with_page`] renders.
pub(crate) fn respond(
    method: &Method,
    outcome: Outcome,
    policy: Policy<'_>,
) -> Result<Response<Body>, Refusal> {
    let is_file = matches!(outcome, Outcome::File(..) | Outcome::NotModified(..));
    let mut response = match outcome {
        Outcome::File(selected, tag, part) => file(method, &selected, &tag, part, policy),
        Outcome::NotModified(selected, tag) => not_modified(&selected, &tag, policy),
        Outcome::Redirect(location) => redirect(location, StatusCode::MOVED_PERMANENTLY),
        Outcome::Listing { body, media_type } => list(method, body, media_type),
        Outcome::Options => options(),
        Outcome::Refused(refusal) => return Err(refusal),
    };
    if !is_file {
        let fields = response.headers_mut();
        fields.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    }
    Ok(response)
}

/// A refusal with the site's own page for it, or else a short built-in one.
pub(crate) fn respond_with_page(
    request: (&Method, &HeaderMap),
    refusal: Refusal,
    page: Option<&Selected>,
) -> Response<Body> {
    let status = refusal.rejection.status();
    let mut response = match page {
        // Without validators: it is the answer to a failure, not what the path names.
        Some(page) => whole(request.0, page),
        None => built_in(request, status),
    };
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(CACHE_CONTROL, NO_STORE.clone());
    fields.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    if let Some((name, value)) = refusal.field {
        fields.insert(name, value);
    }
    response.extensions_mut().insert(refusal.rejection);
    response
}

pub(crate) fn redirect(location: HeaderValue, status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(LOCATION, location);
    response
        .headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    // Without it a permanent redirect may be kept for ever.
    response
        .headers_mut()
        .insert(CACHE_CONTROL, NO_CACHE.clone());
    response
}

fn file(
    method: &Method,
    selected: &Selected,
    tag: &EntityTag,
    part: Part,
    policy: Policy<'_>,
) -> Response<Body> {
    let is_whole = matches!(part, Part::Whole);
    let ready = ready_answers(selected).map(|ready| &ready.whole);
    if is_whole && let Some(ready) = ready_made(ready, selected) {
        return from_ready(whole_body(method, selected), ready, selected, policy);
    }
    let mut response = match part {
        Part::Whole => whole(method, selected),
        Part::Single(part) => single_part(selected, part),
        Part::Multiple(parts) => multiple_parts(selected, &parts),
    };
    let fields = response.headers_mut();
    if let Some(coding) = selected.coding.as_value() {
        fields.insert(CONTENT_ENCODING, coding);
    }
    if !selected.is_coded_as_sent {
        fields.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    describe(fields, selected, tag, policy);
    if selected.is_digest_wanted
        && let Some(digest) = sent_digest(selected)
    {
        fields.insert(digest::REPR_DIGEST, digest::repr_digest(digest));
    }
    if is_whole {
        if let Some(offer) = &selected.dictionary {
            fields.insert(dictionary::USE_AS_DICTIONARY, offer.value.clone());
        }
        keep(ready, selected, fields);
    }
    response
}

/// Of the representation as it is coded, of which a part may be sent (RFC 9530 §3).
fn sent_digest(selected: &Selected) -> Option<&[u8; 32]> {
    let is_known = !selected.is_coded_as_sent;
    (selected.representation.digest.as_ref()).filter(|_| is_known)
}

fn not_modified(selected: &Selected, tag: &EntityTag, policy: Policy<'_>) -> Response<Body> {
    // Who has the coding that was sent before is told of that one.
    let is_former = selected.former_tag().is_some_and(|former| former == tag);
    let ready = ready_answers(selected)
        .filter(|_| !is_former)
        .map(|ready| &ready.not_modified);
    let mut response = if let Some(ready) = ready_made(ready, selected) {
        from_ready(Body::empty(), ready, selected, policy)
    } else {
        let mut response = Response::new(Body::empty());
        describe(response.headers_mut(), selected, tag, policy);
        keep(ready, selected, response.headers());
        response
    };
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
}

/// What was put together before for this file in this coding, or will be.
fn ready_answers(selected: &Selected) -> Option<&ReadyAnswers> {
    let is_own = selected.coding == ContentCoding::Identity;
    let is_usual =
        !selected.is_fallback && !selected.is_coded_as_sent && !selected.is_digest_wanted;
    is_usual.then_some(if is_own {
        &selected.representation.own
    } else {
        &selected.representation.as_coding
    })
}

fn ready_made<'r>(ready: Option<&'r ReadyMade>, selected: &Selected) -> Option<&'r Ready> {
    ready?.get().filter(|ready| {
        ready.negotiable == selected.negotiable && is_same(&ready.dictionary, &selected.dictionary)
    })
}

fn is_same(one: &Option<Arc<DictionaryOffer>>, other: &Option<Arc<DictionaryOffer>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}

/// Copying fields that were put together before is several times faster than putting them together, and sending them as they were
/// written before is faster again.
fn from_ready(
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
    pub(super) coded: Option<&'a Representation>,
    pub(super) negotiable: bool,
    pub(super) dictionary: Option<Arc<DictionaryOffer>>,
    /// Of the route or site.
    pub(super) cache_control: Option<&'a HeaderValue>,
}

impl ReadyAnswer<'_> {
    pub(super) fn to(&self, if_none_match: Option<&[u8]>) -> Option<http1::Ready> {
        let (sent, ready) = match self.coded {
            Some(coded) => (coded, &coded.as_coding),
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
                bytes::Bytes::new(),
            ),
            Some(_) => return None,
        };
        let cache_control = match self.cache_control {
            Some(rule) => rule,
            None if self.file.fingerprinted => &IMMUTABLE,
            None => &NO_CACHE,
        };
        let is_same =
            ready.negotiable == self.negotiable && is_same(&ready.dictionary, &self.dictionary);
        (is_same && ready.cache_control == *cache_control).then(|| http1::Ready {
            status,
            lines: ready.lines.clone(),
            body,
        })
    }
}

fn keep(ready: Option<&ReadyMade>, selected: &Selected, fields: &HeaderMap) {
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

/// All of the representation, without what describes it.
fn whole(method: &Method, selected: &Selected) -> Response<Body> {
    let media_type = selected.original.media_type.clone();
    if selected.is_coded_as_sent {
        let mut response = Response::new(match method {
            &Method::HEAD => Body::empty(),
            _ => stream::coded(whole_body(method, selected), selected.coding),
        });
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        return response;
    }
    let length = selected.representation.content_length.clone();
    with_content(whole_body(method, selected), media_type, length)
}

fn whole_body(method: &Method, selected: &Selected) -> Body {
    if *method == Method::HEAD {
        return Body::empty();
    }
    let end = selected.representation.length();
    bytes_of(selected, ByteRange { start: 0, end })
}

fn single_part(selected: &Selected, part: ByteRange) -> Response<Body> {
    let media_type = selected.original.media_type.clone();
    let length = HeaderValue::from(part.length());
    let mut response = with_content(bytes_of(selected, part), media_type, length);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let content_range = range::content_range(part, selected.representation.length());
    response.headers_mut().insert(CONTENT_RANGE, content_range);
    response
}

fn multiple_parts(selected: &Selected, parts: &[ByteRange]) -> Response<Body> {
    let complete = selected.representation.length();
    let media_type = &selected.original.media_type;
    let plan = multipart::plan(
        parts,
        complete,
        media_type,
        &Boundary::from_random(random()),
    );
    let length = HeaderValue::from(plan.content_length);
    let media_type = plan.content_type.clone();
    let mut response = with_content(interleaved(selected, plan), media_type, length);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    response
}

fn with_content(body: Body, media_type: HeaderValue, length: HeaderValue) -> Response<Body> {
    let mut response = Response::new(body);
    let fields = response.headers_mut();
    // As many as a usual answer has, so that the map never grows.
    fields.reserve(12);
    fields.insert(CONTENT_TYPE, media_type);
    fields.insert(CONTENT_LENGTH, length);
    response
}

/// The fields that a 304 has in common with the 200 that it stands for (RFC 9110 §15.4.5).
fn describe(fields: &mut HeaderMap, selected: &Selected, tag: &EntityTag, policy: Policy<'_>) {
    fields.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    fields.insert(ETAG, tag.as_value().clone());
    if let Some((_, last_modified)) = selected.original.last_modified() {
        fields.insert(LAST_MODIFIED, last_modified.clone());
    }
    fields.insert(CACHE_CONTROL, cache_control(selected, policy));
    let vary = match (selected.negotiable, selected.is_fallback) {
        // RFC 9842 §6.2
        (true, false) if selected.dictionary.is_some() => "Accept-Encoding, Available-Dictionary",
        (true, false) => "Accept-Encoding",
        (true, true) => "Accept-Encoding, Accept, Sec-Fetch-Mode",
        (false, true) => "Accept, Sec-Fetch-Mode",
        (false, false) => return,
    };
    fields.insert(VARY, HeaderValue::from_static(vary));
}

fn cache_control(selected: &Selected, policy: Policy<'_>) -> HeaderValue {
    match policy.cache_control {
        _ if selected.is_fallback => NO_CACHE.clone(),
        Some(rule) => rule.clone(),
        None if selected.original.fingerprinted => IMMUTABLE.clone(),
        None => NO_CACHE.clone(),
    }
}

fn bytes_of(selected: &Selected, range: ByteRange) -> Body {
    match (&selected.representation.content, &selected.open) {
        (Content::Memory(bytes), _) => Body::memory(slice(bytes, range)),
        (Content::File(_), open) => Body::parts(
            vec![BodyPart::File {
                start: range.start,
                end: range.end,
            }],
            open.clone(),
        ),
    }
}

fn interleaved(selected: &Selected, plan: Multipart) -> Body {
    let mut parts = Vec::with_capacity(plan.parts.len() * 2 + 1);
    for part in plan.parts {
        parts.push(BodyPart::Memory(part.head));
        parts.push(match &selected.representation.content {
            Content::Memory(bytes) => BodyPart::Memory(slice(bytes, part.range)),
            Content::File(_) => BodyPart::File {
                start: part.range.start,
                end: part.range.end,
            },
        });
    }
    parts.push(BodyPart::Memory(plan.closing));
    Body::parts(parts, selected.open.clone())
}

fn slice(bytes: &bytes::Bytes, range: ByteRange) -> bytes::Bytes {
    let at = |offset| usize::try_from(offset).expect("what is in memory has offsets that fit");
    bytes.slice(at(range.start)..at(range.end))
}

/// For a boundary that nobody can have put into a file beforehand.
fn random() -> [u8; 16] {
    let mut random = [0; 16];
    if getrandom::fill(&mut random).is_err() {
        // A sandbox without random numbers: the keys of the hash maps, drawn at start, must do.
        use std::hash::BuildHasher as _;
        let drawn = std::hash::RandomState::new();
        random[..8].copy_from_slice(&drawn.hash_one(std::time::Instant::now()).to_le_bytes());
        random[8..].copy_from_slice(&drawn.hash_one(std::thread::current().id()).to_le_bytes());
    }
    random
}

fn built_in((method, headers): (&Method, &HeaderMap), status: StatusCode) -> Response<Body> {
    let accepts_html = accept::names_html(headers.get_all(http::header::ACCEPT));
    let (text, media_type) = if accepts_html {
        (error_body::html(status), "text/html; charset=utf-8")
    } else {
        (error_body::text(status), "text/plain; charset=utf-8")
    };
    let mut response = page(method, text, HeaderValue::from_static(media_type));
    if accepts_html {
        response.headers_mut().insert(
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(error_body::CONTENT_SECURITY_POLICY),
        );
    }
    response
}

fn list(method: &Method, body: String, media_type: HeaderValue) -> Response<Body> {
    let mut response = page(method, body, media_type);
    let fields = response.headers_mut();
    fields.insert(CACHE_CONTROL, NO_CACHE.clone());
    fields.insert(VARY, HeaderValue::from_static("Accept"));
    fields.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(listing::CONTENT_SECURITY_POLICY),
    );
    response
}

fn page(method: &Method, text: String, media_type: HeaderValue) -> Response<Body> {
    let length = HeaderValue::from(text.len());
    let body = if *method == Method::HEAD {
        Body::empty()
    } else {
        Body::memory(text)
    };
    with_content(body, media_type, length)
}

fn options() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, outcome::ALLOW);
    response
}
