//! The body of a request on its way to a server: read only as fast as the server takes it.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::BoxError;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};

use crate::http1::Incoming;

/// The body of a request, wherever it comes from.
#[derive(Default)]
pub(crate) enum RequestBody {
    #[default]
    Empty,
    /// Of a client that speaks HTTP/1.1.
    Http1(Incoming),
    Other(Box<dyn Body<Data = Bytes, Error = BoxError> + Send + Unpin>),
}

impl RequestBody {
    /// The server asked for the body: a client that waits for a 100 is told to go on.
    ///
    /// Nothing is to be done yet: whoever polls a body asks for it by that.
    #[allow(clippy::unused_self)]
    pub(crate) fn go_on(&self) {}

    /// Hands on an interim answer of the server, where the client's protocol lets it through; 100 is [`Self::go_on`]'s.
    #[allow(clippy::unused_self)]
    pub(crate) fn interim(&self, _status: StatusCode, _fields: &HeaderMap) {}
}

impl std::fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "RequestBody::Empty",
            Self::Http1(_) => "RequestBody::Http1",
            Self::Other(_) => "RequestBody::Other",
        })
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Http1(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(BoxError::from))),
            Self::Other(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Http1(body) => body.is_end_stream(),
            Self::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Http1(body) => body.size_hint(),
            Self::Other(body) => body.size_hint(),
        }
    }
}
