//! Who the client is when trusted proxies stand between.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use axum::Extension;
use axum::extract::ConnectInfo;
use axum::routing::get;
use daemun::{Config, ConnectionInfo, ListenAddress, Listener, Server};
use serde_json::Value;

use crate::harness::{Client, Docroot, H2Client, TestServer, eventually};

fn server(keys: &str, format: &str) -> TestServer {
    TestServer::start(
        Docroot::standard(),
        &format!(
            "{keys}\n[[site]]\ndocroot = \"$ROOT\"\n[log]\naccess = \"{format}\"\nfile = \"$PARENT/log\"\n"
        ),
    )
}

fn lines(server: &TestServer, count: usize) -> Vec<String> {
    let log = server.docroot.parent().join("log");
    let text = || fs::read_to_string(&log).unwrap_or_default();
    assert!(
        eventually(|| text().matches('\n').count() >= count),
        "{count} records: {}",
        text()
    );
    text().lines().map(str::to_owned).collect()
}

fn last_client(server: &TestServer, count: usize) -> String {
    let record: Value = serde_json::from_str(&lines(server, count)[count - 1]).unwrap();
    record["client"].as_str().unwrap().to_owned()
}

#[test]
fn a_trusted_proxy_s_word_is_in_the_log() {
    let server = server("trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]", "json");
    for (position, (fields, want)) in [
        (&[][..], "127.0.0.1"),
        (&["X-Forwarded-For: 192.0.2.1"], "192.0.2.1"),
        (
            &["X-Forwarded-For: 203.0.113.9, 192.0.2.1, 10.1.2.3"],
            "192.0.2.1",
        ),
        (
            &[
                "X-Forwarded-For: 203.0.113.9",
                "X-Forwarded-For: 2001:db8::1",
            ],
            "2001:db8::1",
        ),
        (&["X-Forwarded-For: 203.0.113.9, nonsense"], "127.0.0.1"),
        (
            &["Forwarded: for=\"[2001:db8::7]:1\";proto=https"],
            "2001:db8::7",
        ),
        (
            &["Forwarded: for=192.0.2.2", "X-Forwarded-For: 192.0.2.1"],
            "192.0.2.1",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        server.get("/t.bin", fields).expect(200);
        assert_eq!(last_client(&server, position + 1), want, "{fields:?}");
    }
    H2Client::over(server.connect()).exchange(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/t.bin"),
        ("x-forwarded-for", "192.0.2.8"),
    ]);
    assert_eq!(last_client(&server, 8), "192.0.2.8");
}

#[test]
fn the_combined_log_begins_with_the_client() {
    let server = server("trusted_proxies = [\"private\"]", "combined");
    server
        .get("/t.bin", &["X-Forwarded-For: 192.0.2.1"])
        .expect(200);
    assert!(lines(&server, 1)[0].starts_with("192.0.2.1 - - ["));
}

#[test]
fn nobody_else_is_believed() {
    for keys in ["", "trusted_proxies = [\"10.0.0.0/8\", \"unix\"]"] {
        let server = server(keys, "json");
        let fields = ["X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1"];
        server.get("/t.bin", &fields).expect(200);
        assert_eq!(last_client(&server, 1), "127.0.0.1", "{keys}");
    }
}

#[test]
fn the_field_can_be_chosen() {
    let both = ["X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.2"];
    for (field, want) in [("x-forwarded-for", "192.0.2.1"), ("forwarded", "192.0.2.2")] {
        let keys = format!("trusted_proxies = [\"private\"]\nclient_address_from = \"{field}\"");
        let server = server(&keys, "json");
        server.get("/t.bin", &both).expect(200);
        assert_eq!(last_client(&server, 1), want);
    }
}

#[test]
fn ten_thousand_members_are_no_trouble() {
    let server = server(
        "trusted_proxies = [\"::/0\", \"0.0.0.0/0\"]\n[limits]\nheader_size = \"1MiB\"",
        "json",
    );
    let list = "::1,".repeat(10_000);
    server
        .get("/t.bin", &[&format!("X-Forwarded-For: 192.0.2.1,{list}")])
        .expect(200);
    assert_eq!(last_client(&server, 1), "192.0.2.1");
}

async fn tell(
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    Extension(info): Extension<ConnectionInfo>,
) -> String {
    let peer = info.peer().map(|peer| peer.ip());
    format!(
        "{} {:?} {:?} {}",
        client,
        info.client(),
        peer,
        info.is_https()
    )
}

#[test]
fn a_program_s_own_router_is_told() {
    let docroot = Docroot::standard();
    let text = format!(
        "trusted_proxies = [\"private\"]\n[[site]]\ndocroot = \"{}\"\n",
        docroot.root().display()
    );
    let config = Config::parse(&text, Path::new("/test.toml")).unwrap();
    let app = axum::Router::new().route("/", get(tell));
    let address: ListenAddress = "0".parse().unwrap();
    let listener = Listener::bind(&address).unwrap();
    let ListenAddress::Tcp(address) = listener.local_address() else {
        panic!("a TCP listener")
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let server = Server::with_app(&config, app).unwrap();
        let (done, is_done) = tokio::sync::oneshot::channel::<()>();
        let serving = server.serve(vec![listener], async {
            is_done.await.ok();
        });
        let asked = tokio::task::spawn_blocking(move || {
            let mut client = Client::connect(address);
            let fields = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"];
            let told = client.get("/", &fields).expect(200).body.clone();
            String::from_utf8(told).unwrap()
        });
        let asking = async {
            let told = asked.await.unwrap();
            done.send(()).ok();
            assert_eq!(told, "192.0.2.1:0 Some(192.0.2.1:0) Some(127.0.0.1) true");
        };
        let (result, ()) = tokio::join!(serving, asking);
        result.unwrap();
    });
}
