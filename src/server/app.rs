//! What answers the requests of a connection.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tower_service::Service as _;

use crate::config::Config;
use crate::routing::Gate;
use crate::static_files::body::Body;

/// The sites of a configuration, or a router that a program brought.
#[derive(Clone, Debug)]
pub(super) enum App {
    Gate(Arc<Gate>),
    Router(axum::Router),
}

impl App {
    /// After another configuration was read; a program's own router stays.
    pub(super) fn renewed(&self, config: &Config) -> Self {
        match self {
            Self::Gate(gate) => Self::Gate(Arc::new(gate.renewed(config))),
            Self::Router(router) => Self::Router(router.clone()),
        }
    }
}

/// One kind of application; a connection is compiled for each, so that the gate's answers need no boxes.
pub(super) trait Answer: Clone + Send + Sync + 'static {
    type Body: http_body::Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + Unpin + 'static;

    /// The gate, when it is one: then HTTP/1.1 is our own.
    fn gate(&self) -> Option<&Gate> {
        None
    }

    fn answer(
        &self,
        request: Request<Incoming>,
        client: Option<SocketAddr>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// The outer count of references is the worker's own, so that workers do not contend for one at every request.
impl Answer for Arc<Arc<Gate>> {
    type Body = Body;

    fn gate(&self) -> Option<&Gate> {
        Some(self)
    }

    async fn answer(&self, request: Request<Incoming>, _: Option<SocketAddr>) -> Response<Body> {
        let (parts, _) = request.into_parts();
        Gate::answer(self, &parts, false).await
    }
}

impl Answer for axum::Router {
    type Body = axum::body::Body;

    async fn answer(
        &self,
        mut request: Request<Incoming>,
        client: Option<SocketAddr>,
    ) -> Response<Self::Body> {
        if let Some(client) = client {
            request.extensions_mut().insert(ConnectInfo(client));
        }
        let Ok(response) = self.clone().call(request.map(axum::body::Body::new)).await;
        response
    }
}
