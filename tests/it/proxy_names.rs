//! Servers by name: resolved again and again, and missed by nobody while that fails.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::harness::{Back, Dns, Docroot, HELLO, Known, TestServer, eventually};

const ONE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const TWO: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Two machines with the same port.
fn pair() -> (Back, Back) {
    let answer = |conversation: &mut crate::harness::Conversation| {
        conversation.answer_all(HELLO.as_bytes());
    };
    for _ in 0..50 {
        let one = Back::at("127.0.0.1:0", answer);
        let address = format!("127.0.0.2:{}", one.port());
        if std::net::TcpListener::bind(&address).is_ok() {
            return (one, Back::at(&address, answer));
        }
    }
    panic!("no port is free on both");
}

fn server(dns: &Dns, upstream: &str) -> TestServer {
    TestServer::start(
        Docroot::standard(),
        &format!(
            "resolvers = [\"{}\"]\n[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"{upstream}\"\n",
            dns.address()
        ),
    )
}

#[test]
fn a_name_that_leads_elsewhere_is_followed() {
    let (one, two) = pair();
    let dns = Dns::start();
    dns.tell("app.test", Some(Known::Addresses(vec![ONE], 1)));
    let server = TestServer::start(
        Docroot::standard(),
        &format!(
            "resolvers = [\"{}\"]\n[[site]]\n[[site.route]]\npath = \"/\"\nupstream = \"app\"\n\
             [upstream.app]\nservers = [\"app.test:{}\"]\npool_idle = \"2s\"\n",
            dns.address(),
            one.port()
        ),
    );
    assert!(eventually(|| server.get("/x", &[]).status() == 200));
    two.expect_untouched();
    dns.tell("app.test", Some(Known::Addresses(vec![TWO], 1)));
    assert!(eventually(|| {
        server.get("/x", &[]).expect(200);
        !two.requests().is_empty()
    }));
    // The old one is left, in time with all connections that wait there.
    let before = one.requests().len();
    for _ in 0..10 {
        server.get("/x", &[]).expect(200);
    }
    assert_eq!(one.requests().len(), before);
    one.expect_all_closed();
}

#[test]
fn a_name_that_is_gone_leads_where_it_led() {
    let (one, _two) = pair();
    let dns = Dns::start();
    dns.tell("app.test", Some(Known::Addresses(vec![ONE], 1)));
    let server = server(&dns, &format!("http://app.test:{}", one.port()));
    assert!(eventually(|| server.get("/x", &[]).status() == 200));
    for trouble in [
        None,
        Some(Known::Trouble),
        Some(Known::Addresses(Vec::new(), 1)),
    ] {
        let before = dns.asked();
        dns.tell("app.test", trouble);
        // It was asked for again, and nothing was found.
        assert!(eventually(|| dns.asked() > before + 1));
        std::thread::sleep(Duration::from_millis(100));
        server.get("/x", &[]).expect(200);
    }
}

#[test]
fn a_name_that_nobody_knows_yet_is_a_503_and_no_reason_not_to_start() {
    let (one, _two) = pair();
    let dns = Dns::start();
    let server = server(&dns, &format!("http://app.test:{}", one.port()));
    let response = server.get("/x", &[]).expect(503);
    assert!(response.value("Retry-After").is_some());
    dns.tell("app.test", Some(Known::Addresses(vec![ONE], 60)));
    assert!(eventually(|| server.get("/x", &[]).status() == 200));
}

#[test]
fn several_addresses_of_a_name_are_several_servers() {
    let (one, two) = pair();
    let dns = Dns::start();
    dns.tell("app.test", Some(Known::Addresses(vec![ONE, TWO], 60)));
    let server = server(&dns, &format!("http://app.test:{}", one.port()));
    assert!(eventually(|| server.get("/x", &[]).status() == 200));
    assert!(eventually(|| {
        server.get("/x", &[]).expect(200);
        !one.requests().is_empty() && !two.requests().is_empty()
    }));
}

#[test]
fn a_service_names_hosts_and_ports() {
    let (one, two) = (Back::hello(), Back::hello());
    let dns = Dns::start();
    dns.tell("a.test", Some(Known::Addresses(vec![ONE], 60)));
    let services = vec![(one.port(), 1, "a.test"), (two.port(), 1, "a.test")];
    dns.tell("_http._tcp.app.test", Some(Known::Services(services)));
    let server = server(&dns, "srv://_http._tcp.app.test");
    assert!(eventually(|| server.get("/x", &[]).status() == 200));
    assert!(eventually(|| {
        server.get("/x", &[]).expect(200);
        !one.requests().is_empty() && !two.requests().is_empty()
    }));
}

#[test]
fn the_name_is_the_host_where_the_server_s_own_is_told() {
    let back = Back::hello();
    let dns = Dns::start();
    dns.tell("app.test", Some(Known::Addresses(vec![ONE], 60)));
    let server = TestServer::start(
        Docroot::standard(),
        &format!(
            "resolvers = [\"{}\"]\n[[site]]\n[[site.route]]\npath = \"/\"\nhost = \"server\"\nupstream = \"http://app.test:{}\"\n",
            dns.address(),
            back.port()
        ),
    );
    assert!(eventually(|| server.get("/x", &[]).status() == 200));
    let host = format!("app.test:{}", back.port());
    assert_eq!(back.requests()[0].value("Host"), Some(host.as_str()));
}
