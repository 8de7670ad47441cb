//! How a client comes back to the server that knows it: what its request says of that. Pure.
//!
//! - A cookie of the proxy's own names the server by a number that tells nobody where it is.
//! - The application's session cookie, or path parameter, ends with the server's `id`: `JSESSIONID=4711.node1`, `;jsessionid=4711.node1`.

use std::sync::OnceLock;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

use super::balance::digest;

/// The values of cookies with this name, of all lines (RFC 6265 §4.2).
pub(super) fn cookies<'h>(
    headers: &'h HeaderMap,
    name: &'h str,
) -> impl Iterator<Item = &'h str> + use<'h> {
    headers
        .get_all(COOKIE)
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b';'))
        .filter_map(move |pair| {
            let value = pair.trim_ascii().strip_prefix(name.as_bytes())?;
            let value = std::str::from_utf8(value.strip_prefix(b"=")?).ok()?;
            Some(value.trim_matches('"'))
        })
}

/// The numbers of servers that the proxy's own cookie names; a client may have several from several paths.
pub(super) fn tokens<'h>(
    headers: &'h HeaderMap,
    name: &'h str,
) -> impl Iterator<Item = u64> + use<'h> {
    cookies(headers, name).filter_map(|value| match value.len() {
        16 => u64::from_str_radix(value, 16).ok(),
        _ => None,
    })
}

/// The ids of servers that sessions of this name end with: cookies first, then the path's parameter, whose name may be of other case.
pub(super) fn routes<'r>(
    headers: &'r HeaderMap,
    path: &'r str,
    name: &'r str,
) -> impl Iterator<Item = &'r str> + use<'r> {
    let path = path.split('?').next().unwrap_or(path);
    let parameters = path
        .split('/')
        .flat_map(|segment| segment.split(';').skip(1))
        .filter_map(move |parameter| match parameter.split_once('=') {
            Some((other, value)) if other.eq_ignore_ascii_case(name) => Some(value),
            _ => None,
        });
    cookies(headers, name)
        .chain(parameters)
        .filter_map(|session| session.rsplit_once('.').map(|(_, id)| id))
}

/// The number that stands for a server in cookies.
///
/// One with an `id` has the same number at each proxy with this upstream. An address could be found by trying all of them: its number is
/// made with a secret of this machine.
pub(super) fn token(upstream: &str, id: Option<&str>, address: &str) -> u64 {
    let mut hash = Sha256::new();
    let (secret, name) = match id {
        Some(id) => (&[][..], id),
        None => (secret(), address),
    };
    for part in [secret, upstream.as_bytes(), name.as_bytes()] {
        hash.update(part);
        hash.update([0]);
    }
    digest(&hash.finalize())
}

/// `Set-Cookie` of the server with this number.
pub(super) fn cookie(name: &str, token: u64) -> Option<HeaderValue> {
    let line = format!("{name}={token:016x}; Path=/; HttpOnly; SameSite=Lax");
    HeaderValue::try_from(line).ok()
}

/// The same as long as this system is installed, and nobody else's; where there is no such thing, the same until the process ends.
fn secret() -> &'static [u8] {
    static SECRET: OnceLock<Vec<u8>> = OnceLock::new();
    SECRET.get_or_init(|| {
        let id = std::fs::read("/etc/machine-id").ok();
        id.filter(|id| id.len() >= 32).unwrap_or_else(|| {
            let chance = || getrandom::u64().unwrap_or_default().to_ne_bytes();
            [chance(), chance()].concat()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        let line = |line: &&'static str| (COOKIE, HeaderValue::from_static(line));
        lines.iter().map(line).collect()
    }

    #[test]
    fn cookies_are_found_on_all_lines() {
        let headers = headers(&["a=1; b=2;c=x=y", "d=\"4\"; ab=5", "a=6"]);
        for (name, expected) in [
            ("a", &["1", "6"][..]),
            ("b", &["2"]),
            ("c", &["x=y"]),
            ("d", &["4"]),
            ("A", &[]),
            ("e", &[]),
        ] {
            assert_eq!(cookies(&headers, name).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn only_whole_numbers_name_servers() {
        let headers = headers(&[
            "s=00000000000000ff; s=ff; s=; s=+0000000000000ff; s=10.0.0.1:80; s=ZZ000000000000ff",
        ]);
        let found: Vec<_> = tokens(&headers, "s").collect();
        assert_eq!(found[0], 255);
        assert!(found[1..].iter().all(|&token| token == 255), "{found:x?}");
    }

    #[test]
    fn sessions_end_with_the_id_of_their_server() {
        for (lines, path, expected) in [
            (&["JSESSIONID=ab.node1"][..], "/", &["node1"][..]),
            (&["JSESSIONID=ab.cd.node1"], "/", &["node1"]),
            (&["JSESSIONID=ab"], "/", &[]),
            (&["OTHER=ab.node1"], "/", &[]),
            (&[], "/shop;jsessionid=ab.node2", &["node2"]),
            (
                &[],
                "/shop;v=1;jsessionid=ab.node2/cart?x=;jsessionid=ab.node3",
                &["node2"],
            ),
            (&[], "/jsessionid=ab.node2", &[]),
            (
                &["JSESSIONID=ab.node1"],
                "/;JSESSIONID=ab.node2",
                &["node1", "node2"],
            ),
        ] {
            let headers = headers(lines);
            let found: Vec<_> = routes(&headers, path, "JSESSIONID").collect();
            assert_eq!(found, expected, "{lines:?} {path}");
        }
    }

    #[test]
    fn a_number_does_not_depend_on_where_a_named_server_is() {
        let named = |address| token("shop", Some("node1"), address);
        assert_eq!(named("10.0.0.1:80"), named("10.0.0.2:80"));
        let unnamed = |address| token("shop", None, address);
        assert_eq!(unnamed("10.0.0.1:80"), unnamed("10.0.0.1:80"));
        assert_ne!(unnamed("10.0.0.1:80"), unnamed("10.0.0.2:80"));
        assert_ne!(unnamed("10.0.0.1:80"), token("blog", None, "10.0.0.1:80"));
        assert_ne!(
            named("10.0.0.1:80"),
            token("shop", Some("node2"), "10.0.0.1:80")
        );
    }

    #[test]
    fn the_cookie_is_read_back() {
        let token = token("shop", None, "10.0.0.1:80");
        let line = cookie("daemun_server", token).unwrap();
        let line = line.to_str().unwrap();
        let (pair, attributes) = line.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax");
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(pair).unwrap());
        assert_eq!(tokens(&headers, "daemun_server").next(), Some(token));
    }
}
