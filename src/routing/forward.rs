//! A route that leads to an upstream.
//!
//! 1. Files go first, where the route has some: what exists is served, everything else is forwarded.
//! 2. The path that is forwarded is the one the route was found by, with another prefix where one is configured.
//! 3. What the application answers is the answer, but for statuses whose pages are the site's to show,
//! 4. and files that it wants sent from where it may.

use std::sync::Arc;

use axum::extract::OriginalUri;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES,
    SET_COOKIE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::gate::Via;
use super::path::PathPattern;
use super::route::Route;
use crate::config::upstream::ProxyConfig;
use crate::proxy::request;
use crate::proxy::request_body::RequestBody;
use crate::proxy::target::{Dialect, RequestPath};
use crate::proxy::{self, Asking, Forwarder, mount};
use crate::rejection::Rejection;
use crate::static_files::body::Body;
use crate::static_files::path::RelativePath;
use crate::static_files::settings::Settings;
use crate::static_files::{self, FileRequest, Files, Outcome, Policy, Refusal};
use crate::transform::compression;

/// What a route needs to forward.
#[derive(Debug)]
pub(super) struct Forward {
    /// None: its upstream could not be set up.
    proxy: Option<Forwarder>,
    config: ProxyConfig,
    files: Option<Arc<Files>>,
    /// Where the application may have files sent from.
    sendable: Option<Arc<Files>>,
    /// The route's prefix as clients write it, and what takes its place; both `/` where the path goes on as it is.
    outer: String,
    inner: Box<str>,
    dialect: Dialect,
}

impl Forward {
    pub(super) fn new(
        config: &ProxyConfig,
        pattern: &PathPattern,
        (proxy, dialect): (Option<Forwarder>, Dialect),
        files: &dyn Fn(&Settings) -> Arc<Files>,
    ) -> Self {
        Self {
            proxy,
            dialect,
            config: config.clone(),
            files: config.files.as_ref().map(files),
            sendable: config.accel.as_ref().map(|accel| files(&accel.files)),
            outer: match (pattern, &config.rewrite_prefix) {
                (PathPattern::Prefix(prefix), Some(_)) => mount::outer(prefix),
                _ => "/".to_owned(),
            },
            inner: config.rewrite_prefix.clone().unwrap_or_else(|| "/".into()),
        }
    }

    pub(super) fn encoded_slashes(&self) -> bool {
        self.config.encoded_slashes
    }

    /// Steps 1 to 4; `rule` is the `Cache-Control` for files.
    pub(super) async fn answer(
        &self,
        route: &Route,
        path: &RequestPath<'_>,
        rule: Option<&HeaderValue>,
        (parts, body, via): (&Parts, &mut RequestBody, Via<'_>),
    ) -> Result<Response<Body>, Refusal> {
        // RFC 9110 §7.6.2
        if parts.method == Method::OPTIONS && request::max_forwards(parts) == Some(0) {
            return static_files::respond(&parts.method, Outcome::Options, Policy::default());
        }
        // Boxed, as is all that is rare: the future of a request is moved about before it is polled, so its size is time.
        if let Some(files) = &self.files
            && let Some(response) =
                Box::pin(self.answer_with_file(files, route, path, parts, (rule, via))).await?
        {
            return Ok(response);
        }
        if let Some(redirect) = self.to_the_slash(path, parts) {
            return Ok(redirect);
        }
        let rewritten;
        let forwarded = if self.config.rewrite_prefix.is_some() {
            rewritten = mount::onward(&route.pattern, &self.inner, path.forwarded());
            &*rewritten
        } else {
            path.forwarded()
        };
        let asking = Asking {
            parts,
            path: forwarded,
            outer: &self.outer,
            inner: &self.inner,
            caller: via.caller,
            story: via.story,
            as_lines: via.as_lines && self.config.compress.is_none(),
        };
        let Some(proxy) = &self.proxy else {
            return Err(Rejection::UPSTREAM_UNUSABLE.into());
        };
        via.story.tell(|told| told.file = None);
        match proxy.answer(&asking, body).await {
            proxy::Outcome::Answered(response) => Ok(self.compressed(*response, parts, via)),
            proxy::Outcome::Refused(refusal) => Err(refusal),
            proxy::Outcome::Intercepted(status, field) => Err(Refusal {
                rejection: Rejection::new(status, "upstream-status"),
                field,
            }),
            proxy::Outcome::File { path, fields } => {
                Box::pin(self.send(&path, &fields, parts, (rule, via))).await
            }
        }
    }

    fn compressed(&self, response: Response<Body>, parts: &Parts, via: Via<'_>) -> Response<Body> {
        let Some(rules) = &self.config.compress else {
            return response;
        };
        let was_coded = response.headers().contains_key(CONTENT_ENCODING);
        let response = compression::compress(rules, (&parts.method, &parts.headers), response);
        let coding = response.headers().get(CONTENT_ENCODING);
        if let Some(coding) = coding.filter(|_| !was_coded) {
            via.story.forward(|told| told.coding = Some(coding.clone()));
        }
        response
    }

    /// Step 1.
    async fn answer_with_file(
        &self,
        files: &Files,
        route: &Route,
        path: &RequestPath<'_>,
        parts: &Parts,
        (rule, via): (Option<&HeaderValue>, Via<'_>),
    ) -> Result<Option<Response<Body>>, Refusal> {
        if parts.method != Method::GET && parts.method != Method::HEAD {
            return Ok(None);
        }
        let target = self.dialect.without_parameters(path.forwarded());
        let Ok(path) = RelativePath::parse(&target) else {
            return Ok(None);
        };
        let path = route.path_for(&path);
        let request = FileRequest {
            method: &parts.method,
            uri: &parts.uri,
            headers: &parts.headers,
            path: &path,
            cache_control: rule,
            story: via.story,
        };
        let outcome = files.answer(&request).await;
        if let Outcome::Refused(refusal) = &outcome
            && refusal.rejection.status() == StatusCode::NOT_FOUND
        {
            return Ok(None);
        }
        let policy = Policy {
            cache_control: rule,
            as_lines: via.as_lines,
        };
        static_files::respond(&parts.method, outcome, policy).map(Some)
    }

    /// The page at `/app` would be read as one of `/`, and its links lead out of the application: as for a folder of files.
    fn to_the_slash(&self, path: &RequestPath<'_>, parts: &Parts) -> Option<Response<Body>> {
        let is_read = parts.method == Method::GET || parts.method == Method::HEAD;
        let is_stripped = self.config.rewrite_prefix.is_some() && &*self.inner == "/";
        let is_bare = self.outer.strip_suffix('/') == Some(path.forwarded());
        if !is_read || !is_stripped || !is_bare || request::upgrade(parts).is_some() {
            return None;
        }
        let uri = parts.extensions.get::<OriginalUri>();
        let uri = uri.map_or(&parts.uri, |original| &original.0);
        let query = uri.query().map(|query| format!("?{query}"));
        let location = [uri.path(), "/", query.as_deref().unwrap_or_default()].concat();
        let location = HeaderValue::from_str(&location).ok()?;
        Some(static_files::redirect(
            location,
            StatusCode::PERMANENT_REDIRECT,
        ))
    }

    /// Step 4. Only GET and HEAD can have a file for an answer; what else it was, the application has done.
    async fn send(
        &self,
        path: &str,
        fields: &HeaderMap,
        parts: &Parts,
        (rule, via): (Option<&HeaderValue>, Via<'_>),
    ) -> Result<Response<Body>, Refusal> {
        let not_found = || Refusal::from(Rejection::NOT_FOUND);
        let files = self.sendable.as_ref().ok_or_else(not_found)?;
        let path = RelativePath::parse(path).map_err(|_| not_found())?;
        let method = match parts.method {
            Method::HEAD => Method::HEAD,
            _ => Method::GET,
        };
        let request = FileRequest {
            method: &method,
            uri: &parts.uri,
            headers: &parts.headers,
            path: &path,
            cache_control: fields.get(CACHE_CONTROL).or(rule),
            story: via.story,
        };
        let outcome = match files.answer(&request).await {
            // A folder is no file.
            Outcome::Redirect(_) | Outcome::Listing { .. } => return Err(not_found()),
            outcome => outcome,
        };
        let policy = Policy {
            cache_control: rule,
            as_lines: false,
        };
        let mut response = static_files::respond(&method, outcome, policy)?;
        // What the application says of the file goes over what its name says.
        for name in [
            CONTENT_TYPE,
            CONTENT_DISPOSITION,
            CONTENT_LANGUAGE,
            CACHE_CONTROL,
            EXPIRES,
            SET_COOKIE,
        ] {
            let is_multipart = name == CONTENT_TYPE
                && response.status() == StatusCode::PARTIAL_CONTENT
                && !response.headers().contains_key(http::header::CONTENT_RANGE);
            if is_multipart {
                continue;
            }
            for (place, value) in fields.get_all(&name).iter().enumerate() {
                if place == 0 {
                    response.headers_mut().insert(&name, value.clone());
                } else {
                    response.headers_mut().append(&name, value.clone());
                }
            }
        }
        Ok(response)
    }
}
