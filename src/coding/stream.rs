//! A body coded as it passes.
//!
//! 1. What has come is gathered, up to a bound.
//! 2. It is coded: little of it where it came, more on the pool of threads that may be held up; meanwhile nothing more is taken.
//! 3. When nothing more has come, what was coded so far is made so that it can be decoded, and sent: nobody waits for what is there.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use tokio::task::JoinHandle;

use crate::header::accept_encoding::ContentCoding;
use crate::static_files::body::Body;
use encoder::{Encoder, Then};

pub(crate) mod encoder;

/// As much is coded at a time, or a frame more.
const GATHERED: usize = 64 << 10;

/// From here on, coding takes longer than it takes to have another thread do it, and would hold up a worker: about half a millisecond.
const LARGE: usize = 16 << 10;

/// The body in this coding.
pub(crate) fn coded(body: Body, coding: ContentCoding) -> Body {
    let length = body.size_hint().exact();
    Body::stream(Coded {
        body,
        state: match Encoder::new(coding, length) {
            Ok(encoder) => State::Idle(encoder),
            Err(error) => State::Failed(error),
        },
        gathered: Vec::new(),
        held: 0,
        trailers: None,
    })
}

struct Coded {
    body: Body,
    state: State,
    gathered: Vec<Bytes>,
    /// Bytes since the last flush, gathered or in the encoder.
    held: usize,
    trailers: Option<HeaderMap>,
}

enum State {
    Idle(Encoder),
    /// The encoder is with another thread.
    Away(JoinHandle<io::Result<(Option<Encoder>, Vec<u8>)>>),
    Failed(io::Error),
    /// All is coded, or nothing more can be.
    Done,
}

impl Coded {
    /// Step 1. What is to be done with what was gathered; `Pending`: nothing.
    fn poll_gather(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Then>> {
        let mut gathered = 0;
        while gathered < GATHERED {
            let frame = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(frame) => frame.transpose()?.map(Frame::into_data),
                Poll::Pending if self.held == 0 => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Ok(Then::Flush)),
            };
            match frame {
                Some(Ok(data)) => {
                    gathered += data.len();
                    self.held += data.len();
                    self.gathered.push(data);
                }
                ended => {
                    if let Some(Err(frame)) = ended {
                        self.trailers = frame.into_trailers().ok();
                    }
                    return Poll::Ready(Ok(Then::Finish));
                }
            }
        }
        Poll::Ready(Ok(Then::GoOn))
    }

    /// Step 2. Coded bytes, should there be any.
    fn start(&mut self, encoder: Encoder, then: Then) -> io::Result<Vec<u8>> {
        let pieces = std::mem::take(&mut self.gathered);
        let is_large = self.held >= LARGE;
        if then != Then::GoOn {
            self.held = 0;
        }
        if is_large {
            let away = tokio::task::spawn_blocking(move || encoder.code(&pieces, then));
            self.state = State::Away(away);
            return Ok(Vec::new());
        }
        let (encoder, coded) = encoder.code(&pieces, then)?;
        self.state = encoder.map_or(State::Done, State::Idle);
        Ok(coded)
    }

    /// `None` at the end.
    fn poll_coded(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            let coded = match std::mem::replace(&mut self.state, State::Done) {
                State::Idle(encoder) => match self.poll_gather(context) {
                    Poll::Ready(then) => self.start(encoder, then?)?,
                    Poll::Pending => {
                        self.state = State::Idle(encoder);
                        return Poll::Pending;
                    }
                },
                State::Away(mut away) => match Pin::new(&mut away).poll(context) {
                    Poll::Ready(back) => {
                        let (encoder, coded) = back.map_err(io::Error::other)??;
                        self.state = encoder.map_or(State::Done, State::Idle);
                        coded
                    }
                    Poll::Pending => {
                        self.state = State::Away(away);
                        return Poll::Pending;
                    }
                },
                State::Failed(error) => return Poll::Ready(Err(error)),
                State::Done => return Poll::Ready(Ok(None)),
            };
            if !coded.is_empty() {
                return Poll::Ready(Ok(Some(coded.into())));
            }
        }
    }
}

impl http_body::Body for Coded {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let coded = ready!(this.poll_coded(context));
        let frame = match coded {
            Ok(Some(coded)) => Some(Ok(Frame::data(coded))),
            Ok(None) => this.trailers.take().map(|of| Ok(Frame::trailers(of))),
            Err(error) => {
                this.trailers = None;
                Some(Err(error))
            }
        };
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Done) && self.trailers.is_none()
    }
}

#[cfg(test)]
mod tests;
