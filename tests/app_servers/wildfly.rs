//! WildFly, two instances on offset ports, each with its name.

use std::fs;
use std::path::PathBuf;

use crate::process::{Recipe, Server, start_all};
use crate::{curl, parts, servlet};

/// The distribution, whatever its version.
fn home() -> PathBuf {
    let mut entries = fs::read_dir(parts::folder().join("wildfly")).unwrap();
    entries.next().expect("the distribution").unwrap().path()
}

fn wildfly(node: &str) -> Recipe {
    let recipe = Recipe::new(&format!("wildfly-{node}"));
    let base = recipe.folder.join("standalone");
    servlet::copy(
        &home().join("standalone/configuration"),
        &base.join("configuration"),
    );
    servlet::deploy(&base.join("deployments/app.war"));
    fs::write(base.join("deployments/app.war.dodeploy"), "").unwrap();
    // Its ports are 8080, 8443, 9990 and more, all moved by one number.
    let offset = recipe.port - 8080;
    let arguments = [
        format!("-Djboss.server.base.dir={}", base.display()),
        format!("-Djboss.socket.binding.port-offset={offset}"),
        format!("-Djboss.node.name={node}"),
    ];
    let standalone = home().join("bin/standalone.sh").display().to_string();
    recipe
        .run([standalone].into_iter().chain(arguments))
        .env(
            "JAVA_OPTS",
            "-Xmx384m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djava.net.preferIPv4Stack=true",
        )
        .answers("/app/")
}

#[test]
fn sessions_uploads_and_paths() {
    if !parts::has("wildfly") {
        return;
    }
    let servers: [Server; 2] = start_all([wildfly("node1"), wildfly("node2")]);
    let daemun = servlet::daemun(servers.each_ref());
    servlet::sessions_stay_where_they_began(&daemun);
    servlet::mounted_elsewhere(&daemun);
    servlet::administration_stays_closed(&daemun, &servers[0]);
    // `max-post-size` of its listener is 10 MiB, and is for all bodies.
    curl::moderate().upload(&daemun.url("/app/upload.jsp"), &["--request", "POST"]);
}
