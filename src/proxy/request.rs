//! The fields of a request on their way to a server. Pure.
//!
//! 1. What concerned the hop before stays behind (RFC 9110 §7.6.1): the fields of the connection, and those that `Connection` lists.
//! 2. What tells of others is believed of trusted peers only; from anybody else it stays behind.
//! 3. Everything else goes on as it is.
//! 4. Then comes what the proxy says itself. Nothing that a client sends can take it away.
//!
//! `Host`, the framing of the body and the connection to the server are the codec's; what it has to know of them is told by
//! [`takes_trailers`] and [`upgrade`].

use std::io::Write;
use std::time::{Duration, SystemTime};

use http::header::{CONNECTION, COOKIE, FORWARDED, MAX_FORWARDS, TE, UPGRADE, VIA};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Version};

use super::caller::Caller;
use super::fields::{Sink, WriteFields};
use crate::config::upstream::ProxyConfig;
use crate::header::digits::put_number;
use crate::header::host::Host;
use crate::header::traceparent::{TRACEPARENT, TRACESTATE};
use crate::observe::request_id::{RequestId, X_REQUEST_ID};
use crate::observe::traces::Span;

mod fate;
mod origin;

use fate::Fate;

const X_REQUEST_START: HeaderName = HeaderName::from_static("x-request-start");

/// The fields of one request, to be written for each attempt.
pub(crate) struct Forwarded<'r> {
    parts: &'r Parts,
    caller: Caller,
    config: &'r ProxyConfig,
    /// The host that the client asked for, with its port if it named one.
    host: &'r [u8],
    /// Where the application is mounted, as a client writes it: `/app`. Empty: at the root, or it knows.
    prefix: &'r str,
    id: &'r RequestId,
    /// Where traces are recorded, the server is told of a span of ours.
    trace: Option<Span>,
    /// Since 1970.
    received: Duration,
    /// Whether `Connection` lists anything but what it usually does.
    lists_fields: bool,
    /// Whether there are several lines of cookies.
    has_crumbs: bool,
}

impl<'r> Forwarded<'r> {
    pub(crate) fn new(
        parts: &'r Parts,
        caller: Caller,
        config: &'r ProxyConfig,
        (prefix, id): (&'r str, &'r RequestId),
    ) -> Self {
        Self {
            parts,
            caller,
            config,
            host: asked_host(parts),
            prefix,
            id,
            trace: None,
            received: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
            lists_fields: connection_options(&parts.headers).any(|option| !is_usual(option)),
            has_crumbs: parts.headers.get_all(COOKIE).iter().nth(1).is_some(),
        }
    }

    /// As part of a trace, if it is one.
    pub(crate) fn traced(self, trace: Option<Span>) -> Self {
        Self { trace, ..self }
    }

    /// The host that the client asked for.
    pub(crate) fn host(&self) -> &'r [u8] {
        self.host
    }

    /// Steps 1 to 3: what goes on as it came.
    fn goes_on(&self, name: &HeaderName) -> bool {
        let fate = fate::of(name.as_str());
        let stays = match fate {
            Fate::Hop | Fate::Own => true,
            // What a trusted peer vouches for is not the client's to take away.
            Fate::Hearsay => !self.caller.is_peer_trusted,
            Fate::Cookie => self.has_crumbs || self.is_listed(name),
            Fate::EndToEnd => self.is_listed(name),
        };
        !stays && !self.is_configured(name) && !self.is_of_another_span(name)
    }

    /// What is told of the client's span; `tracestate` goes on with its trace, and with no other (W3C Trace Context §3.3).
    fn is_of_another_span(&self, name: &HeaderName) -> bool {
        self.trace.is_some_and(|trace| {
            *name == TRACEPARENT || *name == TRACESTATE && trace.parent.is_none()
        })
    }

    fn is_listed(&self, name: &HeaderName) -> bool {
        self.lists_fields
            && connection_options(&self.parts.headers)
                .any(|option| option.eq_ignore_ascii_case(name.as_str().as_bytes()))
    }

    fn is_configured(&self, name: &HeaderName) -> bool {
        self.config
            .request_headers
            .iter()
            .any(|(configured, _)| configured == name)
    }

    /// Step 4: a field of the proxy's own, unless the configuration has another.
    fn put(&self, sink: &mut dyn Sink, name: &HeaderName, value: &[u8]) {
        if !self.is_configured(name) {
            sink.put(name.as_str().as_bytes(), value);
        }
    }

    /// RFC 9110 §7.6.3: by which protocol it came, after what those before said.
    fn put_via(&self, sink: &mut dyn Sink, scratch: &mut Vec<u8>) {
        let own: &[u8] = match self.parts.version {
            Version::HTTP_10 => b"1.0 daemun",
            Version::HTTP_2 => b"2 daemun",
            Version::HTTP_3 => b"3 daemun",
            _ => b"1.1 daemun",
        };
        scratch.clear();
        join(scratch, &self.parts.headers, &VIA, b", ");
        part(scratch);
        scratch.extend_from_slice(own);
        self.put(sink, &VIA, scratch);
    }

    /// RFC 9110 §7.6.2; what has none left was answered before.
    fn put_max_forwards(&self, sink: &mut dyn Sink, scratch: &mut Vec<u8>) {
        if let Some(left) = self.parts.headers.get(MAX_FORWARDS) {
            scratch.clear();
            if self.parts.method != Method::OPTIONS {
                scratch.extend_from_slice(left.as_bytes());
            } else if let Some(left) = max_forwards(self.parts) {
                let _ = write!(scratch, "{}", left.saturating_sub(1));
            } else {
                return;
            }
            self.put(sink, &MAX_FORWARDS, scratch);
        }
    }

    /// When it came, so that the application can tell how long it waited.
    fn put_start(&self, sink: &mut dyn Sink, scratch: &mut Vec<u8>) {
        if self.caller.is_peer_trusted && self.parts.headers.contains_key(X_REQUEST_START) {
            return;
        }
        scratch.clear();
        scratch.extend_from_slice(b"t=");
        put_number(scratch, self.received.as_secs());
        // A thousand more, so that there are three digits behind its first.
        let point = scratch.len();
        put_number(scratch, (1000 + self.received.subsec_millis()).into());
        scratch[point] = b'.';
        self.put(sink, &X_REQUEST_START, scratch);
    }
}

impl WriteFields for Forwarded<'_> {
    fn write(&self, sink: &mut dyn Sink) {
        for (name, value) in &self.parts.headers {
            if self.goes_on(name) {
                sink.put(name.as_str().as_bytes(), value.as_bytes());
            }
        }
        let mut scratch = Vec::with_capacity(64);
        if self.has_crumbs && !self.is_listed(&COOKIE) {
            join(&mut scratch, &self.parts.headers, &COOKIE, b"; ");
            self.put(sink, &COOKIE, &scratch);
        }
        self.put_max_forwards(sink, &mut scratch);
        self.put_origin(sink, &mut scratch);
        self.put_via(sink, &mut scratch);
        self.id.with(|id| self.put(sink, &X_REQUEST_ID, id));
        self.put_start(sink, &mut scratch);
        for (name, value) in &self.config.request_headers {
            // An empty one takes a field away.
            if !value.is_empty() && fate::of(name.as_str()) != Fate::Hop {
                sink.put(name.as_str().as_bytes(), value.as_bytes());
            }
        }
    }

    fn takes_trace(&self) -> bool {
        self.trace.is_some() && !self.is_configured(&TRACEPARENT)
    }
}

/// As it was sent: the target's authority goes before `Host` (RFC 9112 §3.2.2).
pub(super) fn asked_host(parts: &Parts) -> &[u8] {
    match parts.uri.authority() {
        Some(authority) => authority.as_str().as_bytes(),
        None => parts
            .headers
            .get(http::header::HOST)
            .map_or(b"", |host| host.as_bytes()),
    }
}

/// What all lines of `Connection` list.
fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    members(headers, &CONNECTION)
}

fn members<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h [u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

/// Options that name no field, or one that never goes on.
fn is_usual(option: &[u8]) -> bool {
    [&b"keep-alive"[..], b"close", b"upgrade", b"te"]
        .iter()
        .any(|usual| option.eq_ignore_ascii_case(usual))
}

/// The lines of a field as one.
fn join(out: &mut Vec<u8>, headers: &HeaderMap, name: &HeaderName, between: &[u8]) {
    for line in headers.get_all(name) {
        let line = line.as_bytes().trim_ascii();
        if !line.is_empty() {
            if !out.is_empty() {
                out.extend_from_slice(between);
            }
            out.extend_from_slice(line);
        }
    }
}

/// Another member of a list follows.
fn part(out: &mut Vec<u8>) {
    if !out.is_empty() {
        out.extend_from_slice(b", ");
    }
}

/// How far an OPTIONS may go on, if it says (RFC 9110 §7.6.2). 0: it is answered here.
pub(crate) fn max_forwards(parts: &Parts) -> Option<u64> {
    let mut lines = parts.headers.get_all(MAX_FORWARDS).iter();
    let value = lines.next()?.as_bytes();
    let is_number = lines.next().is_none() && value.iter().all(u8::is_ascii_digit);
    let digits = str::from_utf8(value).ok().filter(|_| is_number)?;
    // Farther than anybody counts is far enough.
    (!digits.is_empty()).then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Whether the client takes trailers (RFC 9110 §10.1.4).
pub(crate) fn takes_trailers(headers: &HeaderMap) -> bool {
    members(headers, &TE).any(|coding| {
        let coding = coding.split(|&byte| byte == b';').next();
        coding.is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    })
}

/// Leaves in trailers what may come after a body: what is dropped or made anew before it is no more to be believed there, and some recipients
/// add trailers to the fields (RFC 9110 §6.5.1).
pub(crate) fn keep_trailers(trailers: &mut HeaderMap) {
    let refused = |name: &HeaderName| fate::of(name.as_str()) != Fate::EndToEnd;
    if trailers.keys().any(refused) {
        let kept = std::mem::take(trailers).into_iter();
        // The lines of a field come without its name but for the first.
        let mut last = None;
        for (name, value) in kept {
            last = name.or(last);
            if let Some(name) = last.as_ref().filter(|name| !refused(name)) {
                trailers.append(name.clone(), value);
            }
        }
    }
}

/// The protocol that the client would rather speak, when it is one that may pass: HTTP/2 is spoken with the server as configured, and
/// nobody's to choose (RFC 9113 §3.1).
pub(crate) fn upgrade(parts: &Parts) -> Option<&[u8]> {
    let is_asked = parts.version == Version::HTTP_11
        && connection_options(&parts.headers).any(|option| option.eq_ignore_ascii_case(b"upgrade"));
    members(&parts.headers, &UPGRADE)
        .filter(|_| is_asked)
        .find(|protocol| {
            let name = protocol.split(|&byte| byte == b'/').next();
            let name = name.unwrap_or_default().to_ascii_lowercase();
            !matches!(&name[..], b"h2c" | b"h2" | b"http" | b"tls")
        })
}

#[cfg(test)]
mod tests;
