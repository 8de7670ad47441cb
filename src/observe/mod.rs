//! What is told of each request.

pub(crate) mod access_log;
pub(crate) mod counted_body;
mod layer;
pub(crate) mod metrics;
pub(crate) mod observer;
pub(crate) mod process;
mod record;
pub(crate) mod series;
pub mod status;
mod writer;

pub(crate) use writer::Retired;

pub use access_log::{AccessRecorder, LogFormat};
pub use layer::{AccessLogLayer, AccessLogService, LoggedBody};
