//! Requests and attempts as spans, by the semantic conventions of OpenTelemetry for HTTP
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>). Pure.

use std::borrow::Cow;

use http::{Method, StatusCode, Version};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::{AttemptSpan, RequestSpan};
use crate::header::traceparent::TraceContext;

/// Longer values are cut: nobody reads them, and they are what a client sent.
const LONGEST: usize = 2048;

/// The span of the request, and one for each attempt.
pub(super) fn of(request: &RequestSpan) -> Vec<SpanData> {
    let context = request.span.context;
    let mut spans = vec![server_span(request)];
    for (attempt, number) in request.attempts.iter().zip(0..) {
        let own = context.numbered_child(number);
        spans.push(client_span(request, attempt, (own, number)));
    }
    spans
}

/// By the semantic conventions for servers of HTTP.
fn described(request: &RequestSpan) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.method(&request.method);
    attributes.put("url.path", cut(request.uri.path()));
    if let Some(query) = request.uri.query() {
        attributes.put("url.query", cut(query));
    }
    let is_encrypted = request.span.is_encrypted;
    attributes.put("url.scheme", if is_encrypted { "https" } else { "http" });
    attributes.put("network.protocol.version", version(request.version));
    if let Some(host) = request.host.as_ref().and_then(|host| host.to_str().ok()) {
        attributes.address(host);
    }
    if let Some(client) = request.client {
        attributes.put("client.address", client.to_string());
    }
    if let Some(agent) = request
        .user_agent
        .as_ref()
        .and_then(|agent| agent.to_str().ok())
    {
        attributes.put("user_agent.original", cut(agent));
    }
    if let Some(route) = &request.route {
        attributes.put("http.route", route.to_string());
    }
    if let Some(status) = request.status {
        attributes.put("http.response.status_code", i64::from(status.as_u16()));
    }
    attributes.put(
        "http.response.body.size",
        i64::try_from(request.sent).unwrap_or(i64::MAX),
    );
    attributes.put("daemun.request.id", request.id.clone());
    if let Some(refused) = request.refused {
        attributes.put("daemun.request.refused", refused);
    }
    attributes
}

fn server_span(request: &RequestSpan) -> SpanData {
    let mut attributes = described(request);
    // A refusal by the rules, and a client that leaves, are no errors of the server.
    let error = match request.status {
        Some(status) if status.is_server_error() => Some(status.as_str().to_owned()),
        Some(_) if request.is_aborted => Some("aborted".to_owned()),
        Some(_) => None,
        None => Some("client_closed_request".to_owned()),
    };
    let is_fault = request
        .status
        .is_some_and(|status| status.is_server_error());
    if let Some(error) = error {
        attributes.put("error.type", error);
    }
    let method = known(&request.method).unwrap_or("HTTP");
    SpanData {
        parent_span_id: request.span.parent.map_or(SpanId::INVALID, span_id),
        parent_span_is_remote: request.span.parent.is_some(),
        span_kind: SpanKind::Server,
        name: match &request.route {
            Some(route) => format!("{method} {route}").into(),
            None => Cow::Borrowed(method),
        },
        status: status(is_fault, String::new()),
        end_time: request.begun + request.took,
        ..span(request.span.context, request.begun, attributes)
    }
}

fn client_span(
    request: &RequestSpan,
    attempt: &AttemptSpan,
    (own, number): (TraceContext, u32),
) -> SpanData {
    let mut attributes = Attributes::default();
    attributes.method(&request.method);
    attributes.address(&attempt.server);
    attributes.put("daemun.upstream", attempt.upstream.to_string());
    if number > 0 {
        attributes.put("http.request.resend_count", i64::from(number));
    }
    let (is_fault, why) = match &attempt.result {
        Ok(answered) => {
            attributes.put("http.response.status_code", i64::from(answered.as_u16()));
            if is_error(*answered) {
                attributes.put("error.type", answered.as_str().to_owned());
            }
            (is_error(*answered), String::new())
        }
        Err(error) => {
            attributes.put("error.type", "no_answer");
            (true, cut(error))
        }
    };
    let begun = request.begun + attempt.begun;
    SpanData {
        parent_span_id: span_id(request.span.context.span_id),
        span_kind: SpanKind::Client,
        name: Cow::Borrowed(known(&request.method).unwrap_or("HTTP")),
        status: status(is_fault, why),
        end_time: begun + attempt.took,
        ..span(own, begun, attributes)
    }
}

/// What is the same in both, and what is to be said of each anew.
fn span(context: TraceContext, begun: std::time::SystemTime, attributes: Attributes) -> SpanData {
    let flags = u8::from(context.is_sampled) | u8::from(context.is_random) << 1;
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes(context.trace_id.to_be_bytes()),
            span_id(context.span_id),
            TraceFlags::new(flags),
            false,
            TraceState::NONE,
        ),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: Cow::Borrowed(""),
        start_time: begun,
        end_time: begun,
        attributes: attributes.0,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("daemun")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    }
}

#[derive(Default)]
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn put(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push(KeyValue::new(name, value));
    }

    /// Names are few: whatever nobody knows has one of its own.
    fn method(&mut self, method: &Method) {
        self.put("http.request.method", known(method).unwrap_or("_OTHER"));
        if known(method).is_none() {
            self.put("http.request.method_original", cut(method.as_str()));
        }
    }

    /// A host with its port, or the path of a socket.
    fn address(&mut self, text: &str) {
        let port = text
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        if let Some((host, port)) = port {
            self.put("server.address", cut(host.trim_matches(['[', ']'])));
            self.put("server.port", i64::from(port));
        } else {
            let text = text.strip_prefix("unix:").unwrap_or(text);
            self.put("server.address", cut(text.trim_matches(['[', ']'])));
        }
    }
}

fn known(method: &Method) -> Option<&'static str> {
    [
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY",
    ]
    .into_iter()
    .find(|known| *known == method.as_str())
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

fn status(is_fault: bool, why: String) -> Status {
    if is_fault {
        Status::error(why)
    } else {
        Status::Unset
    }
}

fn span_id(id: u64) -> SpanId {
    SpanId::from_bytes(id.to_be_bytes())
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::super::Span;
    use super::*;

    fn request() -> RequestSpan {
        RequestSpan {
            span: Span {
                context: TraceContext::begin((1, 2), 3, true),
                parent: None,
                is_encrypted: true,
            },
            begun: SystemTime::UNIX_EPOCH,
            took: Duration::from_millis(5),
            id: "id".to_owned(),
            client: None,
            method: Method::GET,
            uri: "/x".parse().unwrap(),
            version: Version::HTTP_2,
            host: None,
            user_agent: None,
            status: Some(StatusCode::OK),
            route: None,
            refused: None,
            is_aborted: false,
            sent: 0,
            attempts: Vec::new(),
        }
    }

    fn value(span: &SpanData, name: &str) -> Option<String> {
        let mut found = span.attributes.iter();
        let found = found.find(|attribute| attribute.key.as_str() == name);
        found.map(|attribute| attribute.value.to_string())
    }

    #[test]
    fn only_what_the_server_could_not_do_is_an_error() {
        for (status, is_aborted, error, is_fault) in [
            (Some(200), false, None, false),
            (Some(304), false, None, false),
            (Some(404), false, None, false),
            (Some(200), true, Some("aborted"), false),
            (Some(502), false, Some("502"), true),
            (None, true, Some("client_closed_request"), false),
        ] {
            let request = RequestSpan {
                status: status.map(|status| StatusCode::from_u16(status).unwrap()),
                is_aborted,
                ..request()
            };
            let span = of(&request).remove(0);
            assert_eq!(value(&span, "error.type").as_deref(), error, "{status:?}");
            assert_eq!(span.status != Status::Unset, is_fault, "{status:?}");
        }
    }

    #[test]
    fn names_are_few_whatever_a_client_sends() {
        let request = RequestSpan {
            method: Method::from_bytes(b"NONSENSE").unwrap(),
            uri: format!("/{}", "x".repeat(5000)).parse().unwrap(),
            ..request()
        };
        let span = of(&request).remove(0);
        assert_eq!(span.name, "HTTP");
        let method = value(&span, "http.request.method");
        assert_eq!(method.as_deref(), Some("_OTHER"));
        let original = value(&span, "http.request.method_original");
        assert_eq!(original.as_deref(), Some("NONSENSE"));
        assert_eq!(value(&span, "url.path").map(|path| path.len()), Some(2048));
    }

    #[test]
    fn servers_are_told_with_their_ports_or_their_paths() {
        for (text, address, port) in [
            ("127.0.0.1:3000", "127.0.0.1", Some("3000")),
            ("[::1]:3000", "::1", Some("3000")),
            ("[::1]", "::1", None),
            ("unix:/run/app.sock", "/run/app.sock", None),
            ("example.com", "example.com", None),
        ] {
            let mut attributes = Attributes::default();
            attributes.address(text);
            let span = span(
                TraceContext::begin((1, 2), 3, true),
                SystemTime::UNIX_EPOCH,
                attributes,
            );
            assert_eq!(
                value(&span, "server.address").as_deref(),
                Some(address),
                "{text}"
            );
            assert_eq!(value(&span, "server.port").as_deref(), port, "{text}");
        }
    }

    #[test]
    fn attempts_hang_beneath_the_request_at_their_times() {
        let attempt = |begun, result| AttemptSpan {
            upstream: "app".into(),
            server: "127.0.0.1:3000".into(),
            begun: Duration::from_millis(begun),
            took: Duration::from_millis(1),
            result,
        };
        let spans = of(&RequestSpan {
            attempts: vec![
                attempt(1, Err("refused".into())),
                attempt(3, Ok(StatusCode::NOT_FOUND)),
            ],
            ..request()
        });
        let [parent, failed, answered] = &spans[..] else {
            panic!("{spans:?}");
        };
        assert_eq!(parent.parent_span_id, SpanId::INVALID);
        for (span, number, millis) in [(failed, 0, 1), (answered, 1, 3)] {
            let own = request().span.attempt(number);
            assert_eq!(span.parent_span_id, parent.span_context.span_id());
            assert_eq!(span.span_context.span_id(), span_id(own.span_id));
            let begun = span.start_time.duration_since(SystemTime::UNIX_EPOCH);
            assert_eq!(begun.unwrap(), Duration::from_millis(millis));
            assert_eq!(span.end_time, span.start_time + Duration::from_millis(1));
        }
        assert_eq!(failed.status, Status::error("refused"));
        assert_eq!(value(answered, "error.type").as_deref(), Some("404"));
        assert_eq!(
            value(answered, "http.request.resend_count").as_deref(),
            Some("1")
        );
    }
}
