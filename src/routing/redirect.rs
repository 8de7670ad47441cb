//! Redirect rules: `{path}`, `{rest}` and `{host}` in the target stand for what the client sent.

use http::header::{HOST, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};

use super::path::PathPattern;
use crate::header::host::Host;
use crate::rejection::Rejection;
use crate::static_files::Refusal;
use crate::static_files::body::Body;

/// A target with places to fill, and the status to send.
#[derive(Debug)]
pub(super) struct Redirect {
    to: String,
    status: StatusCode,
    takes_query: bool,
}

impl Redirect {
    pub(super) fn new(to: &str, status: StatusCode) -> Self {
        Self {
            to: to.to_owned(),
            status,
            takes_query: !to.contains('?'),
        }
    }

    pub(super) fn answer(
        &self,
        pattern: &PathPattern,
        request: &Parts,
    ) -> Result<Response<Body>, Refusal> {
        let location = self.location(pattern, request);
        // What came from the request must not choose the host: "/{rest}" with a rest of "/evil.example" would.
        let leads_away = location.starts_with("//") && !self.to.starts_with("//");
        let location = if leads_away {
            format!("/{}", location.trim_start_matches('/'))
        } else {
            location
        };
        let location = HeaderValue::try_from(location).map_err(|_| Rejection::TARGET_FORM)?;
        Ok(crate::static_files::redirect(location, self.status))
    }

    /// Filled with the path as it was sent, still percent-encoded, so nothing in it can begin a new field line.
    fn location(&self, pattern: &PathPattern, request: &Parts) -> String {
        let path = request.uri.path();
        let mut location = String::with_capacity(self.to.len() + path.len());
        let mut rest = self.to.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            location.push_str(before);
            let (name, behind) = after.split_once('}').unwrap_or((after, ""));
            match name {
                "path" => location.push_str(path),
                "rest" => location.push_str(pattern.rest(path).trim_start_matches('/')),
                "host" => location.push_str(&host(request)),
                // Refused when the configuration was read.
                _ => {}
            }
            rest = behind;
        }
        location.push_str(rest);
        if self.takes_query
            && let Some(query) = request.uri.query()
        {
            location.push('?');
            location.push_str(query);
        }
        location
    }
}

fn host(request: &Parts) -> String {
    let field = request.headers.get(HOST).map(HeaderValue::as_bytes);
    let value = request
        .uri
        .authority()
        .map(|authority| authority.as_str().as_bytes())
        .or(field);
    match value.and_then(|value| Host::parse(value).ok()) {
        Some(host) => host.name().to_owned(),
        None => String::new(),
    }
}
