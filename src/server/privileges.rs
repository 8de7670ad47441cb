//! Root's rights, given up for good.
//!
//! 1. The groups, while that is still allowed: first the others, then the main one.
//! 2. The user: with it the rights are gone, in every thread (the system's library sees to that).
//! 3. Is it true? A server that believes it has no rights, and has, is worse than one that knows.

use std::ffi::CString;
use std::io;

use nix::unistd::{
    self, Gid, Uid, getegid, geteuid, getgid, getresgid, getresuid, getuid, initgroups, setgroups,
};

use super::ServeError;
use crate::config::{Config, Identity};

/// Becomes the user and group of the configuration, the whole process and for good; without any configured, nothing happens.
///
/// To be called once listeners are bound and the server is made, which opens its logs, and before it serves. Whatever is opened later,
/// such as a log after its rotation, must be open to that user.
///
/// # Errors
/// When the process is not root's (being that user already is no error), and when it could take its rights back.
pub fn drop_privileges(config: &Config) -> Result<(), ServeError> {
    let Some(identity) = &config.identity else {
        return Ok(());
    };
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    if !geteuid().is_root() {
        let is_so = getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid;
        return is_so
            .then_some(())
            .ok_or_else(|| refused("become the user of the configuration", nix::Error::EPERM));
    }
    set_groups(identity, gid).map_err(|error| refused("take on the groups of the user", error))?;
    unistd::setgid(gid).map_err(|error| refused("take on the group", error))?;
    unistd::setuid(uid).map_err(|error| refused("become the user", error))?;
    verify(uid, gid)
}

fn set_groups(identity: &Identity, gid: Gid) -> nix::Result<()> {
    match &identity.name {
        Some(name) => {
            let name = CString::new(name.as_bytes()).map_err(|_| nix::Error::EINVAL)?;
            initgroups(&name, gid)
        }
        None => setgroups(&[gid]),
    }
}

fn verify(uid: Uid, gid: Gid) -> Result<(), ServeError> {
    let step = "make sure of who it is";
    let users = getresuid().map_err(|error| refused(step, error))?;
    let groups = getresgid().map_err(|error| refused(step, error))?;
    let is_so = [users.real, users.effective, users.saved] == [uid; 3]
        && [groups.real, groups.effective, groups.saved] == [gid; 3];
    // The last question changes something only if the answer is wrong, and then the process ends.
    let could_go_back = unistd::setuid(Uid::from_raw(0)).is_ok();
    if is_so && !could_go_back {
        Ok(())
    } else {
        Err(ServeError::Identity {
            step: "give up the rights of root",
            source: io::Error::other("the system let the process keep a way back"),
        })
    }
}

fn refused(step: &'static str, error: nix::Error) -> ServeError {
    ServeError::Identity {
        step,
        source: error.into(),
    }
}
