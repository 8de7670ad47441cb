//! Tomcat 10, two instances, each with its `jvmRoute`.

use std::fs;
use std::path::Path;

use crate::process::{Recipe, Server, start_all};
use crate::{curl, parts, servlet};

const HOME: &str = "/usr/share/tomcat10";

fn tomcat(route: &str) -> Recipe {
    let recipe = Recipe::new(&format!("tomcat-{route}"));
    for folder in ["conf", "logs", "temp", "webapps", "work"] {
        fs::create_dir(recipe.folder.join(folder)).unwrap();
    }
    servlet::copy(&parts::apps().join("tomcat"), &recipe.folder.join("conf"));
    fs::copy(
        Path::new(HOME).join("skel/conf/web.xml"),
        recipe.folder.join("conf/web.xml"),
    )
    .unwrap();
    servlet::deploy(&recipe.folder.join("webapps/app"));
    let base = recipe.folder.clone();
    let options = format!(
        "-Dhttp.port={} -DjvmRoute={route} -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        recipe.port
    );
    recipe
        .run([format!("{HOME}/bin/catalina.sh").as_str(), "run"])
        .env("CATALINA_HOME", HOME)
        .env("CATALINA_BASE", base)
        .env("CATALINA_OPTS", options)
        .answers("/app/")
}

#[test]
fn sessions_uploads_and_paths() {
    if !parts::has("tomcat") {
        return;
    }
    let servers: [Server; 2] = start_all([tomcat("node1"), tomcat("node2")]);
    let daemun = servlet::daemun(servers.each_ref());
    servlet::sessions_stay_where_they_began(&daemun);
    servlet::mounted_elsewhere(&daemun);
    servlet::knows_its_client(&daemun, daemun.client());
    servlet::administration_stays_closed(&daemun, &servers[0]);
    curl::large().upload(&daemun.url("/app/upload.jsp"), &["--request", "POST"]);
}
