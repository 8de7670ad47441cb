//! Listening sockets: bound at once, shared by workers.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// A unix socket's file; removed with the last listener on it.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

impl Listener {
    /// Binds the address of a listener of a [`Config`](crate::Config), or a bare [`ListenAddress`] for plain HTTP. Port 0 takes a free one, which [`Listener::local_address`] tells. A unix socket that a dead process left
    /// behind is replaced.
    ///
    /// # Errors
    /// When the address is taken, is not of this machine, or may not be bound by this user.
    pub fn bind<L: Clone + Into<Listen>>(listen: &L) -> Result<Self, ServeError> {
        let listen: Listen = listen.clone().into();
        let address = listen.address();
        let prologue = Arc::new(Prologue::new(&listen)?);
        let socket = match address {
            ListenAddress::Tcp(tcp) => bind_tcp(*tcp).map(Bound::Tcp),
            ListenAddress::Unix(path) => bind_unix(path),
        };
        Ok(Self {
            socket: socket.map_err(|source| ServeError::listen(address, source))?,
            listen,
            prologue,
        })
    }

    /// Where it listens.
    pub fn local_address(&self) -> ListenAddress {
        match &self.socket {
            // An address that a socket was bound to can be asked for as long as the socket is open.
            Bound::Tcp(listener) => ListenAddress::Tcp(
                listener
                    .local_addr()
                    .unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0))),
            ),
            Bound::Unix(_, file) => ListenAddress::Unix(file.0.clone()),
        }
    }

    /// Another socket for the same address. Each TCP one has a queue of its own, and the system spreads connections over them.
    fn again(&self) -> io::Result<Self> {
        let socket = match &self.socket {
            Bound::Tcp(listener) => Bound::Tcp(bind_shared(listener.local_addr()?)?),
            Bound::Unix(listener, file) => Bound::Unix(listener.try_clone()?, Arc::clone(file)),
        };
        Ok(Self {
            socket,
            listen: self.listen.clone(),
            prologue: Arc::clone(&self.prologue),
        })
    }
}

/// The listeners of each worker.
pub(super) fn share(
    listeners: Vec<Listener>,
    workers: NonZeroUsize,
) -> Result<Vec<Vec<Listener>>, ServeError> {
    let mut shares = Vec::with_capacity(workers.get());
    for _ in 1..workers.get() {
        let share = listeners.iter().map(|listener| {
            listener
                .again()
                .map_err(|source| ServeError::listen(&listener.local_address(), source))
        });
        shares.push(share.collect::<Result<_, _>>()?);
    }
    shares.push(listeners);
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
    Ok(Bound::Unix(listener, Arc::new(SocketFile(path.to_owned()))))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = fs::remove_file(&self.0);
    }
}
