//! What a site asks of the way to it: plain requests are sent to TLS, and browsers are told to come that way from the start.

use http::header::{HOST, HeaderValue, STRICT_TRANSPORT_SECURITY};
use http::request::Parts;
use http::{Response, StatusCode};

use crate::config::{Hsts, SiteConfig};
use crate::header::host::Host;
use crate::static_files::{self, body::Body};

/// RFC 8555 §8.3: authorities look here, over plain HTTP, before there is a certificate.
const ACME_CHALLENGE: &str = "/.well-known/acme-challenge/";

/// One of the two at least.
#[derive(Debug)]
pub(super) struct Encryption {
    hsts: Option<Hsts>,
    /// The port that plain requests are sent to.
    redirect: Option<u16>,
}

impl Encryption {
    pub(super) fn new(config: &SiteConfig) -> Option<Self> {
        let this = Self {
            hsts: config.hsts.clone(),
            redirect: config.https_redirect,
        };
        (this.hsts.is_some() || this.redirect.is_some()).then_some(this)
    }

    /// For an answer over TLS (RFC 6797 §7.1).
    pub(super) fn tell(&self, response: &mut Response<Body>) {
        if let Some(Hsts(value)) = &self.hsts {
            let fields = response.headers_mut();
            fields.insert(STRICT_TRANSPORT_SECURITY, value.clone());
        }
    }

    /// The answer to a plain request that is to come again over TLS. None: it is answered as it is.
    ///
    /// The host is one of the site's own, which has chosen the site: no request can have another sent somewhere else.
    pub(super) fn redirect(&self, parts: &Parts) -> Option<Response<Body>> {
        let port = self.redirect?;
        if parts.uri.path().starts_with(ACME_CHALLENGE) {
            return None;
        }
        let location = HeaderValue::try_from(location(host(parts)?.name(), port, parts)).ok()?;
        Some(static_files::redirect(
            location,
            StatusCode::PERMANENT_REDIRECT,
        ))
    }
}

/// Path and query as they were sent, still percent-encoded: nothing in them can begin a new field line.
fn location(host: &str, port: u16, parts: &Parts) -> String {
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    match port {
        443 => format!("https://{host}{target}"),
        _ => format!("https://{host}:{port}{target}"),
    }
}

fn host(parts: &Parts) -> Option<Host<'_>> {
    let value = match parts.uri.authority() {
        Some(authority) => authority.as_str().as_bytes(),
        None => parts.headers.get(HOST)?.as_bytes(),
    };
    Host::parse(value).ok()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn redirected(target: &str, host: &str, port: u16) -> Option<String> {
        let (parts, ()) = Request::get(target)
            .header(HOST, host)
            .body(())
            .expect("a request")
            .into_parts();
        let encryption = Encryption {
            hsts: None,
            redirect: Some(port),
        };
        let response = encryption.redirect(&parts)?;
        assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
        let location = response.headers().get(http::header::LOCATION)?;
        location.to_str().ok().map(str::to_owned)
    }

    #[test]
    fn host_path_and_query_stay_and_the_port_is_that_of_tls() {
        for (target, host, port, expected) in [
            ("/", "example.com", 443, "https://example.com/"),
            (
                "/a%20b?c=d&e",
                "example.com",
                443,
                "https://example.com/a%20b?c=d&e",
            ),
            ("/", "EXAMPLE.com:8080", 443, "https://example.com/"),
            ("/x", "example.com:80", 8443, "https://example.com:8443/x"),
            (
                "//evil.example/",
                "example.com",
                443,
                "https://example.com//evil.example/",
            ),
            (
                "http://example.com/y?z",
                "example.com",
                443,
                "https://example.com/y?z",
            ),
            (
                "http://example.com",
                "example.com",
                443,
                "https://example.com/",
            ),
            (
                "/.well-known/acme-challenge",
                "example.com",
                443,
                "https://example.com/.well-known/acme-challenge",
            ),
        ] {
            assert_eq!(
                redirected(target, host, port).as_deref(),
                Some(expected),
                "{target} {host}"
            );
        }
    }

    #[test]
    fn what_certificates_are_issued_by_stays_plain() {
        assert_eq!(
            redirected("/.well-known/acme-challenge/token", "example.com", 443),
            None
        );
    }
}
