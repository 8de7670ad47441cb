//! One case: its servers side by side, in turns.

use crate::Result;
use crate::cases::{Case, Rate, Traffic};
use crate::check::{self, Checked};
use crate::contender::{Contender, Kind};
use crate::document_root::DocumentRoot;
use crate::load::{self, Counted};
use crate::options::Options;
use crate::process::Running;
use crate::proxy::upstream::Upstream;

/// One turn of one server.
#[derive(Clone)]
pub(crate) struct Turn {
    pub(crate) counted: Counted,
    /// CPU time of the server in this turn.
    pub(crate) server_cpu_seconds: f64,
    /// What the case compares: requests or bytes a second.
    pub(crate) rate: f64,
    /// CPU time of the server for one answer, in microseconds.
    pub(crate) cpu_us: f64,
    /// CPU time of the upstream in this turn, on the core of the load.
    pub(crate) upstream_cpu_seconds: f64,
}

/// One server's part in a case.
pub(crate) struct Part {
    pub(crate) contender: Contender,
    /// The turns, or why the server was not measured.
    pub(crate) turns: std::result::Result<Vec<Turn>, String>,
    /// How many bytes the coded file had before the first turn, where one is asked for.
    pub(crate) coded_length: Option<usize>,
}

/// A server that has answered correctly.
struct Ready {
    running: Running,
    checked: Checked,
}

impl Ready {
    fn start(
        case: &Case,
        contender: Contender,
        options: &Options,
        root: &DocumentRoot,
    ) -> Result<Self> {
        let running = Running::start(contender, options, root)?;
        let checked = check::answers(case, &running, root)?;
        Ok(Self { running, checked })
    }
}

/// Starts the servers of a case, checks them, and measures each in turn.
pub(crate) fn case(case: &Case, options: &Options, root: &DocumentRoot) -> Result<Vec<Part>> {
    let upstream = if case.is_proxied() {
        Some(Upstream::start(options, root)?)
    } else {
        None
    };
    let forwards = upstream.as_ref().map(|upstream| upstream.forwards(options));
    let mut servers = Vec::new();
    for contender in case.contenders(options, forwards) {
        let ready = Ready::start(case, contender, options, root);
        servers.push((
            contender,
            ready.map_err(|error| error.to_string()),
            Vec::new(),
        ));
    }
    if options.warm_up > 0 {
        for server in servers
            .iter()
            .filter_map(|(_, server, _)| server.as_ref().ok())
        {
            let seconds = options.warm_up;
            turn(case, server, seconds, options, root, upstream.as_ref())?;
        }
    }
    for _ in 0..options.rounds {
        for (_, server, turns) in &mut servers {
            if let Ok(server) = server {
                let seconds = options.seconds;
                turns.push(turn(
                    case,
                    server,
                    seconds,
                    options,
                    root,
                    upstream.as_ref(),
                )?);
            }
        }
    }
    let part =
        |(contender, server, turns): (Contender, std::result::Result<Ready, String>, _)| Part {
            contender,
            coded_length: server
                .as_ref()
                .ok()
                .and_then(|server| server.checked.coded_length),
            turns: server.map(|_| turns),
        };
    Ok(servers.into_iter().map(part).collect())
}

fn turn(
    case: &Case,
    server: &Ready,
    seconds: u32,
    options: &Options,
    root: &DocumentRoot,
    upstream: Option<&Upstream>,
) -> Result<Turn> {
    let upstream_cpu_seconds = || upstream.map_or(0.0, Upstream::cpu_seconds);
    let (before, upstream_before) = (server.running.cpu_seconds(), upstream_cpu_seconds());
    let counted = load::run(
        case,
        &server.running,
        &server.checked,
        seconds,
        options,
        root,
    )?;
    let server_cpu_seconds = server.running.cpu_seconds() - before;
    let (rate, answers) = match (case.rate, case.traffic) {
        (Rate::Bytes, Traffic::File(name)) => {
            let length = std::fs::metadata(root.file(name))?.len();
            (
                counted.bytes / counted.seconds,
                counted.bytes / length as f64,
            )
        }
        _ => (counted.requests / counted.seconds, counted.requests),
    };
    let cpu_us = server_cpu_seconds * 1e6 / answers;
    Ok(Turn {
        counted,
        server_cpu_seconds,
        rate,
        cpu_us,
        upstream_cpu_seconds: upstream_cpu_seconds() - upstream_before,
    })
}

impl Part {
    /// Whether this server's failure fails the run: a peer may lack a feature, Daemun and nginx may not.
    pub(crate) fn is_wrong(&self) -> bool {
        let errors = |turns: &Vec<Turn>| turns.iter().any(|turn| turn.counted.errors > 0.0);
        match self.contender.kind {
            Kind::Daemun | Kind::Nginx | Kind::NginxUncorked | Kind::HaProxy => {
                self.turns.as_ref().map_or(true, errors)
            }
            _ => false,
        }
    }

    /// The median over the turns of what is looked at.
    pub(crate) fn median(&self, look: impl Fn(&Turn) -> f64) -> Option<f64> {
        median(self.turns.as_ref().ok()?.iter().map(look).collect())
    }

    /// The median over the rounds of this server's figure divided by the baseline's of the same round: what slows the
    /// machine for a while slows both.
    pub(crate) fn ratio(&self, baseline: &Self, look: impl Fn(&Turn) -> f64) -> Option<f64> {
        let (own, other) = (self.turns.as_ref().ok()?, baseline.turns.as_ref().ok()?);
        median(
            own.iter()
                .zip(other)
                .map(|(own, other)| look(own) / look(other))
                .collect(),
        )
    }
}

/// The middle value; the mean of both middle values when there are two.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], upper)
    } else {
        upper
    })
}
