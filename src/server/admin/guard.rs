//! Who may ask, as far as the request shows it. Pure.
//!
//! 1. Over TCP it is asked for by address, as `localhost`, or by a configured name: a name of somebody else's may lead here (DNS
//!    rebinding), and a page under it would be of the same origin.
//! 2. A browser says which page a request comes from (Fetch Metadata; `Origin`, RFC 6454): only our own may ask.
//! 3. Over TCP the token is wanted, where there is one.

use data_encoding::BASE64;
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use sha2::{Digest as _, Sha256};

use crate::config::AdminConfig;
use crate::header::host::Host;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    Host,
    Origin,
    Token,
}

/// `is_local`: it came over a Unix socket.
pub(super) fn judge(
    (uri, fields): (&Uri, &HeaderMap),
    is_local: bool,
    config: &AdminConfig,
) -> Result<(), Denied> {
    let host = host(uri, fields)?;
    if !is_local && !host.as_ref().is_none_or(|host| is_ours(host, config)) {
        return Err(Denied::Host);
    }
    if !comes_from_us(fields, host.as_ref()) {
        return Err(Denied::Origin);
    }
    match &config.token {
        Some(token) if !is_local && !knows(fields, token.as_bytes()) => Err(Denied::Token),
        _ => Ok(()),
    }
}

/// None: HTTP/1.0, which no browser speaks.
fn host<'a>(uri: &'a Uri, fields: &'a HeaderMap) -> Result<Option<Host<'a>>, Denied> {
    let value = match uri.authority() {
        Some(authority) => Some(authority.as_str().as_bytes()),
        None => fields.get(HOST).map(HeaderValue::as_bytes),
    };
    let host = value.map(Host::parse).transpose();
    host.map_err(|_| Denied::Host)
}

fn is_ours(host: &Host<'_>, config: &AdminConfig) -> bool {
    let name = host.name();
    host.is_address() || name == "localhost" || config.hosts.iter().any(|known| known == name)
}

fn comes_from_us(fields: &HeaderMap, host: Option<&Host<'_>>) -> bool {
    let mut sites = fields.get_all(SEC_FETCH_SITE).iter();
    let mut origins = fields.get_all(ORIGIN).iter();
    sites.all(|site| site == "same-origin" || site == "none")
        && origins.all(|origin| host.is_some_and(|host| is_origin_of(origin.as_bytes(), host)))
}

/// A proxy in front may have the page sent over https, so either scheme is the same.
fn is_origin_of(origin: &[u8], host: &Host<'_>) -> bool {
    let authority = origin
        .strip_prefix(b"http://")
        .or_else(|| origin.strip_prefix(b"https://"));
    let origin = authority.map(Host::parse).and_then(Result::ok);
    origin.is_some_and(|origin| origin.name() == host.name() && origin.port() == host.port())
}

/// RFC 6750 §2.1, RFC 7617 §2: as a bearer token, or as the password of any user.
fn knows(fields: &HeaderMap, token: &[u8]) -> bool {
    let mut all = fields.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return false;
    };
    let Some((scheme, rest)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
        return false;
    };
    let rest = rest.trim_start_matches(' ').as_bytes();
    if scheme.eq_ignore_ascii_case("bearer") {
        return are_same(rest, token);
    }
    let Some(pair) = (scheme.eq_ignore_ascii_case("basic"))
        .then(|| BASE64.decode(rest).ok())
        .flatten()
    else {
        return false;
    };
    let colon = pair.iter().position(|byte| *byte == b':');
    colon.is_some_and(|colon| are_same(&pair[colon + 1..], token))
}

/// The time it takes says nothing of where they differ, nor of the token's length.
fn are_same(one: &[u8], other: &[u8]) -> bool {
    let (one, other) = (Sha256::digest(one), Sha256::digest(other));
    let differ = one.iter().zip(other.iter());
    differ.fold(0, |all, (one, other)| all | (one ^ other)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AdminToken;
    use http::Request;

    const TOKEN: &str = "correct horse:battery";

    fn config(has_token: bool) -> AdminConfig {
        AdminConfig {
            token: has_token.then(|| AdminToken::for_test(TOKEN)),
            hosts: vec!["status.example.com".to_owned()],
            ..AdminConfig::default()
        }
    }

    fn judged(request: &Request<()>, is_local: bool, config: &AdminConfig) -> Result<(), Denied> {
        judge((request.uri(), request.headers()), is_local, config)
    }

    fn request(fields: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().uri("/status");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request")
    }

    #[test]
    fn it_is_asked_for_by_names_of_its_own() {
        for (host, expected) in [
            ("127.0.0.1:9180", Ok(())),
            ("[::1]:9180", Ok(())),
            ("192.0.2.7", Ok(())),
            ("localhost:9180", Ok(())),
            ("LOCALHOST", Ok(())),
            ("status.example.com", Ok(())),
            ("STATUS.example.com.:9180", Ok(())),
            ("example.com", Err(Denied::Host)),
            ("localhost.example.com", Err(Denied::Host)),
            ("127.0.0.1.example.com", Err(Denied::Host)),
            ("a b", Err(Denied::Host)),
        ] {
            let request = request(&[("host", host)]);
            assert_eq!(judged(&request, false, &config(false)), expected, "{host}");
        }
        // Health checkers of load balancers name none in HTTP/1.0.
        assert_eq!(judged(&request(&[]), false, &config(false)), Ok(()));
        // A proxy's business, by whatever name it is asked.
        let by_proxy = request(&[("host", "example.com")]);
        assert_eq!(judged(&by_proxy, true, &config(true)), Ok(()));
    }

    #[test]
    fn only_our_own_page_asks() {
        for (name, value, is_ours) in [
            ("sec-fetch-site", "same-origin", true),
            ("sec-fetch-site", "none", true),
            ("sec-fetch-site", "same-site", false),
            ("sec-fetch-site", "cross-site", false),
            ("sec-fetch-site", "", false),
            ("origin", "http://localhost:9180", true),
            ("origin", "https://localhost:9180", true),
            ("origin", "http://localhost", false),
            ("origin", "http://localhost:9181", false),
            ("origin", "http://example.com", false),
            ("origin", "http://localhost:9180/", false),
            ("origin", "ftp://localhost:9180", false),
            ("origin", "null", false),
        ] {
            for is_local in [false, true] {
                let request = request(&[("host", "localhost:9180"), (name, value)]);
                let judged = judged(&request, is_local, &config(false));
                let expected = if is_ours { Ok(()) } else { Err(Denied::Origin) };
                assert_eq!(judged, expected, "{name}: {value}");
            }
        }
        let two = request(&[
            ("host", "localhost"),
            ("origin", "http://localhost"),
            ("origin", "http://example.com"),
        ]);
        assert_eq!(judged(&two, false, &config(false)), Err(Denied::Origin));
    }

    #[test]
    fn the_token_is_known_or_not() {
        let basic = |pair: &str| format!("Basic {}", BASE64.encode(pair.as_bytes()));
        for (value, knows) in [
            (format!("Bearer {TOKEN}"), true),
            (format!("bearer   {TOKEN}"), true),
            (basic(&format!("anybody:{TOKEN}")), true),
            (basic(&format!(":{TOKEN}")), true),
            (format!("Bearer {TOKEN}x"), false),
            (format!("Bearer {}", &TOKEN[1..]), false),
            ("Bearer".to_owned(), false),
            ("Bearer ".to_owned(), false),
            (TOKEN.to_owned(), false),
            (basic(TOKEN), false),
            (basic(&format!("a:{TOKEN}:")), false),
            (format!("Basic {TOKEN}"), false),
            (format!("Digest {TOKEN}"), false),
        ] {
            let request = request(&[("host", "localhost"), ("authorization", &value)]);
            let expected = if knows { Ok(()) } else { Err(Denied::Token) };
            assert_eq!(judged(&request, false, &config(true)), expected, "{value}");
            assert_eq!(judged(&request, true, &config(true)), Ok(()), "{value}");
        }
        assert_eq!(
            judged(&request(&[]), false, &config(true)),
            Err(Denied::Token)
        );
        let bearer = format!("Bearer {TOKEN}");
        let twice = request(&[("authorization", &bearer), ("authorization", &bearer)]);
        assert_eq!(judged(&twice, false, &config(true)), Err(Denied::Token));
    }
}
