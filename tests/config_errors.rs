//! Golden files: each `tests/config_errors/NAME.toml` is a configuration that cannot be used, and `NAME.expected` is what a person is told.
//!
//! `UPDATE_GOLDEN=1 cargo test --test config_errors` rewrites the expected texts; read the difference before committing it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use daemun::Config;

#[test]
fn every_bad_configuration_says_where_why_and_what_to_do() {
    let folder = Path::new("tests/config_errors");
    let mut wrong = Vec::new();
    let cases = files_ending(folder, "toml");
    assert!(cases.len() >= 35, "only {} cases were found", cases.len());
    for case in &cases {
        let told = told(&case.with_extension("toml"));
        wrong.extend(compare(&case.with_extension("expected"), &told));
    }
    for orphan in files_ending(folder, "expected").difference(&cases) {
        wrong.push(format!("{}.expected has no .toml", orphan.display()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn what_cannot_be_read_says_why() {
    let missing = Config::load("tests/config_errors/no-such-file.toml")
        .expect_err("missing")
        .to_string();
    assert!(
        missing.starts_with(
            "tests/config_errors/no-such-file.toml: cannot be read: there is no such file\n  help: "
        ),
        "{missing}"
    );
    let folder = Config::load("tests/config_errors")
        .expect_err("a folder")
        .to_string();
    assert!(
        folder.starts_with("tests/config_errors: cannot be read: it is a folder\n  help: "),
        "{folder}"
    );
}

/// What `daemun check` would print, with the folder's own path taken out: it differs from machine to machine.
fn told(file: &Path) -> String {
    let error = match Config::load(file) {
        Ok(config) => panic!(
            "{} is a good configuration: {}",
            file.display(),
            config.summary()
        ),
        Err(error) => error.to_string(),
    };
    let folder = std::path::absolute(file.parent().expect("a folder")).expect("an absolute path");
    let told = error.replace(&format!("{}/", folder.display()), "/srv/");
    format!("{}\n", told.replace("tests/config_errors/", ""))
}

fn compare(golden: &Path, told: &str) -> Option<String> {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(golden, told).expect("the golden file is written");
        return None;
    }
    let expected = fs::read_to_string(golden).unwrap_or_default();
    (expected != told).then(|| {
        format!(
            "{}: expected\n{expected}\nbut was told\n{told}",
            golden.display()
        )
    })
}

/// The paths of the files with this extension, without it.
fn files_ending(folder: &Path, extension: &str) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder of the cases");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| path.with_extension(""))
        .collect()
}
