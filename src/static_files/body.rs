//! Response bodies: bytes from memory, or parts of a file streamed from one descriptor, exactly as long as was promised.
//!
//! What the page cache holds is read at once on the worker; only a read that would wait for the disk goes to the blocking
//! pool. The buffers are reused, and the next chunk is read only when the connection asks for it, so a slow reader costs
//! no more memory than one chunk.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use super::docroot::OpenFile;
use crate::proxy::far_end::FarEnd;
use buffer::Buffer;

mod buffer;
#[cfg(all(target_os = "linux", not(daemun_portable)))]
#[path = "body/read_now_linux.rs"]
mod read_now;
#[cfg(any(not(target_os = "linux"), daemun_portable))]
#[path = "body/read_now_portable.rs"]
mod read_now;

/// The body of every response that this crate makes. Of a file, its length is known before its first byte.
#[derive(Debug, Default)]
pub struct Body {
    source: Source,
    /// Field lines that go before it as they are, instead of a map that would have to be copied and written out.
    lines: Option<Lines>,
}

/// Field lines as they are sent.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    pub(crate) bytes: Bytes,
    /// Whether the length of the body, and the date, are among them.
    pub(crate) has_length: bool,
    pub(crate) has_date: bool,
}

#[derive(Default)]
enum Source {
    #[default]
    Empty,
    Memory(Bytes),
    Parts(Box<Parts>),
    /// What comes from elsewhere, as it comes.
    Stream(Pin<Box<dyn Stream>>),
    /// None: the connection goes on as one between its two ends.
    Tunnel(Box<FarEnd>),
}

/// A body of another kind.
pub(crate) trait Stream: http_body::Body<Data = Bytes, Error = io::Error> + Send {}

impl<B: http_body::Body<Data = Bytes, Error = io::Error> + Send> Stream for B {}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Memory(_) => "Memory",
            Self::Parts(_) => "Parts",
            Self::Stream(_) => "Stream",
            Self::Tunnel(_) => "Tunnel",
        })
    }
}

/// One piece of a body.
#[derive(Debug)]
pub(crate) enum Part {
    Memory(Bytes),
    /// Of the file: from the first byte to the one after the last.
    File {
        start: u64,
        end: u64,
    },
}

#[derive(Debug)]
struct Parts {
    todo: VecDeque<Part>,
    /// Bytes that are still to be sent.
    left: u64,
    /// What [`Part::File`] means; none when all parts are in memory.
    file: Option<Arc<OpenFile>>,
    reading: Option<JoinHandle<io::Result<Buffer>>>,
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self::from(Source::Empty)
    }

    pub(crate) fn memory(bytes: impl Into<Bytes>) -> Self {
        Self::from(Source::Memory(bytes.into()))
    }

    pub(crate) fn parts(parts: Vec<Part>, file: Option<Arc<OpenFile>>) -> Self {
        let left = parts.iter().map(Part::length).sum();
        Self::from(Source::Parts(Box::new(Parts {
            todo: parts.into(),
            left,
            file,
            reading: None,
        })))
    }

    pub(crate) fn stream(stream: impl Stream + 'static) -> Self {
        Self::from(Source::Stream(Box::pin(stream)))
    }

    pub(crate) fn tunnel(far_end: FarEnd) -> Self {
        Self::from(Source::Tunnel(Box::new(far_end)))
    }

    pub(crate) fn with_lines(self, lines: Lines) -> Self {
        Self {
            lines: Some(lines),
            ..self
        }
    }

    /// The field lines, for whoever writes the head.
    pub(crate) fn take_lines(&mut self) -> Option<Lines> {
        self.lines.take()
    }

    /// The other end of what the connection is to become.
    pub(crate) fn take_tunnel(&mut self) -> Option<FarEnd> {
        match std::mem::take(&mut self.source) {
            Source::Tunnel(far_end) => Some(*far_end),
            other => {
                self.source = other;
                None
            }
        }
    }

    /// `None`: it is told by the end.
    fn length(&self) -> Option<u64> {
        match &self.source {
            Source::Empty | Source::Tunnel(_) => Some(0),
            Source::Memory(bytes) => Some(bytes.len() as u64),
            Source::Parts(parts) => Some(parts.left),
            Source::Stream(stream) => stream.size_hint().exact(),
        }
    }
}

impl From<Source> for Body {
    fn from(source: Source) -> Self {
        Self {
            source,
            lines: None,
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let bytes = match &mut self.source {
            Source::Empty | Source::Tunnel(_) => return Poll::Ready(None),
            Source::Stream(stream) => return stream.as_mut().poll_frame(context),
            Source::Memory(bytes) => Ok(std::mem::take(bytes)),
            Source::Parts(parts) if parts.left == 0 => return Poll::Ready(None),
            Source::Parts(parts) => ready!(parts.poll_next(context)),
        };
        if bytes.is_err() || matches!(self.source, Source::Memory(_)) {
            self.source = Source::Empty;
        }
        Poll::Ready(Some(bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Stream(stream) => stream.is_end_stream(),
            _ => self.length() == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Parts {
    /// The next bytes; the caller has seen that some are left.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let bytes = match self.todo.pop_front() {
            None => Err(io::Error::other("a body shorter than its length")),
            Some(Part::Memory(bytes)) => Ok(bytes),
            Some(Part::File { start, end }) => match self.poll_read(start, end, context) {
                Poll::Ready(bytes) => bytes,
                Poll::Pending => {
                    self.todo.push_front(Part::File { start, end });
                    return Poll::Pending;
                }
            },
        };
        let bytes = bytes?;
        self.left -= bytes.len() as u64;
        if self.left == 0 {
            self.check_unchanged()?;
        }
        Poll::Ready(Ok(bytes))
    }

    fn poll_read(
        &mut self,
        start: u64,
        end: u64,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Bytes>> {
        let Some(open) = &self.file else {
            return Poll::Ready(Err(io::Error::other("a part of a file without a file")));
        };
        let buffer = match &mut self.reading {
            Some(reading) => {
                let read = ready!(Pin::new(reading).poll(context));
                self.reading = None;
                read.map_err(io::Error::other)??
            }
            None => match read_now::read(open, Buffer::take(end - start), start)? {
                Ok(buffer) => buffer,
                Err(buffer) => {
                    let open = Arc::clone(open);
                    self.reading = Some(tokio::task::spawn_blocking(move || {
                        buffer.fill(&open.file, start)
                    }));
                    return self.poll_read(start, end, context);
                }
            },
        };
        let length = buffer.len() as u64;
        if length == 0 {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was sent",
            )));
        }
        if start + length < end {
            self.todo.push_front(Part::File {
                start: start + length,
                end,
            });
        }
        Poll::Ready(Ok(buffer.into_bytes()))
    }

    /// With the last chunk in hand: had the file been rewritten meanwhile, the client would hold a mixture of old and new
    /// and take it for whole. It is better cut off.
    fn check_unchanged(&self) -> io::Result<()> {
        let Some(open) = &self.file else {
            return Ok(());
        };
        if open.stamp.was_rewritten(&open.stamp_now()?) {
            return Err(io::Error::other("the file was rewritten while it was sent"));
        }
        Ok(())
    }
}

impl Part {
    fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { start, end } => end - start,
        }
    }
}
