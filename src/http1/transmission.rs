//! An answer on its way out.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TE};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version};
use http_body::{Body, Frame};
use tokio::io::{AsyncRead, AsyncWrite};

use super::response::{self, Connection as Persistence, Framing};
use super::wire::Wire;
use crate::observe::story::BreakOff;
use crate::server::activity::{Activity, Serving};
use crate::static_files::body::Lines;

/// A piece up to this size leaves joined with what stands before it.
const JOINED: usize = 8 << 10;

#[derive(Debug)]
pub(super) struct Transmission<B> {
    body: B,
    framing: Framing,
    /// Whether the client wants fields after the body (RFC 9110 §6.5.1).
    takes_trailers: bool,
    /// Head, framing and small pieces; sent up to `sent`.
    out: Vec<u8>,
    sent: usize,
    /// A piece that is too large to be copied, and what follows it.
    large: Bytes,
    after: &'static [u8],
    /// All of it is in the three above.
    is_last: bool,
    /// What the wire will have taken when the head is out, and the bytes of the body so far.
    head_ends_at: u64,
    of_body: u64,
    is_blocked: bool,
}

impl<B: Body<Data = Bytes, Error: Into<axum::BoxError>> + Unpin> Transmission<B> {
    /// `before` goes out first; `ready_lines` are fields of the head that were written before.
    pub(super) fn new(
        mut out: Vec<u8>,
        parts: &Parts,
        ready_lines: Option<&Lines>,
        body: B,
        (framing, takes_trailers): (Framing, bool),
        persistence: Persistence,
    ) -> Self {
        let small = match framing {
            Framing::Length(length) if length <= JOINED as u64 => {
                usize::try_from(length).unwrap_or(0)
            }
            _ => 0,
        };
        out.reserve(512 + small);
        response::write_head(
            &mut out,
            parts.status,
            ready_lines,
            &parts.headers,
            framing,
            persistence,
        );
        Self {
            body,
            framing,
            takes_trailers,
            head_ends_at: out.len() as u64,
            out,
            sent: 0,
            large: Bytes::new(),
            after: b"",
            is_last: matches!(framing, Framing::Nothing | Framing::Length(0)),
            of_body: 0,
            is_blocked: false,
        }
    }

    /// Told once, before the first byte is sent.
    pub(super) fn starts_at(&mut self, written: u64) {
        self.head_ends_at += written;
    }

    /// Whether it waits for the client, not for the handler.
    pub(super) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// Ready when all of it is with the system.
    ///
    /// # Errors
    /// When the client is gone, or the body ended otherwise than it was promised: what the client has then is visibly cut off.
    pub(super) fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        wire: &mut Wire<S>,
        activity: &Activity,
        serving: &mut Serving,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_blocked = false;
        loop {
            let mut waits_for_body = false;
            while !self.is_last && self.large.is_empty() && self.out.len() < JOINED {
                match Pin::new(&mut self.body).poll_frame(context) {
                    Poll::Ready(frame) => self.put(frame).inspect_err(|_| {
                        serving.story().broke_off(BreakOff::Source);
                    })?,
                    Poll::Pending => {
                        waits_for_body = true;
                        break;
                    }
                }
            }
            if self.is_sent() {
                if self.is_last || waits_for_body {
                    self.is_blocked = wire.poll_flush(context)?.is_pending();
                    let is_done = self.is_last && !self.is_blocked;
                    return if is_done {
                        Poll::Ready(Ok(()))
                    } else {
                        Poll::Pending
                    };
                }
                continue;
            }
            self.is_blocked = true;
            let before = wire.written;
            ready!(self.poll_send(wire, context))?;
            self.is_blocked = false;
            activity.has_written(wire.written - before);
            let of_body = wire.written.saturating_sub(self.head_ends_at);
            serving.sent(of_body.min(self.of_body));
        }
    }

    fn is_sent(&self) -> bool {
        self.sent == self.out.len() && self.large.is_empty() && self.after.is_empty()
    }

    fn poll_send<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        wire: &mut Wire<S>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let pieces = [&self.out[self.sent..], &self.large, self.after];
        let mut written = ready!(wire.poll_write(context, pieces))?;
        let of_out = written.min(self.out.len() - self.sent);
        self.sent += of_out;
        written -= of_out;
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
        let of_large = written.min(self.large.len());
        if of_large == self.large.len() {
            // Not only emptied: a chunk of a file goes back to where it came from.
            self.large = Bytes::new();
        } else {
            let _ = self.large.split_to(of_large);
        }
        self.after = &self.after[written - of_large..];
        Poll::Ready(Ok(()))
    }

    /// What the body has next, as it goes over the wire.
    fn put(&mut self, frame: Option<Result<Frame<Bytes>, B::Error>>) -> io::Result<()> {
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
        self.of_body += length;
        match &mut self.framing {
            // An empty chunk would be the last one.
            Framing::Chunked if length == 0 => return Ok(()),
            Framing::Chunked => {
                self.out
                    .extend_from_slice(format!("{length:X}\r\n").as_bytes());
                self.after = b"\r\n";
            }
            Framing::Length(left) => {
                *left = left.checked_sub(length).ok_or_else(|| {
                    io::Error::other("the body is longer than its Content-Length")
                })?;
                self.is_last = *left == 0;
            }
            Framing::UntilClose | Framing::Nothing => {}
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
                    if self.takes_trailers && !super::chunked::is_forbidden(name) {
                        response::write_field(&mut self.out, name.as_str(), value.as_bytes());
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

/// What of a request its answer's form depends on.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) version: Version,
    /// RFC 9110 §10.1.4.
    pub(super) takes_trailers: bool,
}

impl Asked {
    pub(super) fn new(request: &http::request::Parts) -> Self {
        Self {
            method: request.method.clone(),
            version: request.version,
            takes_trailers: false,
        }
    }

    /// For an answer that may have trailers.
    pub(super) fn with_trailers(mut self, request: &http::request::Parts) -> Self {
        self.takes_trailers = request
            .headers
            .get_all(TE)
            .iter()
            .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
            .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"));
        self
    }
}

impl Default for Asked {
    /// For what was no request.
    fn default() -> Self {
        Self {
            method: Method::GET,
            version: Version::HTTP_11,
            takes_trailers: false,
        }
    }
}

/// Whether an answer can be one: it is final, and does not contradict itself.
pub(super) fn is_sendable(asked: &Asked, response: &Response<impl Body>, is_tunnel: bool) -> bool {
    let is_final = !response.status().is_informational()
        || (is_tunnel && response.status() == StatusCode::SWITCHING_PROTOCOLS);
    // Then the length is that of a body that is not sent.
    let is_bare = asked.method == Method::HEAD || has_no_content(response.status());
    let said = response.headers().get(CONTENT_LENGTH);
    let is_true = |said: &HeaderValue| match (length(said), response.body().size_hint().exact()) {
        (Some(_), _) if is_bare => true,
        (Some(said), Some(length)) => said == length,
        (said, _) => said.is_some(),
    };
    is_final && said.is_none_or(is_true)
}

fn has_no_content(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    )
}

fn length(said: &HeaderValue) -> Option<u64> {
    said.to_str().ok()?.parse().ok()
}

/// How the end of an answer's body is told to this client (RFC 9112 §6.3).
pub(super) fn framing(
    asked: &Asked,
    parts: &Parts,
    body: &impl Body,
    has_ready_lines: bool,
) -> Framing {
    // RFC 9110 §15.3.6: there is nothing to be sent, and it is said.
    if parts.status == StatusCode::RESET_CONTENT {
        return Framing::Length(0);
    }
    let has_none = has_no_content(parts.status) || parts.status.is_informational();
    if asked.method == Method::HEAD || has_none {
        return Framing::Nothing;
    }
    let said = parts.headers.get(CONTENT_LENGTH).and_then(length);
    match body.size_hint().exact() {
        Some(exact) if has_ready_lines => Framing::Length(exact),
        // What was promised and is not there is missed.
        Some(exact) => Framing::Length(said.unwrap_or(exact)),
        None => match said {
            Some(said) => Framing::Length(said),
            None if asked.version == Version::HTTP_11 => Framing::Chunked,
            None => Framing::UntilClose,
        },
    }
}
