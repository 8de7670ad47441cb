//! HTTP/2 with servers, which hyper speaks.
//!
//! 1. A connection with room for another stream is shared; with none left, another one is made ([`connections`]).
//! 2. The body goes as the server lets it ([`outbound`]), whether or not the answer is there.
//! 3. What comes to nothing is told apart by whether the server has looked at it ([`wrong`]).
//! 4. The answer's body comes as it is polled ([`inbound`]).

mod connections;
mod inbound;
mod outbound;
mod wrong;

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Instant;

use http::header::{CONTENT_LENGTH, TE};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body::Body as _;
use hyper::body::Incoming;

use self::connections::{Connections, Stream};
use self::outbound::{Outbound, Shared, Waits};
use super::connect::Connector;
use super::exchange::{Answer, Failure, FailureKind, Outgoing, Stage, Target};
use crate::config::upstream::UpstreamConfig;
use crate::http1::upstream::{Limits, Timer};
use crate::proxy::fields::Fields;
use crate::proxy::request_body::RequestBody;

pub(super) use self::inbound::Http2Body;

/// How often a request is tried on another connection when one turns out to take no more.
const ATTEMPTS: usize = 3;

#[derive(Debug)]
pub(super) struct Http2 {
    connections: Connections,
    limits: Limits,
}

impl Http2 {
    pub(super) fn new(config: &UpstreamConfig, limits: Limits) -> Self {
        Self {
            connections: Connections::new(config),
            limits,
        }
    }

    pub(super) async fn send(
        &self,
        connector: &Connector,
        target: &Target,
        request: &mut Outgoing<'_>,
    ) -> Result<Answer, Failure> {
        let Some((uri, fields)) = head(request) else {
            let error = io::Error::new(
                io::ErrorKind::Unsupported,
                "HTTP/2 cannot carry this request",
            );
            return Err(Failure::new(
                FailureKind::Unsupported,
                Stage::NotSent,
                error,
            ));
        };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let begin = Instant::now();
            let (stream, is_reused) = self.connections.open(connector, target).await?;
            let connecting = (!is_reused).then(|| begin.elapsed());
            let mut head = Request::new(());
            *head.method_mut() = request.method.clone();
            *head.uri_mut() = uri.clone();
            *head.headers_mut() = fields.clone();
            let shared = Shared::new(std::mem::take(request.body), request);
            let asked = self.ask(stream, head, &shared).await;
            let mut failure = match asked {
                Ok(answer) => {
                    return Ok(Answer {
                        connecting,
                        ..answer
                    });
                }
                Err(failure) => failure,
            };
            failure.is_reused = is_reused;
            *request.body = shared.take_back();
            // It takes leave, or had too much to do for a moment: it may be all that there is to ask.
            let may_go_on = failure.stage == Stage::NotSent
                && match failure.kind {
                    FailureKind::Closed => attempts < ATTEMPTS,
                    FailureKind::Rejected => attempts == 1,
                    _ => false,
                };
            if !may_go_on {
                return Err(failure);
            }
        }
    }

    async fn ask(
        &self,
        mut stream: Stream,
        head: Request<()>,
        shared: &Arc<Shared>,
    ) -> Result<Answer, Failure> {
        // Dropped with this future, it ends the stream.
        let cancel = shared.cancel_on_drop();
        let request = head.map(|()| Outbound(Arc::clone(shared)));
        let answered = {
            let mut asked = pin!(stream.sender.try_send_request(request));
            let mut timer = Timer::default();
            let mut seen = None;
            poll_fn(|context| {
                loop {
                    if let Poll::Ready(answered) = asked.as_mut().poll(context) {
                        return Poll::Ready(Ok(answered));
                    }
                    let standing = shared.standing(context);
                    if seen != Some(standing) {
                        seen = Some(standing);
                        match standing.0 {
                            // Who waits for a client has limits of its own for that.
                            Waits::Client => timer.rest(),
                            Waits::Server => timer.wait(self.limits.idle),
                            Waits::Nothing => timer.wait(self.limits.first_byte),
                        }
                    }
                    ready!(timer.poll(context));
                    if seen == Some(shared.standing(context)) {
                        return Poll::Ready(Err(shared.stage()));
                    }
                }
            })
            .await
        };
        match answered {
            Ok(Ok(response)) => answer(response, stream, cancel, self.limits),
            Ok(Err(error)) => Err(wrong::failure(error, shared)),
            Err(stage) => {
                let error =
                    io::Error::new(io::ErrorKind::TimedOut, "the server did not answer in time");
                Err(Failure::new(FailureKind::TimedOut, stage, error))
            }
        }
    }
}

fn answer(
    response: Response<Incoming>,
    stream: Stream,
    cancel: outbound::Cancel,
    limits: Limits,
) -> Result<Answer, Failure> {
    stream.is_answered();
    let (parts, body) = response.into_parts();
    if parts.status.is_informational() {
        let error = io::Error::new(io::ErrorKind::InvalidData, "the answer is no final one");
        return Err(Failure::new(FailureKind::Malformed, Stage::Answered, error));
    }
    let body = Http2Body::new(body, stream, cancel, limits.idle);
    Ok(Answer {
        status: parts.status,
        fields: Fields::Map(parts.headers),
        body: body.into(),
        upgraded: None,
        connecting: None,
    })
}

/// The request's pseudo-header fields and fields, where there are such for it.
fn head(request: &Outgoing<'_>) -> Option<(Uri, HeaderMap)> {
    if request.upgrade.is_some() {
        return None;
    }
    let uri = Uri::builder()
        .scheme(if request.is_https { "https" } else { "http" })
        .authority(request.authority)
        .path_and_query(request.path)
        .build()
        .ok()?;
    let mut fields = HeaderMap::new();
    request.fields.write(&mut fields);
    match request.body.size_hint().exact() {
        Some(0) if !request.has_body => {}
        Some(length) => {
            fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        None => {}
    }
    if request.takes_trailers {
        fields.insert(TE, HeaderValue::from_static("trailers"));
    }
    Some((uri, fields))
}

impl Shared {
    fn stage(&self) -> Stage {
        if self.has_read() {
            Stage::BodyRead
        } else {
            Stage::HeadSent
        }
    }

    /// What nobody has read goes with the next attempt.
    fn take_back(&self) -> RequestBody {
        if self.has_read() {
            RequestBody::Empty
        } else {
            self.take_body()
        }
    }
}
