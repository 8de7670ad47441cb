//! The admin listener.

use std::fs;

use toml::Spanned;

use super::Judge;
use crate::{
    config::{
        AdminConfig, ListenAddress,
        admin::Token,
        error::{Problem, quoted},
        file::{Admin, Text},
    },
    header::host::Host,
    server::listener::is_abstract,
};

/// More would take memory for what nobody looks at.
const MOST_REQUESTS: i64 = 100_000;

impl Judge<'_> {
    /// `listened`: where the sites are.
    pub(super) fn admin(&mut self, written: &Admin, listened: &[ListenAddress]) -> AdminConfig {
        let default = AdminConfig::default();
        let requests = (written.requests.as_ref())
            .and_then(|requests| self.number(requests, "requests", 0..=MOST_REQUESTS));
        let mut admin = AdminConfig {
            observes: (written.observe.as_ref()).map_or(default.observes, |on| *on.get_ref()),
            requests: requests.unwrap_or(default.requests),
            token: (written.token_file.as_ref()).and_then(|file| self.token(file)),
            token_file: (written.token_file.as_ref()).map(|file| self.absolute(file.get_ref())),
            hosts: Vec::new(),
            listen: Vec::new(),
        };
        for host in written.hosts.iter().flat_map(Spanned::get_ref) {
            let judged = judge_host(host.get_ref());
            admin.hosts.extend(self.located(host, judged));
        }
        for text in written.listen.iter().flat_map(Spanned::get_ref) {
            let address = self.admin_address(text, &admin, listened, written.token_file.is_some());
            admin.listen.extend(address);
        }
        admin
    }

    fn admin_address(
        &mut self,
        text: &Text,
        admin: &AdminConfig,
        listened: &[ListenAddress],
        has_token_file: bool,
    ) -> Option<ListenAddress> {
        let address = self.located(text, ListenAddress::parse(text.get_ref()))?;
        let address = match address {
            ListenAddress::Unix(path) if is_abstract(&path) => {
                let problem = Problem::new(
                    "an abstract socket has no permissions: everybody on this machine could ask",
                );
                self.wrong(
                    text,
                    problem.help("listen on a path: `unix:/run/daemun/admin.sock`"),
                );
                return None;
            }
            ListenAddress::Unix(path) => ListenAddress::Unix(self.base.join(path)),
            other => other,
        };
        // A token that cannot be read is told already.
        if !has_token_file || matches!(address, ListenAddress::Systemd(_)) {
            self.located(text, admin.judge(&address))?;
        }
        let is_free_port = matches!(&address, ListenAddress::Tcp(tcp) if tcp.port() == 0);
        let is_taken = listened.contains(&address) || admin.listen.contains(&address);
        if is_taken && !is_free_port {
            let problem = Problem::new(format!("{} is listened on twice", quoted(text.get_ref())));
            self.wrong(
                text,
                problem.help("the admin listener needs an address of its own"),
            );
        }
        Some(address)
    }

    fn token(&mut self, file: &Text) -> Option<Token> {
        let path = self.absolute(file.get_ref());
        let read = match fs::read_to_string(&path) {
            Ok(text) => Token::parse(&text).map_err(|why| {
                let problem = Problem::new(format!("the token in `{}` {why}", path.display()));
                problem.help("make a good one: `openssl rand -hex 32`")
            }),
            Err(error) => {
                let problem = Problem::new(format!(
                    "the token in `{}` cannot be read: {error}",
                    path.display()
                ));
                Err(problem.help("write a secret of at least 16 characters to that file, readable for the server's user only: `openssl rand -hex 32`"))
            }
        };
        self.located(file, read)
    }
}

fn judge_host(text: &str) -> Result<String, Problem> {
    match Host::parse(text.as_bytes()) {
        Ok(host) if host.name().len() == text.len() => Ok(host.name().to_owned()),
        _ => Err(Problem::new(format!("{} is not a host name", quoted(text)))
            .help("write a name without a port: `\"status.example.com\"`")),
    }
}
