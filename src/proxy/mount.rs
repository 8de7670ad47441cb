//! An application that does not know where it is mounted, or by which name it is reached: what it says of its own addresses is mapped to
//! those that clients know. Pure.
//!
//! 1. An absolute URL is its own if it names the host that it was told, or its server's address; any other is left alone.
//! 2. A path beneath the application's own prefix gets the prefix of its clients instead, unless it has it already.
//! 3. Where the name was one that clients do not know, it goes, and the path is left.

use std::borrow::Cow;

use super::target;
use crate::routing::PathPattern;

/// Where the application is, to its clients and to itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mount<'m> {
    /// What the path of a request begins with, with a slash at its end, as it is sent: `/app/`.
    pub(crate) outer: &'m str,
    /// What takes its place: `/`.
    pub(crate) inner: &'m str,
    /// The host that the client asked for.
    pub(crate) asked_host: &'m [u8],
    /// `Host` as the server was told.
    pub(crate) told_host: &'m [u8],
    /// The server's address as configured: `127.0.0.1:3000`.
    pub(crate) server: &'m [u8],
}

/// The prefix of a route, as it is sent: with escapes.
pub(crate) fn outer(prefix: &str) -> String {
    target::escaped(prefix.as_bytes())
}

/// The path that the server is asked for: `inner` in the place of the prefix.
pub(crate) fn onward(prefix: &PathPattern, inner: &str, path: &str) -> String {
    let rest = prefix.rest(path);
    // Of the prefix without its slash nothing is left but what a servlet container would put there: `/app;jsessionid=1`.
    let parameters = match path.find(';') {
        Some(place) if rest.is_empty() && !path.ends_with('/') => &path[place..],
        _ => "",
    };
    // The slash that the client left out may be what it is to be told of.
    let has_slash = path[..path.len() - parameters.len()].ends_with('/');
    let inner = match inner.strip_suffix('/') {
        Some(bare) if rest.is_empty() && !has_slash && !bare.is_empty() => bare,
        _ => inner,
    };
    [inner, rest, parameters].concat()
}

impl Mount<'_> {
    /// `Location` and `Content-Location` (RFC 9110 §10.2.2). `None`: as it is.
    pub(crate) fn location(&self, value: &[u8]) -> Option<Vec<u8>> {
        let text = str::from_utf8(value).ok()?;
        self.reference(text).map(String::into_bytes)
    }

    /// `Refresh`: seconds, and perhaps the URL.
    pub(crate) fn refresh(&self, value: &[u8]) -> Option<Vec<u8>> {
        let text = str::from_utf8(value).ok()?;
        let separator = text.find([';', ','])?;
        let after = text[separator + 1..].trim_start();
        let named = after
            .get(..3)?
            .eq_ignore_ascii_case("url")
            .then(|| &after[3..])?;
        let url = named.trim_start().strip_prefix('=')?.trim_start();
        let quote = url
            .chars()
            .next()
            .filter(|first| matches!(first, '"' | '\''));
        let url = quote.map_or(url, |_| &url[1..]);
        let end = quote.and_then(|quote| url.find(quote)).unwrap_or(url.len());
        let before = &text[..text.len() - url.len()];
        let mapped = self.reference(&url[..end])?;
        Some([before, &mapped, &url[end..]].concat().into_bytes())
    }

    /// The path and domain of a `Set-Cookie` (RFC 6265 §4.1.2). All else stays as it is, byte by byte.
    pub(crate) fn set_cookie(&self, value: &[u8]) -> Option<Vec<u8>> {
        let mut parts = value.split(|&byte| byte == b';');
        let cookie = parts.next()?;
        // Browsers take it with `Path=/` only, and never with a domain.
        let is_host_bound = cookie
            .trim_ascii_start()
            .get(..7)
            .is_some_and(|name| name.eq_ignore_ascii_case(b"__Host-"));
        if is_host_bound {
            return None;
        }
        let mut mapped = cookie.to_vec();
        let mut is_changed = false;
        for attribute in parts {
            match self.attribute(attribute) {
                None => {
                    mapped.push(b';');
                    mapped.extend_from_slice(attribute);
                }
                Some(replaced) => {
                    is_changed = true;
                    mapped.extend_from_slice(&replaced);
                }
            }
        }
        is_changed.then_some(mapped)
    }

    /// What stands in place of an attribute, with its semicolon. `None`: it stays.
    fn attribute(&self, attribute: &[u8]) -> Option<Vec<u8>> {
        let equals = memchr::memchr(b'=', attribute)?;
        let name = attribute[..equals].trim_ascii();
        let value = str::from_utf8(attribute[equals + 1..].trim_ascii()).ok()?;
        if name.eq_ignore_ascii_case(b"path") {
            let path = self.cookie_path(value)?;
            return Some([b"; Path=", path.as_bytes()].concat());
        }
        let is_domain = name.eq_ignore_ascii_case(b"domain");
        // Without one it is the cookie of the host that was asked, and no other's.
        (is_domain && self.is_foreign_domain(value)).then(Vec::new)
    }

    /// A cookie's path matches what is beneath it; without a slash at its end it matches itself as well (RFC 6265 §5.1.4).
    fn cookie_path(&self, path: &str) -> Option<String> {
        if path == self.inner || Some(path) == self.inner.strip_suffix('/') && !path.is_empty() {
            let outer = self.outer.trim_end_matches('/');
            return (!self.is_same())
                .then(|| if outer.is_empty() { "/" } else { outer }.to_owned());
        }
        self.path(path)
    }

    /// Whether it is a domain of the server's own, which the client's host is no part of: no client would take the cookie.
    fn is_foreign_domain(&self, domain: &str) -> bool {
        let domain = domain.trim_start_matches('.');
        let covers = |host: &[u8]| {
            let host = name_of(host);
            let cut = host.len().checked_sub(domain.len());
            !domain.is_empty()
                && cut.is_some_and(|cut| {
                    host.is_char_boundary(cut)
                        && host[cut..].eq_ignore_ascii_case(domain)
                        && (cut == 0 || host[..cut].ends_with('.'))
                })
        };
        !covers(self.asked_host) && (covers(self.told_host) || covers(self.server))
    }

    /// A URI reference (RFC 3986 §4.1).
    fn reference(&self, text: &str) -> Option<String> {
        let (scheme, rest) = match text.split_once("//") {
            Some((scheme @ ("" | "http:" | "https:"), rest)) => (Cow::Borrowed(scheme), rest),
            Some((scheme, rest)) if is_web(scheme) => {
                (Cow::Owned(scheme.to_ascii_lowercase()), rest)
            }
            _ if text.starts_with('/') => return self.path(text),
            // Relative to the address that the client asked for, and so right as it is; or none of our business.
            _ => return None,
        };
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let is = |host| is_same_authority(&scheme, authority.as_bytes(), host);
        // None is the root (RFC 3986 §6.2.3).
        let rooted = if path.starts_with('/') {
            Cow::Borrowed(path)
        } else {
            Cow::Owned(["/", path].concat())
        };
        if is(self.asked_host) {
            let before = &text[..text.len() - path.len()];
            return self.path(&rooted).map(|path| [before, &path].concat());
        }
        // 3. A path that begins with two slashes would name a host again.
        let is_own = is(self.told_host) || is(self.server);
        (is_own && !rooted.starts_with("//") && !rooted.starts_with("/\\"))
            .then(|| self.path(&rooted).unwrap_or_else(|| rooted.into_owned()))
    }

    /// A path, and what follows it.
    fn path(&self, path: &str) -> Option<String> {
        if self.is_same() || is_beneath(path, self.outer) {
            return None;
        }
        if let Some(rest) = path.strip_prefix(self.inner) {
            // Two slashes at the front would name a host.
            let names_host = self.outer == "/" && rest.starts_with(['/', '\\']);
            return (!names_host).then(|| [self.outer, rest].concat());
        }
        // The prefix without its slash, which is another address, and redirects to it as likely as not.
        let inner = self.inner.trim_end_matches('/');
        let rest = path.strip_prefix(inner).filter(|_| !inner.is_empty())?;
        let ends = rest.is_empty() || rest.starts_with(['?', '#']);
        ends.then(|| {
            let outer = self.outer.trim_end_matches('/');
            let outer = if outer.is_empty() { "/" } else { outer };
            [outer, rest].concat()
        })
    }

    fn is_same(&self) -> bool {
        self.outer == self.inner
    }
}

/// Whether a path is the prefix, or beneath it.
fn is_beneath(path: &str, prefix: &str) -> bool {
    // Everything is beneath the root, and that says nothing.
    prefix != "/"
        && (path.starts_with(prefix)
            || path
                .strip_prefix(prefix.trim_end_matches('/'))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['?', '#', ';'])))
}

fn is_web(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http:") || scheme.eq_ignore_ascii_case("https:")
}

/// RFC 9110 §4.2.3: case does not count, and the scheme's own port may be named or not.
fn is_same_authority(scheme: &str, a: &[u8], b: &[u8]) -> bool {
    let ports: &[&[u8]] = match scheme {
        "http:" => &[b":80", b":"],
        "https:" => &[b":443", b":"],
        _ => &[b":80", b":443", b":"],
    };
    let bare = |authority| {
        ports
            .iter()
            .find_map(|port| <[u8]>::strip_suffix(authority, *port))
            .unwrap_or(authority)
    };
    !a.is_empty() && bare(a).eq_ignore_ascii_case(bare(b))
}

/// A host without its port.
fn name_of(authority: &[u8]) -> &str {
    let text = str::from_utf8(authority).unwrap_or_default();
    match text.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: Mount<'_> = Mount {
        outer: "/app/",
        inner: "/",
        asked_host: b"shop.test",
        told_host: b"shop.test",
        server: b"127.0.0.1:3000",
    };

    const V2: Mount<'_> = Mount {
        outer: "/api/",
        inner: "/v2/",
        asked_host: b"shop.test:8443",
        told_host: b"app.internal.test",
        server: b"app.internal.test:80",
    };

    /// Not mounted anywhere else, but under another name.
    const RENAMED: Mount<'_> = Mount {
        outer: "/api/",
        inner: "/api/",
        ..V2
    };

    fn check(
        cases: &[(Mount<'static>, &str, &str)],
        map: impl Fn(&Mount<'static>, &[u8]) -> Option<Vec<u8>>,
    ) {
        for (mount, value, expected) in cases {
            let mapped = map(mount, value.as_bytes()).map_or((*value).to_owned(), |mapped| {
                String::from_utf8(mapped).unwrap()
            });
            assert_eq!(mapped, *expected, "{value} in {mount:?}");
            // Never double.
            let again = map(mount, mapped.as_bytes());
            assert_eq!(again, None, "{mapped} of {value} in {mount:?}");
        }
    }

    #[test]
    fn a_location_is_mapped_to_what_clients_know() {
        check(
            &[
                (APP, "/", "/app/"),
                (APP, "/login", "/app/login"),
                (APP, "/login?next=/x#y", "/app/login?next=/x#y"),
                (APP, "/?a", "/app/?a"),
                (APP, "/application", "/app/application"),
                // It knows its prefix, of X-Forwarded-Prefix.
                (APP, "/app/login", "/app/login"),
                (APP, "/app", "/app"),
                (APP, "/app?x", "/app?x"),
                (APP, "/app;jsessionid=1", "/app;jsessionid=1"),
                // Relative ones are right as they are.
                (APP, "login", "login"),
                (APP, "../login", "../login"),
                (APP, "?page=2", "?page=2"),
                (APP, "#top", "#top"),
                (APP, "", ""),
                // By the name that it was told.
                (APP, "http://shop.test/login", "http://shop.test/app/login"),
                (APP, "https://shop.test/", "https://shop.test/app/"),
                (
                    APP,
                    "https://SHOP.test:443/x",
                    "https://SHOP.test:443/app/x",
                ),
                (APP, "//shop.test/x", "//shop.test/app/x"),
                (APP, "http://shop.test/app/x", "http://shop.test/app/x"),
                (APP, "http://shop.test", "http://shop.test/app/"),
                (APP, "http://shop.test?x", "http://shop.test/app/?x"),
                // By its own name, which clients do not know.
                (APP, "http://127.0.0.1:3000/x?y", "/app/x?y"),
                (APP, "HTTP://127.0.0.1:3000/x", "/app/x"),
                (APP, "http://127.0.0.1:3000", "/app/"),
                (APP, "http://127.0.0.1:3000?x", "/app/?x"),
                (APP, "http://127.0.0.1:3000/app/x", "/app/x"),
                (APP, "//127.0.0.1:3000/x", "/app/x"),
                // Others.
                (APP, "http://127.0.0.1:3001/x", "http://127.0.0.1:3001/x"),
                (APP, "http://127.0.0.1/x", "http://127.0.0.1/x"),
                (APP, "https://other.test/x", "https://other.test/x"),
                (APP, "//other.test/x", "//other.test/x"),
                (
                    APP,
                    "https://shop.test.other.test/",
                    "https://shop.test.other.test/",
                ),
                (APP, "https://user@shop.test/", "https://user@shop.test/"),
                (APP, "https://shop.test:444/", "https://shop.test:444/"),
                (APP, "mailto:a@shop.test", "mailto:a@shop.test"),
                (APP, "myapp://shop.test/x", "myapp://shop.test/x"),
                (APP, "urn:x//shop.test/", "urn:x//shop.test/"),
                // Another prefix.
                (V2, "/v2/x", "/api/x"),
                (V2, "/v2", "/api"),
                (V2, "/v2?x", "/api?x"),
                (V2, "/v2/", "/api/"),
                (V2, "/v2x", "/v2x"),
                (V2, "/other", "/other"),
                (V2, "/api/x", "/api/x"),
                (V2, "http://app.internal.test/v2/x", "/api/x"),
                (V2, "https://app.internal.test/v2/x", "/api/x"),
                (V2, "http://app.internal.test:80/v2/x", "/api/x"),
                (V2, "http://app.internal.test/other", "/other"),
                (
                    V2,
                    "https://shop.test:8443/v2/x",
                    "https://shop.test:8443/api/x",
                ),
                (V2, "https://shop.test/v2/x", "https://shop.test/v2/x"),
                // Only the name is another.
                (RENAMED, "/api/x", "/api/x"),
                (RENAMED, "/x", "/x"),
                (RENAMED, "http://app.internal.test/x", "/x"),
                (
                    RENAMED,
                    "http://app.internal.test//evil.test/",
                    "http://app.internal.test//evil.test/",
                ),
            ],
            Mount::location,
        );
        assert_eq!(APP.location(b"/caf\xe9"), None);
    }

    #[test]
    fn a_prefix_may_be_mapped_to_the_root() {
        let root = Mount {
            outer: "/",
            inner: "/shop/",
            ..APP
        };
        for (value, expected) in [
            ("/shop/x", Some("/x")),
            ("/shop/", Some("/")),
            ("/shop", Some("/")),
            ("/shop?x", Some("/?x")),
            ("/shopping", None),
            ("/shop//other.test/", None),
            ("/shop/\\other.test/", None),
            (
                "http://127.0.0.1:3000/shop//other.test/",
                Some("/shop//other.test/"),
            ),
            ("/x", None),
        ] {
            let mapped = root.location(value.as_bytes());
            assert_eq!(mapped.as_deref(), expected.map(str::as_bytes), "{value}");
        }
        assert_eq!(root.set_cookie(b"a=1; Path=/shop").unwrap(), b"a=1; Path=/");
        assert_eq!(
            root.set_cookie(b"a=1; Path=/shop/x").unwrap(),
            b"a=1; Path=/x"
        );
        assert_eq!(root.set_cookie(b"a=1; Path=/"), None);
    }

    #[test]
    fn a_refresh_is_mapped_where_it_names_a_url() {
        check(
            &[
                (APP, "5", "5"),
                (APP, "5; url=/x", "5; url=/app/x"),
                (APP, "0;URL='/x'", "0;URL='/app/x'"),
                (APP, "0; url = \"/x\"; y", "0; url = \"/app/x\"; y"),
                (APP, "0, url=/x;y", "0, url=/app/x;y"),
                (APP, "0; url='/x", "0; url='/app/x"),
                (APP, "0; url=http://127.0.0.1:3000/x", "0; url=/app/x"),
                (
                    APP,
                    "0; url=https://other.test/",
                    "0; url=https://other.test/",
                ),
                (APP, "0; url=x", "0; url=x"),
                (APP, "0; /x", "0; /x"),
                (APP, "0; ur", "0; ur"),
                (APP, "0; url", "0; url"),
                (APP, "0; url=", "0; url="),
                (APP, "0; url=\"", "0; url=\""),
            ],
            Mount::refresh,
        );
    }

    #[test]
    fn a_cookie_s_path_and_domain_are_mapped() {
        check(
            &[
                (APP, "a=1", "a=1"),
                (APP, "a=1; Path=/", "a=1; Path=/app"),
                (APP, "a=1;path=/;HttpOnly", "a=1; Path=/app;HttpOnly"),
                (
                    APP,
                    "a=b=c; Path = /x; Secure; SameSite=Lax",
                    "a=b=c; Path=/app/x; Secure; SameSite=Lax",
                ),
                (APP, "a=1; Path=/app", "a=1; Path=/app"),
                (APP, "a=1; Path=/app/", "a=1; Path=/app/"),
                (APP, "a=1; Path=/app/x", "a=1; Path=/app/x"),
                (APP, "a=1; Path=", "a=1; Path="),
                (APP, "a=Path=/; HttpOnly", "a=Path=/; HttpOnly"),
                (
                    APP,
                    "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
                    "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
                ),
                // Browsers would not take it with any other path.
                (
                    APP,
                    "__Host-a=1; Secure; Path=/",
                    "__Host-a=1; Secure; Path=/",
                ),
                (
                    APP,
                    "__Secure-a=1; Secure; Path=/",
                    "__Secure-a=1; Secure; Path=/app",
                ),
                (APP, "a=1; Domain=shop.test", "a=1; Domain=shop.test"),
                (APP, "a=1; Domain=.test", "a=1; Domain=.test"),
                (
                    APP,
                    "a=1; Domain=other.example",
                    "a=1; Domain=other.example",
                ),
                (APP, "a=1; Domain=127.0.0.1; Secure", "a=1; Secure"),
                (V2, "a=1; Path=/v2", "a=1; Path=/api"),
                (V2, "a=1; Path=/v2/", "a=1; Path=/api"),
                (V2, "a=1; Path=/v2/x", "a=1; Path=/api/x"),
                // For more than what is mounted, and this is part of it.
                (V2, "a=1; Path=/", "a=1; Path=/"),
                (V2, "a=1; Domain=app.internal.test", "a=1"),
                (
                    V2,
                    "a=1; domain=.Internal.test;Path=/v2/y",
                    "a=1; Path=/api/y",
                ),
                (V2, "a=1; Domain=test", "a=1; Domain=test"),
                (
                    V2,
                    "a=1; Domain=xapp.internal.test",
                    "a=1; Domain=xapp.internal.test",
                ),
                (V2, "a=1; Domain=", "a=1; Domain="),
                (RENAMED, "a=1; Path=/", "a=1; Path=/"),
                (RENAMED, "a=1; Path=/api", "a=1; Path=/api"),
                (
                    RENAMED,
                    "a=1; Path=/; Domain=app.internal.test",
                    "a=1; Path=/",
                ),
            ],
            Mount::set_cookie,
        );
    }

    #[test]
    fn the_server_is_asked_for_its_own_path() {
        for (prefix, inner, path, expected) in [
            ("/app/", "/", "/app/x/y", "/x/y"),
            ("/app/", "/", "/app/", "/"),
            ("/app/", "/", "/app", "/"),
            ("/app/", "/", "/app/a%20b;c/", "/a%20b;c/"),
            ("/app/", "/", "/app;jsessionid=1", "/;jsessionid=1"),
            ("/app/", "/", "/app;a=1/x", "/x"),
            ("/a/b/", "/v2/", "/a/b/x", "/v2/x"),
            ("/a/b/", "/v2/", "/a/b", "/v2"),
            ("/a/b/", "/v2/", "/a/b;x=1", "/v2;x=1"),
            ("/", "/v2/", "/x/y", "/v2/x/y"),
            ("/", "/v2/", "/", "/v2/"),
        ] {
            let prefix: PathPattern = prefix.parse().unwrap();
            assert_eq!(onward(&prefix, inner, path), expected, "{path}");
        }
        assert_eq!(outer("/caf\u{e9} x/"), "/caf%C3%A9%20x/");
    }
}
