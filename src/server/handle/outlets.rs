//! Where requests are written down, over reloads.

use super::State;
use crate::config::{LogConfig, TracesConfig};
use crate::observe::AccessRecorder;
use crate::observe::traces::Tracer;
use crate::server::ServeError;
use crate::server::log;

/// What becomes of the access log.
pub(super) enum Log {
    /// It goes on, on the same terms, in a file that was opened again.
    Reopened(Option<std::fs::File>),
    Other(Option<AccessRecorder>),
}

impl State {
    pub(super) fn log_for(&self, config: &LogConfig) -> Result<Log, ServeError> {
        if *config == self.log_config && self.outlets.log.is_some() {
            log::open_file(config).map(Log::Reopened)
        } else {
            log::open(config).map(Log::Other)
        }
    }

    /// The one that there is goes on, on the same terms. One that is replaced sends what it has when its last request has ended.
    pub(super) fn tracer_for(
        &self,
        config: Option<&TracesConfig>,
    ) -> Result<Option<Tracer>, ServeError> {
        if config == self.traces_config.as_ref() {
            Ok(self.outlets.tracer.clone())
        } else {
            log::start_traces(config)
        }
    }

    pub(super) fn take_log(&mut self, log: Log, config: &LogConfig) {
        match log {
            Log::Reopened(file) => {
                if let (Some(log), Some(file)) = (&self.outlets.log, file) {
                    log.replace_writer(file);
                }
            }
            Log::Other(log) => {
                let before = std::mem::replace(&mut self.outlets.log, log);
                self.retired.retain(|retired| !retired.has_ended());
                self.retired.extend(before.and_then(|log| log.retire()));
                self.log_config = config.clone();
            }
        }
    }
}
