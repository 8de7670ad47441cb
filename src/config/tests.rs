//! What good configurations come to; the bad ones are in `tests/config_errors/`.

use std::{fs, num::NonZeroUsize, path::Path, time::Duration};

use http::StatusCode;

use super::*;
use crate::static_files::SymlinkPolicy;

mod compression;

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

/// Every key of routes and upstreams, none of them with its default.
const EVERY_KEY_OF_UPSTREAMS: &str = r#"
resolvers = ["192.0.2.53", "[::1]:5353"]

[[site]]
docroot = "a"
listing = true
clean_urls = true
dialect = "servlet"

[[site.route]]
path = "/api/"
methods = ["GET", "POST"]
upstream = "shop"
docroot = "b"
rewrite_prefix = "/v2"
host = "shop.example:8080"
encoded_slashes = true
forwarded = true
hide_headers = ["X-Powered-By", "Server"]
intercept_errors = [404, 502]
accel_root = "private"
accel_prefix = "/protected"
compress = true
cache_control = "no-store"
[site.route.request_headers]
X-Tenant = "a"

[[site.route]]
path = "/api/"
methods = ["PUT"]
upstream = "http://127.0.0.1:3000"
strip_prefix = true
host = "server"
intercept_errors = true

[[site.route]]
path = "*.jsp"
upstream = "http://127.0.0.1:3000"

[upstream.shop]
servers = ["127.0.0.1:3000", "unix:shop.sock"]
balance = "hash:cookie=uid"
sticky_route = "JSESSIONID"
slow_start = "30s"
connect_timeout = "1s"
first_byte_timeout = "2s"
idle_timeout = "3s"
tunnel_timeout = "4s"
header_size = "64KiB"
pool_size = 8
pool_idle = "5s"
queue_size = 9
queue_timeout = "6s"
retries = false
max_failures = 4
ejection_time = "7s"
ejection_most = "8s"
health_path = "/healthz?full"
health_interval = "9s"
health_timeout = "10s"
health_rise = 3
health_fall = 5
health_status = ["200", "300-302"]
health_body = "ok"
health_host = "shop.example"
tls_verify = false
tls_server_name = "shop.internal"

[[upstream.shop.server]]
address = "h2://shop.example"
weight = 2
backup = true
max_connections = 100
id = "node1"

[upstream.unused]
servers = ["srv://_http._tcp.example.com"]
"#;

#[test]
fn every_key_of_an_upstream_arrives() {
    use super::upstream::*;
    let folder = folder_with(&["a", "b", "private"]);
    let config = parse(&folder, EVERY_KEY_OF_UPSTREAMS);
    let [shop, by_url] = &config.upstreams()[..] else {
        panic!("those that are used, each once: {:?}", config.upstreams())
    };
    let seconds = Duration::from_secs;
    let servers = vec![
        ServerConfig::new(
            ServerAddress::Socket("127.0.0.1:3000".parse().expect("an address")),
            Protocol::HTTP,
        ),
        ServerConfig::new(
            ServerAddress::Unix(folder.path().join("shop.sock")),
            Protocol::HTTP,
        ),
        ServerConfig {
            weight: 2,
            is_backup: true,
            max_connections: 100,
            id: Some("node1".into()),
            ..ServerConfig::new(
                ServerAddress::Name {
                    host: "shop.example".into(),
                    port: 443,
                },
                Protocol::H2,
            )
        },
    ];
    let want = UpstreamConfig {
        name: "shop".into(),
        servers,
        balance: Balance::Hash(HashKey::Cookie("uid".into())),
        sticky: Some(Sticky::Route("JSESSIONID".into())),
        slow_start: seconds(30),
        health: Some(HealthCheck {
            path: "/healthz?full".into(),
            host: Some(http::HeaderValue::from_static("shop.example")),
            interval: seconds(9),
            timeout: seconds(10),
            rise: 3,
            fall: 5,
            statuses: vec![(200, 200), (300, 302)],
            body: Some("ok".into()),
        }),
        ejection: Ejection {
            after: 4,
            time: seconds(7),
            most: seconds(8),
        },
        timeouts: Timeouts {
            connect: seconds(1),
            first_byte: seconds(2),
            idle: seconds(3),
            tunnel_idle: seconds(4),
        },
        pool: PoolConfig {
            size: 8,
            idle: seconds(5),
        },
        queue: QueueConfig {
            size: 9,
            timeout: seconds(6),
        },
        retries: false,
        tls: UpstreamTls {
            verify: false,
            server_name: Some("shop.internal".into()),
            ..UpstreamTls::default()
        },
        header_size: 64 << 10,
        resolvers: ["192.0.2.53:53", "[::1]:5353"]
            .map(|text| text.parse().expect("an address"))
            .to_vec(),
    };
    assert_eq!(***shop, want);
    assert_eq!(&*by_url.name, "http://127.0.0.1:3000");
    assert_eq!(by_url.resolvers, want.resolvers);
    assert_eq!(config.summary(), "1 site, 3 routes, 1 listener");
}

#[test]
fn every_key_of_a_forwarding_route_arrives() {
    use super::upstream::*;
    let folder = folder_with(&["a", "b", "private"]);
    let config = parse(&folder, EVERY_KEY_OF_UPSTREAMS);
    assert_eq!(config.sites[0].dialect, Dialect::Servlet);
    let [shop, put, jsp] = &config.sites[0].routes[..] else {
        panic!("three routes")
    };
    let proxy = |route: &RouteConfig| match &route.action {
        RouteAction::Upstream(proxy) => (**proxy).clone(),
        other => panic!("{other:?}"),
    };
    let [of_shop, of_put, of_jsp] = [shop, put, jsp].map(proxy);
    assert_eq!(shop.methods, [http::Method::GET, http::Method::POST]);
    assert_eq!(put.methods, [http::Method::PUT]);
    assert!(jsp.methods.is_empty());

    let files = of_shop.files.expect("a docroot of its own");
    assert_eq!(files.docroot, folder.path().join("b"));
    assert!(files.clean_urls);
    assert_eq!(files.listing, None, "a listing is no file");
    assert_eq!(of_shop.rewrite_prefix.as_deref(), Some("/v2/"));
    assert_eq!(
        of_shop.host,
        HostPolicy::Fixed(http::HeaderValue::from_static("shop.example:8080"))
    );
    assert!(of_shop.encoded_slashes && of_shop.forwarded && of_shop.compress.is_some());
    assert_eq!(of_shop.hide_headers, ["x-powered-by", "server"]);
    assert_eq!(
        of_shop.intercept,
        [404, 502].map(|s| StatusCode::from_u16(s).expect("a status"))
    );
    assert_eq!(of_shop.request_headers.len(), 1);
    let accel = of_shop.accel.expect("a root");
    assert_eq!(&*accel.prefix, "/protected/");
    assert_eq!(accel.files.docroot, folder.path().join("private"));

    assert!(put.strip_prefix);
    assert_eq!(of_put.rewrite_prefix.as_deref(), Some("/"));
    assert_eq!(of_put.host, HostPolicy::Server);
    assert_eq!(of_put.intercept.len(), 200);
    assert!(of_put.files.is_none() && of_put.accel.is_none());
    assert!(
        Arc::ptr_eq(&of_put.upstream, &of_jsp.upstream),
        "one URL, one upstream"
    );
    assert_eq!(of_jsp.host, HostPolicy::Client);
    assert_eq!(of_jsp.rewrite_prefix, None);

    let folders = ["a", "b", "private"].map(|name| folder.path().join(name));
    assert_eq!(config.docroots(), folders[..2]);
    assert_eq!(config.folders(), folders);
    assert_eq!(config.file_settings().len(), 3);
    assert_eq!(
        config.forwards(),
        [
            ("/api/".to_owned(), "shop"),
            ("/api/".to_owned(), "http://127.0.0.1:3000"),
            ("*.jsp".to_owned(), "http://127.0.0.1:3000")
        ]
    );
}

#[test]
fn servers_in_code_are_judged_like_those_of_a_file() {
    let folder = folder_with(&["public"]);
    let proxied = |path: &str, url: &str| Config::builder().proxy(path, url);
    let config = proxied("/api", "127.0.0.1:3000")
        .proxy("/", "http://127.0.0.1:3001")
        .docroot(folder.path().join("public"))
        .listing(true)
        .build()
        .expect("good settings");
    let routes = &config.sites[0].routes;
    assert_eq!(
        config.forwards(),
        [
            ("/api/".to_owned(), "http://127.0.0.1:3000"),
            ("/".to_owned(), "http://127.0.0.1:3001")
        ]
    );
    let files = routes.iter().map(|route| match &route.action {
        RouteAction::Upstream(proxy) => proxy.files.as_ref().map(|files| files.docroot.clone()),
        other => panic!("{other:?}"),
    });
    let files: Vec<_> = files.collect();
    assert_eq!(files, [None, Some(folder.path().join("public"))]);

    let alone = proxied("/", "unix:/run/app.sock")
        .build()
        .expect("no docroot");
    assert!(alone.docroots().is_empty());

    let told = proxied("/", "http://127.0.0.1:3000/v2")
        .build()
        .expect_err("a path")
        .to_string();
    assert!(told.contains("`rewrite_prefix = \"/v2\"`"), "{told}");
    let file = folder.path().join("daemun.toml");
    let told = proxied("/api", "http://127.0.0.1:3000")
        .text("", &file)
        .build();
    let told = told.expect_err("both").to_string();
    assert!(
        told.contains("help: write `path = \"/api\"` and `upstream = \"http://127.0.0.1:3000\"` under [[site.route]]"),
        "{told}"
    );
}
