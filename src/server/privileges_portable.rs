//! Where it is not known how the rights of root are given up for good.

use std::io;

use super::ServeError;
use crate::config::Config;

/// Becomes the user and group of the configuration; without any configured, nothing happens.
///
/// # Errors
/// When there are any: this is known for Linux only.
pub fn drop_privileges(config: &Config) -> Result<(), ServeError> {
    match &config.identity {
        None => Ok(()),
        Some(_) => Err(ServeError::Identity {
            step: "become the user of the configuration",
            source: io::ErrorKind::Unsupported.into(),
        }),
    }
}
