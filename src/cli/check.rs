//! `daemun check`: is the configuration file good?

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, ValueHint};
use daemun::Config;

use super::{CONFIG_FILE, diagnostics, print, report};

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", default_value = CONFIG_FILE, value_hint = ValueHint::FilePath)]
    config: PathBuf,
}

pub(crate) fn run(args: &CheckArgs) -> ExitCode {
    diagnostics::start(diagnostics::Level::Warnings);
    match Config::load(&args.config) {
        Ok(config) => {
            let told = format!("{}: ok ({})\n", args.config.display(), config.summary());
            print(told.as_bytes()).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        Err(error) => {
            report(&error, Some(&args.config));
            ExitCode::FAILURE
        }
    }
}
