//! What a builder needs beside its settings: TLS of certificates given to it, and the word for settings that belong into the file.

use std::path::Path;

use crate::config::{CertificateSource, ConfigError, TlsSettings, error::Problem};
use crate::server::tls::{CertificateError, Tls, TlsError};

/// TLS without a file to say more.
pub(super) fn own_tls(certificates: Vec<CertificateSource>) -> Result<Tls, ConfigError> {
    Tls::new(TlsSettings::new(certificates)).map_err(|errors| {
        let problem = |error| match error {
            TlsError::Certificate(_, CertificateError { what, help, .. })
            | TlsError::ClientCa(what, help) => Problem::new(what).help(help),
            TlsError::Other(what) => Problem::new(what),
        };
        ConfigError::new(errors.into_iter().map(problem).collect(), None)
    })
}

pub(super) fn beside_a_file(flag: &str, table: &str, line: &str, path: &Path) -> Problem {
    let help = format!("write `{line}` under {table} in {}", path.display());
    Problem::new(format!(
        "`{flag}` does not go with a configuration file, which describes its sites itself"
    ))
    .help(help)
}
