//! What good configurations come to; the bad ones are in `tests/config_errors/`.

use std::{fs, num::NonZeroUsize, path::Path, time::Duration};

use http::StatusCode;

use super::*;
use crate::static_files::SymlinkPolicy;

/// A folder with these folders in it.
fn folder_with(folders: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in folders {
        fs::create_dir_all(folder.path().join(name)).expect("a folder");
    }
    folder
}

fn parse(folder: &tempfile::TempDir, text: &str) -> Config {
    Config::parse(text, &folder.path().join("daemun.toml"))
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn an_empty_file_serves_public_beside_it() {
    let folder = folder_with(&["public"]);
    let config = parse(&folder, "");
    assert_eq!(addresses(&config), ["8080".parse().expect("a port")]);
    assert_eq!(config.docroots(), [folder.path().join("public")]);
    assert_eq!(config.summary(), "1 site, 0 routes, 1 listener");
    assert_eq!(config.log.access, AccessLog::Off);
    assert_eq!(config.cache.memory, 256 << 20);
    assert!(config.sites[0].hosts.is_empty());
}

/// Every key, none of them with its default.
const EVERY_KEY: &str = r#"
workers = 3

[[listen]]
address = ":80"

[[listen]]
address = "unix:run.sock"

[[site]]
hosts = ["example.com", "*.example.com", "*"]
docroot = "./a/"
index = ["home.html", "index.html"]
clean_urls = true
spa = "/app.html"
listing = true
listing_limit = 5
hidden = true
symlinks = "follow"
sidecars = false
cache_control = " max-age=60 "
cors = ["https://example.com", "http://localhost:3000"]

[site.headers]
X-B = "1"
X-A = "2"

[site.media_types]
GLB = "model/gltf-binary"

[site.error_pages]
404 = "/errors/404.html"

[[site.route]]
path = "/b/"
docroot = "b"
strip_prefix = true
cache_control = "no-store"
headers = { Content-Type = "text/plain" }

[[site.route]]
path = "=/old"
redirect = "/new"
status = 308

[[site.route]]
path = "*.php"
respond = "no"
status = 410
media_type = "text/html"

[cache]
memory = "1MiB"
file = 0
revalidate = "250ms"

[limits]
header_timeout = "1s"
keep_alive_timeout = "2m"
header_size = "8KiB"
header_count = 1
connections = 7
drain_timeout = 0

[log]
access = "json"
file = "access.log"
"#;

#[test]
fn every_key_of_the_server_arrives() {
    let folder = folder_with(&["a", "b"]);
    let config = parse(&folder, EVERY_KEY);
    assert_eq!(config.workers(), NonZeroUsize::new(3).expect("three"));
    let socket = folder.path().join("run.sock");
    assert_eq!(
        addresses(&config),
        [":80".parse().expect("a port"), ListenAddress::Unix(socket)]
    );
    assert_eq!(config.cache.memory, 1 << 20);
    assert_eq!(config.cache.file, 0);
    assert_eq!(config.cache.revalidate, Duration::from_millis(250));
    assert_eq!(config.limits.header_timeout, Duration::from_secs(1));
    assert_eq!(config.limits.keep_alive_timeout, Duration::from_secs(120));
    assert_eq!(config.limits.header_size, 8192);
    assert_eq!(config.limits.header_count, 1);
    assert_eq!(config.limits.connections, 7);
    assert_eq!(config.limits.drain_timeout, Duration::ZERO);
    assert_eq!(config.log.access, AccessLog::Json);
    assert_eq!(config.log.file, Some(folder.path().join("access.log")));
    assert_eq!(
        config.docroots(),
        [folder.path().join("a"), folder.path().join("b")]
    );
    assert_eq!(config.summary(), "1 site, 3 routes, 2 listeners");
}

#[test]
fn every_key_of_a_site_arrives() {
    let folder = folder_with(&["a", "b"]);
    let config = parse(&folder, EVERY_KEY);
    let site = &config.sites[0];
    assert_eq!(site.hosts.len(), 3);
    assert_eq!(site.cache_control.as_ref().expect("a value"), "max-age=60");
    let names: Vec<_> = site.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-b", "x-a"], "in the order of the file");
    assert_eq!(
        site.error_pages,
        [(StatusCode::NOT_FOUND, "errors/404.html".to_owned())]
    );
    assert!(matches!(&site.cors, Some(Cors::Origins(origins)) if origins.len() == 2));

    let files = site.files.as_ref().expect("a docroot");
    assert_eq!(files.docroot, folder.path().join("a"));
    assert_eq!(files.index, ["home.html", "index.html"]);
    assert_eq!(files.fallback.as_deref(), Some("app.html"));
    assert_eq!(files.listing, Some(5));
    assert!(files.clean_urls && files.hidden && !files.sidecars);
    assert_eq!(files.symlinks, SymlinkPolicy::Follow);
    assert_eq!(files.media_types["glb"], "model/gltf-binary");
}

#[test]
fn every_key_of_a_route_arrives() {
    let folder = folder_with(&["a", "b"]);
    let config = parse(&folder, EVERY_KEY);
    let [own, redirect, fixed] = &config.sites[0].routes[..] else {
        panic!("three routes")
    };
    let RouteAction::Files(inherited) = &own.action else {
        panic!("{own:?}")
    };
    assert!(own.strip_prefix);
    assert_eq!(own.cache_control.as_ref().expect("a value"), "no-store");
    assert_eq!(own.headers.len(), 1);
    assert_eq!(inherited.docroot, folder.path().join("b"));
    assert_eq!(
        inherited.fallback, None,
        "a route's docroot is not the application's"
    );
    assert_eq!(inherited.index, ["home.html", "index.html"]);
    assert!(
        matches!(&redirect.action, RouteAction::Redirect { to, status } if to == "/new" && *status == StatusCode::PERMANENT_REDIRECT)
    );
    assert!(
        matches!(&fixed.action, RouteAction::Respond { status, body, media_type }
        if *status == StatusCode::GONE && &body[..] == b"no" && media_type == "text/html")
    );
}

#[test]
fn a_redirect_that_another_route_catches_is_no_loop() {
    let folder = folder_with(&["public"]);
    let text = r#"
[[site]]
docroot = "public"
[[site.route]]
path = "/"
redirect = "/home"
[[site.route]]
path = "=/home"
[[site.route]]
path = "/old/"
redirect = "https://{host}{path}"
[[site.route]]
path = "*.php"
redirect = "/{rest}.html"
"#;
    assert_eq!(parse(&folder, text).sites[0].routes.len(), 4);
}

#[test]
fn a_docroot_may_be_a_link_and_stays_one() {
    let folder = folder_with(&["v1"]);
    std::os::unix::fs::symlink("v1", folder.path().join("current")).expect("a link");
    let config = parse(&folder, "[[site]]\ndocroot = \"current\"");
    assert_eq!(config.docroots(), [folder.path().join("current")]);
}

#[test]
fn settings_in_code_are_judged_like_those_of_a_file() {
    let folder = folder_with(&[]);
    let config = Config::builder()
        .docroot(folder.path())
        .spa("app.html")
        .symlinks(SymlinkPolicy::Deny)
        .cors("*")
        .header("X-A", "1")
        .build()
        .expect("good settings");
    let site = &config.sites[0];
    let files = site.files.as_ref().expect("a docroot");
    assert_eq!(files.docroot, folder.path());
    assert_eq!(files.fallback.as_deref(), Some("app.html"));
    assert_eq!(files.symlinks, SymlinkPolicy::Deny);
    assert!(matches!(site.cors, Some(Cors::Any)));

    let error = Config::builder()
        .docroot(folder.path())
        .header("X A", "1")
        .cors("example.com")
        .build();
    let told = error.expect_err("bad settings").to_string();
    assert!(
        told.contains("`X A` is not a field name\n  help: "),
        "{told}"
    );
    assert!(told.contains("`example.com` is not an origin"), "{told}");
    assert!(!told.contains(" | "), "there is no line to show: {told}");
}

#[test]
fn a_docroot_in_code_need_not_be_utf8() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = folder_with(&[]);
    let docroot = folder.path().join(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&docroot).expect("a folder");
    let config = Config::builder()
        .docroot(&docroot)
        .build()
        .expect("a docroot");
    assert_eq!(config.docroots(), [docroot]);
}

#[test]
fn overrides_lie_over_the_file() {
    let folder = folder_with(&["public"]);
    let text =
        "workers = 2\n[[listen]]\naddress = \"1234\"\n[log]\naccess = \"json\"\nfile = \"a.log\"\n";
    let builder = Config::builder().text(text, folder.path().join("daemun.toml"));
    let config = builder
        .clone()
        .access_log_by_default(AccessLog::Combined)
        .build()
        .expect("good");
    assert_eq!(config.log.access, AccessLog::Json, "the file says so");
    let config = builder
        .listen("9000".parse::<ListenAddress>().expect("a port"))
        .workers(NonZeroUsize::MIN)
        .access_log(AccessLog::Off)
        .log_file("/var/log/b.log")
        .cache_memory(0)
        .build()
        .expect("good");
    assert_eq!(addresses(&config), ["9000".parse().expect("a port")]);
    assert_eq!(config.workers(), NonZeroUsize::MIN);
    assert_eq!(config.log.access, AccessLog::Off);
    assert_eq!(
        config.log.file.as_deref(),
        Some(Path::new("/var/log/b.log"))
    );
    assert_eq!(config.cache.memory, 0);
}

#[test]
fn settings_of_a_site_beside_a_file_name_the_key_to_set() {
    let folder = folder_with(&["public"]);
    let file = folder.path().join("daemun.toml");
    let error = Config::builder()
        .text("", &file)
        .spa("index.html")
        .header("X-A", "1")
        .build();
    let told = error.expect_err("both").to_string();
    let at = file.display();
    assert!(
        told.contains(&format!(
            "help: write `spa = \"index.html\"` under [[site]] in {at}"
        )),
        "{told}"
    );
    assert!(
        told.contains(&format!(
            "help: write `X-A = \"1\"` under [site.headers] in {at}"
        )),
        "{told}"
    );
    assert!(
        told.contains("`--spa` does not go with a configuration file"),
        "{told}"
    );
}

#[test]
fn nothing_at_all_is_told() {
    let told = Config::builder().build().expect_err("nothing").to_string();
    assert_eq!(
        told,
        "there is nothing to serve\n  help: give a docroot, or a configuration file"
    );
}

fn addresses(config: &Config) -> Vec<ListenAddress> {
    config
        .listen
        .iter()
        .map(|listen| listen.address.clone())
        .collect()
}
