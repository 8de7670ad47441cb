//! Step 2: the server itself.

use super::super::status::{
    CacheStatus, CertificateStatus, CodingStatus, ConfigurationStatus, ConnectionStatus,
    ProcessStatus, Status,
};
use super::family::{Kind, Text};

pub(super) fn write(text: &mut Text, status: &Status) {
    let mut build = text.family(
        Kind::Gauge,
        "daemun_build_info",
        "Always 1; the label says which version serves.",
    );
    build.sample(&[("version", &*status.version)], true);
    drop(build);
    text.gauge(
        "daemun_ready",
        "Whether the server takes requests: it listens, is not on its way out, and each route to an application finds a server.",
        status.readiness.is_ready,
    );
    configuration(text, &status.configuration);
    connections(text, &status.connections);
    cache(text, &status.cache);
    coding(text, &status.coding);
    certificates(text, &status.certificates);
    process(text, &status.process);
}

fn configuration(text: &mut Text, status: &ConfigurationStatus) {
    let mut reloads = text.family(
        Kind::Counter,
        "daemun_config_reloads_total",
        "Reloads of the configuration: those that took, and those by which nothing changed.",
    );
    reloads.sample(&[("result", "taken")], status.reloads);
    reloads.sample(&[("result", "refused")], status.failed_reloads);
    drop(reloads);
    text.gauge(
        "daemun_config_last_reload_successful",
        "Whether the last reload took; 1, when there was none.",
        status.last_error.is_none(),
    );
    text.gauge(
        "daemun_config_loaded_timestamp_seconds",
        "Since when the configuration counts.",
        status.since,
    );
}

fn connections(text: &mut Text, status: &ConnectionStatus) {
    text.gauge(
        "daemun_connections_open",
        "Connections of clients that are open.",
        status.open,
    );
    text.gauge(
        "daemun_connections_limit",
        "The most connections of clients that may be open; more wait in the queue of the system.",
        status.limit,
    );
    text.counter(
        "daemun_connections_accepted_total",
        "Connections of clients that were accepted.",
        status.accepted,
    );
    text.counter(
        "daemun_connections_refused_total",
        "Connections that were closed at once, as their client had too many.",
        status.refused,
    );
    let mut handshakes = text.family(
        Kind::Counter,
        "daemun_tls_handshakes_total",
        "TLS handshakes with clients: full ones, those that resumed a session from before, and those that came to nothing.",
    );
    let full = status.handshakes.saturating_sub(status.resumed);
    handshakes.sample(&[("result", "full")], full);
    handshakes.sample(&[("result", "resumed")], status.resumed);
    handshakes.sample(&[("result", "failed")], status.failed_handshakes);
}

fn cache(text: &mut Text, status: &CacheStatus) {
    text.counter(
        "daemun_cache_hits_total",
        "Requests for files that were held in memory and were still the ones on the disk.",
        status.hits,
    );
    text.counter(
        "daemun_cache_misses_total",
        "Requests for files that had to be opened.",
        status.misses,
    );
    text.counter(
        "daemun_cache_evictions_total",
        "Files and codings of files that gave way to others in memory, or had no room there.",
        status.evictions,
    );
    text.gauge(
        "daemun_cache_entries",
        "Files and codings of files that are held in memory.",
        status.entries,
    );
    text.gauge(
        "daemun_cache_bytes",
        "Memory for files that is in use.",
        status.bytes,
    );
    text.gauge(
        "daemun_cache_capacity_bytes",
        "Memory for files that may be used.",
        status.capacity,
    );
}

fn coding(text: &mut Text, status: &CodingStatus) {
    let mut files = text.family(
        Kind::Counter,
        "daemun_coding_files_total",
        "Content codings of files that were made, and those that were not worth it or failed.",
    );
    files.sample(&[("result", "made")], status.made);
    files.sample(&[("result", "given_up")], status.given_up);
    drop(files);
    text.gauge(
        "daemun_coding_waiting",
        "Jobs of coding that wait or are under way.",
        status.waiting,
    );
    let mut bytes = text.family(
        Kind::Counter,
        "daemun_coding_bytes_total",
        "Bytes of files that were coded, and bytes that they came to.",
    );
    bytes.sample(&[("direction", "in")], status.bytes_in);
    bytes.sample(&[("direction", "out")], status.bytes_out);
    drop(bytes);
    text.counter(
        "daemun_coding_seconds_total",
        "Time of processors that the coding of files took.",
        status.seconds,
    );
}

/// Of several with one name, that which ends first is to be known of.
fn certificates(text: &mut Text, certificates: &[CertificateStatus]) {
    let family = text.family(
        Kind::Gauge,
        "daemun_certificate_not_after_timestamp_seconds",
        "When the certificate for a name ends.",
    );
    let mut family = family.least();
    for certificate in certificates {
        for name in &certificate.names {
            family.sample(&[("name", name)], certificate.not_after);
        }
    }
}

/// By the names that all programs tell these by.
fn process(text: &mut Text, status: &ProcessStatus) {
    text.counter(
        "process_cpu_seconds_total",
        "Time of processors, in the program and in the kernel for it.",
        status.cpu_seconds,
    );
    text.gauge(
        "process_resident_memory_bytes",
        "Memory in use.",
        status.resident_bytes,
    );
    text.gauge(
        "process_open_fds",
        "Descriptors in use.",
        status.open_descriptors,
    );
    text.gauge(
        "process_max_fds",
        "Descriptors that may be used.",
        status.most_descriptors,
    );
    text.gauge("process_threads", "Threads.", status.threads);
    text.gauge(
        "process_start_time_seconds",
        "When the process began, in seconds since 1970.",
        status.started,
    );
}
