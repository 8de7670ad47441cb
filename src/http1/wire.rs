//! The two directions of a connection's socket.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a read takes at most.
const READ: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct Wire<S> {
    pub(super) stream: S,
    /// Received and not yet taken; without memory of its own while the connection is idle.
    pub(super) received: BytesMut,
    /// Bytes that the socket took.
    pub(super) written: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Reads what is there, or waits for it; 0 when the client has closed its side. No buffer exists while it waits.
    pub(super) fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        thread_local! {
            static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
        }
        BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            self.received.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    /// Writes some of the pieces, in one call; never 0.
    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        pieces: [&[u8]; 3],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        let written = ready!(match pieces {
            [first, [], []] => stream.poll_write(context, first),
            [[], second, []] => stream.poll_write(context, second),
            _ => stream.poll_write_vectored(context, &pieces.map(IoSlice::new)),
        })?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.written += written as u64;
        Poll::Ready(Ok(written))
    }

    /// A socket holds nothing back, but encryption may.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }
}
