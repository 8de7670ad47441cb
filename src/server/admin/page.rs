//! The status page.

use axum::Router;

pub(super) fn router() -> Router {
    Router::new()
}
