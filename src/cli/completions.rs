//! `daemun completions`: what the shell needs to complete our flags.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::print;

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell to print them for
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut super::Args::command(),
        "daemun",
        &mut script,
    );
    print(&script).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}
