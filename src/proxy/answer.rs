//! From a request to what its answer comes to: the steps of forwarding, one after the other.
//!
//! 1. What is said to the server is put together: it is written as often as the request is attempted.
//! 2. Some server answers, or it is told why none did.
//! 3. A switch of protocols must have been asked for; then both connections become one.
//! 4. An answer that is not to be seen is one of the site's pages, or a file.
//! 5. All others go on, with their fields as the client is to see them; the server counts as busy until the last byte.

use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, RETRY_AFTER, SET_COOKIE, UPGRADE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version};
use http_body::{Body as _, Frame, SizeHint};

use super::attempt::{self, Failed};
use super::far_end::{FarEnd, TunnelTimeouts};
use super::fields::{Fields, Sink};
use super::mount::Mount;
use super::request::{self, Forwarded};
use super::request_body::RequestBody;
use super::response::{self, AnswerRules, Kept};
use super::switch::Switch;
use super::transport::{Answer, AnswerBody, Failure, FailureKind, Outgoing, Stage};
use super::upstream::{Asked, Lease};
use super::{Asking, Forwarder, Outcome, accel, failure};
use crate::config::upstream::HostPolicy;
use crate::rejection::Rejection;
use crate::static_files::body::{Body, Lines};

/// How long a tunnel may be open on one side only.
const HALF_CLOSED: std::time::Duration = std::time::Duration::from_secs(60);

impl Forwarder {
    /// Steps 1 to 5.
    pub(crate) async fn answer(&self, asking: &Asking<'_>, body: &mut RequestBody) -> Outcome {
        if asking.story.is_rehearsal() {
            return self.rehearse(asking);
        }
        body.forward();
        let switch = Switch::asked(asking);
        match self.ask(asking, body, &switch).await {
            Ok((answer, lease)) => self.outcome(asking, answer, lease, &switch),
            Err(failed) => Outcome::Refused(failure::refusal(&failed)),
        }
    }

    /// Steps 1 and 2.
    async fn ask(
        &self,
        asking: &Asking<'_>,
        body: &mut RequestBody,
        switch: &Switch<'_>,
    ) -> Result<(Answer, Lease), Failed> {
        let parts = asking.parts;
        let prefix = asking.outer.trim_end_matches('/');
        let story = asking.story;
        let named = (prefix, &story.id);
        let forwarded =
            Forwarded::new(parts, *asking.caller, &self.config, named).traced(story.trace);
        let teller = body.teller();
        // RFC 9110 §15.2: a client of HTTP/1.0 knows no interim answers.
        let knows_interim = parts.version == Version::HTTP_11;
        let path = &*target(asking);
        let get = Method::GET;
        let has_body = !switch.is_stream && announces_body(parts, body);
        let mut nothing = RequestBody::Empty;
        let mut outgoing = Outgoing {
            method: if switch.is_stream {
                &get
            } else {
                &parts.method
            },
            path,
            authority: forwarded.host(),
            is_https: asking.caller.is_encrypted,
            fields: &switch.keyed(&forwarded),
            // The body of a stream that becomes a tunnel is the tunnel's.
            body: if switch.is_stream { &mut nothing } else { body },
            has_body,
            // RFC 9110 §10.1.1: of HTTP/1.0, it is none.
            expects_continue: has_body
                && parts.version != Version::HTTP_10
                && parts.headers.contains_key(http::header::EXPECT),
            takes_trailers: request::takes_trailers(&parts.headers)
                || parts.version == Version::HTTP_2,
            needs_new: false,
            upgrade: switch.protocol,
            interim: &mut |status, fields| {
                if knows_interim {
                    teller.tell(status, &end_to_end(fields));
                }
            },
        };
        let asked = Asked {
            client: asking.caller.client.map(|client| client.ip()),
            headers: &parts.headers,
            path: asking.path,
        };
        let hosts = (&self.config.host, forwarded.host());
        story.forward(|told| told.target = path.into());
        attempt::attempt(&self.upstream, &asked, &mut outgoing, hosts, story).await
    }

    /// Steps 3 to 5.
    fn outcome(
        &self,
        asking: &Asking<'_>,
        answer: Answer,
        lease: Lease,
        switch: &Switch<'_>,
    ) -> Outcome {
        if answer.status == StatusCode::SWITCHING_PROTOCOLS {
            return self.tunnel(answer, lease);
        }
        if switch.is_stream && answer.status.is_success() {
            // It did not switch, and a success would say that it had.
            return malformed("the server did not switch protocols");
        }
        if self.config.intercept.contains(&answer.status) {
            let field = telling_field(answer.status, &answer.fields);
            return Outcome::Intercepted(answer.status, field);
        }
        self.pass_on(asking, answer, lease)
    }

    /// Step 5, and what of step 4 is told by a field.
    fn pass_on(&self, asking: &Asking<'_>, answer: Answer, lease: Lease) -> Outcome {
        let Answer {
            status,
            fields,
            body,
            ..
        } = answer;
        let asked_host = request::asked_host(asking.parts);
        let rules = AnswerRules {
            hide: &self.config.hide_headers,
            mount: Some(Mount {
                outer: asking.outer,
                inner: asking.inner,
                asked_host,
                told_host: authority(&self.config.host, asked_host, &lease),
                server: lease.target().authority.as_bytes(),
            }),
            // RFC 9112 §7.1.2: only chunks have any behind them.
            has_no_trailers: asking.parts.version < Version::HTTP_2
                && body.size_hint().exact().is_some(),
        };
        let cookie = lease.sticky_cookie();
        if asking.as_lines {
            let mut lines = Vec::with_capacity(512);
            let kept = response::keep(&fields, &rules, &mut lines);
            if kept.file.is_none() {
                put_rest(asking, status, &kept, cookie.as_ref(), &mut lines);
                let has_date = kept.has_date;
                let body = forwarded_body(body, lease).with_lines(Lines {
                    bytes: lines.into(),
                    has_length: false,
                    has_date,
                });
                let mut response = Response::new(body);
                *response.status_mut() = status;
                return Outcome::Answered(Box::new(response));
            }
        }
        let mut map = HeaderMap::new();
        let kept = response::keep(&fields, &rules, &mut map);
        put_rest(asking, status, &kept, cookie.as_ref(), &mut map);
        if let Some(wanted) = kept.file {
            return self.file(wanted, map);
        }
        let mut response = Response::new(forwarded_body(body, lease));
        *response.status_mut() = status;
        *response.headers_mut() = map;
        Outcome::Answered(Box::new(response))
    }

    /// Step 3.
    fn tunnel(&self, answer: Answer, lease: Lease) -> Outcome {
        let Some(upgraded) = answer.upgraded else {
            return malformed("the server switched protocols unasked");
        };
        let rules = AnswerRules {
            hide: &self.config.hide_headers,
            mount: None,
            has_no_trailers: true,
        };
        let mut map = HeaderMap::new();
        let kept = response::keep(&answer.fields, &rules, &mut map);
        if let Some(Ok(protocol)) = kept.upgrade.map(HeaderValue::from_bytes) {
            map.insert(UPGRADE, protocol);
        }
        if let Some(cookie) = lease.sticky_cookie() {
            map.append(SET_COOKIE, cookie);
        }
        let far_end = FarEnd {
            stream: Box::new(upgraded),
            timeouts: TunnelTimeouts {
                idle: self.upstream.config().timeouts.tunnel_idle,
                half_closed: HALF_CLOSED,
            },
            guard: Some(Box::new(lease)),
        };
        let mut response = Response::new(Body::tunnel(far_end));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = map;
        Outcome::Answered(Box::new(response))
    }

    /// Step 4.
    fn file(&self, wanted: accel::Wanted<'_>, fields: HeaderMap) -> Outcome {
        let resolved = match &self.config.accel {
            Some(accel) => accel::resolve(wanted, &accel.prefix, &accel.files.docroot),
            None => Err(accel::AccelRefusal),
        };
        if let Ok(path) = resolved {
            return Outcome::File { path, fields };
        }
        tracing::warn!(
            upstream = &*self.upstream.config().name,
            ?wanted,
            "the application wants a file sent that is none of its to send"
        );
        Outcome::Refused(Rejection::NOT_SENDABLE.into())
    }
}

/// Path and query, as a server gets them.
pub(super) fn target<'a>(asking: &Asking<'a>) -> Cow<'a, str> {
    match asking.parts.uri.query() {
        None => Cow::Borrowed(asking.path),
        Some(query) => Cow::Owned([asking.path, "?", query].concat()),
    }
}

/// RFC 9112 §6.3: a length or a coding announces one, even if it is empty; in HTTP/2, that the stream goes on.
fn announces_body(parts: &http::request::Parts, body: &RequestBody) -> bool {
    parts.headers.contains_key(CONTENT_LENGTH)
        || parts.headers.contains_key(http::header::TRANSFER_ENCODING)
        || !body.is_end_stream()
}

/// `Host` for a server.
pub(super) fn authority<'a>(policy: &'a HostPolicy, asked: &'a [u8], lease: &'a Lease) -> &'a [u8] {
    match policy {
        HostPolicy::Client if !asked.is_empty() => asked,
        HostPolicy::Client | HostPolicy::Server => lease.target().authority.as_bytes(),
        HostPolicy::Fixed(host) => host.as_bytes(),
    }
}

/// What an interim answer says to the client.
fn end_to_end(fields: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    response::keep(
        &Fields::Map(fields.clone()),
        &AnswerRules::default(),
        &mut kept,
    );
    kept
}

/// What the codec of the client would say by itself, but for the length of a body that is not sent.
fn put_rest(
    asking: &Asking<'_>,
    status: StatusCode,
    kept: &Kept<'_>,
    cookie: Option<&HeaderValue>,
    sink: &mut dyn Sink,
) {
    let has_no_body = asking.parts.method == Method::HEAD || status == StatusCode::NOT_MODIFIED;
    if let Some(length) = kept.length.filter(|_| has_no_body) {
        sink.put(
            CONTENT_LENGTH.as_str().as_bytes(),
            length.to_string().as_bytes(),
        );
    }
    if let Some(cookie) = cookie {
        sink.put(SET_COOKIE.as_str().as_bytes(), cookie.as_bytes());
    }
}

/// Step 5.
fn forwarded_body(body: AnswerBody, lease: Lease) -> Body {
    match body {
        AnswerBody::Empty => Body::empty(),
        AnswerBody::Held(bytes) => Body::memory(bytes),
        body @ (AnswerBody::Http1(_) | AnswerBody::Http2(_)) => {
            Body::stream(Leased { body, lease })
        }
    }
}

/// The server counts as busy as long as this exists.
struct Leased {
    body: AnswerBody,
    #[allow(dead_code, reason = "kept for its drop")]
    lease: Lease,
}

impl http_body::Body for Leased {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What goes with a status whose page is replaced.
fn telling_field(status: StatusCode, fields: &Fields) -> Option<(HeaderName, HeaderValue)> {
    let name = match status {
        StatusCode::UNAUTHORIZED => WWW_AUTHENTICATE,
        StatusCode::METHOD_NOT_ALLOWED => ALLOW,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => RETRY_AFTER,
        _ => return None,
    };
    let value = HeaderValue::from_bytes(fields.first(&name)?).ok()?;
    Some((name, value))
}

fn malformed(why: &'static str) -> Outcome {
    let failure = Failure::new(
        FailureKind::Malformed,
        Stage::Answered,
        io::Error::other(why),
    );
    tracing::warn!(why);
    Outcome::Refused(failure::refusal(&Failed::Failure(failure)))
}
