//! What is compressed, as it is written and as it arrives.

use std::path::PathBuf;

use http::HeaderValue;

use super::{folder_with, parse};
use crate::config::{Config, DictionaryPolicy, RouteAction, upstream::ProxyConfig};
use crate::header::accept_encoding::ContentCoding;
use crate::static_files::Settings;

fn of_route(config: &Config, number: usize) -> &RouteAction {
    &config.sites[0].routes[number].action
}

fn files(action: &RouteAction) -> &Settings {
    match action {
        RouteAction::Files(settings) => settings,
        other => panic!("{other:?}"),
    }
}

fn proxy(action: &RouteAction) -> &ProxyConfig {
    match action {
        RouteAction::Upstream(proxy) => proxy,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_key_of_compression_arrives() {
    let folder = folder_with(&["public", "dictionaries"]);
    let text = r#"
[compression]
codings = ["gzip", "zstd"]
media_types = ["*+json", "application/x-own", "text/*"]
smallest = "1KiB"
largest = "2MiB"
threads = 3
improve = false
dictionary_memory = "9MiB"
dictionary_largest = "4MiB"
dictionary_folder = "dictionaries"
"#;
    let compression = parse(&folder, text).compression;
    let codings = [ContentCoding::Gzip, ContentCoding::Zstd];
    assert_eq!(compression.codings, codings);
    let has = |name| (compression.media_types).contains(&HeaderValue::from_static(name));
    assert!(has("application/a+json") && has("application/x-own") && has("text/css"));
    assert!(!has("application/json"), "not of the built-in list");
    assert_eq!(
        (compression.smallest, compression.largest),
        (1 << 10, 2 << 20)
    );
    assert_eq!(compression.threads.expect("three").get(), 3);
    assert!(!compression.improve);
    let dictionaries = &compression.dictionaries;
    assert_eq!(
        (dictionaries.memory, dictionaries.largest),
        (9 << 20, 4 << 20)
    );
    let kept: Option<PathBuf> = Some(folder.path().join("dictionaries"));
    assert_eq!(dictionaries.folder, kept);
}

#[test]
fn the_built_in_media_types_stand_beside_others_and_no_coding_is_none() {
    let folder = folder_with(&["public"]);
    let text = "[compression]\ncodings = []\nmedia_types = [\"default\", \"application/pdf\"]\ndictionary_memory = \"1MiB\"\n";
    let compression = parse(&folder, text).compression;
    assert!(compression.codings.is_empty());
    for name in ["text/html", "application/wasm", "application/pdf"] {
        let name = HeaderValue::from_static(name);
        assert!(compression.media_types.contains(&name), "{name:?}");
    }
    assert!(!(compression.media_types).contains(&HeaderValue::from_static("image/png")));
    assert_eq!(compression.dictionaries.largest, 1 << 20, "what fits");
}

#[test]
fn a_route_says_for_its_own_paths_what_is_compressed() {
    let folder = folder_with(&["public", "other"]);
    let text = r#"
[compression]
smallest = "1KiB"
[[site]]
docroot = "public"
spa = "app.html"
dictionary = "/a/*.json"
[[site.route]]
path = "/plain/"
compress = false
[[site.route]]
path = "/same/"
cache_control = "no-store"
[[site.route]]
path = "/other/"
docroot = "other"
dictionary = "off"
[[site.route]]
path = "/api/"
upstream = "http://127.0.0.1:1"
[[site.route]]
path = "/app/"
docroot = "other"
upstream = "http://127.0.0.1:1"
accel_root = "public"
compress = true
[[site.route]]
path = "/raw/"
docroot = "other"
upstream = "http://127.0.0.1:1"
compress = false
dictionary = "fingerprinted"
"#;
    let config = parse(&folder, text);
    let site = config.sites[0].files.as_ref().expect("a docroot");
    let pattern = DictionaryPolicy::Pattern("/a/*.json".into());
    assert!(site.compress && site.dictionary == pattern);

    let plain = Settings {
        compress: false,
        ..site.clone()
    };
    assert_eq!(*files(of_route(&config, 0)), plain, "the site's own files");
    assert!(matches!(of_route(&config, 1), RouteAction::Site));
    let other = files(of_route(&config, 2));
    assert!(other.compress && other.dictionary == DictionaryPolicy::Off);

    let api = proxy(of_route(&config, 3));
    assert!(api.compress.is_none(), "answers only where it is asked for");
    let app = proxy(of_route(&config, 4));
    assert_eq!(app.compress.as_ref().expect("asked for").smallest, 1 << 10);
    let accel = app.accel.as_ref().expect("a root");
    assert!(app.files.as_ref().is_some_and(|files| files.compress) && accel.files.compress);
    let raw = proxy(of_route(&config, 5));
    let of_raw = raw.files.as_ref().expect("a docroot");
    assert!(raw.compress.is_none() && !of_raw.compress);
    assert_eq!(of_raw.dictionary, DictionaryPolicy::Fingerprinted);
}

#[test]
fn a_site_or_code_can_turn_it_off() {
    let folder = folder_with(&["public"]);
    let config = parse(
        &folder,
        "[[site]]\ndocroot = \"public\"\ncompress = false\n",
    );
    assert!(!config.sites[0].files.as_ref().expect("a docroot").compress);
    let builder = Config::builder().docroot(folder.path());
    let config = builder.clone().compress(false).build().expect("good");
    assert!(!config.sites[0].files.as_ref().expect("a docroot").compress);
    let config = builder.build().expect("good");
    assert!(config.sites[0].files.as_ref().expect("a docroot").compress);
}
