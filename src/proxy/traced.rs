//! The fields of an attempt that is part of a trace: the server is told of a span of its own (W3C Trace Context §2.3). Pure.

use super::fields::{Sink, WriteFields};
use crate::header::traceparent::{TRACEPARENT, TraceContext};
use crate::observe::story::Story;

pub(super) struct Traced<'f> {
    inner: &'f dyn WriteFields,
    /// None: what was sent goes on.
    context: Option<TraceContext>,
}

impl<'f> Traced<'f> {
    /// `number` is that of the attempt, from 0.
    pub(super) fn new(inner: &'f dyn WriteFields, story: &Story, number: u32) -> Self {
        let trace = story.trace.filter(|_| inner.takes_trace());
        Self {
            inner,
            context: trace.map(|span| span.attempt(number)),
        }
    }
}

impl WriteFields for Traced<'_> {
    fn write(&self, sink: &mut dyn Sink) {
        self.inner.write(sink);
        if let Some(context) = self.context {
            sink.put(TRACEPARENT.as_str().as_bytes(), &context.value());
        }
    }
}
