//! The server beside its requests: one line for each of its parts.

use std::fmt::Write as _;

use daemun::status::{CertificateStatus, Status};

use super::{clean, refused, upstreams::state_tone};
use crate::cli::show::{
    figures::{bytes, count, percent, plural, share, span},
    grid::{Align, Grid, Piece, Pieces, Tone},
};

/// So many days before its end a certificate is worth a look; clients of certificate authorities renew at 30 days, or a third of the lifetime.
const SOON: f64 = 14.0 * 86_400.0;

/// A label, and what there is to say; parts without anything to say are left out.
pub(in crate::cli) fn facts(status: &Status) -> Vec<Pieces> {
    let mut grid = Grid::bare(&[Align::Left, Align::Left]);
    let mut fact = |label: &str, (text, tone): (String, Tone)| {
        if !text.is_empty() {
            grid.row([Piece::new(label, Tone::Label), Piece::new(text, tone)]);
        }
    };
    if status.is_uncounted {
        let text = "not counted: `observe = false` in [admin]";
        fact("requests", (text.to_owned(), Tone::Doubtful));
    } else {
        fact("requests", (requests(status), Tone::Plain));
    }
    fact("refused", (refused_in_short(status), Tone::Plain));
    fact("connections", connections(status));
    fact("TLS", (handshakes(status), Tone::Plain));
    fact("upstreams", servers(status));
    fact("cache", (cache(status), Tone::Plain));
    fact("coding", (coding(status), Tone::Plain));
    fact("process", (process(status), Tone::Plain));
    fact("listeners", (listeners(status), Tone::Plain));
    fact("configuration", (configuration(status), Tone::Plain));
    let refusal = status.configuration.last_error.as_deref().unwrap_or("");
    // The first line names the place; the rest of the message stands in the diagnostics.
    let refusal = clean(refusal.lines().next().unwrap_or("")).into_owned();
    fact("last reload", (refused_reload(&refusal), Tone::Bad));
    for certificate in &status.certificates {
        fact("certificate", validity(certificate, status.now));
    }
    grid.lines()
}

fn requests(status: &Status) -> String {
    let statuses = &status.total.statuses;
    let mut text = count(status.total.requests);
    for (class, number) in [
        ("1xx", statuses.informational),
        ("2xx", statuses.success),
        ("3xx", statuses.redirection),
        ("4xx", statuses.client_error),
        ("5xx", statuses.server_error),
    ] {
        if number > 0 {
            let _ = write!(text, ", {class} {}", count(number));
        }
    }
    text + &format!("; {} in flight", count(status.in_flight))
}

/// The most frequent ones.
fn refused_in_short(status: &Status) -> String {
    let mut told = refused(&status.refused[..status.refused.len().min(3)]);
    if status.refused.len() > 3 {
        told.push("…".to_owned());
    }
    told.join(", ")
}

fn connections(status: &Status) -> (String, Tone) {
    let connections = &status.connections;
    let tone = if connections.limit > 0 && connections.open >= connections.limit {
        Tone::Bad
    } else {
        Tone::Plain
    };
    let mut text = format!(
        "{} of {} open, {} accepted",
        count(connections.open),
        count(connections.limit),
        count(connections.accepted)
    );
    if connections.refused > 0 {
        let _ = write!(text, ", {} refused", count(connections.refused));
    }
    (text, tone)
}

fn handshakes(status: &Status) -> String {
    let connections = &status.connections;
    if connections.handshakes + connections.failed_handshakes == 0 {
        return String::new();
    }
    format!(
        "{}, {} resumed, {} failed",
        plural(connections.handshakes, "handshake"),
        share(connections.resumed, connections.handshakes),
        count(connections.failed_handshakes)
    )
}

/// How many servers are up; the others by name.
fn servers(status: &Status) -> (String, Tone) {
    let servers = || {
        status.upstreams.iter().flat_map(|upstream| {
            let named = |server| (&*upstream.name, server);
            upstream.servers.iter().map(named)
        })
    };
    if servers().next().is_none() {
        return (String::new(), Tone::Plain);
    }
    let is_up = |state: &str| state == "up";
    let up = servers().filter(|(_, server)| is_up(&server.state)).count();
    let mut text = format!("{up} of {} up", servers().count());
    let mut tone = Tone::Good;
    for (name, server) in servers().filter(|(_, server)| !is_up(&server.state)) {
        let (name, server_name, state) = (clean(name), clean(&server.name), clean(&server.state));
        let _ = write!(text, "; {name} {server_name} {state}");
        tone = match state_tone(&server.state) {
            Tone::Bad => Tone::Bad,
            _ if tone == Tone::Good => Tone::Doubtful,
            _ => tone,
        };
    }
    (text, tone)
}

fn cache(status: &Status) -> String {
    let cache = &status.cache;
    format!(
        "{} hits, {} in {} of {}, {}",
        share(cache.hits, cache.hits + cache.misses),
        match cache.entries {
            1 => "1 entry".to_owned(),
            entries => format!("{} entries", count(entries)),
        },
        bytes(cache.bytes),
        bytes(cache.capacity),
        plural(cache.evictions, "eviction")
    )
}

fn coding(status: &Status) -> String {
    let coding = &status.coding;
    if coding.made + coding.given_up + coding.waiting == 0 {
        return String::new();
    }
    format!(
        "{} made, {} given up, {} waiting; {} to {} ({}) in {}",
        count(coding.made),
        count(coding.given_up),
        count(coding.waiting),
        bytes(coding.bytes_in),
        bytes(coding.bytes_out),
        percent(coding.bytes_out, coding.bytes_in),
        span(coding.seconds)
    )
}

fn process(status: &Status) -> String {
    let process = &status.process;
    format!(
        "{} of processors, {} of memory, {} of {} descriptors, {}, {}",
        span(process.cpu_seconds),
        bytes(process.resident_bytes),
        count(process.open_descriptors),
        count(process.most_descriptors),
        plural(process.threads, "thread"),
        plural(status.workers.try_into().unwrap_or(u64::MAX), "worker")
    )
}

fn listeners(status: &Status) -> String {
    clean(&status.listeners.join(", ")).into_owned()
}

fn configuration(status: &Status) -> String {
    let of = &status.configuration;
    let mut text = clean(of.file.as_deref().unwrap_or("by flags")).into_owned();
    let _ = write!(text, ", since {}", span(status.now - of.since));
    if !of.summary.is_empty() {
        let _ = write!(text, ": {}", clean(&of.summary));
    }
    if of.reloads + of.failed_reloads > 0 {
        let _ = write!(text, "; {}", plural(of.reloads, "reload"));
    }
    if of.failed_reloads > 0 {
        let _ = write!(text, ", {} refused", count(of.failed_reloads));
    }
    text
}

fn refused_reload(why: &str) -> String {
    if why.is_empty() {
        String::new()
    } else {
        format!("refused: {why}")
    }
}

fn validity(certificate: &CertificateStatus, now: f64) -> (String, Tone) {
    let names = clean(&certificate.names.join(", ")).into_owned();
    let left = certificate.not_after - now;
    let (state, tone) = if left <= 0.0 {
        (format!("expired {} ago", span(-left)), Tone::Bad)
    } else if certificate.not_before > now {
        let wait = span(certificate.not_before - now);
        (format!("not valid for another {wait}"), Tone::Bad)
    } else if left < SOON {
        (format!("{} left", span(left)), Tone::Doubtful)
    } else {
        (format!("{} left", span(left)), Tone::Plain)
    };
    (format!("{names}: {state}"), tone)
}
