//! What is the same for Tomcat and WildFly: the application `apps/servlet`, twice, each knowing its own sessions only.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::daemun::Daemun;
use crate::parts;
use crate::process::Server;

/// Copies the application into a folder.
pub(crate) fn deploy(to: &Path) {
    copy(&parts::apps().join("servlet"), to);
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// In front of both: the application at its own path, and mounted at another; its administration is nobody's business.
pub(crate) fn daemun(servers: [&Server; 2]) -> Daemun {
    let [one, two] = servers.map(Server::address);
    Daemun::start(&format!(
        r#"
        [[site]]
        dialect = "servlet"
        [[site.route]]
        path = "/app/"
        upstream = "app"
        [[site.route]]
        path = "/shop/"
        upstream = "app"
        rewrite_prefix = "/app/"
        [[site.route]]
        path = "/app/admin/"
        respond = "no\n"
        status = 403
        [upstream.app]
        sticky_route = "JSESSIONID"
        [[upstream.app.server]]
        address = "{one}"
        id = "node1"
        [[upstream.app.server]]
        address = "{two}"
        id = "node2"
        "#
    ))
}

/// A session stays where it began: by its cookie, or by `;jsessionid` for those who take none.
pub(crate) fn sessions_stay_where_they_began(daemun: &Daemun) {
    /// Who gets a new user is left to chance, and one of the two may have been slow to start.
    const PATIENCE: Duration = Duration::from_secs(60);
    let begun = Instant::now();
    let mut places = BTreeSet::new();
    for round in 0.. {
        let are_enough = round >= 8 && places.len() == 2;
        if are_enough || begun.elapsed() > PATIENCE {
            break;
        }
        let user = format!("user{round}");
        let mut client = daemun.client();
        let answer = client.post("/app/login.jsp", &format!("user={user}"));
        assert_eq!(answer.status, 302, "{answer:?}");
        let location = path(answer.field("location").unwrap()).to_owned();
        assert!(
            location.starts_with("/app/me.jsp;jsessionid="),
            "{location}"
        );

        let first = client.get("/app/me.jsp").text().to_owned();
        let place = place_of(&first, &user);
        for _ in 0..5 {
            assert_eq!(place_of(client.get("/app/me.jsp").text(), &user), place);
            let mut without_cookies = daemun.client();
            let answer = without_cookies.get(&location);
            assert_eq!(place_of(answer.text(), &user), place, "{location}");
        }
        places.insert(place);
    }
    let both = ["node1", "node2"].map(str::to_owned);
    assert_eq!(places, BTreeSet::from(both), "both get users");
}

/// Who is who, and where: `user at node1`.
fn place_of(text: &str, user: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let (who, place) = line
        .split_once(" at ")
        .unwrap_or_else(|| panic!("{text:?}"));
    assert_eq!(who, user, "{text:?}");
    place.trim().to_owned()
}

/// The path of a URL, which may have been told with the authority that the client knows.
fn path(location: &str) -> &str {
    let rest = location.strip_prefix("http://");
    rest.map_or(location, |rest| &rest[rest.find('/').unwrap()..])
}

/// Redirects and cookies speak of the path at which the client finds the application.
pub(crate) fn mounted_elsewhere(daemun: &Daemun) {
    let mut client = daemun.client();
    let answer = client.post("/shop/login.jsp", "user=ada");
    let location = path(answer.field("location").unwrap());
    assert!(location.starts_with("/shop/me.jsp"), "{location}");
    let cookie = answer.field("set-cookie").unwrap();
    assert!(
        cookie.contains("Path=/shop") || cookie.contains("path=/shop"),
        "{cookie}"
    );
    place_of(client.get(location).text(), "ada");
    // The folder's slash.
    let answer = client.get("/shop");
    assert!((300..400).contains(&answer.status), "{answer:?}");
    assert_eq!(path(answer.field("location").unwrap()), "/shop/");
}

/// The application sees the client, not the gate, and not what a client says of itself.
pub(crate) fn knows_its_client(daemun: &Daemun, mut client: Client) {
    let forged = [
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Proto", "https"),
    ];
    let answer = client.request("GET", "/app/", &forged, b"").unwrap();
    let text = answer.text();
    assert!(text.contains(" http 127.0.0.1 127.0.0.1"), "{text:?}");
    assert_eq!(answer.status, 200, "{}", daemun.address());
}

/// Every spelling that the server would read as `/app/admin/`.
pub(crate) fn administration_stays_closed(daemun: &Daemun, server: &Server) {
    assert_eq!(
        Client::new(server.address())
            .get("/app/admin/index.jsp")
            .status,
        200,
        "it is there"
    );
    for path in [
        "/app/admin/index.jsp",
        "/app/admin/",
        "/app/admin;x=y/index.jsp",
        "/app/;x/admin/index.jsp",
        "/app;x=/admin/index.jsp",
        "/app/x/..;/admin/index.jsp",
        "/app/x/../admin/index.jsp",
        "/app/x/%2e%2e/admin/index.jsp",
        "/app/x/..;a=b/admin/index.jsp",
        "/app/%61dmin/index.jsp",
        "/app/admin%2findex.jsp",
        "/app//admin/index.jsp",
        "/app/./admin/index.jsp",
        "/app/.;/admin/index.jsp",
        "/app\\admin\\index.jsp",
        "/app/%5cadmin/index.jsp",
        "/shop/../app/admin/index.jsp",
        "/shop/x/..;/admin/index.jsp",
    ] {
        let answer = daemun.client().get(path);
        assert!(
            matches!(answer.status, 400 | 403 | 404),
            "{path}: {answer:?}"
        );
        assert!(!answer.text().contains("administrators"), "{path}");
    }
}
