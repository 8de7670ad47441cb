//! What may be taken, and what is written down.

use serde::Deserialize;

use super::{Fraction, Number, Size, Text, Time};

/// `[cache]`: files held in memory.
///
/// A changed file is served changed on the very next request, unless `revalidate` says otherwise.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cache {
    /// Most memory for files and their compressed forms; `0` holds nothing.
    /// Default: `"256MiB"`.
    pub(crate) memory: Option<Size>,
    /// The largest file that is held; larger ones are streamed from the disk.
    /// Default: `"1MiB"`.
    pub(crate) file: Option<Size>,
    /// How long a held file is trusted before the disk is asked again whether it has changed.
    /// Default: `"0s"`, ask at each request.
    pub(crate) revalidate: Option<Time>,
}

/// `[limits]`: what a client may take.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// How long a client may take to send the head of a request.
    /// Default: `"10s"`.
    pub(crate) header_timeout: Option<Time>,
    /// How long a connection may stay open between two requests.
    /// Default: `"75s"`.
    pub(crate) keep_alive_timeout: Option<Time>,
    /// Most bytes in the head of a request; at least 8 KiB, at most 1 MiB.
    /// Default: `"32KiB"`.
    pub(crate) header_size: Option<Size>,
    /// Most fields in the head of a request.
    /// Default: `100`.
    pub(crate) header_count: Option<Number>,
    /// Most bytes in the body of a request; more is answered with 413. An application decides what it does with the rest; static files
    /// take no bodies at all.
    /// Default: `"1GiB"`.
    pub(crate) body_size: Option<Size>,
    /// How long a client may pause while it sends the body of a request (against slow bodies, R.U.D.Y.).
    /// Default: `"30s"`.
    pub(crate) body_timeout: Option<Time>,
    /// Least bytes a second of a request's body, after a first `body_timeout`; time in which the application does not read is not counted.
    /// `0`: any (against bodies sent byte by byte).
    /// Default: `500`.
    pub(crate) body_rate: Option<Size>,
    /// How long a client may take none of a response that is waiting for it (against slow readers and windows held at zero).
    /// Default: `"60s"`.
    pub(crate) write_timeout: Option<Time>,
    /// Request fields with `_` or `.` in their names, which many applications cannot tell from those with `-`: `"drop"` them, `"refuse"`
    /// the request, or `"pass"` them on (against forged `X_Forwarded_For`, `Remote_User` and the like).
    /// Default: `"drop"`.
    pub(crate) odd_names: Option<Text>,
    /// Most connections open at a time; more wait to be accepted. Each takes a descriptor; the program asks for all it may have.
    /// Default: `65536`.
    pub(crate) connections: Option<Number>,
    /// Most connections of one client address at a time (of IPv6, of a `/64`); more are closed at once. `0`: any number. Not the default,
    /// since everybody behind one proxy has one address.
    /// Default: `0`.
    pub(crate) connections_per_client: Option<Number>,
    /// Most requests on one connection of HTTP/1.1; the last answer says that it is closed. `0`: any number.
    /// Default: `0`.
    pub(crate) requests_per_connection: Option<Number>,
    /// How old a connection may become; a response under way is finished first. It lets clients find a server that was added behind the
    /// same name. `"0s"`: any age.
    /// Default: `"1h"`.
    pub(crate) connection_age: Option<Time>,
    /// How long open responses may take to end after the server was told to stop.
    /// Default: `"30s"`.
    pub(crate) drain_timeout: Option<Time>,
}

/// `[log]`: the access log, and traces.
///
/// A record is written when its response has ended. In `json`, each is an object with the fields that `docs/logs.md` names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// `"combined"`, the format of Apache and nginx; `"json"`, one object a line; `"off"`.
    /// Default: `"combined"` for the program, `"off"` for the library.
    pub(crate) access: Option<Text>,
    /// The file that records are appended to; relative to the configuration file.
    /// Default: standard output.
    pub(crate) file: Option<Text>,
    /// The system's log in place of a file: `"unix:/dev/log"` (journald, rsyslog …), or another machine's by `"udp:192.0.2.1:514"`
    /// (RFC 5424). One message a record, facility `local7`, severity `info`; records that it does not take are left out, and counted in the
    /// diagnostics.
    /// Default: none.
    pub(crate) syslog: Option<Text>,
    /// A collector of OpenTelemetry that spans of requests, and of what applications were asked for them, are sent to (OTLP over HTTP):
    /// `"http://127.0.0.1:4318"`. Applications are told by `traceparent` (W3C Trace Context). Needs a program that was built with the
    /// feature `opentelemetry`.
    /// Default: none; `traceparent` goes on as it came.
    pub(crate) traces: Option<Text>,
    /// The share of requests that are traced, from `0.0` to `1.0`; a trusted proxy that has decided it already is followed.
    /// Default: `1.0`.
    pub(crate) trace_sample: Option<Fraction>,
}
