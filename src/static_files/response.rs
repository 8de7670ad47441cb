//! Step 8: an outcome becomes a response, in one place.

use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::body::{Body, Part as BodyPart};
use super::listing;
use super::outcome::{self, Outcome, Part, Refusal, Selected};
use super::ready::{from_ready, keep, ready_answers, ready_made};
use super::representation::Content;
use crate::coding::stream;
use crate::header::accept;
use crate::header::dictionary::USE_AS_DICTIONARY;
use crate::header::digest::REPR_DIGEST;
use crate::header::entity_tag::EntityTag;
use crate::header::multipart::{self, Boundary, Multipart};
use crate::header::range::{self, ByteRange};
use crate::observe::request_id::{RequestId, X_REQUEST_ID};
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
    id: &RequestId,
) -> Response<Body> {
    let status = refusal.rejection.status();
    let mut response = match page {
        // Without validators: it is the answer to a failure, not what the path names.
        Some(page) => whole(request.0, page),
        None => built_in(request, status, id),
    };
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(CACHE_CONTROL, NO_STORE.clone());
    fields.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    fields.insert(X_REQUEST_ID, id.value());
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
    if let Some(digest) = &selected.digest {
        fields.insert(REPR_DIGEST, digest.clone());
    }
    if is_whole {
        if let Some(offer) = &selected.dictionary {
            fields.insert(USE_AS_DICTIONARY, offer.value.clone());
        }
        keep(ready, selected, fields);
    }
    response
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

pub(super) fn cache_control(selected: &Selected, policy: Policy<'_>) -> HeaderValue {
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

fn built_in(
    (method, headers): (&Method, &HeaderMap),
    status: StatusCode,
    id: &RequestId,
) -> Response<Body> {
    let accepts_html = accept::names_html(headers.get_all(http::header::ACCEPT));
    let (text, media_type) = if accepts_html {
        (error_body::html(status, id), "text/html; charset=utf-8")
    } else {
        (error_body::text(status, id), "text/plain; charset=utf-8")
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
