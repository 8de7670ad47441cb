//! The alerts and the dashboard of `packaging/`: Prometheus reads them, they say what they are to say, and they name no metric that the
//! server does not write.
//!
//! `promtool` comes with Debian's package `prometheus`, which `.ci/test` installs.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

const ALERTS: &str = "packaging/prometheus/alerts.yml";
const DASHBOARD: &str = "packaging/grafana/daemun.json";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).expect(name)
}

/// What it says, when it finds something wrong.
fn promtool(args: &[&str]) -> Result<(), String> {
    let output = Command::new("promtool")
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("promtool, of Debian's package prometheus");
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&said).into_owned())
    }
}

/// The questions of the dashboard's panels and annotations, and those that its variables take their values from.
fn queries(dashboard: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(dashboard, &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if ["expr", "definition"].contains(&name.as_str()) => {
                        found.push(text.clone());
                    }
                    _ => collect(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

/// The metrics that a text names.
fn metrics(text: &str) -> BTreeSet<String> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let words = text.split(|char| !is_part(char));
    let metrics = words.filter(|word| word.starts_with("daemun_") || word.starts_with("process_"));
    metrics.map(str::to_owned).collect()
}

/// Those that a server writes, with the three that each histogram is made of.
fn written(exposition: &str) -> BTreeSet<String> {
    let mut written = BTreeSet::new();
    for line in exposition.lines() {
        let Some(family) = line.strip_prefix("# TYPE ") else {
            continue;
        };
        let (name, kind) = family.split_once(' ').expect("a name and a type");
        if kind == "histogram" {
            let parts = ["bucket", "sum", "count"];
            written.extend(parts.map(|part| format!("{name}_{part}")));
        } else {
            written.insert(name.to_owned());
        }
    }
    written
}

/// What a server writes. One that has not served yet names all of its metrics.
fn exposition() -> String {
    let config = daemun::Config::builder()
        .docroot(env!("CARGO_MANIFEST_DIR"))
        .build()
        .expect("a configuration");
    let server = daemun::Server::new(&config).expect("a server");
    server.handle().metrics()
}

#[test]
fn prometheus_takes_the_alerts_and_the_example_of_scraping() {
    promtool(&["check", "rules", ALERTS]).expect("good rules");
    promtool(&["check", "config", "packaging/prometheus/scrape.yml"])
        .expect("a good configuration");
}

#[test]
fn alerts_say_what_is_wrong_and_nothing_when_all_is_well() {
    promtool(&["test", "rules", "tests/monitoring/alerts_test.yml"]).expect("the alerts expected");
    let tests = read("tests/monitoring/alerts_test.yml");
    for line in read(ALERTS).lines() {
        if let Some(name) = line.trim().strip_prefix("- alert: ") {
            let tested = format!("alertname: {name}\n");
            assert!(tests.contains(&tested), "{name} is not tested");
        }
    }
}

#[test]
fn prometheus_understands_the_questions_of_the_dashboard() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("JSON");
    let mut rules = String::from("groups:\n  - name: dashboard\n    rules:\n");
    let mut count = 0;
    for query in queries(&dashboard) {
        // Those of variables are Grafana's own words.
        if query.starts_with("label_values(") {
            continue;
        }
        let query = query
            .replace("$__rate_interval", "5m")
            .replace("$__interval", "1m");
        let query = serde_json::to_string(&query).expect("JSON, which YAML contains");
        writeln!(
            rules,
            "      - record: question:{count}\n        expr: {query}"
        )
        .expect("strings take everything");
        count += 1;
    }
    assert!(count > 40, "{count} questions");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("dashboard.yml");
    fs::write(&file, rules).expect("written");
    promtool(&["check", "rules", file.to_str().expect("UTF-8")]).expect("good questions");
}

#[test]
fn panels_of_the_dashboard_do_not_overlap_and_each_has_a_question() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        assert!(
            ids.insert(panel["id"].as_u64().expect("a number")),
            "{title}"
        );
        let place = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
        assert!(place("x") + place("w") <= 24, "{title} is too wide");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{title} overlaps another panel");
            }
        }
        let is_row = panel["type"] == "row";
        assert_eq!(queries(panel).is_empty(), is_row, "{title}");
    }
}

#[test]
fn alerts_and_dashboard_name_metrics_that_the_server_writes() {
    let written = written(&exposition());
    assert!(written.contains("daemun_ready"), "{written:?}");
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("JSON");
    // A comment in the alerts may speak of anything.
    let alerts: String = read(ALERTS)
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .map(|line| line.to_owned() + "\n")
        .collect();
    for text in queries(&dashboard).into_iter().chain([alerts]) {
        for name in metrics(&text) {
            assert!(written.contains(&name), "{name} is not written: {text}");
        }
    }
}
