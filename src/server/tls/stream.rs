//! A socket whose bytes are encrypted on their way.
//!
//! HTTP/2 writes frame by frame, and says when it is done: its frames are encrypted and held, up to a bound, until it is, or until the
//! stream waits for the other side; so they leave in few calls. HTTP/1.1 writes what is to leave at once.

use std::io::{self, BufRead as _, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::{HandshakeKind, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::server::prologue::Stream;

/// Encrypted bytes that wait to be sent, at most: one record more than this may be.
const HELD: usize = 64 << 10;

/// The server's side of a TLS connection.
#[derive(Debug)]
pub(in crate::server) struct TlsStream<S> {
    socket: S,
    tls: ServerConnection,
    /// Whether what is written waits to be flushed.
    holds: bool,
    /// The other side's own end was seen: nothing more is to be read from the socket.
    is_at_end: bool,
    is_closing: bool,
}

impl<S: Stream> TlsStream<S> {
    pub(super) fn new(socket: S, mut tls: ServerConnection) -> Self {
        tls.set_buffer_limit(Some(HELD));
        Self {
            socket,
            tls,
            holds: false,
            is_at_end: false,
            is_closing: false,
        }
    }

    pub(super) fn connection(&self) -> &ServerConnection {
        &self.tls
    }

    /// Whether it goes on with a session from before.
    pub(in crate::server) fn is_resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The rest of the handshake. On an error, the other side is told why as far as it takes it now.
    pub(super) fn poll_handshake(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What is to be sent once it is done, tickets, goes along with the first answer.
        while self.tls.is_handshaking() {
            ready!(self.poll_send(context))?;
            if !self.tls.is_handshaking() {
                break;
            }
            if let Err(error) = ready!(self.poll_receive(context)) {
                let _ = self.poll_send(context);
                return Poll::Ready(Err(error));
            }
            if self.is_at_end && self.tls.is_handshaking() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        self.holds = self.tls.alpn_protocol() == Some(b"h2");
        Poll::Ready(Ok(()))
    }

    /// Sends all that is encrypted.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            let mut socket = Blocking {
                socket: &mut self.socket,
                context,
            };
            match self.tls.write_tls(&mut socket) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what has come, or waits for it.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut socket = Blocking {
            socket: &mut self.socket,
            context,
        };
        match self.tls.read_tls(&mut socket) {
            Ok(0) => self.is_at_end = true,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error)),
        }
        let processed = self.tls.process_new_packets();
        Poll::Ready(
            processed
                .map(drop)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        )
    }

    /// What `write` took; it takes nothing while too much is held, and then some of that has to leave first.
    fn poll_take(
        &mut self,
        context: &mut Context<'_>,
        mut write: impl FnMut(&mut ServerConnection) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let taken = write(&mut self.tls)?;
            if taken > 0 {
                // What does not leave now does when it is flushed.
                if !self.holds
                    && let Poll::Ready(Err(error)) = self.poll_send(context)
                {
                    return Poll::Ready(Err(error));
                }
                return Poll::Ready(Ok(taken));
            }
            ready!(self.poll_send(context))?;
        }
    }
}

impl<S: Stream> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut reader = self.tls.reader();
            match reader.fill_buf() {
                Ok(plain) => {
                    let taken = plain.len().min(buffer.remaining());
                    buffer.put_slice(&plain[..taken]);
                    reader.consume(taken);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            match self.poll_receive(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    // Tells the other side what it did wrong, if it still listens.
                    let _ = self.poll_send(context);
                    return Poll::Ready(Err(error));
                }
                // It may be waiting for something as well.
                Poll::Pending => {
                    if let Poll::Ready(Err(error)) = self.poll_send(context) {
                        return Poll::Ready(Err(error));
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<S: Stream> AsyncWrite for TlsStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_take(context, |tls| tls.writer().write(data))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if data.iter().all(|data| data.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        self.poll_take(context, |tls| tls.writer().write_vectored(data))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.socket).poll_flush(context)
    }

    /// Says that nothing follows (`close_notify`): without it, an end that somebody on the way forced would look the same.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_closing {
            self.is_closing = true;
            self.tls.send_close_notify();
        }
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// A socket as rustls wants it: what would have to wait fails with `WouldBlock`, and the task is woken when it need not any more.
pub(super) struct Blocking<'a, 'c, S> {
    pub(super) socket: &'a mut S,
    pub(super) context: &'a mut Context<'c>,
}

impl<S: Stream> Read for Blocking<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut *self.socket).poll_read(self.context, &mut buffer) {
            Poll::Ready(read) => read.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: Stream> Write for Blocking<'_, '_, S> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        blocking(Pin::new(&mut *self.socket).poll_write(self.context, data))
    }

    fn write_vectored(&mut self, data: &[IoSlice<'_>]) -> io::Result<usize> {
        blocking(Pin::new(&mut *self.socket).poll_write_vectored(self.context, data))
    }

    fn flush(&mut self) -> io::Result<()> {
        blocking(Pin::new(&mut *self.socket).poll_flush(self.context))
    }
}

fn blocking<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}
