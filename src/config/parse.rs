//! TOML text → the file as written.
//!
//! 1. Syntax.
//! 2. Keys that no table knows, all of them.
//! 3. Values of the wrong type.

use std::ops::Range;

use serde::Deserialize;
use toml::de::{DeTable, Deserializer, Error};

use super::{
    error::{NOWHERE, Problem},
    file::File,
    keys,
};

/// Reads `text`; what is wrong is looked for in the order above, and the first kind that is found is all that is told.
pub(super) fn parse(text: &str) -> Result<File, Vec<Problem>> {
    let root = DeTable::parse(text).map_err(|error| vec![syntax(text, &error)])?;
    let unknown = keys::unknown(root.get_ref());
    if !unknown.is_empty() {
        return Err(unknown);
    }
    File::deserialize(Deserializer::from(root)).map_err(|error| vec![wrong_type(text, &error)])
}

/// The commonest slips in words of our own, all else in the parser's.
fn syntax(text: &str, error: &Error) -> Problem {
    let span = error.span().unwrap_or(NOWHERE);
    let found = text.get(span.clone()).unwrap_or_default().trim();
    let message = error.message();
    let problem = if message.starts_with("string values must be quoted") {
        match found {
            "" => Problem::new("the value is missing").help("write one after the `=`"),
            _ => Problem::new(format!("`{found}` is not a value")).help(format!(
                "if it is a string, put it in quotes: `\"{found}\"`"
            )),
        }
    } else if message == "duplicate key" {
        Problem::new(format!("`{found}` is there twice")).help("remove one of the two")
    } else {
        let (what, help) = message.split_once(", expected ").unwrap_or((message, ""));
        match help {
            "" => Problem::new(what),
            _ => Problem::new(what).help(format!("expected here: {help}")),
        }
    };
    problem.at(span)
}

/// serde's words for types are those of Rust; say them in TOML's.
fn wrong_type(text: &str, error: &Error) -> Problem {
    let span = error.span().unwrap_or(NOWHERE);
    let message = error.message();
    if let Some(key) = between(message, "missing field `", "`") {
        let problem = Problem::new(format!("`{key}` is missing"));
        return problem
            .help(format!("add `{key} = …` to this table"))
            .at(span);
    }
    let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .and_then(|rest| rest.split_once(", expected "))
    else {
        return Problem::new(message).at(span);
    };
    let (expected, found) = (in_toml(expected), in_toml(found));
    let problem = Problem::new(format!("expected {expected}, found {found}"));
    match as_expected(text, &span, expected, found) {
        Some(help) => problem.help(help).at(span),
        None => problem.at(span),
    }
}

/// The value as it should be written, where that can be told.
fn as_expected(text: &str, span: &Range<usize>, expected: &str, found: &str) -> Option<String> {
    let value = text.get(span.clone())?;
    let line = text[..span.start].rsplit('\n').next().unwrap_or_default();
    let key = line.split('=').next().unwrap_or_default().trim();
    match (expected, found) {
        (TEXT, _) if key == "spa" => Some("name the file: `spa = \"index.html\"`".to_owned()),
        (TEXT, INTEGER) => Some(format!("write `\"{value}\"`")),
        (ARRAY, TEXT) => Some(format!("write `[{value}]`")),
        (INTEGER, TEXT) => Some("write a number without quotes".to_owned()),
        (SWITCH, TEXT) => Some("write it in lower case and without quotes".to_owned()),
        (TABLE, TEXT) => Some(format!(
            "write `{key} = {{ … }}`, or a table with `{key}` in brackets"
        )),
        _ => None,
    }
}

const TEXT: &str = "a string in quotes";
const INTEGER: &str = "a whole number";
const SWITCH: &str = "`true` or `false`";
const ARRAY: &str = "an array in brackets";
const TABLE: &str = "a table";

/// The type that serde means, by the first words it uses for it.
fn in_toml(words: &str) -> &str {
    const NAMES: [(&str, &str); 12] = [
        ("i64", INTEGER),
        ("integer", INTEGER),
        ("floating point", "a number with a fraction"),
        ("a boolean", SWITCH),
        ("boolean", SWITCH),
        ("a string", TEXT),
        ("string", TEXT),
        ("a sequence", ARRAY),
        ("sequence", ARRAY),
        ("a map", TABLE),
        ("map", TABLE),
        ("struct", TABLE),
    ];
    let name = NAMES.iter().find(|(start, _)| words.starts_with(start));
    name.map_or(words, |(_, name)| name)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.strip_prefix(start)?.split(end).next()
}
