use std::collections::HashSet;
use std::sync::Arc;

use super::super::places::Place;
use super::super::series::{DURATION_BOUNDS, SIZE_BOUNDS, Series};
use super::super::status::{
    CertificateStatus, ConnectionStatus, ServerStatus, Status, UpstreamStatus,
};

fn series(route: &str, upstream: Option<&str>) -> Series {
    let mut series = Series {
        place: Place {
            site: Arc::from("example.com"),
            route: Arc::from(route),
            upstream: upstream.map(Arc::from),
        },
        protocol: "HTTP/1.1",
        classes: [0, 5, 0, 1, 0],
        aborted: 1,
        durations: [0; DURATION_BOUNDS.len() + 1],
        duration_sum: 41.5,
        sizes: [0; SIZE_BOUNDS.len() + 1],
        size_sum: 5000,
    };
    series.durations[3] = 4;
    series.durations[7] = 1;
    series.durations[DURATION_BOUNDS.len()] = 1;
    series.sizes[0] = 1;
    series.sizes[2] = 5;
    series
}

fn server(name: &str, state: &str) -> ServerStatus {
    ServerStatus {
        name: name.to_owned(),
        state: state.to_owned(),
        attempts: 7,
        failures_by_kind: vec![("refused".to_owned(), 2), ("timeout".to_owned(), 0)],
        failed_checks: 3,
        ..ServerStatus::default()
    }
}

fn status() -> Status {
    let certificate = |names: &[&str], not_after| CertificateStatus {
        names: names.iter().map(ToString::to_string).collect(),
        not_after,
        ..CertificateStatus::default()
    };
    Status {
        version: "1.2.3".to_owned(),
        refused: vec![("host-unknown".to_owned(), 9)],
        connections: ConnectionStatus {
            handshakes: 5,
            resumed: 2,
            failed_handshakes: 1,
            ..ConnectionStatus::default()
        },
        certificates: vec![
            certificate(&["example.com", "*.example.com"], 1_800_000_000.0),
            certificate(&["example.com"], 1_700_000_000.0),
        ],
        upstreams: vec![UpstreamStatus {
            name: "shop".to_owned(),
            retries: 4,
            is_checked: true,
            servers: vec![
                server("127.0.0.1:3000", "up"),
                server("unix:/run/a \"b\".sock", "down"),
                server("127.0.0.1:3000", "ejected"),
            ],
            ..UpstreamStatus::default()
        }],
        ..Status::default()
    }
}

fn text() -> String {
    let all = [
        series("", None),
        series("/api/", Some("shop")),
        series("/api/", Some("shop")),
    ];
    super::text(&status(), &all)
}

#[test]
fn what_is_known_is_told_by_the_names_that_are_documented() {
    let text = text();
    let lines: HashSet<&str> = text.lines().collect();
    for line in [
        "# TYPE daemun_requests_total counter",
        "# TYPE daemun_request_duration_seconds histogram",
        r#"daemun_requests_total{site="example.com",route="",upstream="",protocol="HTTP/1.1",class="2xx"} 5"#,
        r#"daemun_requests_total{site="example.com",route="",upstream="",protocol="HTTP/1.1",class="5xx"} 0"#,
        r#"daemun_requests_aborted_total{site="example.com",route="",upstream="",protocol="HTTP/1.1"} 1"#,
        r#"daemun_requests_refused_total{reason="host-unknown"} 9"#,
        r#"daemun_build_info{version="1.2.3"} 1"#,
        "daemun_ready 0",
        "daemun_config_last_reload_successful 1",
        r#"daemun_tls_handshakes_total{result="full"} 3"#,
        r#"daemun_tls_handshakes_total{result="resumed"} 2"#,
        r#"daemun_tls_handshakes_total{result="failed"} 1"#,
        r#"daemun_certificate_not_after_timestamp_seconds{name="*.example.com"} 1800000000"#,
        r#"daemun_upstream_retries_total{upstream="shop"} 4"#,
        r#"daemun_upstream_server_up{upstream="shop",server="unix:/run/a \"b\".sock"} 0"#,
        r#"daemun_upstream_server_state{upstream="shop",server="unix:/run/a \"b\".sock",state="down"} 1"#,
        r#"daemun_upstream_server_state{upstream="shop",server="unix:/run/a \"b\".sock",state="up"} 0"#,
        r#"daemun_upstream_checks_total{upstream="shop",server="unix:/run/a \"b\".sock",result="failed"} 3"#,
    ] {
        assert!(lines.contains(line), "{line}\n{text}");
    }
}

#[test]
fn things_that_have_the_same_labels_are_told_as_one() {
    let text = text();
    let lines: HashSet<&str> = text.lines().collect();
    for line in [
        // Two routes of one path.
        r#"daemun_requests_total{site="example.com",route="/api/",upstream="shop",protocol="HTTP/1.1",class="2xx"} 10"#,
        r#"daemun_response_size_bytes_sum{site="example.com",route="/api/",upstream="shop",protocol="HTTP/1.1"} 10000"#,
        // One address, in the configuration twice: it gets requests by one of them.
        r#"daemun_upstream_attempts_total{upstream="shop",server="127.0.0.1:3000"} 14"#,
        r#"daemun_upstream_failures_total{upstream="shop",server="127.0.0.1:3000",kind="refused"} 4"#,
        r#"daemun_upstream_server_up{upstream="shop",server="127.0.0.1:3000"} 1"#,
        // Two certificates for a name: that which ends first.
        r#"daemun_certificate_not_after_timestamp_seconds{name="example.com"} 1700000000"#,
    ] {
        assert!(lines.contains(line), "{line}\n{text}");
    }
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let keys: Vec<&str> = samples
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(key, _)| key)
        .collect();
    let different: HashSet<&str> = keys.iter().copied().collect();
    assert_eq!(keys.len(), different.len());
}

#[test]
fn buckets_hold_those_below_them_and_the_last_holds_all() {
    let text = super::text(&Status::default(), &[series("", None)]);
    let buckets = |name: &str| -> Vec<(String, u64)> {
        let lines = text.lines().filter(|line| line.starts_with(name));
        let bucket = |line: &str| {
            let (_, rest) = line.split_once("le=\"")?;
            let (bound, count) = rest.split_once("\"} ")?;
            Some((bound.to_owned(), count.parse().ok()?))
        };
        lines.filter_map(bucket).collect()
    };
    let durations = buckets("daemun_request_duration_seconds_bucket");
    let expected = [
        ("0.0001", 0),
        ("0.00025", 0),
        ("0.0005", 0),
        ("0.001", 4),
        ("0.0025", 4),
        ("0.005", 4),
        ("0.01", 4),
        ("0.025", 5),
        ("0.05", 5),
        ("0.1", 5),
        ("0.25", 5),
        ("0.5", 5),
        ("1", 5),
        ("2.5", 5),
        ("5", 5),
        ("10", 5),
        ("30", 5),
        ("+Inf", 6),
    ];
    assert_eq!(
        durations,
        expected.map(|(bound, count)| (bound.to_owned(), count))
    );
    let sizes = buckets("daemun_response_size_bytes_bucket");
    assert_eq!(sizes[0], ("0".to_owned(), 1));
    assert_eq!(sizes.last(), Some(&("+Inf".to_owned(), 6)));
    assert!(text.contains(
        "_seconds_sum{site=\"example.com\",route=\"\",upstream=\"\",protocol=\"HTTP/1.1\"} 41.5\n"
    ));
}

#[test]
fn a_server_that_was_asked_nothing_yet_has_all_its_families() {
    let text = super::text(&Status::default(), &[]);
    let families = text.lines().filter(|line| line.starts_with("# TYPE "));
    assert!(families.count() > 40);
    assert!(text.contains("daemun_tls_handshakes_total{result=\"full\"} 0\n"));
    assert!(text.ends_with('\n'));
}
