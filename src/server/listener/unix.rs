//! Unix sockets: a file with a mode and an owner, or a name in Linux's abstract namespace, written `@name`.
//!
//! 1. Replace what a dead process left behind.
//! 2. Bind: the file is there, but nobody can connect yet.
//! 3. Owner and mode.
//! 4. Listen.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, lchown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::{BACKLOG, Bound, SocketFile};
use crate::config::SocketAccess;

/// Whether it is a name without a file.
pub(crate) fn is_abstract(path: &Path) -> bool {
    path.as_os_str().as_bytes().starts_with(b"@")
}

pub(super) fn bind(path: &Path, access: SocketAccess) -> io::Result<Bound> {
    let has_file = !is_abstract(path);
    if has_file {
        remove_dead(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address(path)?)?;
    // From here on, the file goes when anything else fails.
    let file = SocketFile::new(path, has_file);
    if access.owner.is_some() || access.group.is_some() {
        // "Permission denied" by itself would send people to the folder.
        lchown(path, access.owner, access.group).map_err(|error| {
            io::Error::other(format!(
                "its owner cannot be set: {error}; only root gives files to others, and others only to groups of their own"
            ))
        })?;
    }
    if let Some(mode) = access.mode {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    socket.listen(BACKLOG)?;
    Ok(Bound::Unix(socket.into(), file))
}

/// Where a socket that somebody else bound listens.
pub(super) fn path(listener: &UnixListener) -> io::Result<PathBuf> {
    let address = SockRef::from(listener).local_addr()?;
    if let Some(name) = address.as_abstract_namespace() {
        return Ok(PathBuf::from(OsString::from_vec([b"@", name].concat())));
    }
    let path = address
        .as_unix()
        .and_then(|address| Some(address.as_pathname()?.to_owned()));
    Ok(path.unwrap_or_default())
}

fn remove_dead(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
        return Ok(());
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        // Its process is gone.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

/// The system writes an abstract name with a zero where we write `@`.
fn address(path: &Path) -> io::Result<SockAddr> {
    match path.as_os_str().as_bytes() {
        [b'@', name @ ..] => {
            let name = [b"\0", name].concat();
            SockAddr::unix(OsString::from_vec(name))
        }
        _ => SockAddr::unix(path),
    }
}
