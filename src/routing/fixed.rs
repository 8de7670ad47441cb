//! Answers that stand in the configuration.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Response, StatusCode};

use crate::static_files::body::Body;
use crate::transform::cache_policy::{NO_CACHE, NO_STORE};

/// What a route says by itself.
#[derive(Debug)]
pub(super) struct Fixed {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    pub(super) media_type: HeaderValue,
}

impl Fixed {
    /// The configured `Cache-Control` is for successes.
    pub(super) fn answer(
        &self,
        method: &Method,
        cache_control: Option<&HeaderValue>,
    ) -> Response<Body> {
        let sent = if *method == Method::HEAD {
            Body::empty()
        } else {
            Body::memory(self.body.clone())
        };
        let mut response = Response::new(sent);
        *response.status_mut() = self.status;
        let fields = response.headers_mut();
        fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let by_outcome = || {
            let failed = self.status.is_client_error() || self.status.is_server_error();
            (if failed { &NO_STORE } else { &NO_CACHE }).clone()
        };
        let configured = cache_control.filter(|_| self.status.is_success());
        fields.insert(
            CACHE_CONTROL,
            configured.cloned().unwrap_or_else(by_outcome),
        );
        // RFC 9110 §8.6: neither of these has a body, nor a length.
        if self.status != StatusCode::NO_CONTENT && self.status != StatusCode::NOT_MODIFIED {
            fields.insert(CONTENT_TYPE, self.media_type.clone());
            fields.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        response
    }
}
