//! The result of serving a file request: what was decided, not yet how it is written.

use std::io;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use super::FileRequest;
use super::dictionary::DictionaryOffer;
use super::docroot::{Docroot, OpenFile};
use super::listing::{self, ListedEntry, Listing};
use super::representation::{Content, Representation};
use crate::header::accept;
use crate::header::accept_encoding::ContentCoding;
use crate::header::digest;
use crate::header::entity_tag::EntityTag;
use crate::header::precondition::{Validators, if_range_holds};
use crate::header::range::{self, ByteRange, RangeSet};
use crate::observe::story::{CodingSource, Validated};
use crate::rejection::Rejection;

/// Any result of steps 1 to 7.
pub(crate) enum Outcome {
    /// 200, or 206 when only a part of it was asked for.
    File(Selected, EntityTag, Part),
    NotModified(Selected, EntityTag),
    /// To the same path with a slash behind.
    Redirect(HeaderValue),
    Listing {
        body: String,
        media_type: HeaderValue,
    },
    Options,
    Refused(Refusal),
}

/// What of the representation is sent.
pub(crate) enum Part {
    Whole,
    Single(ByteRange),
    Multiple(Vec<ByteRange>),
}

/// A refused request and the fields that its answer must have.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) rejection: Rejection,
    pub(crate) field: Option<(HeaderName, HeaderValue)>,
}

/// The representation that was chosen of a file.
pub(crate) struct Selected {
    /// The file that was asked for: its media type, its time, its name.
    pub(crate) original: Arc<Representation>,
    /// The one that is sent: the file itself, one of its sidecars, or a coding that was made of it.
    pub(crate) representation: Arc<Representation>,
    pub(crate) coding: ContentCoding,
    /// Where that comes from.
    pub(crate) source: CodingSource,
    /// It is coded on its way out: its length is not known, and no part of it can be asked for.
    pub(crate) is_coded_as_sent: bool,
    /// Another client could get another coding.
    pub(crate) negotiable: bool,
    /// What it can be a dictionary for; then another client could get it coded against one.
    pub(crate) dictionary: Option<Arc<DictionaryOffer>>,
    /// `Repr-Digest`, for a client that would like to know it.
    pub(crate) digest: Option<HeaderValue>,
    /// The file stands in for a path that is none of its own.
    pub(crate) is_fallback: bool,
    /// To stream from, when the representation is not in memory.
    pub(crate) open: Option<Arc<OpenFile>>,
}

impl Selected {
    pub(super) fn identity(file: Arc<Representation>) -> Self {
        let own = CodingSource::Own;
        Self::coded(Arc::clone(&file), file, (ContentCoding::Identity, own))
    }

    pub(super) fn coded(
        original: Arc<Representation>,
        representation: Arc<Representation>,
        (coding, source): (ContentCoding, CodingSource),
    ) -> Self {
        let negotiable = original.negotiable;
        Self {
            original,
            representation,
            coding,
            source,
            is_coded_as_sent: false,
            negotiable,
            dictionary: None,
            digest: None,
            is_fallback: false,
            open: None,
        }
    }

    pub(super) fn coded_as_sent(file: Arc<Representation>, coding: ContentCoding) -> Self {
        Self {
            is_coded_as_sent: true,
            ..Self::coded(Arc::clone(&file), file, (coding, CodingSource::AsSent))
        }
    }

    pub(super) fn negotiable(self, negotiable: bool) -> Self {
        Self { negotiable, ..self }
    }

    /// Of what is sent. Two codings on the way out are the same in what they say, not necessarily in their bytes: their tag is weak.
    pub(super) fn entity_tag(&self) -> EntityTag {
        let tag = self.representation.entity_tag();
        if self.is_coded_as_sent {
            tag.of_coding(self.coding.as_str())
        } else {
            tag
        }
    }

    /// The tag of the coding in whose place this one is: whoever has that has the same content, coded otherwise.
    pub(super) fn former_tag(&self) -> Option<&EntityTag> {
        self.representation.made.as_ref()?.former_tag.as_ref()
    }

    /// The hash of what is sent, which is a part of it or the whole (RFC 9530 §3).
    pub(super) fn repr_digest(&self) -> Option<HeaderValue> {
        let digest = self.representation.digest.as_ref()?;
        (!self.is_coded_as_sent).then(|| digest::repr_digest(digest))
    }

    /// With a descriptor when one is needed; `None` when the file was replaced since.
    pub(super) fn opened(mut self, docroot: &Docroot) -> io::Result<Option<Self>> {
        if matches!(self.representation.content, Content::File(_)) {
            self.open = self.representation.descriptor(docroot)?;
            if self.open.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(self))
    }

    pub(super) fn ranges(&self, headers: &HeaderMap, validators: Validators<'_>) -> RangeSet {
        // Without Range there is nothing that If-Range could be about (RFC 9110 §13.1.5).
        let is_whole = self.is_coded_as_sent || !headers.contains_key(header::RANGE);
        if !is_whole && if_range_holds(headers, validators) {
            range::resolve(headers, self.representation.length())
        } else {
            RangeSet::Whole
        }
    }
}

impl Outcome {
    /// What the client's preconditions and ranges came to.
    pub(super) fn validated(&self) -> Validated {
        match self {
            Self::NotModified(..) => Validated::NotModified,
            Self::File(_, _, Part::Single(_)) => Validated::Part,
            Self::File(_, _, Part::Multiple(parts)) => Validated::Parts(parts.len()),
            Self::Refused(refusal) => match refusal.rejection {
                Rejection::PRECONDITION_FAILED => Validated::Failed,
                Rejection::RANGE_NOT_SATISFIABLE => Validated::Unsatisfiable,
                _ => Validated::Whole,
            },
            Self::File(..) | Self::Redirect(_) | Self::Listing { .. } | Self::Options => {
                Validated::Whole
            }
        }
    }

    /// A reference with an absolute path and no authority: it can't lead to another host, and it holds behind any proxy.
    pub(super) fn redirect_to_slash(uri: &Uri) -> Self {
        let path = uri.path().trim_start_matches('/');
        let query = uri
            .query()
            .map_or_else(String::new, |query| format!("?{query}"));
        match HeaderValue::try_from(format!("/{path}/{query}")) {
            Ok(location) => Self::Redirect(location),
            Err(_) => Rejection::TARGET_FORM.into(),
        }
    }

    pub(super) fn listing(
        request: &FileRequest<'_>,
        path: &str,
        entries: Vec<ListedEntry>,
        truncated: bool,
        limit: usize,
    ) -> Self {
        let listing = Listing {
            entries,
            truncated,
            limit,
            path: format!("/{path}"),
            at_root: path.is_empty(),
        };
        let sort = listing::Sort::from_query(request.uri.query());
        let (body, media_type) = if accept::prefers_json(request.headers.get_all(header::ACCEPT)) {
            (listing.to_json(), "application/json")
        } else {
            (listing.to_html(sort), "text/html; charset=utf-8")
        };
        Self::Listing {
            body,
            media_type: HeaderValue::from_static(media_type),
        }
    }
}

impl Refusal {
    pub(crate) fn method_not_allowed() -> Self {
        Self::from(Rejection::METHOD_NOT_ALLOWED).with(header::ALLOW, ALLOW)
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.field = Some((name, value));
        self
    }
}

/// The methods of a file.
pub(crate) const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self {
            rejection,
            field: None,
        }
    }
}

impl From<Rejection> for Outcome {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection.into())
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
