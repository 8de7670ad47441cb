//! What is told of a request by those who answer it: whoever decides something says it here, where it is decided, so that no account of it can be
//! another one.
//!
//! It is begun with the request, shared by all who have a part in it, and read when the request has ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, StatusCode};

use super::places::PlaceId;
use super::request_id::RequestId;
use super::traces::Span;
use crate::header::accept_encoding::ContentCoding;

/// One request's.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) id: RequestId,
    /// Where traces are recorded.
    pub(crate) trace: Option<Span>,
    hearing: Hearing,
    told: Mutex<Told>,
}

/// Who hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    Nobody,
    Somebody,
    /// The request was not sent by anybody: nothing is to be done for it outside of this process.
    Rehearsal,
}

/// What was told so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) place: PlaceId,
    /// The pattern of hosts that the site was found by; none: by its name.
    pub(crate) host_pattern: Option<Box<str>>,
    pub(crate) file: Option<FileTold>,
    pub(crate) forward: Option<ForwardTold>,
    pub(crate) break_off: Option<BreakOff>,
}

/// A file that was looked for.
#[derive(Clone, Debug)]
pub(crate) struct FileTold {
    /// Beneath the document root; what was found there, or the last that was looked for.
    pub(crate) path: Box<str>,
    pub(crate) found: FileFound,
    /// It is the answer for a path that is none of its own.
    pub(crate) stands_in: bool,
    pub(crate) coding: ContentCoding,
    pub(crate) source: CodingSource,
    pub(crate) validated: Validated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileFound {
    /// Nothing, or nothing that is served.
    Nothing,
    /// In memory, and still the one on the disk.
    Held,
    /// On the disk.
    Opened,
    /// A folder, to be asked for with a slash.
    Folder,
    /// A folder that is listed.
    Listed,
}

/// Where what is sent comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodingSource {
    /// The file itself.
    Own,
    Sidecar,
    /// Made by the server.
    Made,
    /// Coded on its way out.
    AsSent,
    /// Against what the client has.
    Dictionary,
    /// It was at hand: a file beside it, or made by the server.
    Ready,
}

/// What the client's preconditions and ranges came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validated {
    Whole,
    NotModified,
    Part,
    Parts(usize),
    Failed,
    Unsatisfiable,
}

/// A request to an application.
#[derive(Clone, Debug, Default)]
pub(crate) struct ForwardTold {
    /// Path and query as they are sent.
    pub(crate) target: Box<str>,
    /// `Host` as it is sent.
    pub(crate) host: Box<str>,
    pub(crate) attempts: Vec<Attempt>,
    /// How long no server had room.
    pub(crate) waited: Duration,
    /// Why nobody was asked in the end.
    pub(crate) unavailable: Option<&'static str>,
    /// How the answer was coded on its way to the client.
    pub(crate) coding: Option<HeaderValue>,
    /// Of a rehearsal: the servers, how one of them is chosen, and the fields that it gets.
    pub(crate) servers: Vec<String>,
    pub(crate) choice: Option<Box<str>>,
    pub(crate) fields: Vec<String>,
}

/// One server that was asked.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) server: Box<str>,
    pub(crate) begun: Instant,
    /// How long the connection took to make; none: one of the pool was there.
    pub(crate) connecting: Option<Duration>,
    /// From the beginning of the attempt to the answer's head, or to the failure.
    pub(crate) took: Duration,
    pub(crate) result: AttemptResult,
}

#[derive(Clone, Debug)]
pub(crate) enum AttemptResult {
    /// The client left before.
    Unfinished,
    Answered(StatusCode),
    Failed {
        /// What happened, in words.
        what: &'static str,
        error: Box<str>,
        /// Over a connection of the pool, which may have been closed by then.
        is_reused: bool,
    },
}

/// Why an answer did not get whole to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BreakOff {
    ClientLeft,
    /// It took nothing for too long.
    ClientStalled,
    /// What it sent was none, or too slow, while the answer went out.
    ClientBody,
    /// The application, or the file, gave less than it promised.
    Source,
}

impl Story {
    /// For somebody to hear.
    pub(crate) fn new(id: RequestId) -> Arc<Self> {
        Self::traced(id, None)
    }

    /// The same, as a part of a trace.
    pub(crate) fn traced(id: RequestId, trace: Option<Span>) -> Arc<Self> {
        Self::heard_by(id, trace, Hearing::Somebody)
    }

    /// Whatever is told is forgotten; but there is an id.
    pub(crate) fn unheard(headers: &HeaderMap) -> Arc<Self> {
        Self::heard_by(RequestId::of(headers), None, Hearing::Nobody)
    }

    /// Of a request that nobody sent.
    pub(crate) fn rehearsal(headers: &HeaderMap) -> Arc<Self> {
        Self::heard_by(RequestId::of(headers), None, Hearing::Rehearsal)
    }

    fn heard_by(id: RequestId, trace: Option<Span>, hearing: Hearing) -> Arc<Self> {
        Arc::new(Self {
            id,
            trace,
            hearing,
            told: Mutex::default(),
        })
    }

    pub(crate) fn is_rehearsal(&self) -> bool {
        self.hearing == Hearing::Rehearsal
    }

    pub(crate) fn is_heard(&self) -> bool {
        self.hearing != Hearing::Nobody
    }

    pub(crate) fn tell(&self, add: impl FnOnce(&mut Told)) {
        if self.is_heard() {
            add(&mut self.told());
        }
    }

    /// What answers it; a route takes the place of its site.
    pub(crate) fn place(&self, place: PlaceId) {
        self.tell(|told| told.place = place);
    }

    /// The last of several paths that are tried is the one that counts.
    pub(crate) fn looked_at(&self, path: &str, found: FileFound) {
        self.tell(|told| {
            told.file = Some(FileTold {
                path: path.into(),
                found,
                stands_in: false,
                coding: ContentCoding::Identity,
                source: CodingSource::Own,
                validated: Validated::Whole,
            });
        });
    }

    pub(crate) fn selected(&self, coding: ContentCoding, source: CodingSource, stands_in: bool) {
        self.tell(|told| {
            if let Some(file) = &mut told.file {
                (file.coding, file.source) = (coding, source);
                file.stands_in = stands_in;
            }
        });
    }

    pub(crate) fn validated(&self, validated: Validated) {
        self.tell(|told| {
            if let Some(file) = &mut told.file {
                file.validated = validated;
            }
        });
    }

    pub(crate) fn forward(&self, add: impl FnOnce(&mut ForwardTold)) {
        self.tell(|told| add(told.forward.get_or_insert_default()));
    }

    /// The first reason is the one.
    pub(crate) fn broke_off(&self, why: BreakOff) {
        self.tell(|told| {
            told.break_off.get_or_insert(why);
        });
    }

    /// All of it.
    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// The server that answered, or was asked last.
    pub(crate) fn server(&self) -> Option<&str> {
        let last = self.forward.as_ref()?.attempts.last()?;
        Some(&last.server)
    }

    /// How the content is coded, by the server or in a file of its own; none: not, or by the application.
    pub(crate) fn coding(&self) -> Option<&str> {
        let forwarded = self.forward.as_ref().and_then(|told| told.coding.as_ref());
        if let Some(coding) = forwarded {
            return coding.to_str().ok();
        }
        let coding = self.file.as_ref()?.coding;
        (coding != ContentCoding::Identity).then_some(coding.as_str())
    }

    /// Whether what was asked for was held in memory; none: no file was.
    pub(crate) fn is_hit(&self) -> Option<bool> {
        match self.file.as_ref()?.found {
            FileFound::Held => Some(true),
            FileFound::Opened => Some(false),
            FileFound::Nothing | FileFound::Folder | FileFound::Listed => None,
        }
    }
}
