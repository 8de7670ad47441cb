//! The HTTP client by which spans are sent: a connection for each batch.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body::Body as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::upstream::UpstreamTls;
use crate::proxy::transport::client_config;
use crate::static_files::body::Body;

/// An answer says little.
const MOST_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Client {
    endpoint: Uri,
    host: String,
    port: u16,
    authority: HeaderValue,
    tls: Option<(Arc<rustls::ClientConfig>, ServerName<'static>)>,
    patience: Duration,
    /// What went wrong last: the exporter would not tell.
    error: Mutex<Option<String>>,
}

impl Client {
    /// # Errors
    /// When there is no authority to trust an `https` collector by.
    pub(super) fn new(endpoint: &Uri, patience: Duration) -> io::Result<Self> {
        let bare = endpoint.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_https = endpoint.scheme_str() == Some("https");
        let tls = if is_https {
            let config = client_config(&UpstreamTls::default());
            let name = ServerName::try_from(bare.to_owned()).map_err(io::Error::other)?;
            Some((Arc::new(config.map_err(io::Error::other)?), name))
        } else {
            None
        };
        let authority = endpoint
            .authority()
            .map_or("", |authority| authority.as_str());
        Ok(Self {
            host: bare.to_owned(),
            port: endpoint
                .port_u16()
                .unwrap_or(if is_https { 443 } else { 80 }),
            authority: HeaderValue::from_str(authority).map_err(io::Error::other)?,
            endpoint: endpoint.clone(),
            tls,
            patience,
            error: Mutex::default(),
        })
    }

    pub(super) fn endpoint(&self) -> &Uri {
        &self.endpoint
    }

    pub(super) fn take_error(&self) -> Option<String> {
        self.last_error().take()
    }

    fn last_error(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let socket = TcpStream::connect((&*self.host, self.port)).await?;
        match &self.tls {
            None => self.send_over(socket, request).await,
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                let stream = connector.connect(name.clone(), socket).await?;
                self.send_over(stream, request).await
            }
        }
    }

    async fn send_over<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, HttpError> {
        let (mut parts, content) = request.into_parts();
        // In the form that goes to the server itself (RFC 9112 §3.2.1).
        let target = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = target.parse()?;
        parts.headers.insert(HOST, self.authority.clone());
        let request = Request::from_parts(parts, Body::memory(content));
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let exchange = async {
            let (parts, body) = sender.send_request(request).await?.into_parts();
            let body = read(body).await?;
            Ok::<_, HttpError>(Response::from_parts(parts, body))
        };
        tokio::pin!(exchange);
        tokio::pin!(connection);
        let response = tokio::select! {
            biased;
            response = &mut exchange => response?,
            ended = &mut connection => {
                // What was read before its end is there still.
                ended?;
                exchange.await?
            }
        };
        if !response.status().is_success() {
            *self.last_error() = Some(format!("it answered {}", response.status()));
        }
        Ok(response)
    }
}

async fn read(mut body: hyper::body::Incoming) -> Result<Bytes, HttpError> {
    let mut whole = BytesMut::new();
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let Some(frame) = frame else {
            return Ok(whole.freeze());
        };
        if let Some(data) = frame?.data_ref() {
            whole.extend_from_slice(data);
        }
        if whole.len() > MOST_BYTES {
            return Err("the answer is too long".into());
        }
    }
}

/// As the trait has it, written out.
impl HttpClient for Client {
    fn send_bytes<'s, 'f>(
        &'s self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let sent = tokio::time::timeout(self.patience, self.send(request));
            let result = sent
                .await
                .unwrap_or_else(|_| Err("it took too long".into()));
            if let Err(error) = &result {
                *self.last_error() = Some(chain(&**error));
            }
            result
        })
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
