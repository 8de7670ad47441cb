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

/// What a plain request was; slices of its head.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) host: Bytes,
    pub(crate) target: Bytes,
    /// As the client sent it.
    pub(crate) id: Option<Bytes>,
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
    Note(Box<Noted>),
    /// Somebody wants to know more of it.
    Exchange(Box<Exchange>),
}

#[derive(Debug)]
pub(crate) struct Noted {
    note: Note,
    client: Option<IpAddr>,
    begun: Instant,
}

impl Noted {
    pub(crate) fn new(note: Note, client: Option<IpAddr>, begun: Instant) -> Box<Self> {
        Box::new(Self {
            note,
            client,
            begun,
        })
    }

    fn id(&self) -> RequestId {
        let sent = self.note.id.as_ref().filter(|id| is_sane(id));
        match sent.map(|sent| HeaderValue::from_bytes(sent)) {
            Some(Ok(sent)) => RequestId::Sent(sent),
            _ => RequestId::new(),
        }
    }

    fn end(&self, tally: &Tally, answered: ReadyAnswered, sent: u64, end: End) {
        tally.count(&Ended {
            id: &self.id(),
            begun: self.begun,
            took: self.begun.elapsed(),
            client: self.client,
            method: &Method::GET,
            host: &self.note.host,
            target: &self.note.target,
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

impl Tracked {
    /// `sent` are the bytes of the body.
    pub(crate) fn end(
        &mut self,
        tally: Option<&Tally>,
        answered: ReadyAnswered,
        sent: u64,
        end: End,
    ) {
        match self {
            Self::Nobody => {}
            Self::Note(noted) => {
                if let Some(tally) = tally {
                    noted.end(tally, answered, sent, end);
                }
            }
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
