//! One request from its head to the end of its answer: it is counted, remembered and logged when the answer has ended or was given up.
//!
//! 1. [`Exchange::begin`] notes the request and the time.
//! 2. [`Exchange::answered`] notes the response.
//! 3. [`Exchange::end`] tells how much of it was sent. An exchange that is dropped before it was answered is a client that left: 499.
//! 4. The log's record is formatted on the spot and handed to a thread of its own (see `writer`); no request ever waits for the log.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::header::{HOST, REFERER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, Version};

use super::record;
use super::ring::{Account, CLIENT_CLOSED_REQUEST, Ended};
use super::sample::LogSample;
use super::story::{BreakOff, Story};
use super::syslog::Syslog;
use super::tally::{InFlight, Tally};
use super::traces::Tracer;
use super::writer::{Retired, Writer};
use crate::config::SyslogTarget;
use crate::header::traceparent::TraceContext;
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
}

/// One request on its way, and what is known of it so far.
#[derive(Debug)]
pub struct Exchange {
    log: Option<AccessRecorder>,
    /// Who counts it; of the worker that it came to.
    tally: Option<Arc<Tally>>,
    #[allow(dead_code, reason = "kept for its drop")]
    in_flight: Option<InFlight>,
    tracer: Option<Tracer>,
    pub(super) story: Arc<Story>,
    /// What the log names of its trace.
    pub(super) trace_id: Option<u128>,
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
}

/// Who hears of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Observers<'a> {
    pub(crate) log: Option<&'a AccessRecorder>,
    pub(crate) tally: Option<&'a Arc<Tally>>,
    pub(crate) tracer: Option<&'a Tracer>,
}

/// How the transfer of a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Whole,
    Aborted,
    /// The same, and it was the body itself that failed.
    Broken,
}

impl AccessRecorder {
    /// Writes to any writer, from a thread that this starts.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn to_writer(format: LogFormat, writer: impl Write + Send + 'static) -> io::Result<Self> {
        Ok(Self {
            format,
            writer: Arc::new(Writer::start(Box::new(writer))?),
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
}

impl Observers<'_> {
    pub(crate) fn is_nobody(&self) -> bool {
        self.log.is_none() && self.tally.is_none() && self.tracer.is_none()
    }
}

impl Exchange {
    pub(crate) fn begin(
        observers: Observers<'_>,
        story: Arc<Story>,
        (method, uri, version): (&Method, &Uri, Version),
        fields: &HeaderMap,
        client: Option<IpAddr>,
    ) -> Self {
        Self {
            log: observers.log.cloned(),
            trace_id: trace_id(observers.log, &story, fields),
            tracer: observers.tracer.cloned(),
            tally: observers.tally.cloned(),
            in_flight: observers.tally.map(Tally::enter),
            story,
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
    pub(crate) fn begin_unreadable(
        observers: Observers<'_>,
        story: Arc<Story>,
        client: Option<IpAddr>,
    ) -> Self {
        let dash = Method::from_bytes(b"-").unwrap_or_default();
        let uri = Uri::from_static("-");
        let line = (&dash, &uri, Version::HTTP_11);
        let mut begun = Self::begin(observers, story, line, &HeaderMap::new(), client);
        // The dash would be one.
        begun.host = None;
        begun
    }

    pub(crate) fn answered<B>(&mut self, response: &Response<B>) {
        let extensions = response.extensions();
        if let Some(RouteLabel(place)) = extensions.get() {
            self.story.place(*place);
        }
        let sample = extensions.get::<LogSample>();
        self.is_left_out = sample.is_some_and(|sample| !sample.takes(response.status()));
        self.answer = Some(Answer {
            status: response.status(),
            rejection: extensions.get().copied(),
        });
    }

    /// For an answer of which nothing else is to be told.
    pub(crate) fn answered_with(&mut self, status: StatusCode) {
        self.answer = Some(Answer {
            status,
            rejection: None,
        });
    }

    /// Counts it, and writes the record; `sent` are the bytes of the body.
    pub(crate) fn end(&mut self, sent: u64, end: End) {
        if std::mem::replace(&mut self.is_recorded, true) {
            return;
        }
        let took = self.begun.elapsed();
        if end == End::Broken {
            self.story.broke_off(BreakOff::Source);
        }
        if let Some(log) = self.log.as_ref().filter(|_| !self.is_left_out) {
            let now = SystemTime::now();
            log.writer.append(|line| match log.format {
                LogFormat::Combined => record::combined(line, self, sent, now),
                LogFormat::Json => record::json(line, self, (sent, end, took), now),
            });
        }
        if let (Some(tracer), Some(trace)) = (&self.tracer, self.story.trace)
            && trace.context.is_sampled
        {
            tracer.end(self.span(trace, (sent, end, took)));
        }
        if let Some(tally) = &self.tally {
            self.count(tally, sent, end, took);
        }
    }

    fn count(&self, tally: &Tally, sent: u64, end: End, took: Duration) {
        let target = self.uri.path_and_query();
        let told = self.story.told();
        tally.count(&Ended {
            id: &self.story.id,
            begun: self.begun,
            took,
            client: self.client,
            method: &self.method,
            host: self.host.as_ref().map_or(b"", |host| host.as_bytes()),
            target: target.map_or("-", |target| target.as_str()).as_bytes(),
            version: self.version,
            status: self.status(),
            rejection: self.answer.as_ref().and_then(|answer| answer.rejection),
            bytes: sent,
            is_aborted: end != End::Whole,
            place: told.place,
            told: Account::Told(&told),
        });
    }

    pub(super) fn status(&self) -> u16 {
        let answer = self.answer.as_ref();
        answer.map_or(CLIENT_CLOSED_REQUEST, |answer| answer.status.as_u16())
    }
}

/// The trace that a request is part of, whether or not it is recorded; only one of the formats names it.
fn trace_id(log: Option<&AccessRecorder>, story: &Story, fields: &HeaderMap) -> Option<u128> {
    log.filter(|log| log.format == LogFormat::Json)?;
    let recorded = story.trace.map(|span| span.context);
    let context = recorded.or_else(|| TraceContext::of(fields));
    context.map(|context| context.trace_id)
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.end(0, End::Aborted);
    }
}
