//! Listening sockets on their way to another process, which goes on with them: nobody who connects meanwhile is refused.
//!
//! Over a pair of connected unix sockets:
//!
//! 1. The old process sends the addresses of its sockets as they were configured, each with a NUL byte behind it, and an empty one.
//! 2. For each of them it sends one byte that carries the socket (`SCM_RIGHTS`).
//! 3. The new process answers `ready` when it serves, or anything else, which says why it does not; then it closes.
//! 4. Only after `ready` does the old one stop accepting. What waits in the queues is the new one's.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::accept::Stop;
use super::admin;
use super::listener::{Bound, Listener, SocketFile};
use super::{Handle, ServeError};
use crate::config::{Config, Listen, ListenAddress};

const READY: &[u8] = b"ready";

/// What is said of a failure is read up to here.
const LONGEST_ANSWER: u64 = 64 << 10;

/// Addresses are short, and a server has few.
const LONGEST_LIST: usize = 1 << 20;

/// Why no other process took over. The server goes on as it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandoverError {
    /// The sockets could not be sent, or the answer could not be received (in time).
    Connection(io::Error),
    /// The new process ended, or closed the connection, without a word.
    Ended,
    /// What the new process said.
    Refused(String),
}

/// The sockets that another process hands over: the new process's side of [`Handle::hand_over`].
///
/// Dropped before [`ready`](Self::ready), it leaves everything to the old process.
#[derive(Debug)]
pub struct Takeover {
    stream: UnixStream,
    /// Not taken yet.
    handed: Vec<Handed>,
    /// Of all unix sockets that were handed over.
    files: Vec<Arc<SocketFile>>,
}

#[derive(Debug)]
struct Handed {
    /// As the old process had it configured.
    configured: ListenAddress,
    socket: Bound,
}

impl Handle {
    /// Hands all listening sockets to another process, which is at the other end of `stream` with a [`Takeover`], and waits until it serves. From then
    /// on this server accepts nothing more; have it shut down, so that it finishes what it has begun.
    ///
    /// This blocks; the stream's timeouts are the limit of patience.
    ///
    /// # Errors
    /// When the other process does not take over. Then this server goes on as before.
    pub fn hand_over(&self, stream: &UnixStream) -> Result<(), HandoverError> {
        let mut copies = self.copies().map_err(HandoverError::Connection)?;
        copies.extend(self.admin_copies().map_err(HandoverError::Connection)?);
        send(stream, &copies).map_err(HandoverError::Connection)?;
        let mut answer = Vec::new();
        stream
            .take(LONGEST_ANSWER)
            .read_to_end(&mut answer)
            .map_err(HandoverError::Connection)?;
        match &answer[..] {
            READY => {}
            [] => return Err(HandoverError::Ended),
            said => {
                let said = String::from_utf8_lossy(said).into_owned();
                return Err(HandoverError::Refused(said));
            }
        }
        for copy in &copies {
            if let Bound::Unix(_, file) = &copy.socket {
                file.set_ours(false);
            }
        }
        self.stop_listening(Stop::LeaveQueue);
        if let Some(teller) = self.teller() {
            teller.stop_listening(Stop::LeaveQueue);
        }
        Ok(())
    }
}

impl Takeover {
    /// Receives the sockets.
    ///
    /// # Errors
    /// When the other side is no [`Handle::hand_over`], or is gone.
    pub fn receive(stream: UnixStream) -> io::Result<Self> {
        let (mut handed, mut files) = (Vec::new(), Vec::new());
        for configured in receive_addresses(&stream)? {
            let socket = receive_socket(&stream)?;
            handed.push(Handed {
                socket: bound(socket, &configured, &mut files)?,
                configured,
            });
        }
        Ok(Self {
            stream,
            handed,
            files,
        })
    }

    /// The listeners of a configuration: those with an address that the old process listens on too (as it is written) go on with its sockets, the rest is
    /// bound.
    ///
    /// # Errors
    /// As [`Listener::bind`].
    pub fn listeners(&mut self, config: &Config) -> Result<Vec<Listener>, ServeError> {
        self.listeners_at(&config.listen)
    }

    /// The same for the addresses at which the server tells about itself.
    ///
    /// # Errors
    /// As [`Listener::bind`].
    pub fn admin_listeners(&mut self, config: &Config) -> Result<Vec<Listener>, ServeError> {
        self.listeners_at(&admin::listens(&config.admin))
    }

    fn listeners_at(&mut self, wanted: &[Listen]) -> Result<Vec<Listener>, ServeError> {
        let mut listeners = Vec::new();
        for listen in wanted {
            let taken = self.take(listen.address());
            let Some((first, others)) = taken.split_first() else {
                let has_port = self.has_port(listen, &listeners);
                listeners.push(Listener::bind_beside(listen, has_port)?);
                continue;
            };
            let error = |source| ServeError::listen(listen.address(), source);
            let first = Listener::over(first.try_clone().map_err(error)?, listen);
            for other in others {
                listeners.push(first.with(other.try_clone().map_err(error)?));
            }
            listeners.push(first);
        }
        Ok(listeners)
    }

    /// Says that this process serves: the old one stops accepting, and begins to drain.
    ///
    /// # Errors
    /// When the old process cannot be told: it goes on, and this one should not.
    pub fn ready(mut self) -> io::Result<()> {
        // From here on they are removed by whoever listens on them, or now if nobody does.
        for file in &self.files {
            file.set_ours(true);
        }
        let told = self.stream.write_all(READY);
        if told.is_err() {
            for file in &self.files {
                file.set_ours(false);
            }
        }
        told
    }

    /// Says why this process does not take over.
    ///
    /// # Errors
    /// When the old process cannot be told.
    pub fn refuse(mut self, why: &str) -> io::Result<()> {
        self.stream.write_all(why.as_bytes())
    }

    /// The sockets of one listener; each has a queue of its own, and all of them have to be served.
    fn take(&mut self, configured: &ListenAddress) -> Vec<Bound> {
        let local = self.handed.iter().find_map(|handed| {
            (handed.configured == *configured).then(|| handed.socket.local_address())
        });
        let Some(local) = local else {
            return Vec::new();
        };
        let handed = std::mem::take(&mut self.handed);
        let (taken, left) = handed.into_iter().partition(|handed| {
            let is_systemd_s = matches!(configured, ListenAddress::Systemd(_));
            handed.socket.local_address() == local
                || (is_systemd_s && handed.configured == *configured)
        });
        self.handed = left;
        let mut sockets: Vec<Bound> = Vec::new();
        for Handed { socket, .. } in taken {
            // Unix ones are one socket, as often as the old process had workers.
            let is_again = matches!(socket, Bound::Unix(..))
                && sockets
                    .iter()
                    .any(|one| one.local_address() == socket.local_address());
            if !is_again {
                sockets.push(socket);
            }
        }
        sockets
    }

    /// Whether the port is one of the old process's, on another of its addresses.
    fn has_port(&self, listen: &Listen, taken: &[Listener]) -> bool {
        let ListenAddress::Tcp(wanted) = listen.address() else {
            return false;
        };
        let left = self
            .handed
            .iter()
            .map(|handed| handed.socket.local_address());
        left.chain(taken.iter().map(Listener::local_address))
            .any(|local| matches!(local, ListenAddress::Tcp(tcp) if tcp.port() == wanted.port()))
    }
}

impl Drop for Takeover {
    /// The old process waits for the end of the connection, of which this process may have another descriptor.
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

fn send(mut stream: &UnixStream, listeners: &[Listener]) -> io::Result<()> {
    let mut addresses = Vec::new();
    for listener in listeners {
        addresses.extend_from_slice(listener.listen.address().to_string().as_bytes());
        addresses.push(0);
    }
    addresses.push(0);
    stream.write_all(&addresses)?;
    for listener in listeners {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let sockets = [listener.socket.as_fd()];
        let has_room = control.push(SendAncillaryMessage::ScmRights(&sockets));
        debug_assert!(has_room, "the space is for one");
        sendmsg(
            stream,
            &[IoSlice::new(b"s")],
            &mut control,
            SendFlags::empty(),
        )?;
    }
    Ok(())
}

fn receive_addresses(mut stream: &UnixStream) -> io::Result<Vec<ListenAddress>> {
    let (mut addresses, mut text, mut length) = (Vec::new(), Vec::new(), 0);
    loop {
        // Byte by byte: what follows the list carries the sockets.
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        length += 1;
        match byte {
            _ if length > LONGEST_LIST => return Err(io::ErrorKind::InvalidData.into()),
            [0] if text.is_empty() => return Ok(addresses),
            [0] => {
                let address = String::from_utf8_lossy(&text).parse();
                addresses.push(address.map_err(|_| io::ErrorKind::InvalidData)?);
                text.clear();
            }
            [byte] => text.push(byte),
        }
    }
}

fn receive_socket(stream: &UnixStream) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut into = [IoSliceMut::new(&mut byte)];
    recvmsg(stream, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let sockets = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
        _ => None,
    });
    let socket = sockets.flatten().next();
    socket.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Sockets at the same path have their file in common; what systemd made is systemd's to remove.
fn bound(
    socket: OwnedFd,
    configured: &ListenAddress,
    files: &mut Vec<Arc<SocketFile>>,
) -> io::Result<Bound> {
    Ok(match configured {
        ListenAddress::Tcp(_) => Bound::Tcp(socket.into()),
        ListenAddress::Unix(path) => {
            let file = match files.iter().find(|file| file.path() == path) {
                Some(known) => Arc::clone(known),
                // The old process's, as long as this one is not ready.
                None => SocketFile::new(path, false),
            };
            files.push(Arc::clone(&file));
            Bound::Unix(socket.into(), file)
        }
        ListenAddress::Systemd(_) => Bound::of_any_kind(socket)?,
    })
}

impl fmt::Display for HandoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) if error.kind() == io::ErrorKind::WouldBlock => {
                f.write_str("the new process was not ready in time")
            }
            Self::Connection(error) => write!(f, "the new process cannot be reached: {error}"),
            Self::Ended => f.write_str("the new process ended before it was ready"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl Error for HandoverError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            _ => None,
        }
    }
}
