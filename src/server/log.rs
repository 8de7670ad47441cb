//! The access log and the traces that a configuration asks for.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::ServeError;
use crate::config::{AccessLog, LogConfig, TracesConfig};
use crate::observe::traces::Tracer;
use crate::observe::{AccessRecorder, LogFormat};

pub(super) fn open(config: &LogConfig) -> Result<Option<AccessRecorder>, ServeError> {
    let format = match config.access {
        AccessLog::Off => return Ok(None),
        AccessLog::Combined => LogFormat::Combined,
        AccessLog::Json => LogFormat::Json,
    };
    let recorder = match (open_file(config)?, &config.syslog) {
        (Some(file), _) => AccessRecorder::to_writer(format, file),
        (None, Some(target)) => AccessRecorder::to_syslog(format, target),
        (None, None) => AccessRecorder::to_writer(format, io::stdout()),
    };
    recorder.map(Some).map_err(|source| error(config, source))
}

/// None: traces are not recorded.
pub(super) fn start_traces(config: Option<&TracesConfig>) -> Result<Option<Tracer>, ServeError> {
    let tracer = config.map(Tracer::start).transpose();
    tracer.map_err(ServeError::Traces)
}

/// The file by its name, as it is now; `None`: there is none.
pub(super) fn open_file(config: &LogConfig) -> Result<Option<File>, ServeError> {
    let open = |path: &Path| OpenOptions::new().append(true).create(true).open(path);
    let file = config.file.as_deref().map(open).transpose();
    file.map_err(|source| error(config, source))
}

fn error(config: &LogConfig, source: io::Error) -> ServeError {
    ServeError::AccessLog {
        file: config.file.clone(),
        source,
    }
}
