//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::Result;

pub(crate) struct Options {
    /// Beginnings of the names of assets; none: all.
    names: Vec<String>,
    /// Whether the best codings are not waited for.
    pub(crate) first_only: bool,
    /// How long nothing may become better before it is taken for the best.
    pub(crate) patience: Duration,
    pub(crate) daemun: PathBuf,
}

pub(crate) enum Parsed {
    Run(Options),
    /// A text to print instead of running.
    Say(String),
}

const HELP: &str = "\
Weighs real assets on the wire, from Daemun, nginx and Caddy.

Usage: cargo bench --bench bytes [-- [OPTIONS] [NAME]...]

  NAME            weigh only assets whose names begin so: react-dom, three, monaco-editor, pdfjs-dist, bootstrap, rust
  --first         the first answers only: do not wait for the best codings
  --patience N    seconds without any better coding after which the last ones count as the best (default: 90)
  --daemun FILE   another program than the one of this build
";

impl Options {
    /// Parses the arguments after the program's name.
    pub(crate) fn parse(arguments: &[String]) -> Result<Parsed> {
        let mut options = Self {
            names: Vec::new(),
            first_only: false,
            patience: Duration::from_secs(90),
            daemun: env!("CARGO_BIN_EXE_daemun").into(),
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                // cargo bench adds this one by itself.
                "--bench" => {}
                "--help" | "-h" => return Ok(Parsed::Say(HELP.to_owned())),
                "--first" => options.first_only = true,
                "--patience" => options.patience = Duration::from_secs(value()?.parse()?),
                "--daemun" => options.daemun = value()?.into(),
                name if !name.starts_with('-') => options.names.push(name.to_owned()),
                unknown => return Err(format!("unknown option {unknown}; see --help").into()),
            }
        }
        Ok(Parsed::Run(options))
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.names.is_empty()
            || self
                .names
                .iter()
                .any(|begin| name.starts_with(begin.as_str()))
    }
}
