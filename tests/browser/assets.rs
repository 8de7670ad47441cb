//! The files of the bundled site, without a browser.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::server::public;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn texts() -> Vec<(PathBuf, String)> {
    files(&public())
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(path).expect("UTF-8")))
        .collect()
}

#[test]
fn names_of_assets_carry_the_hash_of_their_content() {
    for stem in ["site", "demos"] {
        let assets: Vec<PathBuf> = files(&public().join("assets"))
            .into_iter()
            .filter(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with(&format!("{stem}.")))
            })
            .collect();
        let [asset] = &assets[..] else {
            panic!("one asset called {stem}: {assets:?}")
        };
        let hash = Sha256::digest(fs::read(asset).expect("the asset"));
        let hash = hash.iter().take(4).fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let extension = asset.extension().expect("an extension").to_string_lossy();
        let name = asset.file_name().expect("a name").to_string_lossy();
        let right = format!("{stem}.{hash}.{extension}");
        assert_eq!(
            name, right,
            "the content has changed: rename the file, and what refers to it in public/*.html"
        );
        for document in ["index.html", "guide.html"] {
            let text = fs::read_to_string(public().join(document)).expect("a document");
            assert!(
                text.contains(&format!("assets/{right}\"")),
                "{document} refers to {right}"
            );
        }
    }
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    for (path, text) in texts() {
        let path = path.display();
        for attribute in [
            "src=\"http",
            "src=\"//",
            "href=\"http",
            "href=\"//",
            "url(http",
            "url(//",
            "@import",
            "fetch(\"http",
        ] {
            assert!(!text.contains(attribute), "{path}: {attribute}");
        }
        assert!(
            !text.contains(" style=\""),
            "{path}: an inline style, which its own policy forbids"
        );
    }
}

#[test]
fn the_guide_is_long_enough_to_show_ranges_and_compression() {
    let guide = fs::metadata(public().join("guide.html")).expect("the guide");
    assert!(guide.len() >= 60_000, "{} bytes", guide.len());
}

#[test]
fn the_manifest_is_json() {
    let text = fs::read_to_string(public().join("site.webmanifest")).expect("the manifest");
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for icon in manifest["icons"].as_array().expect("icons") {
        assert!(
            public()
                .join(icon["src"].as_str().expect("a path"))
                .is_file(),
            "{icon}"
        );
    }
}

#[test]
fn the_configurations_of_the_guide_are_valid() {
    let guide = fs::read_to_string(public().join("guide.html")).expect("the guide");
    let blocks = guide
        .split("<pre><code>")
        .skip(1)
        .filter_map(|rest| rest.split_once("</code></pre>"));
    let mut checked = 0;
    for (block, _) in blocks.filter(|(block, _)| block.contains("[[site]]")) {
        let text = plain(block);
        // The folders of the examples are not here; what is said about them is what counts.
        let is_docroot = |line: &&str| line.trim_start().starts_with("docroot");
        let lines: Vec<&str> = text
            .lines()
            .map(|line| {
                if is_docroot(&line) {
                    "docroot = '.'"
                } else {
                    line
                }
            })
            .collect();
        let file = public().join("daemun.toml");
        if let Err(error) = daemun::Config::parse(&lines.join("\n"), &file) {
            panic!("{error}\n\n{text}");
        }
        checked += 1;
    }
    assert!(checked >= 10, "{checked} examples");
}

/// The text of a piece of HTML without comments or scripts in it.
fn plain(html: &str) -> String {
    let mut text = String::new();
    for (index, part) in html.split('<').enumerate() {
        text.push_str(if index == 0 {
            part
        } else {
            part.split_once('>').map_or("", |(_, after)| after)
        });
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}
