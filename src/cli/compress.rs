//! `daemun compress`: sidecars for the files of a folder, or whether they are good.
//!
//! 1. The files are looked for.
//! 2. They are coded on threads; problems are told at once, and a bar says how far it is.
//! 3. What came of it is told on standard output.
//!
//! A signal ends it at any moment, and leaves no half-written file.

mod progress;
mod summary;

use std::{
    io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use clap::{
    Args, ValueHint,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _},
};
use daemun::{Sidecar, SidecarCoding, SidecarState, SidecarWork, Sidecars};
use tokio::sync::oneshot;

use self::{progress::Progress, summary::Summary};
use super::{
    print, say,
    signals::{Signals, StopSignal},
};

pub(crate) const EXAMPLES: &str = "\
Files of types that get smaller by it are coded, from 256 bytes on, as well as can be: that takes seconds for a megabyte. A coding that \
saves less than 5 % is not kept. Files that begin with a dot are left out, and symbolic links. A server may serve the folder meanwhile.

Examples:
  daemun compress ./dist                      write what is missing or stale
  daemun compress ./dist --check              fail if one is stale, or is not its original
  daemun compress ./dist --codings br,gzip    no .zst";

#[derive(Debug, Args)]
pub(crate) struct CompressArgs {
    /// The folder whose files are compressed
    #[arg(value_hint = ValueHint::DirPath)]
    root: PathBuf,

    /// Write nothing; fail if a sidecar is older than its original, or does not decode to it
    #[arg(long)]
    check: bool,

    /// The codings: br, zstd, gzip [default: all of them]
    #[arg(long, value_name = "CODING", value_delimiter = ',', hide_possible_values = true, value_parser = codings())]
    codings: Vec<SidecarCoding>,

    /// Work on N files at a time [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// Tell problems only
    #[arg(short, long)]
    quiet: bool,
}

fn codings() -> impl clap::builder::TypedValueParser<Value = SidecarCoding> {
    let names = SidecarCoding::ALL.map(|coding| PossibleValue::new(coding.as_str()));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<SidecarCoding>())
}

pub(crate) fn run(args: &CompressArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime.and_then(|runtime| runtime.block_on(compress(args))) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: `{}`: {error}", args.root.display()));
            ExitCode::FAILURE
        }
    }
}

/// What came of all the work.
enum End {
    Done(Summary),
    Stopped(StopSignal),
}

async fn compress(args: &CompressArgs) -> io::Result<ExitCode> {
    let begun = Instant::now();
    let mut signals = Signals::watch()?;
    let mut sidecars = Sidecars::new(&args.root);
    if !args.codings.is_empty() {
        sidecars = sidecars.codings(args.codings.iter().copied());
    }
    if let Some(threads) = args.threads {
        sidecars = sidecars.threads(threads);
    }
    let work = {
        let found = on_a_thread(move || sidecars.find())?;
        tokio::select! {
            work = found => Arc::new(work.map_err(io::Error::other)??),
            signal = signals.next_stop() => return Ok(signal.exit_code()),
        }
    };
    let progress = Progress::start(&work, args.quiet);
    let end = {
        let (work, progress, check) = (Arc::clone(&work), progress.clone(), args.check);
        let stopped = Arc::clone(&work);
        let done = on_a_thread(move || go_through(&work, &progress, check))?;
        tokio::select! {
            summary = done => End::Done(summary.map_err(io::Error::other)?),
            signal = signals.next_stop() => {
                stopped.stop();
                End::Stopped(signal)
            }
        }
    };
    progress.end();
    match end {
        End::Stopped(signal) => {
            say(if args.check {
                "stopped"
            } else {
                "stopped; what was written is whole, and the next run goes on from there"
            });
            Ok(signal.exit_code())
        }
        End::Done(summary) => {
            if !args.quiet {
                print(summary.text(&args.root, begun.elapsed()).as_bytes())?;
            }
            if args.check && summary.is_bad() {
                say(&format!(
                    "help: `daemun compress {}` makes them anew",
                    args.root.display()
                ));
            }
            Ok(if summary.has_problems() {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            })
        }
    }
}

/// Not joined: after a signal nobody waits for files that are just being coded.
fn on_a_thread<T: Send + 'static>(
    act: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (done, told) = oneshot::channel();
    std::thread::Builder::new().spawn(move || drop(done.send(act())))?;
    Ok(told)
}

fn go_through(work: &SidecarWork, progress: &Progress, check: bool) -> Summary {
    let summary = Mutex::new(Summary::new(check));
    let noted = || summary.lock().unwrap_or_else(PoisonError::into_inner);
    for (folder, error) in work.unreadable() {
        noted().fail();
        progress.say(&format!("error: {}: {error}", folder.display()));
    }
    let tell = |sidecar: &Sidecar<'_>| {
        noted().note(sidecar);
        if let Some(problem) = problem(sidecar) {
            progress.say(&problem);
        }
        progress.advance(sidecar);
    };
    if check {
        work.check(tell);
    } else {
        work.make(tell);
    }
    summary.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What is wrong with a sidecar.
fn problem(sidecar: &Sidecar<'_>) -> Option<String> {
    let path = sidecar.path();
    let path = path.display();
    let original = Path::new(sidecar.original.file_name().unwrap_or_default()).display();
    match &sidecar.state {
        SidecarState::Stale => Some(format!("{path}: is older than {original}")),
        SidecarState::Broken => Some(format!("{path}: does not decode to {original}")),
        SidecarState::Failed(error) => Some(format!("error: {path}: {error}")),
        _ => None,
    }
}
