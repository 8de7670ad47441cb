//! The fence as Landlock makes it.

use std::io;
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetStatus,
};

use super::Sandbox;
use crate::server::ServeError;

/// What the first kernels with Landlock hold: reading, writing, making, removing and executing.
const NEEDED: ABI = ABI::V1;
/// What is asked for beyond that, as far as the kernel knows it: no moves out of the fence, no truncation, no device control.
const WISHED: ABI = ABI::V5;

/// Whether there is a fence now; without any in the kernel, that is an error if it is required.
pub(super) fn put_up(sandbox: &Sandbox, is_required: bool) -> Result<bool, ServeError> {
    let level = if is_required {
        CompatLevel::HardRequirement
    } else {
        CompatLevel::BestEffort
    };
    // Whatever cannot be had here, the kernel does not have.
    let missing = |_| ServeError::Sandbox {
        step: "the kernel has no Landlock".to_owned(),
        source: None,
    };
    let failed = |error: landlock::RulesetError| ServeError::Sandbox {
        step: "Landlock".to_owned(),
        source: Some(io::Error::other(error)),
    };
    let mut rules = Ruleset::default()
        .set_compatibility(level)
        .handle_access(AccessFs::from_all(NEEDED))
        .map_err(missing)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WISHED))
        .map_err(failed)?
        .create()
        .map_err(failed)?;
    for path in &sandbox.readable {
        rules = allow(rules, path, AccessFs::ReadFile | AccessFs::ReadDir)?;
    }
    for folder in &sandbox.writable {
        rules = allow(rules, folder, AccessFs::WriteFile | AccessFs::MakeReg)?;
    }
    for folder in &sandbox.kept {
        let access = AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::WriteFile;
        // A file that is put in place of another removes it.
        let access = access | AccessFs::MakeReg | AccessFs::RemoveFile | AccessFs::Truncate;
        rules = allow(rules, folder, access)?;
    }
    for folder in &sandbox.sockets {
        let access = AccessFs::MakeSock | AccessFs::MakeSym;
        let access = access | AccessFs::RemoveFile | AccessFs::ReadDir;
        rules = allow(rules, folder, access)?;
    }
    let status = rules.restrict_self().map_err(failed)?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, ServeError> {
    let failed = |source| ServeError::Sandbox {
        step: path.display().to_string(),
        source: Some(source),
    };
    let opened = match PathFd::new(path) {
        Ok(opened) => opened,
        // Not every system has all the files where names are looked up.
        Err(_) if !path.exists() => return Ok(rules),
        Err(error) => return Err(failed(io::Error::other(error))),
    };
    let access = if path.is_dir() {
        access
    } else {
        access & AccessFs::from_file(WISHED)
    };
    rules
        .add_rule(PathBeneath::new(opened, access))
        .map_err(|error| failed(io::Error::other(error)))
}
