//! `docs/configuration.md` is made here: from a template and an example written by hand, and from the comments on the keys in
//! `src/config/file.rs` and `src/config/file/`, so that each key is documented once.
//!
//! `UPDATE_GOLDEN=1 cargo test --test configuration` rewrites it.

use std::{fmt::Write as _, fs};

use daemun::Config;

const PAGE: &str = "docs/configuration.md";
const EXAMPLE: &str = include_str!("configuration/example.toml");
const TEMPLATE: &str = include_str!("configuration/template.md");
/// In the order of the page.
const SOURCE: &str = concat!(
    include_str!("../src/config/file.rs"),
    include_str!("../src/config/file/listen.rs"),
    include_str!("../src/config/file/site.rs"),
    include_str!("../src/config/file/route.rs"),
    include_str!("../src/config/file/upstream.rs"),
    include_str!("../src/config/file/compression.rs"),
    include_str!("../src/config/file/limits.rs"),
    include_str!("../src/config/file/admin.rs"),
);

#[test]
fn the_page_says_what_the_source_says() {
    let made = TEMPLATE
        .replace("{{example}}", EXAMPLE.trim_end())
        .replace("{{reference}}", reference(SOURCE).trim_end());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(PAGE, &made).expect("the page is written");
    }
    let written = fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        made == written,
        "{PAGE} is not what the source says: run `UPDATE_GOLDEN=1 cargo test --test configuration`"
    );
}

#[test]
fn the_examples_are_good_configurations() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir_all(folder.path().join("manual/html")).expect("a folder");
    fs::create_dir_all(folder.path().join("public")).expect("a folder");
    let file = folder.path().join("daemun.toml");
    let config = Config::parse(EXAMPLE, &file).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.summary(), "2 sites, 5 routes, 1 listener");
    for block in TEMPLATE.split("```toml\n").skip(1) {
        let text = block.split("```").next().expect("the first part");
        if text.trim() != "{{example}}" {
            Config::parse(text, &file).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

#[test]
fn every_key_says_its_default_or_that_it_is_required() {
    for table in tables(SOURCE) {
        assert!(!table.about.is_empty(), "{} is not described", table.name);
        for key in &table.keys {
            assert!(
                !key.about.is_empty(),
                "{} in {} is not described",
                key.name,
                table.name
            );
            let last = key.default.as_str();
            assert!(
                last.starts_with("Default: ") || last.starts_with("Required."),
                "{} in {}: {last:?}",
                key.name,
                table.name
            );
        }
    }
}

/// Written out, the defaults that the comments name change nothing.
#[test]
fn the_defaults_are_what_the_comments_say() {
    /// The tables that are looked at, and what must be written in each so that its other keys may be.
    const NEEDED: [(&str, &str); 9] = [
        ("[[site]]", "docroot = 'public'"),
        (
            "[[site.route]]",
            "path = '/'\nupstream = 'app'\naccel_root = 'public'",
        ),
        ("[upstream.NAME]", "health_path = '/healthz'"),
        (
            "[[upstream.NAME.server]]",
            "address = 'https://127.0.0.1'\nmax_connections = 9",
        ),
        ("[cache]", ""),
        ("[compression]", ""),
        ("[limits]", ""),
        ("[tls]", ""),
        ("[admin]", ""),
    ];
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("public")).expect("a folder");
    let file = folder.path().join("daemun.toml");
    let (mut text, mut bare) = (String::new(), String::new());
    let mut written = 0;
    for table in tables(SOURCE) {
        let name = table.name.trim_matches('`');
        let Some((_, needed)) = NEEDED.iter().find(|(known, _)| *known == name) else {
            continue;
        };
        let _ = writeln!(text, "{}\n{needed}", name.replace("NAME", "app"));
        let _ = writeln!(bare, "{}\n{needed}", name.replace("NAME", "app"));
        let of_others = ["listing_limit", "status", "media_type"];
        for key in (table.keys.iter()).filter(|key| !of_others.contains(&&*key.name)) {
            let value = key
                .default
                .strip_prefix("Default: `")
                .and_then(|rest| rest.split('`').next());
            if let Some(value) = value.filter(|_| !needed.contains(&key.name)) {
                let _ = writeln!(text, "{} = {value}", key.name);
                written += 1;
            }
        }
    }
    assert!(written >= 60, "only {written} defaults were found:\n{text}");
    let with = Config::parse(&text, &file).unwrap_or_else(|error| panic!("{error}"));
    let without = Config::parse(&bare, &file).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(format!("{with:#?}"), format!("{without:#?}"), "{text}");
}

/// A struct of the source.
struct Table {
    /// The first words of its comment.
    name: String,
    about: Vec<String>,
    keys: Vec<Key>,
}

/// A field of it.
struct Key {
    name: String,
    kind: &'static str,
    about: String,
    default: String,
}

fn reference(source: &str) -> String {
    let mut text = String::new();
    for table in tables(source) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "### {}\n\n{}\n", table.name, table.about.join("\n\n"));
        for key in table.keys {
            let _ = writeln!(
                text,
                "- **`{}`** ({}): {}  \n  {}",
                key.name, key.kind, key.about, key.default
            );
        }
        text.push('\n');
    }
    text
}

/// The structs that serde reads, with their fields; those without a comment are tables that have a section of their own.
fn tables(source: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    let mut is_open = false;
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            comment.push(text.trim());
        } else if line.starts_with("pub(crate) struct ") && line.ends_with('{') {
            let about = paragraphs(&comment).join("\n");
            let (name, about) = about
                .split_once(": ")
                .unwrap_or_else(|| panic!("{line}: its comment is `TABLE: what it is`"));
            let about = sentence(about).split('\n').map(str::to_owned).collect();
            tables.push(Table {
                name: name.to_owned(),
                about,
                keys: Vec::new(),
            });
            comment.clear();
            is_open = true;
        } else if let Some(field) = line
            .strip_prefix("pub(crate) ")
            .filter(|_| is_open && !comment.is_empty())
        {
            let (name, kind) = field
                .trim_end_matches(',')
                .split_once(": ")
                .expect("a field has a type");
            let mut lines = std::mem::take(&mut comment);
            let default = lines
                .iter()
                .position(|line| line.starts_with("Default: ") || line.starts_with("Required."));
            let default =
                default.map_or_else(String::new, |start| lines.split_off(start).join(" "));
            let table = tables.last_mut().expect("a table is open");
            table.keys.push(Key {
                name: name.to_owned(),
                kind: in_words(kind),
                about: lines.join(" "),
                default,
            });
        } else if line == "}" {
            is_open = false;
        } else if !line.starts_with('#') {
            comment.clear();
        }
    }
    tables
}

/// Lines joined to paragraphs, which an empty line ends.
fn paragraphs(lines: &[&str]) -> Vec<String> {
    lines
        .split(|line| line.is_empty())
        .map(|paragraph| paragraph.join(" "))
        .collect()
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// A type of the source as a person who writes TOML calls it.
fn in_words(kind: &str) -> &'static str {
    match kind.trim_start_matches("Option<").trim_end_matches('>') {
        "Text" => "string",
        "Number" => "whole number",
        "Fraction" => "number",
        "Size" => "size",
        "Time" => "time",
        "bool" | "Switch" => "`true` or `false`",
        "Vec<Text" | "Texts" => "array of strings",
        "Statuses" => "array of statuses, or `true`",
        "Entries" => "table of strings",
        other => panic!("a word for the type {other} is missing"),
    }
}
