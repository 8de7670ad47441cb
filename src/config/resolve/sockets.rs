//! Listeners beyond their address, and the proxies that are trusted.

use super::Judge;
use crate::{
    config::{
        Listen, ListenAddress, SocketAccess, accounts,
        error::{Problem, quoted},
        file::{self, File, Text},
    },
    header::{
        forwarded::{ForwardedField, TrustedProxies},
        networks::{Networks, NotANetwork},
    },
    server::listener::is_abstract,
};

impl Judge<'_> {
    pub(super) fn trusted_proxies(&mut self, file: &File) -> TrustedProxies {
        const FIELDS: [(&str, ForwardedField); 2] = [
            ("x-forwarded-for", ForwardedField::XForwardedFor),
            ("forwarded", ForwardedField::Forwarded),
        ];
        let field = self.word(
            file.client_address_from.as_ref(),
            "field that names the client",
            &FIELDS,
        );
        let networks = self.networks(file.trusted_proxies.as_deref().unwrap_or_default());
        if let (Some(written), Some(_), None) =
            (&file.client_address_from, field, &file.trusted_proxies)
        {
            let problem =
                Problem::new("`client_address_from` does nothing without trusted proxies");
            self.wrong(
                written,
                problem.help("name them: `trusted_proxies = [\"10.0.0.0/8\"]`, or remove the key"),
            );
        }
        TrustedProxies {
            networks,
            field: field.unwrap_or_default(),
        }
    }

    /// A listener, as far as it has nothing to do with TLS.
    pub(super) fn listener(
        &mut self,
        address: ListenAddress,
        written: &file::Listen,
        trusted_proxies: &Networks,
    ) -> Listen {
        Listen {
            proxy_protocol: self.proxy_protocol(&address, written, trusted_proxies),
            tls: None,
            access: self.access(&address, written),
            address,
        }
    }

    fn proxy_protocol(
        &mut self,
        address: &ListenAddress,
        written: &file::Listen,
        trusted_proxies: &Networks,
    ) -> Option<Networks> {
        let from = (written.proxy_protocol_from.as_deref()).map(|from| self.networks(from));
        if written.proxy_protocol != Some(true) {
            if let Some(first) = written.proxy_protocol_from.iter().flatten().next() {
                let problem = Problem::new("`proxy_protocol_from` does nothing by itself");
                self.wrong(first, problem.help("add `proxy_protocol = true`"));
            }
            return None;
        }
        let from = from.unwrap_or_else(|| trusted_proxies.clone());
        // Names that could not be read are told already.
        let is_named = written
            .proxy_protocol_from
            .as_ref()
            .is_some_and(|from| !from.is_empty());
        if from.is_empty() && !is_named && matches!(address, ListenAddress::Tcp(_)) {
            let problem = Problem::new(
                "`proxy_protocol` trusts nobody here: every connection would be closed",
            );
            self.wrong(
                &written.address,
                problem.help(
                    "name the proxies: `proxy_protocol_from = [\"10.0.0.0/8\"]`, or `trusted_proxies`",
                ),
            );
        }
        Some(from)
    }

    fn access(&mut self, address: &ListenAddress, written: &file::Listen) -> SocketAccess {
        let keys = [
            ("mode", &written.mode),
            ("owner", &written.owner),
            ("group", &written.group),
        ];
        let why_not = match address {
            ListenAddress::Tcp(_) => Some(("a TCP socket has no file", "remove it")),
            ListenAddress::Unix(path) if is_abstract(path) => Some((
                "an abstract socket has no file",
                "remove it, or listen on a path: `unix:/run/daemun.sock`",
            )),
            ListenAddress::Systemd(_) => Some((
                "systemd made the socket",
                "set `SocketMode=`, `SocketUser=` and `SocketGroup=` in the socket unit",
            )),
            ListenAddress::Unix(_) => None,
        };
        if let Some((why, help)) = why_not {
            for (key, text) in keys {
                if let Some(text) = text {
                    let problem = Problem::new(format!("`{key}` has no meaning here: {why}"));
                    self.wrong(text, problem.help(help));
                }
            }
            return SocketAccess::default();
        }
        SocketAccess {
            mode: (written.mode.as_ref()).and_then(|text| self.located(text, mode(text.get_ref()))),
            owner: (written.owner.as_ref())
                .and_then(|text| self.located(text, accounts::user(text.get_ref())))
                .map(|account| account.uid),
            group: (written.group.as_ref())
                .and_then(|text| self.located(text, accounts::group(text.get_ref()))),
        }
    }

    fn networks(&mut self, written: &[Text]) -> Networks {
        let mut networks = Networks::default();
        for text in written {
            let added = networks.add(text.get_ref());
            self.located(text, added.map_err(|why| no_network(text.get_ref(), &why)));
        }
        networks
    }
}

fn no_network(text: &str, why: &NotANetwork) -> Problem {
    match why {
        NotANetwork::Address => Problem::new(format!(
            "{} is not an address or a network",
            quoted(text)
        ))
        .help(
            "write `\"192.0.2.1\"`, `\"10.0.0.0/8\"`, `\"fd00::/8\"`, `\"private\"` or `\"unix\"`",
        ),
        NotANetwork::Bits(most) => Problem::new(format!("{} is not a network", quoted(text))).help(
            format!("what follows the `/` is a number of bits, at most {most}"),
        ),
        NotANetwork::HostBits(network) => Problem::new(format!(
            "{} is an address within a network, not a network",
            quoted(text)
        ))
        .help(format!("write `\"{network}\"`")),
    }
}

fn mode(text: &str) -> Result<u32, Problem> {
    let is_octal =
        (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| is_octal && *mode <= 0o777)
        .ok_or_else(|| {
            Problem::new(format!("{} is not the mode of a socket", quoted(text)))
                .help("write permissions in octal, such as `\"0660\"`: owner and group may connect")
        })
}
