//! Files that are sent where a path has none of its own: the page of a single-page application, and the pages for errors.

use std::sync::Arc;

use http::{StatusCode, header};

use super::outcome::Selected;
use super::path::RelativePath;
use super::representation::Representation;
use super::{FileRequest, Files, Tried};
use crate::header::accept;
use crate::rejection::Rejection;

impl Files {
    /// A single-page application answers for paths that only its own router knows: to navigations, never to a missing asset.
    pub(super) async fn fallback(
        &self,
        request: &FileRequest<'_>,
        rejection: Rejection,
    ) -> Option<Arc<Representation>> {
        let fallback = self.settings.fallback.as_ref()?;
        if rejection != Rejection::NOT_FOUND || !is_navigation(request) {
            return None;
        }
        match self.try_file(fallback, Some(request.story)).await {
            Ok(Tried::File(file)) => Some(file),
            Ok(Tried::Directory | Tried::Missing) | Err(_) => None,
        }
    }

    /// The page for an error: the configured one, for 404 also the nearest `404.html` above the requested path.
    pub(crate) async fn error_page(
        &self,
        status: StatusCode,
        configured: Option<&str>,
        path: Option<&RelativePath<'_>>,
    ) -> Option<Selected> {
        /// Folders looked into; a path can have thousands of segments.
        const NEAREST: usize = 16;
        if let Some(page) = configured {
            return self.whole_file(page).await;
        }
        if status != StatusCode::NOT_FOUND {
            return None;
        }
        let path = path.filter(|path| self.settings.hidden || !path.is_hidden());
        let mut folder = path.map_or("", |path| path.as_str());
        for _ in 0..NEAREST {
            folder = folder
                .trim_end_matches('/')
                .rsplit_once('/')
                .map_or("", |(above, _)| above);
            if folder.is_empty() {
                break;
            }
            if let Some(page) = self.whole_file(&format!("{folder}/404.html")).await {
                return Some(page);
            }
        }
        self.whole_file("404.html").await
    }

    async fn whole_file(&self, path: &str) -> Option<Selected> {
        match self.try_file(path, None).await {
            Ok(Tried::File(file)) => Selected::identity(file).opened(&self.docroot).ok()?,
            _ => None,
        }
    }
}

/// Whether a person is going to a page: browsers say so, other clients are taken by what they accept.
fn is_navigation(request: &FileRequest<'_>) -> bool {
    if let Some(mode) = request.headers.get("sec-fetch-mode") {
        return mode == "navigate";
    }
    let names_asset = request.path.extension().is_some_and(|extension| {
        !extension.eq_ignore_ascii_case("html") && !extension.eq_ignore_ascii_case("htm")
    });
    !names_asset && accept::names_html(request.headers.get_all(header::ACCEPT))
}
