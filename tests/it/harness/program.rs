//! The program in a process of its own, so that its memory can be told from the test's.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use super::{Client, Docroot};

pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Kept, so that nothing the program tells meets a closed pipe.
    _told: BufReader<std::process::ChildStderr>,
    _docroot: Docroot,
}

impl Program {
    /// The standard docroot; `keys` are further lines of its `[[site]]` table, then any other table.
    pub(crate) fn with_site(keys: &str) -> Self {
        let docroot = Docroot::standard();
        let file = docroot.parent().join("daemun.toml");
        let root = docroot.root().display().to_string();
        let config = format!(
            "workers = 1\n[[listen]]\naddress = \"127.0.0.1:0\"\n[[site]]\ndocroot = \"{root}\"\n{keys}\n[log]\naccess = \"off\"\n"
        );
        std::fs::write(&file, config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_daemun"))
            .args(["serve", "--config"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut told = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut heard = String::new();
        let address = loop {
            let mut line = String::new();
            let read = told.read_line(&mut line).expect("a line");
            assert!(read > 0, "no address in {heard}");
            let url = line
                .trim_end()
                .strip_prefix("listening on http://")
                .and_then(|url| url.strip_suffix('/'));
            if let Some(address) = url {
                break address.parse().expect("an address");
            }
            heard += &line;
        };
        Self {
            child,
            address,
            _told: told,
            _docroot: docroot,
        }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .expect("the program runs");
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|value| value.trim().split(' ').next()?.parse().ok())
            .expect("a size")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
