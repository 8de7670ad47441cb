//! The `daemun` program: arguments → configuration → server → exit code.
//!
//! It uses nothing of the library but its public API.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;
use cli::{Args, Verb};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Args::parse().verb() {
        Verb::Serve(args) => cli::serve::run(&args),
        Verb::Check(args) => cli::check::run(&args),
        Verb::Compress(args) => cli::compress::run(&args),
        Verb::Reload(target) => cli::operate::reload(&target),
        Verb::Upgrade(target) => cli::operate::upgrade(&target),
        Verb::Status(args) => cli::ask::run(&args),
        Verb::Explain(args) => cli::explain::run(&args),
        Verb::Top(target) => cli::top::run(&target),
        Verb::Completions(args) => cli::completions::run(&args),
    }
}
