//! The beginning of a TLS connection.
//!
//! 1. The client's hello is read whole; what is none is told so, as far as it will understand.
//! 2. A name that nobody has a certificate for is refused, when that is asked for.
//! 3. A place among the handshakes under way is waited for: only now does a client cost time.
//! 4. The handshake is finished.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, SystemTime};

use rustls::server::{Accepted, AcceptedAlert, Acceptor};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use super::Tls;
use super::session::TlsSession;
use super::stream::{Blocking, TlsStream};
use crate::server::prologue::Stream;

/// RFC 6066 §3: an alert, fatal, `unrecognized_name`, in a record of its own.
const UNRECOGNIZED_NAME: &[u8] = &[21, 3, 3, 0, 2, 2, 112];

/// The content type of a record that holds a handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// How long a client may take for its part while others wait for a place.
const CROWDED: Duration = Duration::from_secs(1);

/// How long a client may go on sending after it was refused, so that it gets to read why; and how much.
const LINGER: Duration = Duration::from_secs(2);
const LINGERED: usize = 64 << 10;

/// Why a connection did not come about.
#[derive(Debug)]
enum Failure {
    Io(io::Error),
    Tls(rustls::Error),
    SpeaksPlainHttp,
    NotTls,
    UnknownName(Option<String>),
    TookTooLong,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
            Self::SpeaksPlainHttp => f.write_str("the client speaks plain HTTP"),
            Self::NotTls => f.write_str("the client speaks something else"),
            Self::UnknownName(Some(name)) => write!(f, "there is no certificate for {name:?}"),
            Self::UnknownName(None) => f.write_str("the client names no host"),
            Self::TookTooLong => f.write_str("the handshake took too long"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Tls {
    /// The encrypted stream and what was agreed on. None: the client was refused, and the log told at its lowest level: whoever scans
    /// the network would fill it.
    ///
    /// `over` cuts the handshake short.
    pub(in crate::server) async fn accept<S: Stream>(
        &self,
        socket: S,
        client: &(dyn std::fmt::Debug + Sync),
        over: impl Future<Output = ()>,
    ) -> Option<(TlsStream<S>, TlsSession)> {
        let accepted = tokio::select! {
            biased;
            accepted = self.handshake(socket) => accepted,
            () = over => Err(Failure::TookTooLong),
        };
        match accepted {
            Ok(stream) => {
                let session = TlsSession::of(stream.connection());
                Some((stream, session))
            }
            Err(failure) => {
                tracing::debug!(?client, "no TLS connection came about: {failure}");
                None
            }
        }
    }

    async fn handshake<S: Stream>(&self, mut socket: S) -> Result<TlsStream<S>, Failure> {
        let mut until = Instant::now() + self.0.settings.handshake_timeout;
        let accepted = match timeout_at(until, hello(&mut socket)).await {
            Ok(Ok(accepted)) => accepted,
            Ok(Err(failure)) => {
                if matches!(failure, Failure::SpeaksPlainHttp) {
                    refuse(&mut socket, speak_tls(SystemTime::now()).as_bytes()).await;
                }
                return Err(failure);
            }
            Err(_) => return Err(Failure::TookTooLong),
        };
        if self
            .0
            .resolver
            .refuses(accepted.client_hello().server_name())
        {
            let name = accepted.client_hello().server_name().map(str::to_owned);
            refuse(&mut socket, UNRECOGNIZED_NAME).await;
            return Err(Failure::UnknownName(name));
        }
        let asked = Instant::now();
        let _place = self.0.places.acquire().await;
        // That others are slow is not this client's doing.
        until += asked.elapsed();
        let tls = match accepted.into_connection(Arc::clone(&self.0.config)) {
            Ok(tls) => tls,
            Err((error, alert)) => return Err(tell(&mut socket, error, alert).await),
        };
        let mut stream = TlsStream::new(socket, tls);
        self.finish(&mut stream, until).await?;
        Ok(stream)
    }

    /// Step 4. Clients that stall must not keep all places from the others: with none left, each has a short time only.
    async fn finish<S: Stream>(
        &self,
        stream: &mut TlsStream<S>,
        until: Instant,
    ) -> Result<(), Failure> {
        let mut finished = pin!(poll_fn(|context| stream.poll_handshake(context)));
        loop {
            let look = until.min(Instant::now() + CROWDED);
            match timeout_at(look, finished.as_mut()).await {
                Ok(finished) => return Ok(finished?),
                Err(_) if look == until || self.0.places.available_permits() == 0 => {
                    return Err(Failure::TookTooLong);
                }
                Err(_) => {}
            }
        }
    }
}

/// Step 1.
async fn hello<S: Stream>(socket: &mut S) -> Result<Accepted, Failure> {
    let mut acceptor = Acceptor::default();
    let mut buffer = [0; 2048];
    let mut is_first = true;
    loop {
        let read = socket.read(&mut buffer).await?;
        let mut received = &buffer[..read];
        if received.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if std::mem::take(&mut is_first) && received[0] != HANDSHAKE {
            // A method begins so (RFC 9110 §9.1 has no others).
            return Err(if received[0].is_ascii_uppercase() {
                Failure::SpeaksPlainHttp
            } else {
                Failure::NotTls
            });
        }
        while !received.is_empty() {
            acceptor.read_tls(&mut received)?;
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok(accepted),
            Ok(None) => {}
            Err((error, alert)) => return Err(tell(socket, error, alert).await),
        }
    }
}

/// Sends why, as far as the client takes it now.
async fn tell<S: Stream>(
    socket: &mut S,
    error: rustls::Error,
    mut alert: AcceptedAlert,
) -> Failure {
    let mut send = |context: &mut Context<'_>| alert.write_all(&mut Blocking { socket, context });
    let _ = poll_fn(|context| std::task::Poll::Ready(send(context))).await;
    let _ = socket.shutdown().await;
    Failure::Tls(error)
}

/// Sends the last word, and lets the client read it: closing with its bytes unread would take it back.
async fn refuse<S: Stream>(socket: &mut S, words: &[u8]) {
    let farewell = async {
        socket.write_all(words).await?;
        socket.shutdown().await?;
        let mut left = LINGERED;
        let mut buffer = [0; 1024];
        loop {
            let read = Pin::new(&mut *socket).read(&mut buffer).await?;
            left = left.saturating_sub(read);
            if read == 0 || left == 0 {
                return Ok::<(), io::Error>(());
            }
        }
    };
    // Whoever is gone needs no farewell.
    let _ = tokio::time::timeout(LINGER, farewell).await;
}

/// What a client that speaks plain HTTP is told.
fn speak_tls(now: SystemTime) -> String {
    const WORDS: &str = "This port speaks TLS: ask again with https:// in place of http://\n";
    format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Date: {}\r\nConnection: close\r\n\r\n{WORDS}",
        WORDS.len(),
        httpdate::fmt_http_date(now)
    )
}
