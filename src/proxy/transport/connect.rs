//! A connection is made: to an address or a Unix socket, and encrypted where that is spoken.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};

use super::error::TransportError;
use super::exchange::{Failure, FailureKind, Stage, Target, TargetAddress};
use super::socket::Socket;
use super::tls::Tls;
use crate::config::upstream::UpstreamConfig;

#[derive(Debug)]
pub(super) struct Connector {
    /// None: no server speaks it.
    tls: Option<Tls>,
    /// The handshake included. Zero: any time.
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(config: &UpstreamConfig) -> Result<Self, TransportError> {
        let is_needed = config.servers.iter().any(|server| server.protocol.is_tls);
        Ok(Self {
            tls: is_needed.then(|| Tls::new(&config.tls)).transpose()?,
            timeout: config.timeouts.connect,
        })
    }

    pub(super) async fn connect(&self, target: &Target) -> Result<Socket, Failure> {
        if self.timeout.is_zero() {
            return self.open(target).await;
        }
        let opened = tokio::time::timeout(self.timeout, self.open(target)).await;
        opened.unwrap_or_else(|_| {
            let error = io::Error::new(io::ErrorKind::TimedOut, "no connection came about in time");
            Err(failure(FailureKind::ConnectTimeout, error))
        })
    }

    async fn open(&self, target: &Target) -> Result<Socket, Failure> {
        let refused = |error| failure(FailureKind::Refused, error);
        match &target.address {
            TargetAddress::Socket(address) => {
                let socket = TcpStream::connect(address).await.map_err(refused)?;
                // A small request is not to wait for the one before it to be confirmed. Where that cannot be had, it does.
                let _ = socket.set_nodelay(true);
                if !target.protocol.is_tls {
                    return Ok(Socket::Tcp(socket));
                }
                let stream = self.encrypt(target, socket).await?;
                Ok(Socket::TcpTls(Box::new(stream)))
            }
            TargetAddress::Unix(path) => {
                let socket = UnixStream::connect(path).await.map_err(refused)?;
                if !target.protocol.is_tls {
                    return Ok(Socket::Unix(socket));
                }
                let stream = self.encrypt(target, socket).await?;
                Ok(Socket::UnixTls(Box::new(stream)))
            }
        }
    }

    async fn encrypt<S>(
        &self,
        target: &Target,
        socket: S,
    ) -> Result<tokio_rustls::client::TlsStream<S>, Failure>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let encrypted = match &self.tls {
            Some(tls) => tls.encrypt(target, socket).await,
            None => Err(io::ErrorKind::Unsupported.into()),
        };
        encrypted.map_err(|error| failure(FailureKind::Tls, error))
    }
}

fn failure(kind: FailureKind, error: io::Error) -> Failure {
    Failure::new(kind, Stage::NotSent, error)
}
