//! The body of an answer, however it comes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The body of an answer. While it is polled, the rest of the request's body is sent as well; dropped before its end, it ends the exchange.
#[derive(Debug, Default)]
pub(crate) enum AnswerBody {
    #[default]
    Empty,
    /// All of it came with the head.
    Held(Bytes),
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        match this {
            Self::Empty => Poll::Ready(None),
            Self::Held(data) => {
                let data = std::mem::take(data);
                *this = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Held(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Held(data) => SizeHint::with_exact(data.len() as u64),
        }
    }
}
