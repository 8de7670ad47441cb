//! TOML text → the file as written.
//!
//! 1. syntax; 2. keys that no table knows, all of them; 3. values of the wrong type.

use toml::de::{DeTable, Deserializer, Error};

use serde::Deserialize;

use super::{error::Problem, file::File, keys};

/// Reads `text`; what is wrong is found in its order above, and the first kind that is found is all that is told.
pub(super) fn parse(text: &str) -> Result<File, Vec<Problem>> {
    let root = DeTable::parse(text).map_err(|error| vec![syntax(&error)])?;
    let unknown = keys::unknown(root.get_ref());
    if !unknown.is_empty() {
        return Err(unknown);
    }
    File::deserialize(Deserializer::from(root)).map_err(|error| vec![wrong_type(&error)])
}

fn syntax(error: &Error) -> Problem {
    locate(Problem::new(error.message()), error)
}

/// serde's words for types are those of Rust; say them in TOML's.
fn wrong_type(error: &Error) -> Problem {
    let message = error.message();
    let problem = match message
        .strip_prefix("invalid type: ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        Some((found, expected)) => Problem::new(format!(
            "expected {}, found {}",
            in_toml(expected),
            found.replace("sequence", "array")
        )),
        None => Problem::new(message),
    };
    let problem = match message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        Some(key) => Problem::new(format!("`{key}` is missing"))
            .help(format!("add `{key} = …` to this table")),
        None => problem,
    };
    locate(problem, error)
}

fn in_toml(expected: &str) -> &str {
    match expected {
        "i64" => "a whole number",
        "a boolean" => "`true` or `false`",
        "a string" => "a string in quotes",
        "a sequence" => "an array in brackets",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

fn locate(problem: Problem, error: &Error) -> Problem {
    match error.span() {
        Some(span) => problem.at(span),
        None => problem,
    }
}
