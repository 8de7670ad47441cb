//! Listening sockets: bound at once, shared by workers.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use socket2::{Domain, Protocol, Socket, Type};

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
}

#[derive(Debug)]
pub(super) enum Bound {
    Tcp(std::net::TcpListener),
    Unix(UnixListener, Arc<SocketFile>),
}

/// A unix socket's file; removed with the last listener on it, unless it belongs to another process.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    is_ours: AtomicBool,
}

impl Listener {
    /// Binds the address of a listener of a [`Config`](crate::Config), or a bare [`ListenAddress`] for plain HTTP. Port 0 takes a free one, which [`Listener::local_address`] tells. A unix socket that a dead process left
    /// behind is replaced.
    ///
    /// # Errors
    /// When the address is taken, is not of this machine, or may not be bound by this user.
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
        let prologue = Arc::new(Prologue::new(&listen)?);
        let socket = match address {
            ListenAddress::Tcp(tcp) if has_port => bind_shared(*tcp).map(Bound::Tcp),
            ListenAddress::Tcp(tcp) => bind_tcp(*tcp).map(Bound::Tcp),
            ListenAddress::Unix(path) => bind_unix(path),
        };
        Ok(Self {
            socket: socket.map_err(|source| ServeError::listen(address, source))?,
            listen,
            prologue,
        })
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
            Bound::Tcp(listener) => match bind_shared(listener.local_addr()?) {
                // A process that gave up its privilege still has the socket that it got with it.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    Bound::Tcp(listener.try_clone()?)
                }
                bound => Bound::Tcp(bound?),
            },
            Bound::Unix(..) => self.socket.try_clone()?,
        };
        Ok(self.with(socket))
    }

    /// The same socket once more.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(self.with(self.socket.try_clone()?))
    }

    /// Over a socket that listens already.
    pub(super) fn over(socket: Bound, listen: &Listen) -> Result<Self, ServeError> {
        Ok(Self {
            socket,
            prologue: Arc::new(Prologue::new(listen)?),
            listen: listen.clone(),
        })
    }

    pub(super) fn with(&self, socket: Bound) -> Self {
        Self {
            socket,
            listen: self.listen.clone(),
            prologue: Arc::clone(&self.prologue),
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

fn bind_tcp(address: SocketAddr) -> io::Result<std::net::TcpListener> {
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

fn bind_shared(address: SocketAddr) -> io::Result<std::net::TcpListener> {
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

fn bind_unix(path: &Path) -> io::Result<Bound> {
    if fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
        match UnixStream::connect(path) {
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
            // Its process is gone.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path)?;
            }
            Err(error) => return Err(error),
        }
    }
    let listener = UnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    Ok(Bound::Unix(listener, SocketFile::new(path, true)))
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
        if self.is_ours.load(Ordering::Acquire) {
            // Somebody may have removed it already.
            let _ = fs::remove_file(&self.path);
        }
    }
}
