//! A request on its way out: its head in one call, then its body as the client sends it.

use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use tokio::io::{AsyncRead, AsyncWrite};

use super::request::Framing;
use crate::proxy::request_body::RequestBody;
use crate::proxy::transport::Stage;

/// A piece up to this size leaves joined with what stands before it.
const JOINED: usize = 8 << 10;

#[allow(clippy::struct_excessive_bools)]
#[derive(Debug)]
pub(super) struct Sending {
    framing: Framing,
    /// Head, framing and small pieces; sent up to `sent`.
    out: Vec<u8>,
    sent: usize,
    /// A piece that is too large to be copied, and what follows it.
    large: Bytes,
    after: &'static [u8],
    /// The client holds the body back until it is asked for it.
    is_held: bool,
    /// All of it is in the three above.
    is_last: bool,
    state: State,
    has_sent: bool,
    has_read: bool,
}

/// What it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The server has to take what was written.
    Server,
    /// The client has to send more.
    Client,
    /// The same, and it waits for being asked.
    Continue,
    /// Nothing: all of it was sent.
    Over,
    /// Nothing: the rest will not be sent.
    Abandoned,
}

/// Why the rest cannot be sent.
#[derive(Debug)]
pub(super) enum SendError {
    /// The server does not take it; it may have answered all the same.
    Server(io::Error),
    /// The client does not send what it promised.
    Client(io::Error),
}

impl Sending {
    /// `head` goes first.
    pub(super) fn new(head: Vec<u8>, framing: Framing, expects_continue: bool) -> Self {
        Self {
            is_last: framing.is_empty(),
            is_held: expects_continue && !framing.is_empty(),
            framing,
            out: head,
            sent: 0,
            large: Bytes::new(),
            after: b"",
            state: State::Server,
            has_sent: false,
            has_read: false,
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Whether there is nothing more to be done, for better or worse.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, State::Over | State::Abandoned)
    }

    /// The client is told to send the body.
    pub(super) fn release(&mut self) {
        self.is_held = false;
    }

    /// The final answer is there: a body that was not asked for is not wanted.
    pub(super) fn settle(&mut self) {
        if self.is_held && !self.has_read && !self.is_settled() {
            self.state = State::Abandoned;
        }
    }

    /// How far it has come.
    pub(super) fn stage(&self) -> Stage {
        match (self.has_read, self.has_sent) {
            (true, _) => Stage::BodyRead,
            (false, true) => Stage::HeadSent,
            (false, false) => Stage::NotSent,
        }
    }

    /// Memory that can be used for the next head.
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        let mut buffer = std::mem::take(&mut self.out);
        buffer.clear();
        buffer
    }

    /// Goes on as far as it can; ready when there is nothing more to be sent. Tells whether anything was.
    ///
    /// # Errors
    /// Nothing is sent after one.
    pub(super) fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        body: &mut RequestBody,
        context: &mut Context<'_>,
        progress: &mut bool,
    ) -> Poll<Result<(), SendError>> {
        if self.is_settled() {
            return Poll::Ready(Ok(()));
        }
        let polled = self.poll_rest(stream, body, context, progress);
        match polled {
            Poll::Ready(Ok(())) => self.state = State::Over,
            Poll::Ready(Err(_)) => self.state = State::Abandoned,
            Poll::Pending => {}
        }
        polled
    }

    fn poll_rest<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        body: &mut RequestBody,
        context: &mut Context<'_>,
        progress: &mut bool,
    ) -> Poll<Result<(), SendError>> {
        loop {
            self.state = State::Server;
            while !self.is_written() {
                ready!(self.poll_write(stream, context)).map_err(SendError::Server)?;
                *progress = true;
            }
            let mut client_waits = false;
            while !self.is_last && self.large.is_empty() && self.out.len() < JOINED {
                let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(context) else {
                    client_waits = true;
                    break;
                };
                self.has_read = true;
                self.is_held = false;
                self.put(frame).map_err(SendError::Client)?;
            }
            if !self.is_written() {
                continue;
            }
            // A socket holds nothing back, but encryption may.
            ready!(Pin::new(&mut *stream).poll_flush(context)).map_err(SendError::Server)?;
            if self.is_last {
                return Poll::Ready(Ok(()));
            }
            if client_waits {
                self.state = if self.is_held {
                    State::Continue
                } else {
                    State::Client
                };
                return Poll::Pending;
            }
        }
    }

    fn is_written(&self) -> bool {
        self.sent == self.out.len() && self.large.is_empty() && self.after.is_empty()
    }

    fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = Pin::new(stream);
        let out = &self.out[self.sent..];
        let mut written = ready!(if self.large.is_empty() && self.after.is_empty() {
            stream.poll_write(context, out)
        } else {
            let pieces = [out, &self.large, self.after].map(IoSlice::new);
            stream.poll_write_vectored(context, &pieces)
        })?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.has_sent = true;
        let of_out = written.min(out.len());
        self.sent += of_out;
        written -= of_out;
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
        let of_large = written.min(self.large.len());
        // What was sent of it goes back to where it came from.
        self.large = self.large.split_off(of_large);
        self.after = &self.after[written - of_large..];
        Poll::Ready(Ok(()))
    }

    /// What the body has next, as it goes over the wire.
    fn put(&mut self, frame: Option<Result<Frame<Bytes>, axum::BoxError>>) -> io::Result<()> {
        let frame = match frame {
            Some(frame) => frame.map_err(io::Error::other)?,
            None => return self.end(&HeaderMap::new()),
        };
        match frame.into_data() {
            Ok(data) => self.put_data(data),
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) => self.end(&trailers),
                Err(_) => Ok(()),
            },
        }
    }

    fn put_data(&mut self, data: Bytes) -> io::Result<()> {
        let length = data.len() as u64;
        match &mut self.framing {
            // An empty chunk would be the last one.
            Framing::Chunked if length == 0 => return Ok(()),
            Framing::Chunked => {
                write!(self.out, "{length:X}\r\n")?;
                self.after = b"\r\n";
            }
            Framing::Length(left) => {
                *left = left.checked_sub(length).ok_or_else(|| {
                    io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the body is longer than its Content-Length",
                    )
                })?;
                self.is_last = *left == 0;
            }
            Framing::Nothing => {}
        }
        if data.len() > JOINED {
            self.large = data;
        } else {
            self.out.extend_from_slice(&data);
            self.out.extend_from_slice(std::mem::take(&mut self.after));
        }
        Ok(())
    }

    fn end(&mut self, trailers: &HeaderMap) -> io::Result<()> {
        match self.framing {
            Framing::Length(left) if left > 0 => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the body is shorter than its Content-Length",
                ));
            }
            Framing::Chunked => {
                self.out.extend_from_slice(b"0\r\n");
                for (name, value) in trailers {
                    if !super::super::chunked::is_forbidden(name) {
                        use crate::proxy::fields::Sink as _;
                        self.out.put(name.as_str().as_bytes(), value.as_bytes());
                    }
                }
                self.out.extend_from_slice(b"\r\n");
            }
            _ => {}
        }
        self.is_last = true;
        Ok(())
    }
}
