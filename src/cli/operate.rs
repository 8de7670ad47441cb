//! `daemun reload` and `daemun upgrade`: what is asked of the running server.

use std::process::ExitCode;

use super::control::{Command, ask};

pub(crate) use super::control::TargetArgs;

pub(crate) fn reload(target: &TargetArgs) -> ExitCode {
    ask(Command::Reload, target)
}

pub(crate) fn upgrade(target: &TargetArgs) -> ExitCode {
    ask(Command::Upgrade, target)
}
