//! What the server says over the wire: a real one on a port of its own, raw bytes in, raw bytes out.
//!
//! A module for each part of the rules; a test's name states its rule. Every response that a test reads is
//! also held against the rules that hold for all of them (`harness/check.rs`).

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

#[path = "../exposition/mod.rs"]
mod exposition;
mod harness;
mod harness_itself;

mod access_log;
mod admin;
mod bodies;
mod bodies_strict;
mod body_limits;
mod cache_policy;
mod chunks;
mod chunks_strict;
mod coded_again;
mod coding;
mod coding_changes;
mod coding_choice;
mod concurrency;
mod connection;
mod connection_limits;
mod containment;
mod cors;
mod descriptors;
mod dictionaries;
mod differential;
mod digests;
mod drain;
mod error_pages;
mod expect;
mod explain;
mod framing;
mod freshness;
mod http_2;
mod http_2_floods;
mod http_2_rules;
mod if_range;
mod integrity;
mod interim;
mod large_files;
mod limits;
mod links;
mod listeners;
mod listing;
mod log_sample;
mod log_story;
mod log_syslog;
mod media_types;
mod methods;
mod metrics;
mod metrics_upstreams;
mod negotiation;
mod paths;
mod pipelining;
mod plain_requests;
mod preconditions;
mod proxy_answers;
mod proxy_balance;
mod proxy_failover;
mod proxy_fields;
mod proxy_framing;
mod proxy_http_2;
mod proxy_mounts;
mod proxy_names;
mod proxy_pool;
mod proxy_protocol;
mod proxy_queue;
mod proxy_reload;
mod proxy_streaming;
mod proxy_targets;
mod proxy_tls;
mod proxy_upgrades;
mod ranges;
mod reload;
mod request_checks;
mod router_answers;
mod router_answers_strict;
mod routes;
mod spa;
mod tls;
#[cfg(feature = "opentelemetry")]
mod traces;
mod trusted_proxies;
mod upgrades;
mod virtual_hosts;
mod websockets;
