//! The access log as a tower layer, for programs that build their own stack. [`Server`](crate::Server) needs no layer: it sees the
//! connection, and so counts what was really sent.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::ConnectInfo;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::access_log::{AccessRecorder, End, Exchange, Observers};
use super::counted_body::{CountedBody, OnEnd};
use super::request_id::RequestId;
use super::story::Story;

/// Logs every request that passes: put it outermost, so that the record tells what the client was answered.
///
/// The client's address is taken from axum's [`ConnectInfo`] when there is one.
#[derive(Clone, Debug)]
pub struct AccessLogLayer {
    log: AccessRecorder,
}

/// Made by [`AccessLogLayer`].
#[derive(Clone, Debug)]
pub struct AccessLogService<S> {
    inner: S,
    log: AccessRecorder,
}

/// A body that is counted on its way. The record is written when it ends or is dropped.
pub type LoggedBody<B> = CountedBody<B, Exchange>;

impl AccessLogLayer {
    /// Logs to `log`.
    pub fn new(log: AccessRecorder) -> Self {
        Self { log }
    }
}

impl<S> Layer<S> for AccessLogLayer {
    type Service = AccessLogService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AccessLogService {
            inner,
            log: self.log.clone(),
        }
    }
}

impl<S, A, B> Service<Request<A>> for AccessLogService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: Body + Unpin,
{
    type Response = Response<LoggedBody<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let client = request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0.ip());
        let observers = Observers {
            log: Some(&self.log),
            tally: None,
            tracer: None,
        };
        let story = Story::new(RequestId::of(request.headers()));
        let line = (request.method(), request.uri(), request.version());
        let mut exchange = Exchange::begin(observers, story, line, request.headers(), client);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            exchange.answered(&response);
            Ok(response.map(|body| CountedBody::new(body, exchange)))
        })
    }
}

impl OnEnd for Exchange {
    fn ended(&mut self, sent: u64, end: End) {
        self.end(sent, end);
    }
}
