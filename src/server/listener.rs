//! Listening sockets: bound at once, or taken over, and shared by workers.

mod unix;

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

pub(crate) use unix::is_abstract;

use super::ServeError;
use super::prologue::Prologue;
use crate::config::{Listen, ListenAddress};

/// Connections that wait to be accepted; the system may set a lower bound (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// A bound address: it takes connections from now on, and they wait until a [`Server`](crate::Server) accepts them.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: Bound,
    /// As it was configured: port 0 where any was asked for.
    pub(super) listen: Listen,
    /// What its connections begin with, before HTTP.
    pub(super) prologue: Arc<Prologue>,
    /// Others have the socket too: it is shared by workers as it is, not bound again.
    is_inherited: bool,
}

/// A socket that listens, opened by somebody else: see [`Listener::inherit`].
#[derive(Debug)]
pub enum InheritedSocket {
    /// A TCP one.
    Tcp(TcpListener),
    /// A unix one.
    Unix(UnixListener),
}

#[derive(Debug)]
pub(super) enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener, Arc<SocketFile>),
}

/// A unix socket's file; removed with the last listener on it, unless it belongs to another process.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    is_ours: AtomicBool,
}

impl Listener {
    /// Binds the address of a listener of a [`Config`](crate::Config), or a bare [`ListenAddress`] for plain HTTP. Port 0 takes a free
    /// one, which [`Listener::local_address`] tells. A unix socket that a dead process left behind is replaced; nobody can connect to
    /// the new one before its mode and owner are as configured.
    ///
    /// # Errors
    /// When the address is taken, is not of this machine, or may not be bound by this user; and for sockets of systemd, which are not
    /// bound but passed on: see [`Listener::inherit`].
    pub fn bind<L: Clone + Into<Listen>>(listen: &L) -> Result<Self, ServeError> {
        Self::bind_beside(listen, false)
    }

    /// The same; a port that this server has already (on another of its addresses, or in another process) may be shared.
    pub(super) fn bind_beside<L: Clone + Into<Listen>>(
        listen: &L,
        has_port: bool,
    ) -> Result<Self, ServeError> {
        let listen: Listen = listen.clone().into();
        let address = listen.address();
        let prologue = Arc::new(Prologue::new(&listen));
        let socket = match address {
            ListenAddress::Tcp(tcp) if has_port => bind_shared(*tcp).map(Bound::Tcp),
            ListenAddress::Tcp(tcp) => bind_tcp(*tcp).map(Bound::Tcp),
            ListenAddress::Unix(path) => unix::bind(path, listen.access),
            ListenAddress::Systemd(name) => return Err(ServeError::NotInherited(name.clone())),
        };
        Ok(Self {
            socket: socket.map_err(|source| ServeError::listen(address, source))?,
            listen,
            prologue,
            is_inherited: false,
        })
    }

    /// Takes over a socket that listens already, for a listener of a [`Config`](crate::Config): one that systemd or another program
    /// passed on. Its mode and owner are left alone, and so is its file in the end.
    ///
    /// # Errors
    /// When the socket cannot be made ready for use.
    pub fn inherit<L: Clone + Into<Listen>>(
        listen: &L,
        socket: impl Into<InheritedSocket>,
    ) -> Result<Self, ServeError> {
        let listen: Listen = listen.clone().into();
        let socket = inherit(socket.into());
        let socket = socket.map_err(|source| ServeError::listen(listen.address(), source))?;
        let mut listener = Self::over(socket, &listen);
        listener.is_inherited = true;
        Ok(listener)
    }

    /// Binds at once what [`Server::serve_with_workers`](crate::Server::serve_with_workers) would bind later, a socket for each worker: for
    /// a program that gives up its rights in between. The system lets sockets of one user only share an address.
    ///
    /// # Errors
    /// As [`Listener::bind`].
    pub fn for_workers(
        listeners: Vec<Self>,
        workers: NonZeroUsize,
    ) -> Result<Vec<Self>, ServeError> {
        let shares = share(listeners, workers)?;
        Ok(shares.into_iter().flatten().collect())
    }

    /// Whether connections begin with a TLS handshake.
    pub fn is_tls(&self) -> bool {
        self.listen.is_tls()
    }

    /// Where it listens.
    pub fn local_address(&self) -> ListenAddress {
        self.socket.local_address()
    }

    /// Another socket for the same address. Each TCP one has a queue of its own, and the system spreads connections over them.
    fn again(&self) -> io::Result<Self> {
        let socket = match &self.socket {
            Bound::Tcp(listener) if !self.is_inherited => {
                match bind_shared(listener.local_addr()?) {
                    // A process that became another user still has the socket that it got before.
                    Err(error) if is_of_another_user(&error) => self.socket.try_clone()?,
                    bound => Bound::Tcp(bound?),
                }
            }
            Bound::Tcp(_) | Bound::Unix(..) => self.socket.try_clone()?,
        };
        Ok(self.with(socket))
    }

    /// The same socket once more.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(self.with(self.socket.try_clone()?))
    }

    /// Over a socket that listens already.
    pub(super) fn over(socket: Bound, listen: &Listen) -> Self {
        Self {
            socket,
            prologue: Arc::new(Prologue::new(listen)),
            listen: listen.clone(),
            is_inherited: false,
        }
    }

    pub(super) fn with(&self, socket: Bound) -> Self {
        Self {
            socket,
            listen: self.listen.clone(),
            prologue: Arc::clone(&self.prologue),
            is_inherited: self.is_inherited,
        }
    }
}

impl Bound {
    pub(super) fn local_address(&self) -> ListenAddress {
        match self {
            // An address that a socket was bound to can be asked for as long as the socket is open.
            Self::Tcp(listener) => ListenAddress::Tcp(
                listener
                    .local_addr()
                    .unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0))),
            ),
            Self::Unix(_, file) => ListenAddress::Unix(file.path.clone()),
        }
    }

    /// A socket of which only the system knows what it is.
    pub(super) fn of_any_kind(socket: OwnedFd) -> io::Result<Self> {
        let is_unix = SockRef::from(&socket).local_addr()?.is_unix();
        inherit(if is_unix {
            InheritedSocket::Unix(socket.into())
        } else {
            InheritedSocket::Tcp(socket.into())
        })
    }

    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(listener) => Self::Tcp(listener.try_clone()?),
            Self::Unix(listener, file) => Self::Unix(listener.try_clone()?, Arc::clone(file)),
        })
    }
}

impl AsFd for Bound {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener, _) => listener.as_fd(),
        }
    }
}

/// The listeners of each worker. An address may come with several sockets already, from another process: each of them has a queue, so
/// each is served, whatever the number of workers.
pub(super) fn share(
    listeners: Vec<Listener>,
    workers: NonZeroUsize,
) -> Result<Vec<Vec<Listener>>, ServeError> {
    let mut shares: Vec<Vec<Listener>> = Vec::new();
    shares.resize_with(workers.get(), Vec::new);
    let mut addresses: Vec<(ListenAddress, Vec<Listener>)> = Vec::new();
    for listener in listeners {
        let address = listener.local_address();
        match addresses.iter_mut().find(|(known, _)| *known == address) {
            Some((_, same)) => same.push(listener),
            None => addresses.push((address, vec![listener])),
        }
    }
    for (address, mut same) in addresses {
        while same.len() < workers.get() {
            let again = same[0].again();
            same.push(again.map_err(|source| ServeError::listen(&address, source))?);
        }
        for (index, listener) in same.into_iter().enumerate() {
            shares[index % workers.get()].push(listener);
        }
    }
    Ok(shares)
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    if address.port() != 0 {
        // SO_REUSEPORT would let two servers share a port unnoticed: without it, the system says that the address is taken.
        let probe = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        probe.set_reuse_address(true)?;
        probe.bind(&address.into())?;
    }
    bind_shared(address)
}

fn bind_shared(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A server that is started again need not wait for the old connections to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // Inherited by each connection: an answer never waits for the acknowledgement of the one before.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A port may be privileged, and it is only shared among sockets of one user.
fn is_of_another_user(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrInUse, PermissionDenied};
    matches!(error.kind(), AddrInUse | PermissionDenied)
}

/// Makes a socket as ours are.
fn inherit(socket: InheritedSocket) -> io::Result<Bound> {
    let is_listener = match &socket {
        InheritedSocket::Tcp(listener) => SockRef::from(listener).is_listener(),
        InheritedSocket::Unix(listener) => SockRef::from(listener).is_listener(),
    }?;
    if !is_listener {
        return Err(io::Error::other(
            "the socket that was passed on does not listen: a socket unit needs `Accept=no`",
        ));
    }
    match socket {
        InheritedSocket::Tcp(listener) => {
            listener.set_nonblocking(true)?;
            SockRef::from(&listener).set_tcp_nodelay(true)?;
            Ok(Bound::Tcp(listener))
        }
        InheritedSocket::Unix(listener) => {
            listener.set_nonblocking(true)?;
            let path = unix::path(&listener)?;
            Ok(Bound::Unix(listener, SocketFile::new(&path, false)))
        }
    }
}

impl From<TcpListener> for InheritedSocket {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<UnixListener> for InheritedSocket {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

impl InheritedSocket {
    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_address(&self) -> io::Result<ListenAddress> {
        Ok(match self {
            Self::Tcp(listener) => ListenAddress::Tcp(listener.local_addr()?),
            Self::Unix(listener) => ListenAddress::Unix(unix::path(listener)?),
        })
    }
}

impl SocketFile {
    pub(super) fn new(path: &Path, is_ours: bool) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            is_ours: AtomicBool::new(is_ours),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is this process that removes it at the end.
    pub(super) fn set_ours(&self, is_ours: bool) {
        self.is_ours.store(is_ours, Ordering::Release);
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_ours.load(Ordering::Acquire) && !is_abstract(&self.path) {
            // Somebody may have removed it already.
            let _ = fs::remove_file(&self.path);
        }
    }
}
