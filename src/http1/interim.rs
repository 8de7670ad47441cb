//! Interim answers of a handler's own (RFC 9110 §15.2), such as 103 Early Hints.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};

use super::body::Channel;
use super::response;

/// Sends interim answers before the final one; found in the extensions of a request that came by HTTP/1.1.
///
/// ```
/// use axum::http::{HeaderMap, HeaderValue, StatusCode, header::LINK};
/// use axum::{Extension, Router, routing::get};
/// use daemun::Interim;
///
/// async fn page(interim: Option<Extension<Interim>>) -> &'static str {
///     if let Some(Extension(interim)) = interim {
///         let mut hints = HeaderMap::new();
///         hints.insert(LINK, HeaderValue::from_static("</style.css>; rel=preload; as=style"));
///         interim.send(StatusCode::EARLY_HINTS, &hints);
///     }
///     "the page, after a while"
/// }
///
/// let router: Router = Router::new().route("/", get(page));
/// ```
#[derive(Clone, Debug)]
pub struct Interim(pub(crate) Arc<Channel>);

impl Interim {
    /// Sends a status of the class 1xx with its fields. What is sent after the final answer has begun is lost, and so is any status that
    /// is not the handler's to send: 100 is sent when the body is asked for, 101 goes with an upgrade.
    pub fn send(&self, status: StatusCode, fields: &HeaderMap) {
        if status.is_informational()
            && status != StatusCode::CONTINUE
            && status != StatusCode::SWITCHING_PROTOCOLS
        {
            let mut head = Vec::with_capacity(128);
            response::write_interim(&mut head, status, fields);
            self.0.send_interim(&head);
        }
    }
}
