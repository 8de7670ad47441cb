//! Whose scripts may read a site's answers.

use http::Method;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::request::Parts;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use crate::config::Cors;

/// An OPTIONS request that is no preflight is an ordinary one.
pub(super) fn concerns(parts: &Parts) -> bool {
    parts.method != Method::OPTIONS
        || (parts.headers.contains_key(ORIGIN)
            && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD))
}

pub(super) fn layer(cors: &Cors) -> CorsLayer {
    let origins = match cors {
        Cors::Any => AllowOrigin::any(),
        Cors::Origins(origins) => AllowOrigin::list(origins.iter().cloned()),
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers(Any)
        .expose_headers(Any)
        .max_age(std::time::Duration::from_secs(24 * 60 * 60))
}
