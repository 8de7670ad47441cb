//! The fields of an answer on their way to the client. Pure.
//!
//! 1. What concerned the connection to the server stays behind (RFC 9110 §7.6.1), and so do fields that `Connection` lists, fields that are
//!    configured to be hidden, and what was said to the proxy alone.
//! 2. Addresses are mapped to those that clients know.
//! 3. Everything else goes on as it is.
//! 4. What later steps have to know is told: how long the body is, what it is.

use http::header::{CONNECTION, HeaderName};

use super::accel;
use super::fields::{Fields, Sink};
use super::mount::Mount;

/// What is done with the fields of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AnswerRules<'r> {
    pub(crate) hide: &'r [HeaderName],
    /// None: addresses are those that clients know.
    pub(crate) mount: Option<Mount<'r>>,
    /// No fields can follow the body: none are announced.
    pub(crate) has_no_trailers: bool,
}

/// What an answer says of itself. Fields that may appear once count once: the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept<'f> {
    /// `Content-Length`, which is not put: whoever sends the answer knows whether it has one.
    pub(crate) length: Option<u64>,
    pub(crate) has_date: bool,
    /// `Upgrade`, which is not put: whoever makes the tunnel says so.
    pub(crate) upgrade: Option<&'f [u8]>,
    /// The file that is to be sent instead, see [`accel`].
    pub(crate) file: Option<accel::Wanted<'f>>,
}

/// Puts what goes on to the client.
pub(crate) fn keep<'f>(
    fields: &'f Fields,
    rules: &AnswerRules<'_>,
    sink: &mut dyn Sink,
) -> Kept<'f> {
    let listed = Listed::of(fields);
    let mut kept = Kept::default();
    fields.each(|name, value| {
        let kind = kind(name);
        kept.learn(kind, value);
        let stays = !kind.goes_on()
            || (kind == Kind::Trailer && rules.has_no_trailers)
            || listed.has(name)
            || rules.hide.iter().any(|hidden| is(name, hidden.as_str()));
        if !stays {
            match rules.mount.and_then(|mount| mapped(&mount, kind, value)) {
                Some(mapped) => sink.put(name, &mapped),
                None => sink.put(name, value),
            }
        }
    });
    kept
}

/// The names that all lines of `Connection` list.
struct Listed<'f>(Vec<&'f [u8]>);

impl<'f> Listed<'f> {
    fn of(fields: &'f Fields) -> Self {
        let lines = fields.all(&CONNECTION);
        let options = lines
            .iter()
            .flat_map(|line| line.split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii)
            // These name fields that never go on.
            .filter(|option| {
                !option.is_empty() && !is(option, "close") && !is(option, "keep-alive")
            });
        Self(options.collect())
    }

    fn has(&self, name: &[u8]) -> bool {
        self.0
            .iter()
            .any(|option| option.eq_ignore_ascii_case(name))
    }
}

/// What a field is about, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The connection, or the proxy, and nobody else.
    Hop,
    Length,
    Upgrade,
    AccelRedirect,
    SendFile,
    Date,
    Location,
    Refresh,
    SetCookie,
    Trailer,
    Other,
}

impl Kind {
    fn goes_on(self) -> bool {
        !matches!(
            self,
            Self::Hop | Self::Length | Self::Upgrade | Self::AccelRedirect | Self::SendFile
        )
    }
}

/// Of a name in whatever case.
fn kind(name: &[u8]) -> Kind {
    // By length first: nearly every name is done with after a few comparisons.
    match name.len() {
        2 if is(name, "te") => Kind::Hop,
        4 if is(name, "date") => Kind::Date,
        7 if is(name, "upgrade") => Kind::Upgrade,
        7 if is(name, "trailer") => Kind::Trailer,
        7 if is(name, "refresh") => Kind::Refresh,
        8 if is(name, "location") => Kind::Location,
        10 if is(name, "set-cookie") => Kind::SetCookie,
        10 if is(name, "connection") || is(name, "keep-alive") => Kind::Hop,
        10 if is(name, "x-sendfile") => Kind::SendFile,
        14 if is(name, "content-length") => Kind::Length,
        14 if is(name, "http2-settings") => Kind::Hop,
        16 if is(name, "content-location") => Kind::Location,
        16 if is(name, "x-accel-redirect") => Kind::AccelRedirect,
        16 if is(name, "proxy-connection") => Kind::Hop,
        17 if is(name, "transfer-encoding") => Kind::Hop,
        18 if is(name, "proxy-authenticate") => Kind::Hop,
        25 if is(name, "proxy-authentication-info") => Kind::Hop,
        _ if name.get(..8).is_some_and(|start| is(start, "x-accel-")) => Kind::Hop,
        _ => Kind::Other,
    }
}

fn is(name: &[u8], expected: &str) -> bool {
    name.eq_ignore_ascii_case(expected.as_bytes())
}

impl<'f> Kept<'f> {
    fn learn(&mut self, kind: Kind, value: &'f [u8]) {
        match kind {
            // The codec has judged it, and taken care that there is one.
            Kind::Length => {
                let text = str::from_utf8(value).ok();
                self.length = self.length.or(text.and_then(|text| text.parse().ok()));
            }
            Kind::Upgrade => self.upgrade = self.upgrade.or(Some(value)),
            Kind::Date => self.has_date = true,
            Kind::AccelRedirect => {
                self.file = self.file.or(Some(accel::Wanted::ByPath(value)));
            }
            Kind::SendFile => self.file = self.file.or(Some(accel::Wanted::ByName(value))),
            Kind::Hop
            | Kind::Location
            | Kind::Refresh
            | Kind::SetCookie
            | Kind::Trailer
            | Kind::Other => {}
        }
    }
}

/// Step 2. `None`: the value stays.
fn mapped(mount: &Mount<'_>, kind: Kind, value: &[u8]) -> Option<Vec<u8>> {
    match kind {
        Kind::Location => mount.location(value),
        Kind::Refresh => mount.refresh(value),
        Kind::SetCookie => mount.set_cookie(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.put(name.as_bytes(), value.as_bytes());
        }
        Fields::Map(map)
    }

    fn kept_lines(fields: &Fields, rules: &AnswerRules<'_>) -> Vec<String> {
        let mut out = Vec::new();
        keep(fields, rules, &mut out);
        String::from_utf8(out)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn what_concerned_the_connection_or_the_proxy_stays_behind() {
        for lines in [
            &[("Connection", "keep-alive"), ("Keep-Alive", "timeout=5")][..],
            &[
                ("Connection", "X-Secret"),
                ("X-Secret", "1"),
                ("x-secret", "2"),
            ],
            &[
                ("Connection", "close, a"),
                ("Connection", ",B ,"),
                ("A", "1"),
                ("b", "1"),
            ],
            &[("Proxy-Authenticate", "Basic"), ("Proxy-Connection", "x")],
            &[("Proxy-Authentication-Info", "x"), ("TE", "x")],
            &[("Upgrade", "h2c"), ("Connection", "upgrade")],
            &[("Transfer-Encoding", "chunked")],
            &[("Content-Length", "5")],
            &[("X-Accel-Redirect", "/x"), ("X-Accel-Expires", "5")],
            &[("X-Accel-Buffering", "no"), ("X-Sendfile", "/etc/passwd")],
        ] {
            let kept = kept_lines(&fields(lines), &AnswerRules::default());
            assert_eq!(kept, <[&str; 0]>::default(), "{lines:?}");
        }
    }

    #[test]
    fn everything_else_goes_on_as_it_came() {
        let lines = [
            ("server", "app"),
            ("date", "Wed, 21 Oct 2026 07:28:00 GMT"),
            ("content-type", "text/html"),
            ("content-encoding", "br"),
            ("etag", "\"1\""),
            ("x-powered-by", "x"),
            ("via", "1.1 inner"),
            ("proxy-status", "inner"),
            ("trailer", "x-sum"),
            ("www-authenticate", "Basic"),
            ("location", "/x"),
            ("set-cookie", "a=1; Path=/"),
            ("set-cookie", "b=2"),
        ];
        let expected: Vec<_> = lines
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        assert_eq!(
            kept_lines(&fields(&lines), &AnswerRules::default()),
            expected
        );
    }

    #[test]
    fn hidden_ones_are_hidden_and_addresses_mapped() {
        let rules = AnswerRules {
            has_no_trailers: true,
            hide: &[
                HeaderName::from_static("x-powered-by"),
                http::header::SERVER,
            ],
            mount: Some(Mount {
                outer: "/app/",
                inner: "/",
                asked_host: b"shop.test",
                told_host: b"shop.test",
                server: b"127.0.0.1:3000",
            }),
        };
        let fields = fields(&[
            ("X-Powered-By", "x"),
            ("Server", "y"),
            ("Location", "/x"),
            ("Content-Location", "http://127.0.0.1:3000/y"),
            ("Refresh", "0; url=/z"),
            ("Set-Cookie", "a=1; Path=/"),
            ("Link", "</x>; rel=preload"),
            ("Trailer", "x-sum"),
        ]);
        assert_eq!(
            kept_lines(&fields, &rules),
            [
                "location: /app/x",
                "content-location: /app/y",
                "refresh: 0; url=/app/z",
                "set-cookie: a=1; Path=/app",
                "link: </x>; rel=preload",
            ]
        );
    }

    #[test]
    fn what_it_says_of_itself_is_told() {
        let told = |lines: &[(&str, &str)], check: &dyn Fn(&Kept<'_>) -> bool| {
            let fields = fields(lines);
            let kept = keep(&fields, &AnswerRules::default(), &mut Vec::new());
            assert!(check(&kept), "{lines:?}: {kept:?}");
        };
        told(&[("Content-Length", "12")], &|kept| kept.length == Some(12));
        told(&[], &|kept| *kept == Kept::default());
        told(&[("Date", "x")], &|kept| kept.has_date);
        told(&[("Upgrade", "websocket")], &|kept| {
            kept.upgrade == Some(b"websocket")
        });
        told(
            &[("X-Accel-Redirect", "/p/x"), ("X-Sendfile", "/y")],
            &|kept| kept.file == Some(accel::Wanted::ByPath(b"/p/x")),
        );
        told(&[("X-Sendfile", "/y")], &|kept| {
            kept.file == Some(accel::Wanted::ByName(b"/y"))
        });
    }
}
