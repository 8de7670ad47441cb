//! The answers, each made at the moment it is asked for.

use axum::extract::{Path, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};

use super::guard::{Denied, judge};
use super::{Asked, Handle};
use crate::observe::status::{Readiness, Status};
use crate::routing::readiness_text;
use crate::server::ConnectionInfo;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
/// As Prometheus wants it.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Around all of them: only those who may ask are answered, and nobody keeps what they were told.
pub(super) async fn guarded(
    State(handle): State<Handle>,
    request: Request,
    next: Next,
) -> Response {
    let head = (request.uri(), request.headers());
    let mut response = match judge(head, is_local(&request), &handle.admin_config()) {
        Ok(()) => next.run(request).await,
        Err(denied) => refuse(denied),
    };
    let fields = response.headers_mut();
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

pub(super) async fn status(State(asked): State<Asked>) -> Response {
    match serde_json::to_string(&asked.handle.status()) {
        Ok(json) => text(StatusCode::OK, JSON, json),
        Err(error) => failed(&error),
    }
}

pub(super) async fn metrics(State(asked): State<Asked>) -> Response {
    text(StatusCode::OK, METRICS, asked.handle.metrics())
}

pub(super) async fn alive() -> Response {
    text(StatusCode::OK, TEXT, "ok\n".to_owned())
}

pub(super) async fn ready(State(asked): State<Asked>) -> Response {
    // Asked often, and by those who want the answer soon: not all else is looked up for it.
    let mut status = Status::default();
    asked.handle.tell_of_itself(&mut status);
    let (code, told) = readiness(
        &status.readiness,
        status.configuration.last_error.as_deref(),
    );
    text(code, TEXT, told)
}

pub(super) async fn explain(State(asked): State<Asked>, Path(id): Path<String>) -> Response {
    if let Some(story) = asked.handle.explain(&id) {
        return text(StatusCode::OK, TEXT, story);
    }
    let told = "no request with this id is remembered: only the last ones are, and only once they have ended\n";
    text(StatusCode::NOT_FOUND, TEXT, told.to_owned())
}

pub(super) async fn configuration(State(asked): State<Asked>) -> Response {
    let shown = asked.handle.configuration_text();
    text(StatusCode::OK, TEXT, shown.text.clone())
}

pub(super) async fn nothing() -> Response {
    let told = "there is nothing here; there are /, /status, /events, /metrics, /healthz, /readyz, /explain/ID, /configuration\n";
    text(StatusCode::NOT_FOUND, TEXT, told.to_owned())
}

/// As a route of a site says it, with a word on the configuration, which is no reason to send requests elsewhere.
fn readiness(readiness: &Readiness, refused: Option<&str>) -> (StatusCode, String) {
    let (code, told) = readiness_text(&readiness.reasons);
    let Some(why) = refused else {
        return (code, told);
    };
    let first = why.lines().next().unwrap_or_default();
    let note = "the configuration was refused at the last reload, and the one before counts";
    (code, format!("{told}{note}: {first}\n"))
}

fn refuse(denied: Denied) -> Response {
    let (status, told) = match denied {
        Denied::Host => (
            StatusCode::MISDIRECTED_REQUEST,
            "the admin listener is not known by this name: ask by address, or add the name to `hosts` in [admin]\n",
        ),
        Denied::Origin => (
            StatusCode::FORBIDDEN,
            "pages of other origins may not ask the admin listener\n",
        ),
        Denied::Token => (
            StatusCode::UNAUTHORIZED,
            "the admin listener wants its token: `Authorization: Bearer TOKEN`, or the token as password of any user\n",
        ),
    };
    let mut response = text(status, TEXT, told.to_owned());
    if denied == Denied::Token {
        // Browsers take the first that they know.
        for challenge in [
            "Basic realm=\"Daemun\", charset=\"UTF-8\"",
            "Bearer realm=\"Daemun\"",
        ] {
            let challenge = HeaderValue::from_static(challenge);
            response.headers_mut().append(WWW_AUTHENTICATE, challenge);
        }
    }
    response
}

/// Over a Unix socket, whose file says who may.
fn is_local(request: &Request) -> bool {
    let info = request.extensions().get::<ConnectionInfo>();
    info.is_some_and(|info| info.peer().is_none())
}

fn failed(error: &serde_json::Error) -> Response {
    tracing::error!(%error, "the status cannot be written");
    text(
        StatusCode::INTERNAL_SERVER_ERROR,
        TEXT,
        "the status cannot be written: see the log\n".to_owned(),
    )
}

fn text(status: StatusCode, media_type: &'static str, text: String) -> Response {
    (status, [(CONTENT_TYPE, media_type)], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_configuration_is_told_and_is_no_reason() {
        let mut asked = Readiness::default();
        assert_eq!(readiness(&asked, None), (StatusCode::OK, "ok\n".to_owned()));
        let (code, told) = readiness(&asked, Some("daemun.toml:1:1: wrong\n  help"));
        assert_eq!(code, StatusCode::OK);
        assert!(
            told.starts_with("ok\nthe configuration was refused"),
            "{told}"
        );
        assert!(told.ends_with(": daemun.toml:1:1: wrong\n"), "{told}");
        asked.reasons = vec!["one".to_owned(), "two".to_owned()];
        let (code, told) = readiness(&asked, None);
        assert_eq!((code.as_u16(), &*told), (503, "one\ntwo\n"));
    }
}
