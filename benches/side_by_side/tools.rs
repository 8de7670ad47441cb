//! The programs that the benchmark needs, from Debian's packages.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Result;
use crate::contender::Kind;
use crate::options::{Extra, Options};

/// Refuses to measure where servers and load would share a core.
pub(crate) fn check_cores(options: &Options) -> Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    if cores < 2 || options.server_core == options.load_core {
        return Err("two cores are needed: one for the servers (--server-core), one for the load (--load-core)".into());
    }
    Ok(())
}

/// How busy a core is with other work, watched for a second: 1.0 is all the time.
pub(crate) fn busy_share(core: usize) -> f64 {
    let before = times(core);
    std::thread::sleep(Duration::from_secs(1));
    let passed: Vec<f64> = times(core)
        .iter()
        .zip(before)
        .map(|(now, then)| now - then)
        .collect();
    // user nice system idle iowait irq softirq steal
    let idle: f64 = passed.iter().skip(3).take(2).sum();
    1.0 - idle / passed.iter().take(8).sum::<f64>().max(1.0)
}

fn times(core: usize) -> Vec<f64> {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat
        .lines()
        .find_map(|line| line.strip_prefix(&format!("cpu{core} ")));
    line.unwrap_or_default()
        .split(' ')
        .filter_map(|time| time.parse().ok())
        .collect()
}

/// Installs what the chosen servers and the load need and this machine lacks.
pub(crate) fn install_missing(options: &Options) -> Result<()> {
    let mut packages = Vec::new();
    let programs = options.programs();
    let needed = programs.iter().filter_map(|kind| kind.debian_package());
    for (program, package) in needed.chain(
        [
            ("wrk", "wrk"),
            ("taskset", "util-linux"),
            ("setpriv", "util-linux"),
            ("prlimit", "util-linux"),
        ]
        .into_iter()
        .chain(of_cases(options)),
    ) {
        if !is_installed(program) && !packages.contains(&package) {
            packages.push(package);
        }
    }
    if !packages.is_empty() {
        install(&packages)?;
    }
    if options.servers.contains(&Kind::StaticWebServer) {
        install_static_web_server()?;
    }
    Ok(())
}

/// What only some of the cases need.
fn of_cases(options: &Options) -> Vec<(&'static str, &'static str)> {
    let mut needed = Vec::new();
    if options.cases.iter().any(|case| case.is_http2()) {
        needed.extend([
            ("h2load", "nghttp2-client"),
            ("openssl", "openssl"),
            ("curl", "curl"),
        ]);
    }
    if options.measures(Extra::Slow) {
        needed.push(("slowhttptest", "slowhttptest"));
    }
    needed
}

/// Whether a program is in one of the folders where Debian puts programs.
fn is_installed(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/sbin", "/usr/bin"])
        .any(|folder| Path::new(folder).join(program).is_file())
}

fn install(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if !is_root() {
        return Err(format!("these packages are missing: {list}\n  run: sudo apt-get install --no-install-recommends {list}").into());
    }
    println!("Installing {list} …");
    run(Command::new("apt-get").arg("update"))?;
    let mut install = Command::new("apt-get");
    install
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages);
    run(install.env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Whether this process may install packages.
pub(crate) fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

/// Where `static-web-server` is installed: kept in the target folder, since building it takes minutes.
pub(crate) const STATIC_WEB_SERVER_ROOT: &str =
    concat!(env!("CARGO_TARGET_TMPDIR"), "/static-web-server");

fn install_static_web_server() -> Result<()> {
    if Path::new(STATIC_WEB_SERVER_ROOT)
        .join("bin/static-web-server")
        .is_file()
    {
        return Ok(());
    }
    println!("Building static-web-server …");
    let mut install = Command::new(env!("CARGO"));
    install.args([
        "install",
        "static-web-server",
        "--locked",
        "--root",
        STATIC_WEB_SERVER_ROOT,
    ]);
    run(&mut install)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(format!("{} failed: {status}", command.get_program().display()).into());
    }
    Ok(())
}
