//! The record of a request whose answer was at hand: nobody has anything to tell of it, so nothing is kept but what it was.

use std::net::IpAddr;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Version};

use super::access_log::{End, Exchange};
use super::places::PlaceId;
use super::request_id::{RequestId, is_sane};
use super::ring::{Account, Ended};
use super::story::{CodingSource, FileFound, FileTold, Validated};
use super::tally::Tally;
use crate::header::accept_encoding::ContentCoding;

/// What is wanted of a request's head, once its answer is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadUse {
    Nothing,
    Note,
    /// All of it.
    Head,
}

/// What a plain request was: its head, and where its parts stand there.
#[derive(Debug)]
pub(crate) struct Note {
    head: Bytes,
    host: Span,
    target: Span,
    /// As the client sent it.
    id: Option<Span>,
}

/// From where to where; a head is never as long as a number of 32 bits can tell.
#[derive(Clone, Copy, Debug)]
struct Span(u32, u32);

impl Note {
    /// All of them are slices of the head.
    pub(crate) fn new(head: &Bytes, host: &[u8], target: &[u8], id: Option<&[u8]>) -> Self {
        let span = |slice: &[u8]| {
            let from = slice.as_ptr() as usize - head.as_ptr() as usize;
            let number = |at: usize| u32::try_from(at).unwrap_or_default();
            Span(number(from), number(from + slice.len()))
        };
        Self {
            host: span(host),
            target: span(target),
            id: id.map(span),
            head: head.clone(),
        }
    }

    fn at(&self, Span(from, to): Span) -> &[u8] {
        let slice = self.head.get(from as usize..to as usize);
        slice.unwrap_or_default()
    }
}

/// An answer that was at hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadyAnswered {
    pub(crate) status: StatusCode,
    pub(crate) place: PlaceId,
    pub(crate) coding: ContentCoding,
}

/// A plain request on its way.
#[derive(Debug)]
pub(crate) enum Tracked {
    Nobody,
    Note(Noted),
    /// Somebody wants to know more of it.
    Exchange(Box<Exchange>),
}

#[derive(Debug)]
pub(crate) struct Noted {
    note: Note,
    begun: Instant,
}

impl Noted {
    pub(crate) fn new(note: Note, begun: Instant) -> Self {
        Self { note, begun }
    }

    fn id(&self) -> RequestId {
        let sent = self.note.id.map(|id| self.note.at(id));
        match sent
            .filter(|sent| is_sane(sent))
            .map(HeaderValue::from_bytes)
        {
            Some(Ok(sent)) => RequestId::Sent(sent),
            _ => RequestId::new(),
        }
    }

    fn end(&self, teller: Teller<'_>, answered: ReadyAnswered, sent: u64, end: End) {
        let Teller {
            tally: Some(tally),
            client,
        } = teller
        else {
            return;
        };
        tally.count(&Ended {
            id: &self.id(),
            begun: self.begun,
            took: self.begun.elapsed(),
            client,
            method: &Method::GET,
            host: self.note.at(self.note.host),
            target: self.note.at(self.note.target),
            version: Version::HTTP_11,
            status: answered.status.as_u16(),
            rejection: None,
            bytes: sent,
            is_aborted: end != End::Whole,
            place: answered.place,
            told: Account::Ready(answered.coding),
        });
    }
}

/// Who counts, and for whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Teller<'a> {
    pub(crate) tally: Option<&'a Tally>,
    pub(crate) client: Option<IpAddr>,
}

impl Tracked {
    /// When the request came, where that was looked at.
    pub(crate) fn begun(&self) -> Option<Instant> {
        match self {
            Self::Note(noted) => Some(noted.begun),
            Self::Nobody | Self::Exchange(_) => None,
        }
    }

    /// `sent` are the bytes of the body.
    pub(crate) fn end(&mut self, teller: Teller<'_>, answered: ReadyAnswered, sent: u64, end: End) {
        match self {
            Self::Nobody => {}
            Self::Note(noted) => noted.end(teller, answered, sent, end),
            Self::Exchange(exchange) => {
                tell(exchange, answered);
                exchange.answered_with(answered.status);
                exchange.end(sent, end);
            }
        }
    }
}

/// As it would have been told on the way that others go.
fn tell(exchange: &Exchange, answered: ReadyAnswered) {
    exchange.story.tell(|told| {
        told.place = answered.place;
        told.file = Some(FileTold {
            path: exchange.uri.path().trim_start_matches('/').into(),
            found: FileFound::Held,
            stands_in: false,
            coding: answered.coding,
            source: match answered.coding {
                ContentCoding::Identity => CodingSource::Own,
                _ => CodingSource::Ready,
            },
            validated: match answered.status {
                StatusCode::NOT_MODIFIED => Validated::NotModified,
                _ => Validated::Whole,
            },
        });
    });
}
