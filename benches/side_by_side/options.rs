//! The command line of the benchmark.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::Result;
use crate::cases::{CASES, Case};
use crate::contender::Kind;

/// What to measure, and how long.
pub(crate) struct Options {
    /// The cases asked for, in the order of [`CASES`].
    pub(crate) cases: Vec<&'static Case>,
    /// What is measured beside them.
    extras: Vec<Extra>,
    /// The servers to compare: nginx first, since it is what the others are compared with.
    pub(crate) servers: Vec<Kind>,
    /// The proxies to compare, nginx first.
    pub(crate) proxies: Vec<Kind>,
    /// Whether the proxies but Daemun tell the upstream nothing of the client, as is their default.
    pub(crate) bare: bool,
    /// The length of the soak.
    pub(crate) minutes: u32,
    /// How many times each server has its turn.
    pub(crate) rounds: usize,
    /// The length of a turn, in seconds.
    pub(crate) seconds: u32,
    /// The length of the load before the first turn, in seconds.
    pub(crate) warm_up: u32,
    /// The core that the servers share.
    pub(crate) server_core: usize,
    /// The core of wrk.
    pub(crate) load_core: usize,
    /// Where the figures are written as JSON.
    pub(crate) json: Option<PathBuf>,
}

/// What the command line asks for.
pub(crate) enum Parsed {
    Run(Options),
    /// A text to print instead of running.
    Say(String),
}

/// What is measured beside the cases.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extra {
    Startup,
    Crowd,
    Slow,
    Cold,
    Latency,
    Soak,
}

/// Each with the name that selects it beside the names of the cases, and what it is.
const EXTRAS: &[(Extra, &str, &str)] = &[
    (
        Extra::Startup,
        "startup",
        "resident memory after start, time from exec to first byte",
    ),
    (
        Extra::Crowd,
        "crowd",
        "memory of 10,000 idle connections, errors of 15,000 busy ones",
    ),
    (
        Extra::Slow,
        "slow",
        "a normal client's p99 beside 1,000 slow ones, by slowhttptest",
    ),
    (
        Extra::Cold,
        "coding-cold",
        "a small file's p99 while a thousand cold pages are coded",
    ),
    (
        Extra::Latency,
        "proxy-latency",
        "what proxies add to p50 and p99 at 1,000 requests a second",
    ),
    (
        Extra::Soak,
        "proxy-soak",
        "memory and descriptors before and after minutes of mixed requests, many broken off",
    ),
];

const HELP: &str = "\
Measures Daemun beside nginx and other servers.

Usage: cargo bench --bench side_by_side [-- [OPTIONS] [CASE]...]

  CASE               measure only these cases (default: all but proxy-soak; see --list)
  --peer NAME        another server to compare: serve-dir, caddy, static-web-server (repeatable)
  --without NAME     leave out daemun, nginx-nopush-off or haproxy, which are measured by default
  --bare             nginx and HAProxy tell the upstream nothing of the client, as is their default (Daemun always does)
  --rounds N         turns of each server (default: 5)
  --seconds N        length of a turn (default: 3)
  --warm-up N        load before the first turn, in seconds (default: 1)
  --minutes N        length of proxy-soak (default: 10)
  --quick            one turn of one second: shows that it works, measures nothing
  --server-core N    core of the servers (default: 0)
  --load-core N      core of the load (default: 1)
  --json FILE        write the figures of every turn to FILE as well
  --list             print the cases and stop
";

impl Options {
    /// Parses the arguments after the program's name.
    pub(crate) fn parse(arguments: &[String]) -> Result<Parsed> {
        let mut options = Self::default();
        let mut names: Vec<&str> = Vec::new();
        let mut rest = arguments.iter().map(String::as_str);
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{argument} needs a value"));
            match argument {
                // cargo bench adds this one by itself.
                "--bench" => {}
                "--help" | "-h" => return Ok(Parsed::Say(HELP.to_owned())),
                "--list" => return Ok(Parsed::Say(list())),
                "--peer" => options.servers.push(Kind::peer(value()?)?),
                "--without" => options.leave_out(value()?)?,
                "--rounds" => options.rounds = number(argument, value()?)?,
                "--seconds" => options.seconds = number(argument, value()?)?,
                "--warm-up" => options.warm_up = number(argument, value()?)?,
                "--minutes" => options.minutes = number(argument, value()?)?,
                "--bare" => options.bare = true,
                "--quick" => (options.rounds, options.seconds, options.warm_up) = (1, 1, 0),
                "--server-core" => options.server_core = number(argument, value()?)?,
                "--load-core" => options.load_core = number(argument, value()?)?,
                "--json" => options.json = Some(PathBuf::from(value()?)),
                name if !name.starts_with('-') => names.push(name),
                unknown => return Err(format!("unknown option {unknown}; see --help").into()),
            }
        }
        options.rounds = options.rounds.max(1);
        options.seconds = options.seconds.max(1);
        options.select(&names)?;
        Ok(Parsed::Run(options))
    }

    fn leave_out(&mut self, name: &str) -> Result<()> {
        if !["daemun", "nginx-nopush-off", "haproxy"].contains(&name) {
            return Err(format!("{name} cannot be left out; see --help").into());
        }
        self.servers.retain(|kind| kind.name() != name);
        self.proxies.retain(|kind| kind.name() != name);
        Ok(())
    }

    fn select(&mut self, names: &[&str]) -> Result<()> {
        let known = |name: &str| {
            EXTRAS.iter().any(|(_, extra, _)| *extra == name)
                || CASES.iter().any(|case| case.name == name)
        };
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            return Err(format!("there is no case {unknown}; see --list").into());
        }
        if !names.is_empty() {
            let chosen = EXTRAS.iter().filter(|(_, name, _)| names.contains(name));
            self.extras = chosen.map(|(extra, ..)| *extra).collect();
            self.cases.retain(|case| names.contains(&case.name));
        }
        Ok(())
    }

    /// Whether this is measured as well.
    pub(crate) fn measures(&self, extra: Extra) -> bool {
        self.extras.contains(&extra)
    }

    /// Every program that is measured.
    pub(crate) fn programs(&self) -> Vec<Kind> {
        let of_proxies = |extra: &Extra| matches!(extra, Extra::Latency | Extra::Soak);
        let forwards =
            self.extras.iter().any(of_proxies) || self.cases.iter().any(|case| case.is_proxied());
        let serves =
            !self.extras.iter().all(of_proxies) || !self.cases.iter().all(|case| case.is_proxied());
        let mut programs = Vec::new();
        for kind in (self.servers.iter())
            .filter(|_| serves)
            .chain(self.proxies.iter().filter(|_| forwards))
        {
            if !programs.contains(kind) {
                programs.push(*kind);
            }
        }
        programs
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cases: CASES.iter().collect(),
            // The soak takes minutes: only when it is named.
            extras: EXTRAS
                .iter()
                .map(|(extra, ..)| *extra)
                .filter(|extra| *extra != Extra::Soak)
                .collect(),
            servers: vec![Kind::Nginx, Kind::NginxUncorked, Kind::Daemun],
            proxies: vec![Kind::Nginx, Kind::HaProxy, Kind::Daemun],
            bare: false,
            minutes: 10,
            rounds: 5,
            seconds: 3,
            warm_up: 1,
            server_core: 0,
            load_core: 1,
            json: None,
        }
    }
}

fn number<N: std::str::FromStr>(option: &str, value: &str) -> Result<N> {
    let wrong = |_| format!("{option} takes a whole number, not {value:?}").into();
    value.parse().map_err(wrong)
}

fn list() -> String {
    let mut text = String::new();
    for case in CASES {
        let _ = writeln!(text, "{:<14} {}", case.name, case.what);
    }
    for (_, name, what) in EXTRAS {
        let _ = writeln!(text, "{name:<14} {what}");
    }
    text
}
