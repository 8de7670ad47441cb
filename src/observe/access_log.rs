//! The access log: one record a request, when its response has ended or was given up.
//!
//! 1. [`AccessRecorder::begin`] notes the request and the time.
//! 2. [`Exchange::answered`] notes the response.
//! 3. [`Exchange::end`] tells how much of it was sent. An exchange that is dropped before it was answered is a client that left: 499.
//! 4. The record is formatted on the spot and handed to a thread of its own (see `writer`); no request ever waits for the log.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use http::header::{HOST, REFERER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, Version};

use super::record;
use super::sample::LogSample;
use super::syslog::Syslog;
use super::writer::{Retired, Writer};
use crate::config::SyslogTarget;
use crate::rejection::Rejection;
use crate::routing::RouteLabel;

/// How a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// The combined log format of Apache and nginx, times in UTC.
    Combined,
    /// One JSON object a line.
    Json,
}

/// A place that access records are written to. Cheap to clone; records of all clones go to the same place.
#[derive(Clone, Debug)]
pub struct AccessRecorder {
    format: LogFormat,
    writer: Arc<Writer>,
    ids: Arc<Ids>,
}

/// Request ids: unlikely to be met twice, even among several servers.
#[derive(Debug)]
struct Ids {
    next: AtomicU64,
}

/// One request on its way, and what is known of it so far.
#[derive(Debug)]
pub struct Exchange {
    pub(super) log: AccessRecorder,
    pub(super) id: u64,
    pub(super) client: Option<IpAddr>,
    pub(super) begun: Instant,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) host: Option<HeaderValue>,
    pub(super) referer: Option<HeaderValue>,
    pub(super) user_agent: Option<HeaderValue>,
    pub(super) answer: Option<Answer>,
    is_recorded: bool,
    /// Others speak for it.
    is_left_out: bool,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) rejection: Option<Rejection>,
    pub(super) route: Option<RouteLabel>,
}

/// How the transfer of a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Whole,
    Aborted,
}

impl AccessRecorder {
    /// Writes to any writer, from a thread that this starts.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn to_writer(format: LogFormat, writer: impl Write + Send + 'static) -> io::Result<Self> {
        let seed = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()) << 32);
        let ids = Arc::new(Ids {
            next: AtomicU64::new(seed),
        });
        Ok(Self {
            format,
            writer: Arc::new(Writer::start(Box::new(writer))?),
            ids,
        })
    }

    /// Appends to a file, which is made when it is missing.
    ///
    /// # Errors
    /// When the file cannot be opened for appending.
    pub fn to_file(format: LogFormat, path: &Path) -> io::Result<Self> {
        Self::to_writer(
            format,
            OpenOptions::new().append(true).create(true).open(path)?,
        )
    }

    /// To the log of a system.
    pub(crate) fn to_syslog(format: LogFormat, target: &SyslogTarget) -> io::Result<Self> {
        Self::to_writer(format, Syslog::open(target)?)
    }

    /// Records of all clones go there from now on.
    pub(crate) fn replace_writer(&self, writer: impl Write + Send + 'static) {
        self.writer.replace(Box::new(writer));
    }

    /// Another log takes its place. Exchanges under way still record here; none of them is to wait for the last to be written.
    pub(crate) fn retire(&self) -> Option<Retired> {
        self.writer.retire()
    }

    pub(crate) fn begin(
        &self,
        method: &Method,
        uri: &Uri,
        version: Version,
        fields: &HeaderMap,
        client: Option<IpAddr>,
    ) -> Exchange {
        Exchange {
            id: self.ids.next.fetch_add(1, Ordering::Relaxed),
            log: self.clone(),
            client,
            begun: Instant::now(),
            method: method.clone(),
            uri: uri.clone(),
            version,
            // RFC 9112 §3.2.2, RFC 9113 §8.3.1: what the target names counts.
            host: match uri.authority() {
                Some(authority) => HeaderValue::from_str(authority.as_str()).ok(),
                None => fields.get(HOST).cloned(),
            },
            referer: fields.get(REFERER).cloned(),
            user_agent: fields.get(USER_AGENT).cloned(),
            answer: None,
            is_recorded: false,
            is_left_out: false,
        }
    }

    /// For what was no request: method and target are a dash.
    pub(crate) fn begin_unreadable(&self, client: Option<IpAddr>) -> Exchange {
        let dash = Method::from_bytes(b"-").unwrap_or_default();
        let uri = Uri::from_static("-");
        self.begin(&dash, &uri, Version::HTTP_11, &HeaderMap::new(), client)
    }
}

impl Exchange {
    pub(crate) fn answered<B>(&mut self, response: &Response<B>) {
        let extensions = response.extensions();
        let sample = extensions.get::<LogSample>();
        self.is_left_out = sample.is_some_and(|sample| !sample.takes(response.status()));
        self.answer = Some(Answer {
            status: response.status(),
            rejection: extensions.get().copied(),
            route: extensions.get().cloned(),
        });
    }

    /// For an answer of which nothing else is to be told.
    pub(crate) fn answered_with(&mut self, status: StatusCode) {
        self.answer = Some(Answer {
            status,
            rejection: None,
            route: None,
        });
    }

    /// Writes the record; `sent` are the bytes of the body.
    pub(crate) fn end(&mut self, sent: u64, end: End) {
        if std::mem::replace(&mut self.is_recorded, true) || self.is_left_out {
            return;
        }
        let now = SystemTime::now();
        self.log.writer.append(|line| match self.log.format {
            LogFormat::Combined => record::combined(line, self, sent, now),
            LogFormat::Json => record::json(line, self, sent, end, now),
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.end(0, End::Aborted);
    }
}
