//! TLS towards servers.

use super::{Judge, span};
use crate::{
    config::{
        CertificateSource,
        error::{Problem, quoted},
        file::{self, Text},
        upstream::{ServerConfig, UpstreamTls},
    },
    header::host::Host,
    server::tls,
};

impl Judge<'_> {
    pub(super) fn upstream_tls(
        &mut self,
        written: &file::Upstream,
        servers: &[ServerConfig],
    ) -> UpstreamTls {
        let is_spoken = servers.iter().any(|server| server.protocol.is_tls);
        // Servers that could not be read may have been meant to speak it.
        let is_known = servers.len() == written.servers.len() + written.server.len();
        if !is_spoken && is_known {
            let keys = [
                ("tls_ca", span(written.tls_ca.as_ref())),
                ("tls_verify", span(written.tls_verify.as_ref())),
                ("tls_server_name", span(written.tls_server_name.as_ref())),
                ("tls_cert", span(written.tls_cert.as_ref())),
                ("tls_key", span(written.tls_key.as_ref())),
            ];
            self.orphans_of_another(
                keys,
                "does nothing: no server of this upstream speaks TLS",
                "write servers with `https://` or `h2://`, or remove it",
            );
            return UpstreamTls::default();
        }
        let verify = written.tls_verify.as_ref().is_none_or(|on| *on.get_ref());
        if !verify {
            self.orphans_of_another(
                [("tls_ca", span(written.tls_ca.as_ref()))],
                "does nothing: with `tls_verify = false`, no certificate is verified",
                "remove one of the two",
            );
        }
        UpstreamTls {
            ca: (written.tls_ca.as_ref()).map(|path| self.authorities(path)),
            verify,
            server_name: (written.tls_server_name.as_ref()).and_then(|name| self.tls_name(name)),
            client: self.client_certificate(written),
        }
    }

    fn authorities(&mut self, written: &Text) -> std::path::PathBuf {
        let path = self.absolute(written.get_ref());
        if let Err((what, help)) = tls::authorities(&path, "servers") {
            self.wrong(written, Problem::new(what).help(help));
        }
        path
    }

    fn tls_name(&mut self, written: &Text) -> Option<Box<str>> {
        let text = written.get_ref();
        let judged = match Host::parse(text.as_bytes()) {
            Ok(host) if host.port().is_some() => Err("it has a port".to_owned()),
            Ok(host) => Ok(host.name().trim_matches(['[', ']']).into()),
            Err(error) => Err(error.to_string()),
        };
        let judged = judged.map_err(|why| {
            Problem::new(format!(
                "{} is not the name of a server: {why}",
                quoted(text)
            ))
            .help("write the name that its certificate is for, such as `app.internal`")
        });
        self.located(written, judged)
    }

    fn client_certificate(
        &mut self,
        written: &file::Upstream,
    ) -> Option<(std::path::PathBuf, std::path::PathBuf)> {
        let (cert_text, key_text) = match (&written.tls_cert, &written.tls_key) {
            (Some(cert), Some(key)) => (cert, key),
            (Some(alone), None) => return self.half_a_pair(alone, "tls_cert", "tls_key"),
            (None, Some(alone)) => return self.half_a_pair(alone, "tls_key", "tls_cert"),
            (None, None) => return None,
        };
        let cert = self.absolute(cert_text.get_ref());
        let key = self.absolute(key_text.get_ref());
        let source = CertificateSource::Files {
            cert: cert.clone(),
            key: key.clone(),
        };
        if let Err(error) = tls::certified_key(&source) {
            let place = if error.is_of_key { key_text } else { cert_text };
            self.wrong(place, Problem::new(error.what).help(error.help));
        }
        Some((cert, key))
    }

    fn half_a_pair<T>(&mut self, alone: &Text, has: &str, lacks: &str) -> Option<T> {
        let problem = Problem::new(format!("`{has}` does nothing without `{lacks}`"));
        self.wrong(
            alone,
            problem.help(format!("add `{lacks} = \"…\"`, or remove it")),
        );
        None
    }
}
