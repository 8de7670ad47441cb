//! What is told of each request, and of all.
//!
//! 1. Whoever answers a request tells what it decided ([`story`]).
//! 2. An exchange ([`access_log`]) is the request until its answer has ended: then it is written to the log,
//! 3. counted by its worker ([`tally`], by what answered: [`places`]; and by time: [`window`]),
//! 4. and remembered for a while ([`ring`]).
//! 5. Whoever asks gets the sum over all workers ([`observer`], [`status`], [`series`]), or one request's story ([`explain`]).

pub(crate) mod access_log;
pub(crate) mod counted_body;
pub(crate) mod explain;
mod layer;
pub(crate) mod metrics;
pub(crate) mod observer;
pub(crate) mod places;
pub(crate) mod plain;
pub(crate) mod process;
mod record;
pub(crate) mod request_id;
mod ring;
mod sample;
pub(crate) mod series;
pub mod status;
pub(crate) mod story;
mod syslog;
pub(crate) mod tally;
mod traced;
pub(crate) mod traces;
mod window;
mod writer;

pub(crate) use sample::LogSample;
pub(crate) use traced::Outlets;
pub(crate) use writer::Retired;

pub use access_log::{AccessRecorder, LogFormat};
pub use layer::{AccessLogLayer, AccessLogService, LoggedBody};
