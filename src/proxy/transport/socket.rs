//! A connection to a server, of whichever kind.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use rustix::io::Errno;
use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// Boxed: it is large, and not the usual case.
    TcpTls(Box<TlsStream<TcpStream>>),
    UnixTls(Box<TlsStream<UnixStream>>),
}

/// Calls the same method of whichever it is.
macro_rules! each {
    ($socket:expr, $inner:ident => $call:expr) => {
        match $socket {
            Socket::Tcp($inner) => $call,
            Socket::Unix($inner) => $call,
            Socket::TcpTls($inner) => $call,
            Socket::UnixTls($inner) => $call,
        }
    };
}

/// What a connection shows on which nothing is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quiet {
    Yes,
    /// The server has closed it.
    Closed,
    /// The server said something that nobody asked for.
    Noisy,
}

impl Socket {
    /// Looks whether something has come, without waiting.
    pub(super) fn look(&mut self) -> Quiet {
        match self {
            Self::Tcp(socket) => peek(socket),
            Self::Unix(socket) => peek(socket),
            Self::TcpTls(stream) => match read_now(&mut **stream) {
                Quiet::Yes => peek(stream.get_ref().0),
                other => other,
            },
            Self::UnixTls(stream) => match read_now(&mut **stream) {
                Quiet::Yes => peek(stream.get_ref().0),
                other => other,
            },
        }
    }
}

/// Asks the system: the runtime would know only what it was told when it last looked.
fn peek(socket: impl std::os::fd::AsFd) -> Quiet {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    match rustix::net::recv(socket, &mut [0_u8], flags) {
        Err(Errno::AGAIN) => Quiet::Yes,
        Ok((_, 0)) | Err(_) => Quiet::Closed,
        Ok(_) => Quiet::Noisy,
    }
}

/// Under encryption there may be bytes that are no content, such as tickets: they are taken.
fn read_now(stream: &mut (impl AsyncRead + Unpin)) -> Quiet {
    let mut byte = [0];
    let mut buffer = ReadBuf::new(&mut byte);
    let mut context = Context::from_waker(Waker::noop());
    match Pin::new(stream).poll_read(&mut context, &mut buffer) {
        Poll::Pending => Quiet::Yes,
        Poll::Ready(Ok(())) if !buffer.filled().is_empty() => Quiet::Noisy,
        Poll::Ready(_) => Quiet::Closed,
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_read(context, buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_write(context, data))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_write_vectored(context, data))
    }

    fn is_write_vectored(&self) -> bool {
        each!(self, inner => inner.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_shutdown(context))
    }
}
