//! TLS: certificates, policy, and what sites say of it.

use http::HeaderValue;
use toml::Spanned;

use super::{Judge, speaks_tls};
use crate::{
    config::{
        CertificateSource, ClientAuth, Hsts, TlsSettings, TlsVersion, UnknownNames,
        error::Problem,
        file::{self, Certificate, File, Site, Switch, Time},
    },
    server::tls::{CertificateError, Tls, TlsError},
};

/// What the lists that browsers ship with ask for.
const LEAST_PRELOAD: u64 = 365 * 24 * 60 * 60;

impl Judge<'_> {
    /// What the listeners with TLS share; none when there are none, or when something is wrong.
    pub(super) fn tls(&mut self, file: &File) -> Option<Tls> {
        let first = file.listen.iter().find(|listen| speaks_tls(listen));
        let settings = self.tls_settings(&file.tls, &file.certificate);
        match (first, file.certificate.first()) {
            (Some(listener), None) => {
                let problem =
                    Problem::new("this listener speaks TLS, and there is no certificate for it")
                        .help("add\n\n    [[certificate]]\n    cert = \"…\"\n    key = \"…\"");
                let switch = listener.get_ref().tls.as_ref();
                self.problems.push(match switch {
                    Some(switch) => problem.at(switch.span()),
                    None => problem,
                });
                None
            }
            (None, Some(certificate)) => {
                let problem =
                    Problem::new("this certificate is for nobody: no listener speaks TLS");
                self.wrong(
                    certificate,
                    problem.help("add `tls = true` to a [[listen]]"),
                );
                None
            }
            (None, None) => None,
            (Some(_), Some(_)) => match Tls::new(settings?) {
                Ok(tls) => Some(tls),
                Err(errors) => {
                    for error in errors {
                        self.tls_error(error, file);
                    }
                    None
                }
            },
        }
    }

    fn tls_error(&mut self, error: TlsError, file: &File) {
        match error {
            TlsError::Certificate(
                index,
                CertificateError {
                    is_of_key,
                    what,
                    help,
                },
            ) => {
                let problem = Problem::new(what).help(help);
                let written = file.certificate.get(index).map(Spanned::get_ref);
                let place = written.map(|pair| if is_of_key { &pair.key } else { &pair.cert });
                self.problems.push(match place {
                    Some(place) => problem.at(place.span()),
                    None => problem,
                });
            }
            TlsError::ClientCa(what, help) => {
                let problem = Problem::new(what).help(help);
                self.problems.push(match &file.tls.client_ca {
                    Some(client_ca) => problem.at(client_ca.span()),
                    None => problem,
                });
            }
            TlsError::Other(what) => self.problems.push(Problem::new(what)),
        }
    }

    /// None when they are so wrong that looking at the files would tell nothing true.
    fn tls_settings(
        &mut self,
        written: &file::Tls,
        certificates: &[Spanned<Certificate>],
    ) -> Option<TlsSettings> {
        let before = self.problems.len();
        let default = TlsSettings::new(Vec::new());
        let settings = TlsSettings {
            certificates: self.certificates(certificates),
            min_version: self
                .word(
                    written.min_version.as_ref(),
                    "version of TLS",
                    &TlsVersion::NAMES,
                )
                .unwrap_or(default.min_version),
            unknown_names: self
                .word(
                    written.unknown_names.as_ref(),
                    "answer to unknown names",
                    &UnknownNames::NAMES,
                )
                .unwrap_or(default.unknown_names),
            client_ca: (written.client_ca.as_ref()).map(|path| self.absolute(path.get_ref())),
            client_auth: self.client_auth(written),
            handshake_timeout: self
                .positive_time(written.handshake_timeout.as_ref())
                .unwrap_or(default.handshake_timeout),
            handshakes: (written.handshakes.as_ref())
                .and_then(|count| self.number(count, "handshakes", 1..=1_000_000))
                .unwrap_or(default.handshakes),
            revalidate: self
                .revalidate(written.revalidate.as_ref())
                .unwrap_or(default.revalidate),
            key_log: written.key_log.unwrap_or(default.key_log),
        };
        (self.problems.len() == before).then_some(settings)
    }

    fn certificates(&mut self, written: &[Spanned<Certificate>]) -> Vec<CertificateSource> {
        let mut sources = Vec::new();
        for pair in written {
            let Certificate { cert, key } = pair.get_ref();
            if let Some(first) = written
                .iter()
                .map(|other| &other.get_ref().cert)
                .take_while(|other| other.span() != cert.span())
                .find(|other| other.get_ref() == cert.get_ref())
            {
                let problem = Problem::new(format!(
                    "the certificate `{}` is named twice",
                    cert.get_ref()
                ));
                self.wrong(
                    cert,
                    problem.first(first.span()).help("remove one of the two"),
                );
            }
            sources.push(CertificateSource::Files {
                cert: self.absolute(cert.get_ref()),
                key: self.absolute(key.get_ref()),
            });
        }
        sources
    }

    fn client_auth(&mut self, written: &file::Tls) -> ClientAuth {
        let word = written.client_auth.as_ref();
        match (
            self.word(word, "policy for client certificates", &ClientAuth::NAMES),
            &written.client_ca,
        ) {
            (Some(ClientAuth::Optional | ClientAuth::Required), None) => {
                if let Some(word) = word {
                    let problem = Problem::new("nothing says which client certificates are good");
                    self.wrong(
                        word,
                        problem.help(
                            "add `client_ca = \"…\"`, the certificates of those who issue them",
                        ),
                    );
                }
                ClientAuth::Off
            }
            (Some(policy), _) => policy,
            (None, Some(_)) => ClientAuth::Required,
            (None, None) => ClientAuth::Off,
        }
    }

    fn revalidate(&mut self, written: Option<&Time>) -> Option<std::time::Duration> {
        let time = self.time(written)?;
        if time.is_zero() {
            let problem = Problem::new("the files cannot be looked at all the time");
            self.wrong(written?, problem.help("write how often, such as `\"10s\"`"));
        }
        Some(time)
    }

    /// RFC 6797 §6.1.
    pub(super) fn hsts(&mut self, site: &Site) -> Option<Hsts> {
        let is_on = |switch: &Option<Switch>| switch.as_ref().is_some_and(|on| *on.get_ref());
        let (subdomains, preload) = (is_on(&site.hsts_subdomains), is_on(&site.hsts_preload));
        let Some(written) = &site.hsts else {
            let given = [
                (&site.hsts_subdomains, subdomains),
                (&site.hsts_preload, preload),
            ];
            for switch in given
                .into_iter()
                .filter(|(_, is_on)| *is_on)
                .filter_map(|(switch, _)| switch.as_ref())
            {
                let problem = Problem::new("this has no effect without `hsts`");
                self.wrong(switch, problem.help("add `hsts = \"365d\"`, or remove it"));
            }
            return None;
        };
        let seconds = self.time(Some(written))?.as_secs();
        if preload && !(subdomains && seconds >= LEAST_PRELOAD) {
            let problem =
                Problem::new("browsers take only sites into their lists that promise more");
            self.wrong(
                site.hsts_preload.as_ref()?,
                problem.help("write `hsts = \"365d\"` or more, and `hsts_subdomains = true`"),
            );
        }
        let field = site.headers.0.iter().map(|(name, _)| name);
        if let Some(name) = field.into_iter().find(|name| {
            name.get_ref()
                .eq_ignore_ascii_case("strict-transport-security")
        }) {
            let problem = Problem::new("`hsts` sets this field already");
            self.wrong(
                name,
                problem.help("remove it here: it would be sent over plain HTTP as well"),
            );
        }
        let mut value = format!("max-age={seconds}");
        if subdomains {
            value.push_str("; includeSubDomains");
        }
        if preload {
            value.push_str("; preload");
        }
        HeaderValue::try_from(value).ok().map(Hsts)
    }

    /// The port that plain requests are sent to.
    pub(super) fn https_redirect(&mut self, site: &Site) -> Option<u16> {
        let port = (site.https_port.as_ref())
            .and_then(|port| self.number(port, "https_port", 1..=65_535))
            .and_then(|port| u16::try_from(port).ok());
        let switch = site.https_redirect.as_ref().filter(|on| *on.get_ref());
        let Some(switch) = switch else {
            if let Some(port) = &site.https_port {
                let problem = Problem::new("`https_port` has no effect without `https_redirect`");
                self.wrong(
                    port,
                    problem.help("add `https_redirect = true`, or remove it"),
                );
            }
            return None;
        };
        if site.hosts.is_empty() || site.hosts.iter().any(|host| host.get_ref() == "*") {
            let problem = Problem::new(
                "this site answers to every host, so a request could choose where it is sent",
            );
            self.wrong(
                switch,
                problem.help("give the site its hosts: `hosts = [\"example.com\"]`"),
            );
        }
        if self.tls_port.is_none() {
            let problem =
                Problem::new("there is nowhere to send requests to: no listener speaks TLS");
            self.wrong(
                switch,
                problem.help(
                    "add `tls = true` to a [[listen]]; if a proxy speaks it, name that in `trusted_proxies`",
                ),
            );
        }
        port.or(self.tls_port)
    }
}
