//! Made-up moments of a server, as the page may meet them.

#![allow(clippy::assigning_clones, reason = "made once, and meant to be read")]

use daemun::status::{
    CertificateStatus, Latency, Moment, RequestSummary, RouteTraffic, ServerStatus, Status,
    Statuses, Traffic, UpstreamStatus,
};

/// The moment of all of them.
const NOW: f64 = 1_795_000_000.0;
const DAY: f64 = 86_400.0;

/// What strangers write into requests.
pub(crate) const HOSTILE: &str = "/<img src=x onerror=document.title='broken'>?\u{202e}lmth.\u{7}\"'&amp;<script>document.title='broken'</script>";

fn filled<T: Default>(fill: impl FnOnce(&mut T)) -> T {
    let mut value = T::default();
    fill(&mut value);
    value
}

fn latency(p50: f64) -> Latency {
    filled(|latency: &mut Latency| {
        latency.p50 = Some(p50);
        latency.p90 = Some(p50 * 6.0);
        latency.p99 = Some(p50 * 45.0);
        latency.max = Some(p50 * 300.0);
    })
}

fn traffic(seconds: f64, requests: u64, failed: u64) -> Traffic {
    filled(|traffic: &mut Traffic| {
        traffic.seconds = seconds;
        traffic.requests = requests;
        traffic.bytes = requests * 18_700;
        traffic.aborted = requests / 900;
        traffic.statuses = filled(|statuses: &mut Statuses| {
            statuses.redirection = requests / 5;
            statuses.client_error = requests / 40;
            statuses.server_error = failed;
            statuses.success = requests - requests / 5 - requests / 40 - failed;
        });
        traffic.latency = latency(0.000_42);
    })
}

/// Nothing asks: a server that has just begun, without applications.
pub(crate) fn quiet() -> Status {
    filled(|status: &mut Status| {
        status.version = "0.9.0".to_owned();
        status.pid = 4242;
        status.now = NOW;
        status.started = NOW - 7.0;
        status.workers = 2;
        status.listeners = vec!["0.0.0.0:8080".to_owned()];
        status.readiness.is_ready = true;
        status.configuration.since = NOW - 7.0;
        status.configuration.summary = "1 site, 0 routes, 1 listener".to_owned();
        status.connections.limit = 10_000;
        status.cache.capacity = 256 << 20;
        status.process.cpu_seconds = 0.02;
        status.process.resident_bytes = 9 << 20;
        status.process.open_descriptors = 31;
        status.process.most_descriptors = 1_048_576;
        status.process.threads = 5;
    })
}

/// A site with much to do, and nothing wrong but what is wrong every day.
pub(crate) fn busy() -> Status {
    let mut status = quiet();
    status.started = NOW - 12.3 * DAY;
    status.listeners = vec![
        "0.0.0.0:80".to_owned(),
        "0.0.0.0:443".to_owned(),
        "unix:/run/daemun/site.sock".to_owned(),
    ];
    status.total = traffic(12.3 * DAY, 184_220_431, 2_113);
    status.last_10s = traffic(10.0, 12_480, 0);
    status.last_5m = traffic(300.0, 361_022, 12);
    status.history = history(1200.0, 0);
    status.in_flight = 17;
    status.routes = routes();
    status.refused = vec![
        ("path-dot-segment".to_owned(), 3_114),
        ("host-missing".to_owned(), 812),
        ("path-bad-escape".to_owned(), 90),
        ("content-too-large".to_owned(), 4),
    ];
    status.configuration.file = Some("/etc/daemun/daemun.toml".to_owned());
    status.configuration.since = NOW - 2.2 * DAY;
    status.configuration.summary = "2 sites, 14 routes, 3 listeners".to_owned();
    status.configuration.reloads = 6;
    inside(&mut status);
    status.upstreams = vec![
        upstream(
            "shop",
            &[
                ("10.0.0.11:3000", "up"),
                ("10.0.0.12:3000", "up"),
                ("10.0.0.13:3000", "up"),
            ],
        ),
        upstream("accounts", &[("unix:/run/accounts.sock", "up")]),
    ];
    status.certificates = vec![
        certificate(&["example.com", "www.example.com"], 61.4),
        certificate(&["shop.example.com"], 83.0),
    ];
    status.slowest = vec![
        request("01J9XK2R7Q", "/api/report?year=2026&format=pdf", 200, 4.31),
        request("01J9XK2R90", "/search?q=gate", 200, 1.92),
        request("01J9XK2RA1", "/images/panorama.avif", 206, 0.88),
    ];
    status.failing = vec![request("01J9XK2RB7", "/api/cart", 502, 0.003)];
    status
}

/// An application that is gone, another that is ill, a certificate about to end, a configuration that was refused, strangers.
pub(crate) fn failing() -> Status {
    let mut status = busy();
    status.readiness.is_ready = false;
    status.readiness.reasons =
        vec!["no server of the upstream accounts is fit: the route /account/ needs it".to_owned()];
    status.last_10s = traffic(10.0, 11_020, 1_630);
    status.last_5m = traffic(300.0, 352_204, 18_440);
    status.history = history(1200.0, 24);
    status.configuration.failed_reloads = 1;
    status.configuration.last_error = Some("/etc/daemun/daemun.toml:14:1: unknown key `upstraem`\n   |\n14 | upstraem = \"shop\"\n   | ^^^^^^^^ did you mean `upstream`?".to_owned());
    status.upstreams = vec![
        upstream(
            "shop",
            &[
                ("10.0.0.11:3000", "up"),
                ("10.0.0.12:3000", "ejected"),
                ("10.0.0.13:3000", "on-trial"),
                ("10.0.0.14:3000", "unknown"),
            ],
        ),
        upstream("accounts", &[("unix:/run/accounts.sock", "down")]),
    ];
    status.upstreams[0].waiting = 12;
    status.certificates = vec![
        certificate(&["example.com", "www.example.com"], 3.2),
        certificate(&["old.example.com"], -1.5),
        certificate(&["shop.example.com"], 83.0),
    ];
    status.connections.open = 9_120;
    status.failing = vec![
        request("01J9XK2RC1", HOSTILE, 502, 0.004),
        request(
            "01J9XK2RC2",
            &format!("/{}", "a-very-long-path/".repeat(40)),
            504,
            30.001,
        ),
        request("01J9XK2RC3", "/account/", 503, 0.000_2),
        request("01J9XK2RC4", "/../../etc/passwd", 400, 0.000_05),
        request("01J9XK2RC5", "/videos/gate.webm", 200, 12.0),
    ];
    status.failing[3].refused = Some("path-dot-segment".to_owned());
    status.failing[4].is_aborted = true;
    status.failing[0].host = "<b>host</b>".to_owned();
    status
}

/// Five minutes of somewhat different steps; in the last `bad` of them much fails.
fn history(per_second: f64, bad: u32) -> Vec<Moment> {
    (0..60_u32)
        .map(|step| {
            let wave =
                1.0 + 0.35 * (f64::from(step) * 0.21).sin() + 0.12 * (f64::from(step) * 1.7).sin();
            let seconds = if step == 59 { 3.0 } else { 5.0 };
            let is_bad = step >= 60 - bad;
            filled(|moment: &mut Moment| {
                moment.start = NOW - 298.0 + f64::from(step) * 5.0;
                moment.seconds = seconds;
                moment.requests = whole(per_second * wave * seconds);
                moment.server_errors = if is_bad {
                    moment.requests / 7
                } else {
                    u64::from(step % 17 == 3) * 20
                };
                moment.bytes = moment.requests * 18_700;
                moment.latency = latency(0.000_42 * wave * if is_bad { 8.0 } else { 1.0 });
            })
        })
        .collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small and positive"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

fn inside(status: &mut Status) {
    let connections = &mut status.connections;
    connections.open = 812;
    connections.accepted = 9_114_002;
    connections.refused = 51;
    connections.handshakes = 4_020_113;
    connections.resumed = 2_611_004;
    connections.failed_handshakes = 20_881;
    let cache = &mut status.cache;
    cache.hits = 140_113_220;
    cache.misses = 81_220;
    cache.evictions = 311;
    cache.entries = 5_120;
    cache.bytes = 187 << 20;
    let coding = &mut status.coding;
    coding.made = 4_030;
    coding.given_up = 112;
    coding.waiting = 2;
    coding.bytes_in = 912 << 20;
    coding.bytes_out = 201 << 20;
    coding.seconds = 402.0;
    let process = &mut status.process;
    process.cpu_seconds = 96_004.0;
    process.resident_bytes = 231 << 20;
    process.open_descriptors = 901;
}

fn routes() -> Vec<RouteTraffic> {
    let paths = ["", "/api/", "/assets/", "/account/", "*.jsp", "=/search"];
    let mut routes = Vec::new();
    for (index, path) in (0_u64..).zip(paths.iter().cycle().take(15)) {
        routes.push(filled(|route: &mut RouteTraffic| {
            route.site = if index < 6 {
                "example.com".to_owned()
            } else {
                format!("s{index}.example.com")
            };
            route.route = (*path).to_owned();
            route.upstream = ["/api/", "*.jsp"].contains(path).then(|| "shop".to_owned());
            route.traffic = traffic(12.3 * DAY, 90_000_000 >> index, 900 >> index);
        }));
    }
    routes
}

fn upstream(name: &str, servers: &[(&str, &str)]) -> UpstreamStatus {
    let servers = servers.iter().map(|(name, state)| {
        filled(|server: &mut ServerStatus| {
            server.name = (*name).to_owned();
            server.host = name.split(':').next().unwrap_or_default().to_owned();
            server.state = (*state).to_owned();
            server.why = match *state {
                "down" => Some("check of /health: connection refused, 3 times".to_owned()),
                "ejected" => Some("5 answers of 502 in 10 s".to_owned()),
                "on-trial" => Some("back after 30 s, one request at a time".to_owned()),
                _ => None,
            };
            server.since = NOW - 42.0;
            server.weight = if name.ends_with("11:3000") { 3 } else { 1 };
            server.is_backup = name.ends_with("13:3000");
            server.in_flight = 4;
            server.attempts = 4_120_331;
            server.failures = if *state == "up" { 0 } else { 5_120 };
            server.ejections = u64::from(*state != "up");
        })
    });
    let servers = servers.collect();
    filled(|upstream: &mut UpstreamStatus| {
        upstream.name = name.to_owned();
        upstream.retries = 118;
        upstream.is_checked = true;
        upstream.servers = servers;
    })
}

fn certificate(names: &[&str], days: f64) -> CertificateStatus {
    filled(|certificate: &mut CertificateStatus| {
        certificate.names = names.iter().map(|name| (*name).to_owned()).collect();
        certificate.not_before = NOW + (days - 90.0) * DAY;
        certificate.not_after = NOW + days * DAY;
    })
}

fn request(id: &str, target: &str, status: u16, seconds: f64) -> RequestSummary {
    filled(|request: &mut RequestSummary| {
        request.id = id.to_owned();
        request.time = NOW - 31.0;
        request.client = "203.0.113.7".to_owned();
        request.method = "GET".to_owned();
        request.host = "example.com".to_owned();
        request.target = target.to_owned();
        request.protocol = "HTTP/2.0".to_owned();
        request.status = status;
        request.bytes = 48_213;
        request.seconds = seconds;
        request.site = "example.com".to_owned();
        request.route = "/api/".to_owned();
        request.server = Some("10.0.0.12:3000".to_owned());
    })
}
