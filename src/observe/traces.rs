//! Traces: what requests, and the attempts to have them answered, took; told to a collector of OpenTelemetry.
//!
//! 1. A request that begins is put into a trace: the one it was sent with, or a new one ([`Tracer::begin`]).
//! 2. Each server that it is sent to is told of it as a span of its own.
//! 3. When it has ended, what is known of it anyhow is handed over ([`Tracer::end`]), if it is sampled.
//! 4. A thread of its own makes it what the collector takes, and sends it in batches. A collector that does not keep up costs spans,
//!    never answers.

#[cfg(not(feature = "opentelemetry"))]
mod absent;
#[cfg(feature = "opentelemetry")]
mod batch;
#[cfg(feature = "opentelemetry")]
mod client;
#[cfg(feature = "opentelemetry")]
mod spans;

#[cfg(not(feature = "opentelemetry"))]
use absent as export;
#[cfg(feature = "opentelemetry")]
use batch as export;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};

pub(crate) use self::export::IS_AVAILABLE;
use super::request_id::random;
use crate::config::{Share, TracesConfig};
use crate::header::traceparent::TraceContext;

/// Where traces are sent. Clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Tracer {
    sample: Share,
    exporter: Arc<export::Exporter>,
}

/// What a request is in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The span of the request here.
    pub(crate) context: TraceContext,
    /// The span of whoever sent it.
    pub(crate) parent: Option<u64>,
    /// Whether the client came by https.
    pub(crate) is_encrypted: bool,
}

/// A request that has ended, as it is told.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "without OpenTelemetry, nobody reads it")]
pub(crate) struct RequestSpan {
    pub(crate) span: Span,
    pub(crate) begun: SystemTime,
    pub(crate) took: Duration,
    pub(crate) id: String,
    pub(crate) client: Option<IpAddr>,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) host: Option<HeaderValue>,
    pub(crate) user_agent: Option<HeaderValue>,
    /// None: the client left first.
    pub(crate) status: Option<StatusCode>,
    /// The path of the route as configured.
    pub(crate) route: Option<Arc<str>>,
    pub(crate) refused: Option<&'static str>,
    pub(crate) is_aborted: bool,
    /// Bytes of the body that were sent.
    pub(crate) sent: u64,
    pub(crate) attempts: Vec<AttemptSpan>,
}

/// An attempt to have it answered by a server.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "without OpenTelemetry, nobody reads it")]
pub(crate) struct AttemptSpan {
    pub(crate) upstream: Arc<str>,
    pub(crate) server: Box<str>,
    /// After the beginning of the request.
    pub(crate) begun: Duration,
    pub(crate) took: Duration,
    /// Of the answer; or why there was none.
    pub(crate) result: Result<StatusCode, Box<str>>,
}

impl Span {
    /// Everybody may say by which trace he knows his request. Whether it is sampled is decided here, unless whoever asks is trusted: clients
    /// would decide how much work there is.
    fn new(
        sent: Option<TraceContext>,
        is_trusted: bool,
        sample: Share,
        draw: impl Fn() -> u64,
    ) -> Self {
        let is_sampled = match sent {
            Some(sent) if is_trusted => sent.is_sampled,
            _ => sample.holds(draw()),
        };
        match sent {
            Some(sent) => Self {
                context: TraceContext {
                    is_sampled,
                    ..sent.child(draw())
                },
                parent: Some(sent.span_id),
                is_encrypted: false,
            },
            None => Self {
                context: TraceContext::begin((draw(), draw()), draw(), is_sampled),
                parent: None,
                is_encrypted: false,
            },
        }
    }

    /// The span of an attempt, counted from 0.
    pub(crate) fn attempt(self, number: u32) -> TraceContext {
        self.context.numbered_child(number)
    }
}

impl Tracer {
    /// # Errors
    /// When there is no thread to be had, or the system has no authorities to trust an `https` collector by.
    pub(crate) fn start(config: &TracesConfig) -> io::Result<Self> {
        Ok(Self {
            sample: config.sample,
            exporter: Arc::new(export::Exporter::start(config)?),
        })
    }

    /// Step 1.
    pub(crate) fn begin(&self, fields: &HeaderMap, is_trusted: bool) -> Span {
        Span::new(TraceContext::of(fields), is_trusted, self.sample, random)
    }

    /// Step 3, of a request that is sampled.
    pub(crate) fn end(&self, span: RequestSpan) {
        self.exporter.send(span);
    }

    /// Sends what is left, as far as that can be done soon.
    pub(crate) fn finish(&self) {
        self.exporter.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(is_sampled: bool) -> TraceContext {
        TraceContext {
            trace_id: 7,
            span_id: 8,
            is_sampled,
            is_random: false,
        }
    }

    #[test]
    fn a_trace_goes_on_and_who_is_trusted_decides_whether_it_is_told() {
        let (none, all) = (Share::new(0.0), Share::new(1.0));
        for (sent, is_trusted, sample, is_sampled) in [
            (None, true, none, false),
            (None, false, all, true),
            (Some(sent(true)), true, none, true),
            (Some(sent(false)), true, all, false),
            (Some(sent(true)), false, none, false),
            (Some(sent(false)), false, all, true),
        ] {
            let span = Span::new(sent, is_trusted, sample, || 5);
            let expected = TraceContext {
                trace_id: if sent.is_some() { 7 } else { 5 << 64 | 5 },
                span_id: 5,
                is_sampled,
                is_random: sent.is_none(),
            };
            assert_eq!(span.context, expected, "{sent:?} {is_trusted} {sample:?}");
            assert_eq!(span.parent, sent.map(|sent| sent.span_id));
        }
    }
}
