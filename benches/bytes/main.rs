//! What real assets weigh on the wire, by content coding, from Daemun, nginx and Caddy:
//!
//! ```sh
//! cargo bench --bench bytes                        # every asset, as two tables in Markdown
//! cargo bench --bench bytes -- three bootstrap     # those of two packages
//! cargo bench --bench bytes -- --first             # without waiting for the best codings: minutes less
//! cargo bench --bench bytes -- --help
//! ```
//!
//! 1. Assets: two releases of npm packages, kept in the target folder, and pages of the Rust documentation that rustup has installed.
//! 2. Each server in turn is asked for each asset in each coding; every answer is decoded and compared with the file.
//! 3. Daemun is asked again, often, until each coding has been made as well as can be.
//! 4. A visitor with the release before: Daemun serves that one, then the newer one in its place, and is asked for what is new with the older
//!    one as a dictionary (RFC 9842).
//! 5. The tables, on standard output; what goes on is told on standard error.

// Counts of bytes: far below 2^52.
#![allow(clippy::cast_precision_loss)]

mod assets;
// Of the other benchmark, which needs more of it.
#[allow(dead_code)]
#[path = "../side_by_side/client.rs"]
mod client;
mod decode;
mod fetch;
mod options;
mod server;
mod table;
mod update;

use std::process::ExitCode;

use crate::assets::Assets;
use crate::fetch::{Codings, Weight};
use crate::options::{Options, Parsed};
use crate::server::{Kind, Running};
use crate::update::Update;

/// What went wrong, in words for the person at the terminal.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What is asked of each server, in the order of the columns.
const ASKED: &[(Kind, &[&str])] = &[
    (Kind::Nginx, &["gzip"]),
    (Kind::Caddy, &["gzip", "zstd"]),
    (Kind::Daemun, &["gzip", "zstd", "br"]),
];

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bytes: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let options = match Options::parse(arguments)? {
        Parsed::Run(options) => options,
        Parsed::Say(text) => {
            print!("{text}");
            return Ok(());
        }
    };
    let scratch = tempfile::Builder::new().prefix("daemun-bytes-").tempdir()?;
    let assets = Assets::gather(&options, scratch.path())?;
    let mut columns = Vec::new();
    for (kind, codings) in ASKED {
        eprintln!("{} …", kind.name());
        let running = Running::start(*kind, &options, &assets.folder, scratch.path())?;
        let mut asked = Codings::ask(&assets, codings, &running)?;
        if *kind == Kind::Daemun && !options.first_only {
            asked.wait_for_best(&running, options.patience)?;
        }
        columns.extend(
            codings
                .iter()
                .map(|coding| (*kind, *coding, asked.weights(coding))),
        );
    }
    let best_br: &[Weight] = columns.last().map_or(&[], |(_, _, weights)| weights);
    let updates = Update::all(&assets, &options, scratch.path())?;
    table::print(&assets, &columns, best_br, &updates);
    Ok(())
}
