//! The text of a configuration file.

use std::{io, path::Path};

use super::error::{ConfigError, Problem, Source};

/// The whole file, or why it cannot be read.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    // Without text there is no line to show, but the file's name still comes first.
    let unreadable = |why: &str, help: &str| {
        let problem = Problem::new(format!("cannot be read: {why}")).help(help);
        ConfigError::new(vec![problem], Some(Source::new(path, String::new())))
    };
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            unreadable("there is no such file", "create it, or name another")
        }
        io::ErrorKind::IsADirectory => unreadable("it is a folder", "name the file in it"),
        _ => unreadable(
            &error.to_string(),
            "see to its permissions, or name another file",
        ),
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        // Up to the fault the lossy text is the same, byte by byte; the fault is a replacement character of three bytes.
        let problem = Problem::new("this is not UTF-8")
            .help("save the file as UTF-8")
            .at(valid..valid + 3);
        ConfigError::new(vec![problem], Some(Source::new(path, text)))
    })
}
