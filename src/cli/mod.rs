//! The command line: one type a verb, one file a verb.
//!
//! Exit codes: 0, all went well, a stop of the server by signal included; 1, something is wrong with the configuration, an address or the
//! drain, a command to the running server failed, or a file could not be compressed or is not what it should be;
//! 2, something is wrong with the command line (clap's); 128 + the signal's number, a second signal ended the drain, or one ended `compress`.

mod admin_client;
pub(crate) mod ask;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod compress;
mod control;
mod descriptors;
mod diagnostics;
pub(crate) mod explain;
pub(crate) mod operate;
pub(crate) mod serve;
mod show;
mod signals;
mod sockets;
pub(crate) mod status;
mod supervisor;
pub(crate) mod top;
mod welcome;

use std::{io, path::Path};

use clap::{Parser, Subcommand};
use daemun::ConfigError;

/// The file that is read when it is there and nothing else is named.
pub(crate) const CONFIG_FILE: &str = "daemun.toml";

const EXAMPLES: &str = "\
Examples:
  daemun                        serve what `daemun.toml` says, else ./public, else this folder
  daemun ./dist -l 3000         serve ./dist at http://127.0.0.1:3000/
  daemun ./dist -l :3000        … and to the whole network
  daemun ./dist --spa           … as a single-page application
  daemun ./dist --proxy /api=http://127.0.0.1:3000
                                … and have an application answer /api and all below it
  daemun -c site.toml           serve what a configuration file says
  daemun check -c site.toml     look for mistakes in it
  daemun reload -c site.toml    have the running server read it again
  daemun status                 look at the running server
  daemun compress ./dist        compress its files, once, as well as can be

A folder with the name of a command is written with a dot and a slash: daemun ./check";

/// A web server for static files: correct, safe by default, fast.
#[derive(Debug, Parser)]
#[command(
    name = "daemun",
    version,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    max_term_width = 100
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Serve a folder, or what a configuration file says; the same as no command
    #[command(after_help = EXAMPLES)]
    Serve(Box<serve::ServeArgs>),
    /// Look for mistakes in a configuration file
    Check(check::CheckArgs),
    /// Write compressed files (.br, .zst, .gz) beside those of a folder, once, for a server to send
    #[command(after_help = compress::EXAMPLES)]
    Compress(compress::CompressArgs),
    /// Have the running server read its configuration again; connections stay
    #[command(after_help = control::CLIENT_HELP)]
    Reload(operate::TargetArgs),
    /// Have a new process of the program take over from the running server, without a refused connection
    #[command(after_help = control::CLIENT_HELP)]
    Upgrade(operate::TargetArgs),
    /// Print how the running server is: traffic, applications, what fails
    #[command(after_help = control::CLIENT_HELP)]
    Status(ask::StatusArgs),
    /// Show how the running server is, in the terminal, anew each second
    #[command(after_help = top::HELP)]
    Top(operate::TargetArgs),
    /// Tell why a request went as it did, by its id
    #[command(after_help = explain::HELP)]
    Explain(explain::ExplainArgs),
    /// Print the completions for a shell
    Completions(completions::CompletionsArgs),
}

impl Args {
    /// The verb; without one, it is `serve`.
    pub(crate) fn verb(self) -> Verb {
        self.verb
            .unwrap_or_else(|| Verb::Serve(Box::new(self.serve)))
    }
}

/// Prints what is wrong with the configuration. Problems in a file begin with its name, so that editors can jump to the place.
fn report(error: &ConfigError, file: Option<&Path>) {
    eprintln!("{}", report_text(error, file));
}

fn report_text(error: &ConfigError, file: Option<&Path>) -> String {
    match file {
        Some(_) => error.to_string(),
        None => format!("error: {error}"),
    }
}

/// On standard error, which may be gone with its terminal.
fn say(text: &str) {
    use io::Write as _;
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes to standard output; that nobody reads to the end (`| head`) is not an error.
fn print(text: &[u8]) -> io::Result<()> {
    use io::Write as _;
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
