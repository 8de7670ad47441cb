//! [`StaticFiles`]: one document root as a tower service.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::OriginalUri;
use http::{HeaderValue, Request, Response};

use super::body::Body;
use super::cache::Cache;
use super::path::RelativePath;
use super::settings::{DEFAULT_LISTING_LIMIT, Settings, SymlinkPolicy};
use super::{FileRequest, Files, Policy, respond, respond_with_page};
use crate::config::{CacheConfig, CompressionConfig};
use crate::observe::story::Story;
use crate::rejection::Rejection;

/// The files of one document root, as a tower service: mount it in any router, or call it yourself.
///
/// It answers GET, HEAD and OPTIONS with validators, preconditions, ranges, content codings and a cache policy as the whole server does; what it
/// does not look at is the request's host, nor who may read what. Every request is answered: a refused one has a
/// [`Rejection`] in the extensions of its response.
///
/// Clones share what is held in memory.
///
/// ```
/// # async fn run() {
/// let app: axum::Router = axum::Router::new()
///     .nest_service("/assets", daemun::StaticFiles::new("public/assets"))
///     .fallback_service(daemun::StaticFiles::new("public").spa("index.html"));
/// # }
/// ```
#[derive(Clone)]
pub struct StaticFiles {
    settings: Settings,
    cache: CacheConfig,
    files: Arc<Files>,
}

impl StaticFiles {
    /// Serves the files beneath `docroot`; a relative path is relative to the current folder now. The folder need not exist yet: until it
    /// does, everything is 404.
    pub fn new(docroot: impl AsRef<Path>) -> Self {
        let docroot = docroot.as_ref();
        let docroot = std::path::absolute(docroot).unwrap_or_else(|_| PathBuf::from(docroot));
        Self::from_parts(
            Settings {
                docroot,
                ..Settings::default()
            },
            CacheConfig::default(),
        )
    }

    /// The file names that answer for a folder, in order. Default: `index.html`.
    #[must_use]
    pub fn index(self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let index = names.into_iter().map(Into::into).collect();
        self.with(|settings| settings.index = index)
    }

    /// The file that answers navigations to paths where no file is, as single-page applications need it. A missing asset stays 404.
    #[must_use]
    pub fn spa(self, file: impl Into<String>) -> Self {
        let file = file.into().trim_start_matches('/').to_owned();
        self.with(|settings| settings.fallback = Some(file))
    }

    /// Whether `/page` is answered with `page.html`. Default: no.
    #[must_use]
    pub fn clean_urls(self, clean_urls: bool) -> Self {
        self.with(|settings| settings.clean_urls = clean_urls)
    }

    /// Whether folders without an index are listed (at most 10,000 entries). Default: no.
    #[must_use]
    pub fn listing(self, listing: bool) -> Self {
        self.with(|settings| settings.listing = listing.then_some(DEFAULT_LISTING_LIMIT))
    }

    /// Whether dotfiles are served; `/.well-known/` always is. Default: no.
    #[must_use]
    pub fn hidden(self, hidden: bool) -> Self {
        self.with(|settings| settings.hidden = hidden)
    }

    /// How far symbolic links may lead. Default: [`SymlinkPolicy::WithinRoot`].
    #[must_use]
    pub fn symlinks(self, policy: SymlinkPolicy) -> Self {
        self.with(|settings| settings.symlinks = policy)
    }

    /// Whether `app.js.br`, `.zst` and `.gz` beside `app.js` are sent to clients that accept them. Default: yes.
    #[must_use]
    pub fn sidecars(self, sidecars: bool) -> Self {
        self.with(|settings| settings.sidecars = sidecars)
    }

    /// Whether files without a sidecar are compressed for clients that accept it, once, off the worker. Default: yes.
    #[must_use]
    pub fn compress(self, compress: bool) -> Self {
        self.with(|settings| settings.compress = compress)
    }

    /// The media type of an extension (without its dot), over the built-in table.
    #[must_use]
    pub fn media_type(self, extension: &str, media_type: HeaderValue) -> Self {
        let extension = extension.to_ascii_lowercase();
        self.with(|settings| drop(settings.media_types.insert(extension, media_type)))
    }

    /// How many bytes of files are held in memory; 0 holds none. Default: 256 MiB.
    #[must_use]
    pub fn cache_memory(self, bytes: u64) -> Self {
        Self::from_parts(
            self.settings,
            CacheConfig {
                memory: bytes,
                ..self.cache
            },
        )
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.settings;
        change(&mut settings);
        Self::from_parts(settings, self.cache)
    }

    fn from_parts(settings: Settings, cache: CacheConfig) -> Self {
        let files = Arc::new(Files::new(
            settings.clone(),
            Arc::new(Cache::new(&cache, &CompressionConfig::default())),
        ));
        Self {
            settings,
            cache,
            files,
        }
    }
}

impl fmt::Debug for StaticFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticFiles")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<B> tower_service::Service<Request<B>> for StaticFiles {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let files = Arc::clone(&self.files);
        let (parts, _) = request.into_parts();
        Box::pin(async move { Ok(answer(&files, &parts).await) })
    }
}

async fn answer(files: &Files, parts: &http::request::Parts) -> Response<Body> {
    let story = Story::unheard(&parts.headers);
    let (path, refusal) = match RelativePath::parse(parts.uri.path()) {
        Ok(path) => {
            // Nested in a router, the path was cut; redirects must name the one that the client sent.
            let uri = parts
                .extensions
                .get::<OriginalUri>()
                .map_or(&parts.uri, |original| &original.0);
            let request = FileRequest {
                method: &parts.method,
                uri,
                headers: &parts.headers,
                path: &path,
                cache_control: None,
                story: &story,
            };
            let outcome = files.answer(&request).await;
            match respond(&parts.method, outcome, Policy::default()) {
                Ok(response) => return response,
                Err(refusal) => (Some(path), refusal),
            }
        }
        Err(refusal) => (None, Rejection::from_path(refusal).into()),
    };
    let page = files
        .error_page(refusal.rejection.status(), None, path.as_ref())
        .await;
    let request = (&parts.method, &parts.headers);
    respond_with_page(request, refusal, page.as_ref(), &story.id)
}
