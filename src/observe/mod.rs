//! What is told of each request.

pub(crate) mod access_log;
pub(crate) mod counted_body;
mod layer;
pub(crate) mod observer;
mod record;
mod sample;
pub(crate) mod series;
pub mod status;
mod syslog;
pub(crate) mod traces;
mod writer;

pub(crate) use sample::LogSample;
pub(crate) use writer::Retired;

pub use access_log::{AccessRecorder, LogFormat};
pub use layer::{AccessLogLayer, AccessLogService, LoggedBody};
