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
    /// Whether memory and start-up are measured as well.
    pub(crate) startup: bool,
    /// Whether idle and busy connections in great numbers are measured as well.
    pub(crate) crowd: bool,
    /// Whether a client beside slow ones is measured as well.
    pub(crate) slow: bool,
    /// The servers to compare: nginx first, since it is what the others are compared with.
    pub(crate) servers: Vec<Kind>,
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

/// The name that selects memory and start-up beside the names of the cases.
const STARTUP: &str = "startup";

/// The same for connections in great numbers, and for slow clients.
const CROWD: &str = "crowd";
const SLOW: &str = "slow";

const HELP: &str = "\
Measures Daemun beside nginx and other servers.

Usage: cargo bench --bench side_by_side [-- [OPTIONS] [CASE]...]

  CASE               measure only these cases (default: all; see --list)
  --peer NAME        another server to compare: serve-dir, caddy, static-web-server (repeatable)
  --without NAME     leave out daemun or nginx-nopush-off, which are measured by default
  --rounds N         turns of each server (default: 5)
  --seconds N        length of a turn (default: 3)
  --warm-up N        load before the first turn, in seconds (default: 1)
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
        if !["daemun", "nginx-nopush-off"].contains(&name) {
            return Err(format!("{name} cannot be left out; see --help").into());
        }
        self.servers.retain(|kind| kind.name() != name);
        Ok(())
    }

    fn select(&mut self, names: &[&str]) -> Result<()> {
        let known = |name: &str| {
            [STARTUP, CROWD, SLOW].contains(&name) || CASES.iter().any(|case| case.name == name)
        };
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            return Err(format!("there is no case {unknown}; see --list").into());
        }
        if !names.is_empty() {
            self.startup = names.contains(&STARTUP);
            self.crowd = names.contains(&CROWD);
            self.slow = names.contains(&SLOW);
            self.cases.retain(|case| names.contains(&case.name));
        }
        Ok(())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cases: CASES.iter().collect(),
            startup: true,
            crowd: true,
            slow: true,
            servers: vec![Kind::Nginx, Kind::NginxUncorked, Kind::Daemun],
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
    for (name, what) in [
        (
            STARTUP,
            "resident memory after start, time from exec to first byte",
        ),
        (
            CROWD,
            "memory of 10,000 idle connections, errors of 15,000 busy ones",
        ),
        (
            SLOW,
            "a normal client's p99 beside 1,000 slow ones, by slowhttptest",
        ),
    ] {
        let _ = writeln!(text, "{name:<14} {what}");
    }
    text
}
