//! `daemun status`: how the running server is, once.

use std::process::ExitCode;

use clap::Args;
use daemun::status::Status;

use super::{admin_client::AdminClient, control::TargetArgs, print, status};

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    target: TargetArgs,

    /// Print all of it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &StatusArgs) -> ExitCode {
    finish(told(args))
}

fn told(args: &StatusArgs) -> Result<String, String> {
    let (code, body) = AdminClient::connect(&args.target)?.get("/status")?;
    if code != 200 {
        return Err(format!(
            "the server answers with {code}: {}",
            body.trim_end()
        ));
    }
    let unreadable = |error| format!("the server's answer cannot be read: {error}");
    if args.json {
        // As it came: a later version may tell more than this one knows.
        let all: serde_json::Value = serde_json::from_str(&body).map_err(unreadable)?;
        let pretty = serde_json::to_string_pretty(&all).map_err(unreadable)?;
        return Ok(pretty + "\n");
    }
    let status: Status = serde_json::from_str(&body).map_err(unreadable)?;
    Ok(status::text(&status))
}

/// The text for standard output, or the error for standard error.
pub(super) fn finish(told: Result<String, String>) -> ExitCode {
    match told {
        Ok(text) => print(text.as_bytes()).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
