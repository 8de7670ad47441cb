//! The cases: what is asked for, and what Daemun has to reach.

use crate::certificate::Key;
use crate::contender::{Codes, Contender, Kind, Wire};
use crate::document_root::{LARGE, LARGE_SIZE, MANY_COUNT, MANY_FOLDER, PAGE, PAGE_WITH_SIDECAR};
use crate::options::Options;
use crate::proxy::gateway::{self, Forwards};

/// One kind of traffic, measured on every server.
pub(crate) struct Case {
    /// The name on the command line.
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) traffic: Traffic,
    pub(crate) rate: Rate,
    /// The ratio that Daemun has to reach: to nginx, or to itself without a log, or without counting and remembering requests.
    pub(crate) target: Option<f64>,
    /// Whether Daemun may spend at most nginx's CPU time on a request.
    pub(crate) cpu_bounded: bool,
    /// Connections that wrk keeps busy.
    pub(crate) connections: u32,
}

/// The requests that wrk sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// One file, again and again.
    File(&'static str),
    /// Every file of the folder of many, in a shuffled order.
    Many,
    /// One file whose entity tag the client already holds.
    NotModified(&'static str),
    /// One file, on a new connection for each request.
    Close(&'static str),
    /// 64 KiB of the large file, from offsets all over it.
    Ranges,
    /// One file, with an access log written and without one.
    Logged(&'static str),
    /// One file, by servers that count and remember requests and by servers that do not.
    Observed(&'static str),
    /// One file over HTTP/2, many requests at a time on each connection.
    Multiplexed(&'static str, Wire),
    /// One small file over a new TLS connection each time.
    Handshakes(&'static str, Key),
    /// One page, by clients that accept gzip.
    Coded(&'static str, Codes),
    /// One file that the upstream has, through the server.
    Proxied(&'static str),
    /// Messages over WebSocket to the upstream and back, through the server.
    Messages,
}

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rate {
    Requests,
    /// For long answers: a turn ends in the middle of some, and their bytes count.
    Bytes,
}

const CONNECTIONS: u32 = 64;

/// Length of a range in [`Traffic::Ranges`], in bytes.
pub(crate) const RANGE_LENGTH: u64 = 64 * 1024;

/// Different ranges asked for in turn.
const RANGE_COUNT: u64 = 4_096;

/// Every case, in the order of the report.
pub(crate) const CASES: &[Case] = &[
    Case::requests("1k", "one file of 1 KiB", Traffic::File("1k.html"), 1.3),
    Case::requests("10k", "one file of 10 KiB", Traffic::File("10k.css"), 1.2),
    Case::requests(
        "many",
        "10,000 different files of 2 KiB",
        Traffic::Many,
        1.2,
    ),
    Case::requests(
        "100k",
        "one file of 100 KiB",
        Traffic::File("100k.js"),
        1.35,
    ),
    Case::bytes("1m", "one file of 1 MiB", Traffic::File("1m.bin"), 1.6),
    Case::bytes("10m", "one file of 10 MiB", Traffic::File("10m.bin"), 1.6),
    Case::requests(
        "304",
        "If-None-Match with the current entity tag",
        Traffic::NotModified("1k.html"),
        1.15,
    ),
    Case::requests(
        "close",
        "1 KiB, a new connection for each request",
        Traffic::Close("1k.html"),
        1.0,
    ),
    Case::requests(
        "range",
        "64 KiB ranges of a file of 256 MiB",
        Traffic::Ranges,
        1.3,
    ),
    Case {
        cpu_bounded: false,
        ..Case::requests(
            "log",
            "1 KiB with a combined access log in a file",
            Traffic::Logged("1k.html"),
            0.88,
        )
    },
    Case {
        cpu_bounded: false,
        ..Case::requests(
            "observed",
            "1 KiB, every request counted and remembered",
            Traffic::Observed("1k.html"),
            0.97,
        )
    },
    Case::multiplexed(
        "h2c-1k",
        "1 KiB by HTTP/2 without TLS",
        "1k.html",
        Wire::H2c,
    ),
    Case::multiplexed(
        "h2c-100k",
        "100 KiB by HTTP/2 without TLS",
        "100k.js",
        Wire::H2c,
    ),
    Case::multiplexed(
        "tls-1k",
        "1 KiB by HTTP/2 over TLS 1.3",
        "1k.html",
        Wire::Tls(Key::EcdsaP256),
    ),
    Case::multiplexed(
        "tls-100k",
        "100 KiB by HTTP/2 over TLS 1.3",
        "100k.js",
        Wire::Tls(Key::EcdsaP256),
    ),
    Case::handshakes(
        "handshake-rsa",
        "full TLS 1.3 handshakes, RSA 2048",
        Key::Rsa2048,
    ),
    Case::handshakes(
        "handshake-ec",
        "full TLS 1.3 handshakes, ECDSA P-256",
        Key::EcdsaP256,
    ),
    Case {
        target: None,
        connections: 4,
        ..Case::bytes(
            "chunk",
            "a file of 256 MiB, sent chunk by chunk on 4 connections",
            Traffic::File(LARGE),
            1.0,
        )
    },
    // nginx codes for each request.
    Case::requests(
        "gzip-100k",
        "100 KiB of HTML, coded with gzip by the server",
        Traffic::Coded(PAGE, Codes::Itself),
        40.0,
    ),
    Case::requests(
        "gzip-static",
        "100 KiB of HTML, coded with gzip beforehand, in a file beside it",
        Traffic::Coded(PAGE_WITH_SIDECAR, Codes::Sidecars),
        1.2,
    ),
    Case::requests(
        "proxy-1k",
        "1 KiB from a kept-alive upstream",
        Traffic::Proxied("1k.html"),
        1.1,
    ),
    Case::requests(
        "proxy-100k",
        "100 KiB from a kept-alive upstream",
        Traffic::Proxied("100k.js"),
        2.0,
    ),
    Case {
        connections: 50,
        ..Case::requests(
            "proxy-ws",
            "128 bytes to the upstream and back over WebSocket, one at a time on each connection",
            Traffic::Messages,
            1.0,
        )
    },
];

impl Case {
    const fn requests(
        name: &'static str,
        what: &'static str,
        traffic: Traffic,
        target: f64,
    ) -> Self {
        Self {
            name,
            what,
            traffic,
            rate: Rate::Requests,
            target: Some(target),
            cpu_bounded: true,
            connections: CONNECTIONS,
        }
    }

    const fn bytes(name: &'static str, what: &'static str, traffic: Traffic, target: f64) -> Self {
        Self {
            rate: Rate::Bytes,
            cpu_bounded: false,
            ..Self::requests(name, what, traffic, target)
        }
    }

    const fn multiplexed(
        name: &'static str,
        what: &'static str,
        file: &'static str,
        wire: Wire,
    ) -> Self {
        Self {
            connections: 32,
            ..Self::requests(name, what, Traffic::Multiplexed(file, wire), 1.2)
        }
    }

    const fn handshakes(name: &'static str, what: &'static str, key: Key) -> Self {
        Self {
            connections: 200,
            ..Self::requests(name, what, Traffic::Handshakes("1k.html", key), 1.0)
        }
    }

    /// What the servers of this case speak.
    fn wire(&self) -> Wire {
        match self.traffic {
            Traffic::Multiplexed(_, wire) => wire,
            Traffic::Handshakes(_, key) => Wire::Tls(key),
            _ => Wire::Plain,
        }
    }

    /// Where the coded bytes come from, if the clients accept any.
    pub(crate) fn codes(&self) -> Codes {
        match self.traffic {
            Traffic::Coded(_, codes) => codes,
            _ => Codes::Unasked,
        }
    }

    /// Whether h2load makes the load, and not wrk.
    pub(crate) fn is_http2(&self) -> bool {
        self.wire() != Wire::Plain
    }

    /// Whether the servers forward, and an upstream answers.
    pub(crate) fn is_proxied(&self) -> bool {
        matches!(self.traffic, Traffic::Proxied(_) | Traffic::Messages)
    }

    /// The servers of this case, each before those that are compared with it.
    pub(crate) fn contenders(
        &self,
        options: &Options,
        forwards: Option<Forwards>,
    ) -> Vec<Contender> {
        if forwards.is_some() {
            return gateway::contenders(&options.proxies, forwards);
        }
        let plain = options.servers.iter().map(|kind| Contender {
            wire: self.wire(),
            codes: self.codes(),
            ..Contender::plain(*kind)
        });
        if self.codes() != Codes::Unasked {
            let codes =
                |plain: &Contender| !matches!(plain.kind, Kind::ServeDir | Kind::StaticWebServer);
            return plain.filter(codes).collect();
        }
        if self.is_http2() {
            let compared = |plain: &Contender| matches!(plain.kind, Kind::Daemun | Kind::Nginx);
            return plain.filter(compared).collect();
        }
        if matches!(self.traffic, Traffic::Observed(_)) {
            let without = |plain: Contender| {
                let unobserving = Contender {
                    observes: false,
                    ..plain
                };
                [plain, unobserving]
            };
            let observes = |plain: &Contender| plain.kind == Kind::Daemun;
            return plain.filter(observes).flat_map(without).collect();
        }
        if !matches!(self.traffic, Traffic::Logged(_)) {
            return plain.collect();
        }
        let with_and_without = |plain: Contender| {
            [
                plain,
                Contender {
                    logs: true,
                    ..plain
                },
            ]
        };
        plain
            .filter(|plain| matches!(plain.kind, Kind::Daemun | Kind::Nginx))
            .flat_map(with_and_without)
            .collect()
    }

    /// What a server is compared with: itself without a log when it writes one, itself as it observes nothing where that is the case,
    /// otherwise nginx.
    pub(crate) fn baseline(&self, contender: Contender) -> Contender {
        let is_observed = matches!(self.traffic, Traffic::Observed(_));
        let kind = if contender.logs || is_observed {
            contender.kind
        } else {
            Kind::Nginx
        };
        Contender {
            kind,
            logs: false,
            observes: !is_observed,
            ..contender
        }
    }

    /// The ratio this server has to reach in this case.
    pub(crate) fn target_of(&self, contender: Contender) -> Option<f64> {
        let meant = contender.logs == matches!(self.traffic, Traffic::Logged(_));
        self.target
            .filter(|_| meant && contender.observes && contender.kind == Kind::Daemun)
    }
}

/// The paths of the folder of many, in the order in which they are asked for.
pub(crate) fn many_paths() -> Vec<String> {
    // 7,919 and 10,000 have no common factor, so this visits each file once before it starts again.
    (0..MANY_COUNT)
        .map(|turn| many_path(turn * 7_919 % MANY_COUNT))
        .collect()
}

/// The request path of one of the many files.
pub(crate) fn many_path(index: usize) -> String {
    format!("/{MANY_FOLDER}/{index:04}.html")
}

/// The first byte of each range, in the order in which they are asked for.
pub(crate) fn range_starts() -> Vec<u64> {
    // Far from the one before, and aligned to nothing.
    (0..RANGE_COUNT)
        .map(|turn| turn * 40_503_001 % (LARGE_SIZE - RANGE_LENGTH))
        .collect()
}
