//! A connection, from its first byte to its last.
//!
//! 1. Wait for bytes; only then is there a buffer.
//! 2. Take a head from them, or refuse what is none.
//! 3. Have it answered.
//! 4. Write the answer: head and body in one call where they fit.
//! 5. Get rid of a body that nobody read, or close.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::header::CONNECTION;
use http::{Response, Version};
use http_body::Body as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::head::{self, Head, HeadLimits};
use super::response::{self, Connection as Persistence};
use crate::header::framing::RequestBody;
use crate::observe::AccessRecorder;
use crate::rejection::Rejection;
use crate::routing::Gate;
use crate::server::activity::{Activity, Serving};
use crate::static_files::body::Body;

/// How much of an unread body is read to keep the connection; beyond it, a new connection is cheaper.
const DISCARDED: u64 = 64 << 10;

/// How much is read from a client that goes on sending after the last answer, so that it gets to read that.
const LINGERED: u64 = 64 << 20;

/// A body up to this size leaves in one piece with its head.
const JOINED: usize = 8 << 10;

/// What a read takes at most.
const READ: usize = 16 << 10;

/// What a connection needs of its worker.
#[derive(Clone, Copy)]
pub(crate) struct Worker<'w> {
    pub(crate) gate: &'w Gate,
    pub(crate) log: Option<&'w AccessRecorder>,
    pub(crate) limits: HeadLimits,
}

/// A connection of HTTP/1.1.
pub(crate) struct Connection<'w, S> {
    worker: Worker<'w>,
    pub(crate) stream: S,
    activity: &'w Arc<Activity>,
    client: Option<IpAddr>,
    /// Received and not yet taken; without memory of its own while the connection is idle.
    received: BytesMut,
    written: u64,
}

/// How a connection ended.
pub(crate) enum Ended {
    Closed,
    /// It is one of HTTP/2: these are its first bytes.
    Http2(Bytes),
}

enum Next {
    Head(Box<Head>),
    Refused(Rejection),
    Http2,
    Closed,
}

impl<'w, S: AsyncRead + AsyncWrite + Unpin> Connection<'w, S> {
    pub(crate) fn new(
        worker: Worker<'w>,
        stream: S,
        activity: &'w Arc<Activity>,
        client: Option<IpAddr>,
    ) -> Self {
        Self {
            worker,
            stream,
            activity,
            client,
            received: BytesMut::new(),
            written: 0,
        }
    }

    /// Serves until one side closes.
    ///
    /// # Errors
    /// When the client is gone, or a body could not be sent whole: what it has then is visibly cut off.
    pub(crate) async fn serve(&mut self) -> io::Result<Ended> {
        loop {
            let keeps_alive = match self.next_head().await? {
                Next::Head(head) => self.exchange(*head).await?,
                Next::Refused(rejection) => self.refuse(rejection).await?,
                Next::Http2 => return Ok(Ended::Http2(self.received.split().freeze())),
                Next::Closed => return Ok(Ended::Closed),
            };
            if !keeps_alive {
                return Ok(Ended::Closed);
            }
        }
    }

    /// Steps 1 and 2.
    async fn next_head(&mut self) -> io::Result<Next> {
        loop {
            if !self.received.is_empty() {
                self.activity.has_read();
                // RFC 9113 §3.4: no request begins so, and only the first bytes of a connection can.
                if self.written == 0 && self.received.starts_with(b"PRI ") {
                    return Ok(Next::Http2);
                }
                match head::take(&mut self.received, self.worker.limits) {
                    Ok(Some(head)) => return Ok(Next::Head(Box::new(head))),
                    Ok(None) => {}
                    Err(rejection) => return Ok(Next::Refused(rejection)),
                }
            }
            if self.receive().await? == 0 {
                return Ok(Next::Closed);
            }
        }
    }

    /// Steps 3 to 5; whether the connection goes on.
    async fn exchange(&mut self, head: Head) -> io::Result<bool> {
        let Head {
            parts,
            body,
            keeps_alive,
        } = head;
        let log = self.worker.log.map(|log| {
            log.begin(
                &parts.method,
                &parts.uri,
                parts.version,
                &parts.headers,
                self.client,
            )
        });
        let mut serving = self.activity.begin(log);
        let response = self.worker.gate.answer(&parts, true).await;
        serving.answered(&response);
        // A client that waits for a 100 may send the body all the same or not at all: nobody can tell what comes next.
        let is_discardable = match body {
            RequestBody::None => true,
            RequestBody::Length(length) => {
                length <= DISCARDED && !parts.headers.contains_key(http::header::EXPECT)
            }
            RequestBody::Chunked => false,
        };
        let keeps_alive = keeps_alive
            && is_discardable
            && !self.activity.is_draining()
            && !response.headers().contains_key(CONNECTION);
        self.write(
            response,
            Persistence::new(parts.version, keeps_alive),
            &mut serving,
        )
        .await?;
        drop(serving);
        match body {
            RequestBody::Length(length) if keeps_alive => self.discard(length).await,
            _ if keeps_alive => Ok(true),
            RequestBody::None if self.received.is_empty() => Ok(false),
            _ => self.linger().await,
        }
    }

    /// Nobody knows where the next request would begin.
    async fn refuse(&mut self, rejection: Rejection) -> io::Result<bool> {
        let log = self.worker.log.map(|log| log.begin_unreadable(self.client));
        let mut serving = self.activity.begin(log);
        let response = Gate::refuse_unreadable(rejection);
        serving.answered(&response);
        self.write(
            response,
            Persistence::new(Version::HTTP_11, false),
            &mut serving,
        )
        .await?;
        drop(serving);
        self.linger().await
    }

    /// Step 4.
    async fn write(
        &mut self,
        response: Response<Body>,
        persistence: Persistence,
        serving: &mut Serving,
    ) -> io::Result<()> {
        let (parts, mut body) = response.into_parts();
        let length = body.size_hint().exact().unwrap_or_default();
        let joined = usize::try_from(length).unwrap_or(usize::MAX);
        let joined = if joined <= JOINED { joined } else { 0 };
        let mut head = Vec::with_capacity(512 + joined);
        let lines = body.take_lines();
        let (status, fields) = (parts.status, &parts.headers);
        response::write_head(
            &mut head,
            status,
            lines.as_deref(),
            fields,
            length,
            persistence,
        );
        let before = self.written + head.len() as u64;
        let mut left = length;
        loop {
            let data = match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
                Some(frame) => frame?.into_data().unwrap_or_default(),
                None => Bytes::new(),
            };
            left = left.saturating_sub(data.len() as u64);
            let is_last = left == 0 || data.is_empty();
            if data.len() <= JOINED {
                head.extend_from_slice(&data);
                self.write_all(&head, &[], before, serving).await?;
            } else {
                self.write_all(&head, &data, before, serving).await?;
            }
            head.clear();
            if is_last {
                break;
            }
        }
        serving.finish();
        Ok(())
    }

    async fn write_all(
        &mut self,
        first: &[u8],
        second: &[u8],
        before: u64,
        serving: &mut Serving,
    ) -> io::Result<()> {
        let (mut first, mut second) = (first, second);
        while !(first.is_empty() && second.is_empty()) {
            let stream = &mut self.stream;
            let written =
                poll_fn(|context| poll_write_both(stream, context, first, second)).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.written += written as u64;
            self.activity.has_written(written as u64);
            serving.sent(self.written.saturating_sub(before));
            let of_first = written.min(first.len());
            first = &first[of_first..];
            second = &second[written - of_first..];
        }
        Ok(())
    }

    /// Step 5 for a short body; whether it came whole.
    async fn discard(&mut self, length: u64) -> io::Result<bool> {
        let mut left = length;
        loop {
            let here = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(self.received.len());
            let _ = self.received.split_to(here);
            left -= here as u64;
            if left == 0 {
                return Ok(true);
            }
            self.activity.has_read();
            if self.receive().await? == 0 {
                return Ok(false);
            }
        }
    }

    /// RFC 9112 §9.6: closing with unread bytes would reset the connection, and take the answer from the client. It is told that nothing
    /// follows, and read from until it closes too, or its time is over.
    async fn linger(&mut self) -> io::Result<bool> {
        let stream = &mut self.stream;
        poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context)).await?;
        self.activity.has_read();
        let mut left = LINGERED;
        loop {
            self.received.clear();
            match self.receive().await? as u64 {
                0 => return Ok(false),
                more if more > left => return Ok(false),
                more => left -= more,
            }
        }
    }

    /// Reads what is there, or waits for it; 0 when the client has closed its side.
    async fn receive(&mut self) -> io::Result<usize> {
        thread_local! {
            static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
        }
        let Self {
            stream, received, ..
        } = self;
        poll_fn(|context| {
            BUFFER.with_borrow_mut(|buffer| {
                let mut buffer = ReadBuf::new(buffer);
                ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
                received.extend_from_slice(buffer.filled());
                Poll::Ready(Ok(buffer.filled().len()))
            })
        })
        .await
    }
}

fn poll_write_both<S: AsyncWrite + Unpin>(
    stream: &mut S,
    context: &mut Context<'_>,
    first: &[u8],
    second: &[u8],
) -> Poll<io::Result<usize>> {
    let stream = Pin::new(stream);
    match (first, second) {
        (first, []) => stream.poll_write(context, first),
        ([], second) => stream.poll_write(context, second),
        _ => stream.poll_write_vectored(context, &[IoSlice::new(first), IoSlice::new(second)]),
    }
}
