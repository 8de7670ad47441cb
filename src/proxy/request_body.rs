//! The body of a request that is forwarded, however it came.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::BoxError;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};

use super::request;
use crate::http1::{Channel, Incoming, Interim};

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

    /// The request is answered elsewhere from now on: the client is told to send its body by a [`Teller`] only, and when it
    /// leaves, whoever waits for the answer is stopped.
    pub(crate) fn forward(&self) {
        if let Self::Http1(body) = self {
            body.forward();
        }
    }

    /// A client that waits for a 100 gets one.
    pub(crate) fn go_on(&self) {
        self.teller().tell(StatusCode::CONTINUE, &HeaderMap::new());
    }

    /// For what the client is told while others hold its body.
    pub(crate) fn teller(&self) -> Teller {
        Teller(match self {
            Self::Http1(body) => body.channel(),
            _ => None,
        })
    }
}

/// Tells a client of HTTP/1.1 what it is told before the final answer.
pub(crate) struct Teller(Option<Arc<Channel>>);

impl Teller {
    /// Hands on an interim answer. With a 100, a client that waits for one before it sends its body gets it (RFC 9110 §10.1.1); of
    /// HTTP/2, clients do not wait for ever.
    pub(crate) fn tell(&self, status: StatusCode, fields: &HeaderMap) {
        let Some(channel) = &self.0 else { return };
        if status == StatusCode::CONTINUE {
            channel.go_on();
        } else {
            Interim(Arc::clone(channel)).send(status, fields);
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
        let mut frame = match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Http1(body) => Pin::new(body)
                .poll_frame(context)
                .map_err(|error| Box::new(error) as BoxError),
            Self::Other(body) => Pin::new(body).poll_frame(context),
        };
        if let Poll::Ready(Some(Ok(frame))) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            request::keep_trailers(trailers);
        }
        frame
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
