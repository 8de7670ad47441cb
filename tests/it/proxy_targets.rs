//! Which requests go to an application, and by which host and path it is asked.

use crate::harness::{
    Back, Docroot, H2Client, H2Outcome, TestServer, in_front, in_front_of, request, statuses,
};

#[test]
fn a_host_that_is_none_reaches_no_application() {
    let back = Back::hello();
    let server = in_front_of(&back);
    for text in [
        "GET /x HTTP/1.1\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a@b\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a, b\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a:0\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a:99999\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a:x\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost:\r\n\r\n",
        "GET http://a/x HTTP/1.1\r\nHost: b\r\n\r\n",
        "GET http://a@b/x HTTP/1.1\r\nHost: b\r\n\r\n",
    ] {
        let statuses = statuses(&server, text);
        assert_eq!(statuses, [400], "{text}");
        back.expect_untouched();
    }
    let outcome = H2Client::over(server.connect()).exchange(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/x"),
        ("host", "b"),
    ]);
    let is_refused = !matches!(outcome, H2Outcome::Response { status, .. } if status != 400);
    assert!(is_refused, "{outcome:?}");
    back.expect_untouched();
}

#[test]
fn an_application_is_asked_for_the_path_in_its_normal_form_and_the_query_as_it_is() {
    let back = Back::hello();
    let server = in_front_of(&back);
    let mut client = server.connect();
    let cases = [
        ("/", "/"),
        ("/a/b/", "/a/b/"),
        ("/%61%2D%7e", "/a-~"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/caf%e9", "/caf%E9"),
        ("/a%20b%3f", "/a%20b%3F"),
        ("/a;b=c", "/a;b=c"),
        ("/a:b@c!$&'()*+,=", "/a:b@c!$&'()*+,="),
        ("/%252e%252e/x", "/%252e%252e/x"),
        ("/.well-known/x", "/.well-known/x"),
        ("/.env", "/.env"),
        ("/x?", "/x?"),
        ("/x?a=1;b=2", "/x?a=1;b=2"),
        ("/x?%zz&%41&/../&//&\\&?", "/x?%zz&%41&/../&//&\\&?"),
        ("/x?a=b c".split(' ').next().unwrap(), "/x?a=b"),
        ("http://localhost/x?y", "/x?y"),
        ("http://localhost", "/"),
        ("http://localhost?y", "/?y"),
    ];
    for (target, _) in cases {
        client.get(target, &[]).expect(200);
    }
    client.finish();
    assert_eq!(back.targets(), cases.map(|(_, expected)| expected));
}

#[test]
fn a_path_that_could_be_read_in_two_ways_reaches_no_application() {
    let back = Back::hello();
    for keys in ["", "dialect = \"servlet\"\n"] {
        let server = TestServer::start(
            Docroot::standard(),
            &format!(
                "[[site]]\n{keys}[[site.route]]\npath = \"/\"\nupstream = \"http://{}\"\n",
                back.address()
            ),
        );
        for target in [
            "/../admin",
            "/./admin",
            "/a/../admin",
            "/a/..",
            "/a/.",
            "/%2e%2e/admin",
            "/%2E./admin",
            "/a/%2e",
            "/a%2f..%2fadmin",
            "/a%2fb",
            "/a%5Cb",
            "/a\\..\\admin",
            "//admin",
            "/a//b",
            "//evil.test/x",
            "/x/..;/admin",
            "/admin/..;/x",
            "/x/..;a=b/admin",
            "/x/.;/admin",
            "/x/%2e%2e;/admin",
            "/x/..%3b/admin",
            "/a%00",
            "/a%0d%0aSet-Cookie:%20a=b",
            "/a%7f",
            "/%",
            "/%4",
            "/%zz",
            "/x#frag",
            "/#",
            "x",
            "*",
            "unix:/run/x.sock|http://x/",
            "ftp://localhost/x",
            "file:///etc/passwd",
        ] {
            let statuses = statuses(&server, request("GET", target, &[]));
            assert!(
                matches!(statuses[..], [400 | 404]),
                "{statuses:?}: {target}"
            );
            back.expect_untouched();
        }
    }
}

#[test]
fn a_rule_about_a_path_cannot_be_passed_by_another_spelling_of_it() {
    // Tomcat and its kin take parameters out of a path before they map it.
    let back = Back::hello();
    let server = TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\ndialect = \"servlet\"\n[[site.route]]\npath = \"/admin/\"\nrespond = \"no\"\nstatus = 403\n\
             [[site.route]]\npath = \"/\"\nupstream = \"http://{}\"\n",
            back.address()
        ),
    );
    for target in [
        "/admin",
        "/admin/",
        "/admin/x",
        "/admin;a=b",
        "/admin;a=b/x",
        "/admin;/x",
        "/admin;",
        "/%61dmin",
        "/%61dmin;x/y",
        "/adm%69n/x;y",
        "/;x/admin",
        "/x/..;/admin",
        "/x/%2e%2e;/admin",
        "/./admin",
        "//admin",
        "/x/../admin",
        "/x/..%2fadmin",
        "/%2fadmin",
    ] {
        let statuses = statuses(&server, request("GET", target, &[]));
        assert!(
            matches!(statuses[..], [400 | 403 | 404]),
            "{statuses:?}: {target}"
        );
        back.expect_untouched();
    }
    // What is not meant goes on, with its parameters.
    for target in ["/administrator;x", "/x;jsessionid=1.node1", "/x;a/admin"] {
        server.get(target, &[]).expect(200);
    }
    assert_eq!(
        back.targets(),
        ["/administrator;x", "/x;jsessionid=1.node1", "/x;a/admin"]
    );
}

#[test]
fn escaped_slashes_go_on_where_they_are_wanted() {
    let back = Back::hello();
    let server = in_front(&[&back], "encoded_slashes = true", "");
    for target in ["/a%2fb", "/u/https%3A%2F%2Fx%5c"] {
        server.get(target, &[]).expect(200);
    }
    for target in ["/a%2f..%2fadmin", "/..%2fx", "/a%5c..", "/a\\b"] {
        server.get(target, &[]).expect(400);
    }
    assert_eq!(back.targets(), ["/a%2Fb", "/u/https%3A%2F%2Fx%5C"]);
}

#[test]
fn nothing_that_a_client_sends_leads_elsewhere() {
    // A target, a host and fields that name other places: the configured one is asked.
    let (back, elsewhere) = (Back::hello(), Back::hello());
    let server = in_front_of(&back);
    let other = elsewhere.address();
    for text in [
        request(
            "GET",
            &format!("http://{other}/x"),
            &[&format!("Host: {other}")],
        ),
        request("GET", "/x", &[&format!("Host: {other}")]),
        request(
            "GET",
            "/x",
            &[
                &format!("X-Upstream: {other}"),
                &format!("X-Forwarded-Host: {other}"),
                &format!("X-Original-URL: http://{other}/"),
                &format!("X-Host: {other}"),
                &format!("Forwarded: host={other}"),
            ],
        ),
        request("GET", &format!("/http://{other}/x").replace("//", "/"), &[]),
        request("GET", &format!("/x?url=http://{other}/"), &[]),
    ] {
        server.exchange(text).expect(200);
    }
    assert_eq!(elsewhere.connections(), 0);
    assert_eq!(back.requests().len(), 5);
}

#[test]
fn the_first_route_that_covers_path_and_method_answers() {
    let (api, jsp, rest) = (Back::hello(), Back::hello(), Back::hello());
    let server = TestServer::start(
        Docroot::standard(),
        &format!(
            "[[site]]\n\
             [[site.route]]\npath = \"/\"\nupstream = \"http://{rest}\"\n\
             [[site.route]]\npath = \"*.jsp\"\nupstream = \"http://{jsp}\"\n\
             [[site.route]]\npath = \"/api/\"\nmethods = [\"GET\"]\nupstream = \"http://{api}\"\n\
             [[site.route]]\npath = \"/api/\"\nmethods = [\"DELETE\", \"PUT\"]\nrespond = \"no\"\nstatus = 403\n\
             [[site.route]]\npath = \"=/api/fixed\"\nrespond = \"fixed\"\n",
            rest = rest.address(),
            jsp = jsp.address(),
            api = api.address()
        ),
    );
    server.get("/api/x", &[]).expect(200);
    server.head("/api/x", &[]).expect(200);
    server.get("/api", &[]).expect(200);
    server.get("/api/x.jsp", &[]).expect(200);
    server
        .send("DELETE", "/api/x", &[])
        .expect(403)
        .expect_body("no");
    server
        .send("POST", "/api/x", &["Content-Length: 0"])
        .expect(200);
    server
        .get("/api/fixed", &[])
        .expect(200)
        .expect_body("fixed");
    server.get("/a/b.jsp", &[]).expect(200);
    server.get("/a/b.jsp/x", &[]).expect(200);
    server.get("/apix", &[]).expect(200);
    assert_eq!(api.targets(), ["/api/x", "/api/x", "/api", "/api/x.jsp"]);
    assert_eq!(jsp.targets(), ["/a/b.jsp"]);
    assert_eq!(rest.targets(), ["/api/x", "/a/b.jsp/x", "/apix"]);
}

#[test]
fn files_that_exist_are_served_and_the_rest_is_forwarded() {
    let back = Back::hello();
    let server = in_front(&[&back], "docroot = \"$ROOT\"", "");
    server
        .get("/t.bin", &[])
        .expect(200)
        .expect_body(crate::harness::pattern(1000));
    server.get("/t.bin", &["Range: bytes=0-4"]).expect(206);
    server.get("/dir/", &[]).expect(200);
    back.expect_untouched();
    for target in ["/missing", "/missing.html?x=1", "/api/"] {
        server.get(target, &[]).expect(200).expect_body("hello");
    }
    // Only GET and HEAD are for files.
    server
        .send("POST", "/t.bin", &["Content-Length: 0"])
        .expect(200)
        .expect_body("hello");
    assert_eq!(
        back.targets(),
        ["/missing", "/missing.html?x=1", "/api/", "/t.bin"]
    );
}

#[test]
fn what_must_not_be_served_is_not_served_by_way_of_files_first() {
    let back = Back::hello();
    let server = in_front(&[&back], "docroot = \"$ROOT\"", "");
    for target in ["/.env", "/.git/config", "/link.txt", "/linkdir/secret.txt"] {
        let text = server.get(target, &[]).text();
        assert!(
            !text.contains("hidden") && !text.contains(crate::harness::SECRET),
            "{target}"
        );
    }
}

#[test]
fn an_application_may_listen_on_a_unix_socket() {
    let docroot = Docroot::standard();
    let back = Back::on_path(&docroot.parent().join("app.sock"), |conversation| {
        conversation.answer_all(crate::harness::HELLO.as_bytes());
    });
    for upstream in [
        format!("upstream = \"{}\"\n", back.address()),
        format!(
            "upstream = \"app\"\nhost = \"server\"\n[upstream.app]\nservers = [\"{}\"]\n",
            back.address()
        ),
    ] {
        let server = TestServer::start(
            Docroot::standard(),
            &format!("[[site]]\n[[site.route]]\npath = \"/\"\n{upstream}"),
        );
        server
            .get("/x", &["Host: shop.test"])
            .expect(200)
            .expect_body("hello");
    }
    let hosts: Vec<_> = back
        .requests()
        .iter()
        .map(|request| request.value("Host").unwrap().to_owned())
        .collect();
    assert_eq!(hosts, ["shop.test", "localhost"]);
}

#[test]
fn the_short_form_of_the_command_line_forwards_as_well() {
    let back = Back::hello();
    let docroot = Docroot::standard();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_daemun"))
        .arg(docroot.root())
        .args(["--listen", "127.0.0.1:0"])
        .arg("--proxy")
        .arg(format!("/api=http://{}", back.address()))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let told = std::io::BufReader::new(child.stderr.take().unwrap());
    let address = std::io::BufRead::lines(told)
        .map_while(Result::ok)
        .find_map(|line| {
            let url = line.strip_prefix("listening on http://")?;
            url.trim_end_matches('/').parse().ok()
        });
    let answers = address.map(|address| {
        ["/api/x?y", "/apix", "/t.css"].map(|target| {
            crate::harness::Client::connect(address)
                .get(target, &[])
                .status()
        })
    });
    child.kill().ok();
    child.wait().unwrap();
    assert_eq!(answers, Some([200, 404, 200]));
    assert_eq!(back.targets(), ["/api/x?y"]);
}
