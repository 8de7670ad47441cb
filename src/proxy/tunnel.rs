//! Bytes both ways, after a connection has left HTTP.
//!
//! 1. What one side sends goes to the other as it comes; a side that takes nothing is not read for.
//! 2. When one side has ended, the other is told, and may go on for a while.
//! 3. When neither sends anything for long, both are closed.
//!
//! A tunnel that is silent holds no buffer.

use std::cell::RefCell;
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

use super::far_end::FarEnd;

/// What a read takes at most.
const READ: usize = 32 << 10;

/// One direction.
#[derive(Debug, Default)]
struct Flow {
    /// Read and not yet taken by the other side, which has taken `sent` of it.
    held: Vec<u8>,
    sent: usize,
    /// Bytes that the other side took.
    bytes: u64,
    needs_flush: bool,
    has_ended: bool,
    is_closed: bool,
}

/// Joins both ends until they have closed, or one of them fails; tells what the client took.
///
/// # Errors
/// `TimedOut` when both were silent for too long.
pub(crate) async fn run<C: AsyncRead + AsyncWrite + Unpin>(
    client: &mut C,
    received: &[u8],
    far_end: &mut FarEnd,
    to_client: &mut u64,
) -> io::Result<()> {
    let mut up = Flow {
        held: received.to_vec(),
        ..Flow::default()
    };
    let mut down = Flow::default();
    let timeouts = far_end.timeouts;
    let server = &mut far_end.stream;
    let mut last = Instant::now();
    let mut timer = pin!(sleep_until(due(last, timeouts.idle)));
    poll_fn(|context| {
        loop {
            let before = (up.bytes, down.bytes, up.is_closed, down.is_closed);
            let is_up_over = up.poll(client, server, context)?.is_ready();
            let is_down_over = down.poll(server, client, context)?.is_ready();
            *to_client = down.bytes;
            if is_up_over && is_down_over {
                return Poll::Ready(Ok(()));
            }
            if before != (up.bytes, down.bytes, up.is_closed, down.is_closed) {
                last = Instant::now();
            }
            let patience = if up.is_closed || down.is_closed {
                timeouts.half_closed
            } else {
                timeouts.idle
            };
            let due = due(last, patience);
            if timer.deadline() > due || timer.is_elapsed() {
                timer.as_mut().reset(due);
            }
            ready!(timer.as_mut().poll(context));
            if Instant::now() >= due {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
    })
    .await
}

/// Goes on in a task of its own with what hyper leaves of a connection, or of a stream of HTTP/2 (RFC 8441).
pub(crate) fn detach(upgrade: Option<OnUpgrade>, far_end: FarEnd) {
    detach_counted(upgrade, far_end, |_| ());
}

/// The same; `ended` is told what the client took.
pub(crate) fn detach_counted(
    upgrade: Option<OnUpgrade>,
    mut far_end: FarEnd,
    ended: impl FnOnce(u64) + Send + 'static,
) {
    let Some(upgrade) = upgrade else { return };
    tokio::spawn(async move {
        let mut sent = 0;
        let outcome = match upgrade.await {
            Ok(client) => {
                let mut client = TokioIo::new(client);
                run(&mut client, b"", &mut far_end, &mut sent).await
            }
            Err(error) => Err(io::Error::other(error)),
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "tunnel ended");
        }
        ended(sent);
    });
}

/// Zero: never, or as good as.
fn due(last: Instant, patience: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
    last + if patience.is_zero() { FAR } else { patience }
}

impl Flow {
    /// Ready when all was said and the other side knows it.
    fn poll(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.is_closed {
                return Poll::Ready(Ok(()));
            }
            while self.sent < self.held.len() {
                let taken =
                    ready!(Pin::new(&mut *to).poll_write(context, &self.held[self.sent..]))?;
                if taken == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.has_sent(taken);
                self.sent += taken;
            }
            self.held = Vec::new();
            self.sent = 0;
            if self.has_ended {
                ready!(Pin::new(&mut *to).poll_shutdown(context))?;
                self.is_closed = true;
                continue;
            }
            if self.poll_pass(from, to, context)?.is_pending() {
                if self.needs_flush {
                    ready!(Pin::new(&mut *to).poll_flush(context))?;
                    self.needs_flush = false;
                }
                return Poll::Pending;
            }
        }
    }

    /// One read, and the first try to hand on what it brought.
    fn poll_pass(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        thread_local! {
            static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
        }
        BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(from).poll_read(context, &mut buffer))?;
            let came = buffer.filled();
            self.has_ended = came.is_empty();
            if self.has_ended {
                return Poll::Ready(Ok(()));
            }
            let taken = match Pin::new(to).poll_write(context, came)? {
                Poll::Ready(taken) => taken,
                Poll::Pending => 0,
            };
            self.has_sent(taken);
            self.held.extend_from_slice(&came[taken..]);
            Poll::Ready(Ok(()))
        })
    }

    fn has_sent(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.needs_flush = true;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::super::far_end::TunnelTimeouts;
    use super::*;

    fn ends(idle: u64, half_closed: u64) -> (DuplexStream, DuplexStream, FarEnd, DuplexStream) {
        let (client, ours) = duplex(1024);
        let (server, theirs) = duplex(1024);
        let far_end = FarEnd {
            stream: Box::new(theirs),
            timeouts: TunnelTimeouts {
                idle: Duration::from_secs(idle),
                half_closed: Duration::from_secs(half_closed),
            },
            guard: None,
        };
        (client, ours, far_end, server)
    }

    #[tokio::test(start_paused = true)]
    async fn a_side_that_has_ended_hears_the_other_to_its_end() {
        let (mut client, mut ours, mut far_end, mut server) = ends(60, 60);
        let tunnel = tokio::spawn(async move {
            let mut sent = 0;
            let ended = run(&mut ours, b"first ", &mut far_end, &mut sent).await;
            (ended.is_ok(), sent)
        });
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut question = String::new();
        server.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "first question");
        tokio::time::sleep(Duration::from_secs(30)).await;
        server.write_all(b" and late").await.unwrap();
        drop(server);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, " and late");
        assert_eq!(tunnel.await.unwrap(), (true, 9));
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_either_buffer_goes_through_unharmed() {
        let (client, mut ours, mut far_end, server) = ends(60, 60);
        let data: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        let (mut server_read, mut server_write) = tokio::io::split(server);
        let echo = tokio::spawn(async move {
            tokio::io::copy(&mut server_read, &mut server_write)
                .await
                .unwrap();
            server_write.shutdown().await.unwrap();
        });
        let tunnel = tokio::spawn(async move {
            let mut sent = 0;
            run(&mut ours, b"", &mut far_end, &mut sent).await.unwrap();
        });
        let (mut read, mut write) = tokio::io::split(client);
        let sent = data.clone();
        let writer = tokio::spawn(async move {
            write.write_all(&sent).await.unwrap();
            write.shutdown().await.unwrap();
        });
        let mut back = Vec::new();
        read.read_to_end(&mut back).await.unwrap();
        assert!(back == data, "what came back is not what was sent");
        for task in [echo, tunnel, writer] {
            task.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_tunnel_and_a_half_open_one_sooner() {
        for (ends_client, expected) in [(false, 60), (true, 5)] {
            let (mut client, mut ours, mut far_end, _server) = ends(60, 5);
            let begun = Instant::now();
            if ends_client {
                client.shutdown().await.unwrap();
            }
            let mut sent = 0;
            let ended = run(&mut ours, b"", &mut far_end, &mut sent).await;
            assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
            assert_eq!(begun.elapsed().as_secs(), expected);
        }
    }
}
