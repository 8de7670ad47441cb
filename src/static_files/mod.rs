//! Static files, in the order in which a request meets the steps:
//!
//! 1. Method: GET and HEAD; OPTIONS is answered; everything else is 405.
//! 2. Path: already a relative path; dotfiles are not there unless the settings say so.
//! 3. Document root: the file, an index, the redirect to the slash, a clean URL, a listing, the fallback, or 404.
//! 4. Representation: the content coding by `Accept-Encoding`.
//! 5. Validators of that representation.
//! 6. Preconditions in the order of RFC 9110 §13.2.2.
//! 7. Range, with `If-Range`.
//! 8. Response; HEAD is GET without the body.

pub(crate) mod body;
pub(crate) mod cache;
mod coded;
mod dictionary;
mod docroot;
mod listing;
mod outcome;
pub(crate) mod path;
mod ready;
mod representation;
mod response;
mod select;
pub(crate) mod service;
pub(crate) mod settings;
mod stand_in;

use std::io;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, Uri, header};

use crate::header::accept_encoding::CodingSet;
use crate::header::digest;
use crate::header::media_type;
use crate::header::precondition::{self, Precondition, Validators};
use crate::header::range::{self, RangeSet};
use crate::http1::Ready;
use crate::http1::plain::PlainGet;
use crate::observe::story::{FileFound, Story};
use crate::rejection::Rejection;
use cache::{Cache, Found};
use docroot::Docroot;
use outcome::{Part, Selected};
use path::RelativePath;
use ready::ReadyAnswer;
use representation::Representation;
use select::Held;

pub(crate) use outcome::{ALLOW, Outcome, Refusal};
pub(crate) use response::{Policy, redirect, respond, respond_with_page};
pub(crate) use settings::{DEFAULT_LISTING_LIMIT, Settings, SymlinkPolicy};

/// The files of one document root.
#[derive(Debug)]
pub(crate) struct Files {
    settings: Settings,
    docroot: Docroot,
    cache: Arc<Cache>,
}

/// What the steps look at of a request.
#[derive(Clone, Copy)]
pub(crate) struct FileRequest<'a> {
    pub(crate) method: &'a Method,
    /// As the client sent it, for redirects and the query of listings.
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) path: &'a RelativePath<'a>,
    /// What its answer says of keeping it, where the site or the application has a rule. `no-transform` leaves files as they are
    /// (RFC 9111 §5.2.2.6).
    pub(crate) cache_control: Option<&'a HeaderValue>,
    /// What is told of the request.
    pub(crate) story: &'a Story,
}

/// Where a request path led.
enum Located {
    File(Arc<Representation>),
    /// A folder that was asked for without its slash.
    WithoutSlash,
    /// A folder without an index, to be listed with at most so many entries.
    Folder(usize),
    Nothing,
}

/// What comes of trying one path in the document root.
enum Tried {
    File(Arc<Representation>),
    Directory,
    Missing,
}

impl Files {
    pub(crate) fn new(settings: Settings, cache: Arc<Cache>) -> Self {
        let number = cache.number(&settings);
        let docroot = Docroot::new(number, settings.docroot.clone(), settings.symlinks);
        Self {
            settings,
            docroot,
            cache,
        }
    }

    /// All steps at once, for a plain request whose file is held in memory and has been answered with before.
    pub(crate) fn ready(
        &self,
        request: PlainGet<'_>,
        cache_control: Option<&HeaderValue>,
    ) -> Option<Ready> {
        let path = RelativePath::parse(request.path).ok()?;
        if path.asks_for_directory() || (!self.settings.hidden && path.is_hidden()) {
            return None;
        }
        let file = self.cache.held(&self.docroot, path.as_str())?;
        // Without a coding to choose there is nothing to look for beside the file; else it must have been looked for just now.
        let may_have_sidecars =
            self.settings.sidecars && (!file.negotiable || request.codings.is_some());
        let sidecars = if may_have_sidecars {
            CodingSet::from_bits(file.sidecars.read()?)
        } else {
            CodingSet::default()
        };
        let coded = match request.codings {
            Some(codings) => self.select_held(&file, sidecars, codings, cache_control)?,
            None => Held::File,
        };
        let answer = ReadyAnswer {
            file: &file,
            coded: match &coded {
                Held::File => None,
                Held::Coding(coding, coded) => Some((*coding, coded)),
            },
            negotiable: self.is_negotiable(&file, sidecars),
            dictionary: self.dictionary_offer(&file, request.path, cache_control),
            cache_control,
        };
        answer.to(request.if_none_match)
    }

    /// Steps 1 to 7.
    pub(crate) async fn answer(&self, request: &FileRequest<'_>) -> Outcome {
        /// A file that is replaced between being found and being opened is looked for again; nobody replaces that fast for long.
        const TRIES: usize = 8;
        for _ in 0..TRIES {
            if let Some(outcome) = self.try_answer(request).await {
                return outcome;
            }
        }
        Rejection::REPLACED.into()
    }

    /// `None` when the file was replaced meanwhile.
    async fn try_answer(&self, request: &FileRequest<'_>) -> Option<Outcome> {
        match *request.method {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return Some(Outcome::Options),
            _ => return Some(Refusal::method_not_allowed().into()),
        }
        if !self.settings.hidden && request.path.is_hidden() {
            return Some(Rejection::HIDDEN.into());
        }
        let story = request.story;
        let rejection = match self.locate(request.path, story).await {
            Ok(Located::File(file)) => return self.answer_file(request, file, false).await,
            Ok(Located::WithoutSlash) => {
                story.looked_at(request.path.as_str(), FileFound::Folder);
                return Some(Outcome::redirect_to_slash(request.uri));
            }
            Ok(Located::Folder(limit)) => {
                story.looked_at(request.path.as_str(), FileFound::Listed);
                return Some(Box::pin(self.list(request, limit)).await);
            }
            Ok(Located::Nothing) => Rejection::NOT_FOUND,
            Err(rejection) => rejection,
        };
        match Box::pin(self.fallback(request, rejection)).await {
            Some(file) => Box::pin(self.answer_file(request, file, true)).await,
            None => Some(rejection.into()),
        }
    }

    /// Step 3, but for listing and fallback.
    async fn locate(&self, path: &RelativePath<'_>, story: &Story) -> Result<Located, Rejection> {
        if path.asks_for_directory() {
            return Box::pin(self.locate_index(path.as_str(), story)).await;
        }
        let tried = self.try_file(path.as_str(), Some(story)).await?;
        if let Tried::File(file) = tried {
            return Ok(Located::File(file));
        }
        if self.settings.clean_urls
            && let Tried::File(file) =
                Box::pin(self.try_file(&format!("{}.html", path.as_str()), Some(story))).await?
        {
            return Ok(Located::File(file));
        }
        if matches!(tried, Tried::Directory) && self.holds_directory(path.as_str())? {
            return Ok(Located::WithoutSlash);
        }
        // Not of the page that might have been meant.
        story.looked_at(path.as_str(), FileFound::Nothing);
        Ok(Located::Nothing)
    }

    async fn locate_index(&self, folder: &str, story: &Story) -> Result<Located, Rejection> {
        for index in &self.settings.index {
            let path = [folder, index].concat();
            if let Tried::File(file) = self.try_file(&path, Some(story)).await? {
                return Ok(Located::File(file));
            }
        }
        Ok(match self.settings.listing {
            Some(limit) if self.holds_directory(folder)? => Located::Folder(limit),
            _ => Located::Nothing,
        })
    }

    /// Told where the request is about it.
    async fn try_file(&self, path: &str, story: Option<&Story>) -> Result<Tried, Rejection> {
        let (found, is_held) = self
            .cache
            .look_up(&self.docroot, path, || self.media_type(path))
            .await;
        if let Some(story) = story {
            story.looked_at(
                path,
                match &found {
                    Found::File(_) if is_held => FileFound::Held,
                    Found::File(_) => FileFound::Opened,
                    _ => FileFound::Nothing,
                },
            );
        }
        match found {
            Found::File(file) => Ok(Tried::File(file)),
            Found::Directory => Ok(Tried::Directory),
            Found::Missing => Ok(Tried::Missing),
            Found::Refused(rejection) => Err(rejection),
        }
    }

    fn holds_directory(&self, path: &str) -> Result<bool, Rejection> {
        self.docroot
            .holds_directory(path)
            .map_err(|error| Rejection::from_io(&error))
    }

    fn media_type(&self, path: &str) -> HeaderValue {
        let extension = path
            .rsplit('/')
            .next()
            .and_then(|name| name.rsplit_once('.'))
            .map(|(_, extension)| extension);
        let configured = (!self.settings.media_types.is_empty())
            .then(|| {
                self.settings
                    .media_types
                    .get(&extension?.to_ascii_lowercase())
            })
            .flatten();
        configured
            .cloned()
            .unwrap_or_else(|| media_type::by_extension(extension))
    }

    async fn list(&self, request: &FileRequest<'_>, limit: usize) -> Outcome {
        let path = request.path.as_str().to_owned();
        let docroot = self.docroot.clone();
        let hidden = self.settings.hidden;
        let shown = path.clone();
        // A large folder on a slow disk would hold up every other connection of the worker.
        let listed = tokio::task::spawn_blocking(move || docroot.list(&path, hidden, limit)).await;
        match listed.map_err(io::Error::other).flatten() {
            Ok((entries, truncated)) => {
                Outcome::listing(request, &shown, entries, truncated, limit)
            }
            Err(error) => Rejection::from_io(&error).into(),
        }
    }

    /// Steps 4 to 7, and what they came to is told.
    async fn answer_file(
        &self,
        request: &FileRequest<'_>,
        file: Arc<Representation>,
        is_fallback: bool,
    ) -> Option<Outcome> {
        let outcome = self.judge_file(request, file, is_fallback).await?;
        request.story.validated(outcome.validated());
        Some(outcome)
    }

    async fn judge_file(
        &self,
        request: &FileRequest<'_>,
        file: Arc<Representation>,
        is_fallback: bool,
    ) -> Option<Outcome> {
        let mut selected = self.select_any(file, request, is_fallback).await;
        selected.is_fallback = is_fallback;
        request
            .story
            .selected(selected.coding, selected.source, is_fallback);
        if digest::wants_sha256(request.headers) {
            selected.digest = selected.repr_digest();
        }
        let entity_tag = selected.entity_tag();
        let validators = Validators {
            entity_tag: Some(&entity_tag),
            last_modified: selected.original.last_modified().map(|(time, _)| time),
        };
        match precondition::evaluate(request.method, request.headers, validators) {
            Precondition::NotModified => return Some(Outcome::NotModified(selected, entity_tag)),
            Precondition::Proceed if has_former(request, &selected) => {
                let former_tag = selected.former_tag().cloned().unwrap_or(entity_tag);
                return Some(Outcome::NotModified(selected, former_tag));
            }
            Precondition::Failed => return Some(Rejection::PRECONDITION_FAILED.into()),
            Precondition::Proceed => {}
        }
        // RFC 9110 §14.2: a range is defined for GET only.
        if *request.method == Method::HEAD {
            return Some(Outcome::File(selected, entity_tag, Part::Whole));
        }
        let part = match selected.ranges(request.headers, validators) {
            RangeSet::Whole => Part::Whole,
            RangeSet::Single(range) => Part::Single(range),
            RangeSet::Multiple(ranges) => Part::Multiple(ranges),
            RangeSet::Unsatisfiable => {
                let content_range = range::unsatisfied(selected.representation.length());
                let refusal = Refusal::from(Rejection::RANGE_NOT_SATISFIABLE);
                return Some(refusal.with(header::CONTENT_RANGE, content_range).into());
            }
        };
        if let (Part::Whole, Some(offer)) = (&part, &selected.dictionary) {
            self.keep_dictionary(&selected.original, offer);
        }
        match selected.opened(&self.docroot) {
            Ok(selected) => Some(Outcome::File(selected?, entity_tag, part)),
            Err(error) => Some(Rejection::from_io(&error).into()),
        }
    }
}

/// Whether the client has the content in the coding that was sent before this one took its place. It may go on with that: an answer of 304
/// names the one that it has (RFC 9111 §4.3.4).
fn has_former(request: &FileRequest<'_>, selected: &Selected) -> bool {
    let Some(former_tag) = selected.former_tag() else {
        return false;
    };
    let validators = Validators {
        entity_tag: Some(former_tag),
        last_modified: None,
    };
    let result = precondition::evaluate(request.method, request.headers, validators);
    request.headers.contains_key(header::IF_NONE_MATCH)
        && matches!(result, Precondition::NotModified)
}
