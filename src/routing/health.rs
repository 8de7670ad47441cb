//! A route for those who check the server: load balancers, orchestrators.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Response, StatusCode};

use super::requirements::Requirements;
use crate::config;
use crate::static_files::Refusal;
use crate::static_files::body::Body;
use crate::transform::cache_policy::NO_STORE;

/// What is told there.
#[derive(Debug)]
pub(super) enum Health {
    Alive,
    Ready(Arc<Requirements>),
}

impl Health {
    pub(super) fn new(kind: config::Health, requirements: &Arc<Requirements>) -> Self {
        match kind {
            config::Health::Alive => Self::Alive,
            config::Health::Ready => Self::Ready(Arc::clone(requirements)),
        }
    }

    pub(super) fn answer(&self, method: &Method) -> Result<Response<Body>, Refusal> {
        if method != Method::GET && method != Method::HEAD {
            return Err(Refusal::method_not_allowed());
        }
        let unmet = match self {
            Self::Alive => Vec::new(),
            Self::Ready(requirements) => {
                requirements.look();
                requirements.unmet()
            }
        };
        let (status, text) = told(&unmet);
        let length = text.len();
        let mut response = Response::new(if method == Method::HEAD {
            Body::empty()
        } else {
            Body::memory(Bytes::from(text))
        });
        *response.status_mut() = status;
        let fields = response.headers_mut();
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        fields.insert(CONTENT_TYPE, plain);
        fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
        fields.insert(CACHE_CONTROL, NO_STORE.clone());
        fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Ok(response)
    }
}

/// `ok`, or what is not, one reason a line.
pub(crate) fn told(unmet: &[String]) -> (StatusCode, String) {
    if unmet.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        let text = unmet.join("\n") + "\n";
        (StatusCode::SERVICE_UNAVAILABLE, text)
    }
}
