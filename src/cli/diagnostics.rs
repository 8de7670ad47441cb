//! What the library tells on the way: to standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// `-q`
    Errors,
    Warnings,
    /// `-v`: each connection.
    Details,
    /// `-vv`: all, that of the libraries beneath included.
    Everything,
}

/// Starts telling. Called once, before anything that could have something to tell.
pub(super) fn start(level: Level) {
    let (own, others) = match level {
        Level::Errors => (LevelFilter::ERROR, LevelFilter::ERROR),
        Level::Warnings => (LevelFilter::WARN, LevelFilter::WARN),
        Level::Details => (LevelFilter::DEBUG, LevelFilter::WARN),
        Level::Everything => (LevelFilter::TRACE, LevelFilter::TRACE),
    };
    let is_terminal = io::stderr().is_terminal();
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(is_terminal)
        // The terminal may have been closed.
        .log_internal_errors(false)
        .with_target(false);
    let filter = Targets::new()
        .with_target("daemun", own)
        .with_default(others);
    tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .init();
}
