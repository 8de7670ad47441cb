//! Answers that stand in the configuration.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Response, StatusCode};

use crate::static_files::body::Body;
use crate::transform::cache_policy::{NO_CACHE, NO_STORE};

/// The answer that a route gives by itself.
pub(super) fn answer(
    method: &Method,
    status: StatusCode,
    body: &Bytes,
    media_type: &HeaderValue,
    cache_control: Option<&HeaderValue>,
) -> Response<Body> {
    let sent = if *method == Method::HEAD {
        Body::empty()
    } else {
        Body::memory(body.clone())
    };
    let mut response = Response::new(sent);
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.insert(
        CACHE_CONTROL,
        cache_control.cloned().unwrap_or_else(|| {
            let failed = status.is_client_error() || status.is_server_error();
            (if failed { &NO_STORE } else { &NO_CACHE }).clone()
        }),
    );
    // RFC 9110 §8.6: neither of these has a body, nor a length.
    if status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
        fields.insert(CONTENT_TYPE, media_type.clone());
        fields.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    response
}
