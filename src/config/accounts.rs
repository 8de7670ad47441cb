//! Users and groups of the system, by name or number.

use nix::unistd::{Group, Uid, User};

use super::error::{Problem, quoted};

/// Who the process becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// None: a number that no entry knows, and so no other groups.
    pub(crate) name: Option<String>,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// A user.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) name: Option<String>,
    pub(super) uid: u32,
    /// None: a number that no entry knows.
    pub(super) gid: Option<u32>,
}

pub(super) fn user(text: &str) -> Result<Account, Problem> {
    let (entry, number) = match number(text) {
        Some(number) => (User::from_uid(Uid::from_raw(number)), Some(number)),
        None => (User::from_name(text), None),
    };
    let entry = entry.map_err(|error| unreadable("user", text, error))?;
    match (entry, number) {
        (Some(user), _) => Ok(Account {
            name: Some(user.name),
            uid: user.uid.as_raw(),
            gid: Some(user.gid.as_raw()),
        }),
        (None, Some(uid)) => Ok(Account {
            name: None,
            uid,
            gid: None,
        }),
        (None, None) => Err(unknown("user", text, "passwd")),
    }
}

pub(super) fn group(text: &str) -> Result<u32, Problem> {
    if let Some(number) = number(text) {
        return Ok(number);
    }
    match Group::from_name(text).map_err(|error| unreadable("group", text, error))? {
        Some(group) => Ok(group.gid.as_raw()),
        None => Err(unknown("group", text, "group")),
    }
}

/// All ones would be no number of a user, but "leave it as it is" for the system.
fn number(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| is_number && *number != u32::MAX)
}

fn unknown(what: &str, text: &str, table: &str) -> Problem {
    Problem::new(format!("{} is not a {what} of this machine", quoted(text))).help(format!(
        "`getent {table}` lists those there are; a number may be written too"
    ))
}

fn unreadable(what: &str, text: &str, error: nix::Error) -> Problem {
    Problem::new(format!(
        "the {what} {} cannot be looked up: {}",
        quoted(text),
        error.desc()
    ))
    .help("write the number")
}
