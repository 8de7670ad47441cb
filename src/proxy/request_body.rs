//! The body of a request that is forwarded, however it came.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::BoxError;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};

use crate::http1::Incoming;

/// Read as its server takes it.
#[derive(Default)]
pub(crate) enum RequestBody {
    #[default]
    Empty,
    Http1(Incoming),
    Other(Box<dyn Body<Data = Bytes, Error = BoxError> + Send + Unpin>),
}

impl RequestBody {
    /// Of any other server than ours.
    pub(crate) fn boxed<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        if body.is_end_stream() {
            return Self::Empty;
        }
        Self::Other(Box::new(Boxed(Box::pin(body))))
    }

    /// The request is answered elsewhere from now on: the client is told to send its body by [`go_on`](Self::go_on) only, and when it
    /// leaves, whoever waits for the answer is stopped.
    pub(crate) fn forward(&self) {
        if let Self::Http1(body) = self {
            body.forward();
        }
    }

    /// A client that waits for a 100 before it sends its body gets one (RFC 9110 §10.1.1). Of HTTP/2, clients do not wait for ever.
    pub(crate) fn go_on(&self) {
        if let Self::Http1(body) = self {
            body.go_on();
        }
    }

    /// Hands on an interim answer, where the client can be sent one (HTTP/1.1).
    pub(crate) fn interim(&self, status: StatusCode, fields: &HeaderMap) {
        if let Self::Http1(body) = self {
            body.interim(status, fields);
        }
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
                .map_err(|error| Box::new(error) as BoxError),
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

/// Brings the errors of a body to one type.
struct Boxed<B>(Pin<Box<B>>);

impl<B: Body<Data = Bytes, Error: Into<BoxError>>> Body for Boxed<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.as_mut().poll_frame(context).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Http1(_) => "Http1",
            Self::Other(_) => "Other",
        })
    }
}
