//! Names, asked for at a name server of the test's own.

use super::name_server::{NameServer, Record};
use super::*;

fn named(host: &str) -> ServerConfig {
    server(ServerAddress::Name {
        host: Box::from(host),
        port: 8080,
    })
}

fn asking(name_server: &NameServer, servers: Vec<ServerConfig>) -> Arc<Upstream> {
    upstream(UpstreamConfig {
        resolvers: vec![name_server.address],
        ..config(servers)
    })
}

#[tokio::test]
async fn each_address_is_a_server_and_the_first_request_waits_for_them() {
    let name_server = NameServer::start().await;
    name_server.addresses("app.test", 60, &["127.0.0.3", "127.0.0.2"]);
    let upstream = asking(&name_server, vec![named("app.test"), numbered(1)]);
    assert_eq!(names(&upstream), ["10.0.0.1:80"]);
    let alone = asking(&name_server, vec![named("app.test")]);
    let lease = pick(&alone, &[]).await.unwrap();
    assert_eq!(lease.target().authority, "app.test:8080");
    assert_eq!(&*lease.target().host, "app.test");
    assert_eq!(names(&alone), ["127.0.0.2:8080", "127.0.0.3:8080"]);
    upstream.start();
    let all = ["127.0.0.2:8080", "127.0.0.3:8080", "10.0.0.1:80"];
    until("all are there", || names(&upstream) == all).await;
}

#[tokio::test]
async fn a_name_that_moves_is_followed_when_its_time_is_over() {
    let name_server = NameServer::start().await;
    name_server.addresses("app.test", 1, &["127.0.0.2", "127.0.0.3"]);
    let upstream = asking(&name_server, vec![named("app.test")]);
    let lease = pick(&upstream, &[]).await.unwrap();
    let stays = upstream.group.set().members[1].server.key;
    name_server.addresses("app.test", 1, &["127.0.0.4", "127.0.0.3"]);
    let moved = ["127.0.0.3:8080", "127.0.0.4:8080"];
    until("it moved", || names(&upstream) == moved).await;
    assert_eq!(upstream.group.set().members[0].server.key, stays);
    lease.succeeded();
    drop(lease);

    name_server.forget("app.test");
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(names(&upstream), moved, "it stays where it was");
    name_server.addresses("app.test", 1, &["127.0.0.5"]);
    until("it is back", || names(&upstream) == ["127.0.0.5:8080"]).await;
}

#[tokio::test]
async fn a_name_that_is_not_there_at_first_is_found_later() {
    let name_server = NameServer::start().await;
    let upstream = asking(&name_server, vec![named("app.test")]);
    upstream.start();
    let none = pick(&upstream, &[]).await.unwrap_err();
    assert_eq!(none, Unavailable::NoServer);
    name_server.addresses("app.test", 60, &["127.0.0.2"]);
    until("it is there", || !names(&upstream).is_empty()).await;
    assert!(pick(&upstream, &[]).await.is_ok());
}

#[tokio::test]
async fn a_service_says_hosts_ports_and_weights() {
    let name_server = NameServer::start().await;
    let service = |priority, weight, port, host| Record::Service(priority, weight, port, host);
    let services = vec![
        service(10, 3, 8001, "a.test"),
        service(10, 0, 8002, "b.test"),
        service(20, 1, 8003, "a.test"),
        service(10, 1, 8004, "nowhere.test"),
    ];
    name_server.set("_http._tcp.test", 1, services);
    name_server.addresses("a.test", 60, &["127.0.0.2"]);
    name_server.addresses("b.test", 60, &["127.0.0.3"]);
    let service = server(ServerAddress::Service(Box::from("_http._tcp.test")));
    let upstream = asking(&name_server, vec![service]);
    let lease = pick(&upstream, &[]).await.unwrap();
    assert!(lease.target().host.ends_with(".test"));
    let told: Vec<_> = upstream
        .states()
        .into_iter()
        .map(|state| (state.name.into_string(), state.weight, state.is_backup))
        .collect();
    let expected = [
        ("127.0.0.2:8001", 3, false),
        ("127.0.0.3:8002", 1, false),
        ("127.0.0.2:8003", 1, true),
    ];
    assert_eq!(
        told,
        expected.map(|(name, weight, backup)| (name.to_owned(), weight, backup))
    );
    name_server.forget("b.test");
    name_server.addresses("nowhere.test", 60, &["127.0.0.4"]);
    until("the fourth is there", || names(&upstream).len() == 4).await;
}

#[tokio::test]
async fn both_families_count_and_the_hosts_file_comes_first() {
    let name_server = NameServer::start().await;
    name_server.addresses("app.test", 60, &["127.0.0.2", "::1"]);
    name_server.addresses("localhost", 60, &["127.0.0.9"]);
    let app = asking(&name_server, vec![named("app.test")]);
    pick(&app, &[]).await.unwrap();
    assert!(names(&app).contains(&String::from("127.0.0.2:8080")));
    let local = asking(&name_server, vec![named("localhost")]);
    pick(&local, &[]).await.unwrap();
    assert!(!names(&local).contains(&String::from("127.0.0.9:8080")));
}
