//! Where control sockets are, and who may use them.

use std::{
    env,
    fmt::Write as _,
    fs::{self, DirBuilder},
    io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, MetadataExt as _},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

/// What the unit file asks systemd for; a person's shell does not know of it.
const OF_SYSTEM: &str = "/run/daemun";

/// The folder for this process's socket, made if need be.
pub(in crate::cli) fn open() -> io::Result<PathBuf> {
    let folder = candidates().remove(0);
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder);
    made.and_then(|()| check(&folder)).map_err(|error| {
        let message = format!("{}: {error}", folder.display());
        io::Error::new(error.kind(), message)
    })?;
    Ok(folder)
}

/// The folders where a server's socket may be.
pub(super) fn to_search() -> Vec<PathBuf> {
    let mut folders = candidates();
    folders.push(OF_SYSTEM.into());
    folders.retain(|folder| check(folder).is_ok() || is_of_service(folder));
    folders
}

/// Root may ask and command a service that runs as a user of its own: its folder was given to that user by systemd, or is named by root.
fn is_of_service(folder: &Path) -> bool {
    let is_named = of_service().as_deref() == Some(folder) || folder == Path::new(OF_SYSTEM);
    let is_closed = |found: fs::Metadata| found.is_dir() && found.mode() & 0o022 == 0;
    uid() == 0 && is_named && fs::symlink_metadata(folder).is_ok_and(is_closed)
}

/// systemd separates several by colons.
fn of_service() -> Option<PathBuf> {
    let folders = env::var_os("RUNTIME_DIRECTORY")?;
    let first = folders.as_bytes().split(|byte| *byte == b':').next()?;
    let first = PathBuf::from(std::ffi::OsStr::from_bytes(first));
    first.is_absolute().then_some(first)
}

/// The best first; never empty.
fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    folders.extend(of_service());
    let of_user = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    folders.extend(
        of_user
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join("daemun")),
    );
    folders.push(env::temp_dir().join(format!("daemun-{}", uid())));
    folders
}

/// Anybody may make a folder in `/tmp`: whoever could write in ours could pretend to be a server, or a client.
fn check(folder: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(folder)?;
    let is_trusted = found.uid() == uid() || found.uid() == 0;
    if found.is_dir() && is_trusted && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "it is not a folder that only this user can write to",
    ))
}

/// Removes what dead processes left behind.
pub(super) fn tidy(folder: &Path) {
    for socket in ["sock", "admin"]
        .map(|ending| ending_in(folder, ending))
        .concat()
    {
        let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        if UnixStream::connect(&socket).is_err_and(refused) {
            let _ = fs::remove_file(&socket);
        }
    }
}

/// The control sockets in a folder, of dead processes too.
pub(super) fn sockets(folder: &Path) -> Vec<PathBuf> {
    ending_in(folder, "sock")
}

fn ending_in(folder: &Path, wanted: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_socket = |path: &PathBuf| path.extension().is_some_and(|ending| ending == wanted);
    entries
        .map(|entry| entry.path())
        .filter(is_socket)
        .collect()
}

/// The link's name for a configuration file.
pub(super) fn config_name(config: &Path) -> String {
    let path = fs::canonicalize(config).unwrap_or_else(|_| config.to_owned());
    let hash = Sha256::digest(path.as_os_str().as_bytes());
    let mut name = String::new();
    for byte in &hash[..8] {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name + ".config"
}

/// This user, and the one who may do anything.
pub(super) fn may_command(user: u32) -> bool {
    user == uid() || user == 0
}

fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
