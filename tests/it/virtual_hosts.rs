//! Which site answers: the most exact host pattern that holds.

use crate::harness::{Docroot, TestServer};

fn sites() -> TestServer {
    let docroot = Docroot::empty();
    for name in ["exact", "suffix", "deep", "any"] {
        docroot.publish(&format!("{name}/who.txt"), name);
    }
    docroot.publish("exact/only.txt", "only");
    let site = |hosts: &str, name: &str| {
        format!(
            "[[site]]\n{hosts}\ndocroot = \"$ROOT/{name}\"\n[site.headers]\nX-Site = \"{name}\"\n"
        )
    };
    // Written in the order that would be wrong if the order counted.
    let config = [
        site("", "any"),
        site("hosts = [\"*.example.com\"]", "suffix"),
        site("hosts = [\"*.deep.example.com\"]", "deep"),
        site(
            "hosts = [\"Example.COM\", \"www.example.com\", \"[::1]\"]",
            "exact",
        ),
    ];
    TestServer::start(docroot, &config.concat())
}

#[track_caller]
fn who(server: &TestServer, host: &str) -> String {
    let response = server
        .get("/who.txt", &[&format!("Host: {host}")])
        .expect(200);
    assert_eq!(response.field("X-Site"), response.text());
    response.text()
}

#[test]
fn an_exact_host_is_before_a_suffix_and_both_before_any() {
    let server = sites();
    assert_eq!(who(&server, "example.com"), "exact");
    assert_eq!(who(&server, "www.example.com"), "exact");
    assert_eq!(who(&server, "shop.example.com"), "suffix");
    assert_eq!(who(&server, "a.b.example.com"), "suffix");
    assert_eq!(who(&server, "a.deep.example.com"), "deep");
    assert_eq!(who(&server, "deep.example.com"), "suffix");
    assert_eq!(who(&server, "example.org"), "any");
    assert_eq!(who(&server, "127.0.0.1"), "any");
}

#[test]
fn a_host_has_no_case_no_port_and_no_last_dot() {
    let server = sites();
    for host in [
        "EXAMPLE.com",
        "example.com:8080",
        "example.com.",
        "Example.Com.:80",
        "www.EXAMPLE.com",
    ] {
        assert_eq!(who(&server, host), "exact", "{host}");
    }
    assert_eq!(who(&server, "SHOP.example.COM:81"), "suffix");
    assert_eq!(who(&server, "[::1]:8080"), "exact");
}

#[test]
fn a_suffix_needs_a_label_before_it() {
    let server = sites();
    assert_eq!(who(&server, "notexample.com"), "any");
    assert_eq!(who(&server, "xexample.com"), "any");
}

#[test]
fn the_absolute_target_chooses_the_site() {
    let server = sites();
    let response = server
        .exchange("GET http://shop.example.com/who.txt HTTP/1.1\r\nHost: shop.example.com\r\n\r\n");
    response.expect(200).expect_body("suffix");
}

#[test]
fn sites_share_nothing() {
    let server = sites();
    server.get("/only.txt", &["Host: example.com"]).expect(200);
    server
        .get("/only.txt", &["Host: shop.example.com"])
        .expect(404)
        .expect_field("X-Site", "suffix");
    server.get("/only.txt", &["Host: example.org"]).expect(404);
}

#[test]
fn a_host_of_no_site_is_not_served() {
    let docroot = Docroot::standard();
    let server = TestServer::start(
        docroot,
        "[[site]]\nhosts = [\"example.com\"]\ndocroot = \"$ROOT\"\n",
    );
    server.get("/t.bin", &["Host: example.com"]).expect(200);
    server
        .get("/t.bin", &["Host: example.org"])
        .expect_any(&[400, 404, 421]);
    server
        .exchange("GET /t.bin HTTP/1.0\r\n\r\n")
        .expect_any(&[400, 404, 421]);
}

#[test]
fn http_1_0_without_host_gets_the_site_of_any_host() {
    sites()
        .exchange("GET /who.txt HTTP/1.0\r\n\r\n")
        .expect(200)
        .expect_body("any");
}

#[test]
fn each_site_has_settings_of_its_own() {
    let docroot = Docroot::standard();
    let config = "[[site]]\nhosts = [\"open.example\"]\ndocroot = \"$ROOT\"\nhidden = true\nlisting = true\nsidecars = false\n\
                  [[site]]\nhosts = [\"shut.example\"]\ndocroot = \"$ROOT\"\n";
    docroot.write("bare/file.txt", "x");
    let server = TestServer::start(docroot, config);
    server.get("/.env", &["Host: open.example"]).expect(200);
    server.get("/.env", &["Host: shut.example"]).expect(404);
    server.get("/bare/", &["Host: open.example"]).expect(200);
    server.get("/bare/", &["Host: shut.example"]).expect(404);
    server.get("/.env", &["Host: open.example"]).expect(200);
}
