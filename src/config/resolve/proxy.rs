//! What a route does for an upstream.
//!
//! 1. Keys that mean nothing without one.
//! 2. The path, and the files that come first.
//! 3. Fields there and back.
//! 4. What becomes of answers.

use std::{ops::Range, path::PathBuf, sync::Arc};

use http::{
    HeaderName, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE},
};

use toml::Spanned;

use super::{Judge, span};
use crate::{
    config::{
        error::{Problem, nearest, quoted},
        file::{Route, StatusList, Statuses, Switch, Text, Texts},
        upstream::{Accel, HostPolicy, ProxyConfig, UpstreamConfig},
    },
    routing::PathPattern,
    static_files::Settings,
};

/// Fields of the connection, and of the framing on it: those towards a server are the proxy's.
const OF_CONNECTION: [HeaderName; 7] = [
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

impl Judge<'_> {
    /// How a route with an upstream forwards; `settings` are those of its site.
    pub(super) fn proxy(
        &mut self,
        route: &Route,
        pattern: Option<&PathPattern>,
        settings: &Settings,
        upstream: Arc<UpstreamConfig>,
    ) -> ProxyConfig {
        ProxyConfig {
            upstream,
            files: (route.docroot.as_ref())
                .and_then(|docroot| self.docroot(docroot))
                .map(|docroot| files(docroot, settings)),
            rewrite_prefix: self.rewrite_prefix(route, pattern),
            host: (route.host.as_ref())
                .and_then(|text| self.host_policy(text))
                .unwrap_or(HostPolicy::Client),
            encoded_slashes: is_on(route.encoded_slashes.as_ref()),
            forwarded: is_on(route.forwarded.as_ref()),
            request_headers: self.named_fields(&route.request_headers, Self::request_field_name),
            hide_headers: self.hide_headers(route.hide_headers.as_ref()),
            intercept: self.intercept(route.intercept_errors.as_ref()),
            accel: self.accel(route, settings),
            compress: is_on(route.compress.as_ref()).then(|| Arc::clone(&self.compression)),
        }
    }

    /// Step 1, for a route without an upstream.
    pub(super) fn orphans_of_upstream(&mut self, route: &Route) {
        let request_headers = &route.request_headers.0;
        let keys: [(&str, Option<Range<usize>>); 9] = [
            ("rewrite_prefix", span(route.rewrite_prefix.as_ref())),
            ("host", span(route.host.as_ref())),
            (
                "request_headers",
                request_headers.first().map(|(name, _)| name.span()),
            ),
            ("forwarded", span(route.forwarded.as_ref())),
            ("encoded_slashes", span(route.encoded_slashes.as_ref())),
            ("hide_headers", span(route.hide_headers.as_ref())),
            ("intercept_errors", span(route.intercept_errors.as_ref())),
            ("accel_root", span(route.accel_root.as_ref())),
            ("accel_prefix", span(route.accel_prefix.as_ref())),
        ];
        self.orphans_of_another(
            keys,
            "goes with `upstream`, and this route has none",
            "add `upstream = \"…\"`, or remove it",
        );
    }

    /// The prefix with a slash at its end, as forwarded paths begin with it.
    fn rewrite_prefix(&mut self, route: &Route, pattern: Option<&PathPattern>) -> Option<Box<str>> {
        let strips = route.strip_prefix == Some(true);
        let Some(written) = &route.rewrite_prefix else {
            return strips.then(|| "/".into());
        };
        if strips {
            let problem = Problem::new(
                "a prefix is taken off or replaced: this route has `strip_prefix` and `rewrite_prefix`",
            );
            self.wrong(
                written,
                problem.help(
                    "remove one of the two; `strip_prefix` is the same as `rewrite_prefix = \"/\"`",
                ),
            );
        }
        if pattern.is_some_and(|pattern| !matches!(pattern, PathPattern::Prefix(_))) {
            let problem = Problem::new(
                "`rewrite_prefix` takes the place of a prefix, and the path of this route is none",
            );
            self.wrong(
                written,
                problem
                    .help("write the path as a prefix such as `/api/`, or remove `rewrite_prefix`"),
            );
        }
        self.located(written, forwarded_prefix(written.get_ref()))
    }

    fn host_policy(&mut self, written: &Text) -> Option<HostPolicy> {
        match written.get_ref().as_str() {
            "client" => Some(HostPolicy::Client),
            "server" => Some(HostPolicy::Server),
            text => {
                // A name of one label may be meant; one that looks like a slip is likelier to be one.
                if !text.contains(['.', ':'])
                    && let Some(word) = nearest(text, ["client", "server"].into_iter())
                {
                    let problem =
                        Problem::new(format!("{} is not a known host policy", quoted(text)));
                    let help = format!(
                        "did you mean `{word}`? a host is written with its domain or its port"
                    );
                    self.wrong(written, problem.help(help));
                    return None;
                }
                self.authority(written).map(HostPolicy::Fixed)
            }
        }
    }

    fn request_field_name(&mut self, written: &Text) -> Option<HeaderName> {
        let name = self.any_field_name(written)?;
        if name == HOST {
            let problem = Problem::new("`Host` has a key of its own");
            self.wrong(written, problem.help("write `host = \"…\"` in the route"));
            return None;
        }
        self.not_of_connection(&name, written).then_some(name)
    }

    fn hide_headers(&mut self, written: Option<&Texts>) -> Vec<HeaderName> {
        let mut names: Vec<HeaderName> = Vec::new();
        for text in written.into_iter().flat_map(Spanned::get_ref) {
            let Some(name) = self.any_field_name(text) else {
                continue;
            };
            if !self.not_of_connection(&name, text) {
                continue;
            }
            if names.contains(&name) {
                let problem = Problem::new(format!("the field `{name}` is there twice"));
                self.wrong(text, problem.help("remove one of the two"));
            } else {
                names.push(name);
            }
        }
        names
    }

    fn not_of_connection(&mut self, name: &HeaderName, written: &Text) -> bool {
        let is_of_connection = OF_CONNECTION.contains(name)
            || matches!(name.as_str(), "keep-alive" | "proxy-connection");
        if is_of_connection {
            let problem = Problem::new(format!(
                "`{}` is for each connection by itself, and never passed on",
                written.get_ref()
            ));
            self.wrong(written, problem.help("remove it"));
        }
        !is_of_connection
    }

    fn intercept(&mut self, written: Option<&Statuses>) -> Vec<StatusCode> {
        let all = || (400..600).filter_map(|status| StatusCode::from_u16(status).ok());
        let Some(written) = written else {
            return Vec::new();
        };
        let numbers = match written.get_ref() {
            StatusList::All(true) => return all().collect(),
            StatusList::All(false) => return Vec::new(),
            StatusList::These(numbers) => numbers,
        };
        let mut statuses: Vec<StatusCode> = Vec::new();
        for number in numbers {
            match all().find(|status| i64::from(status.as_u16()) == *number.get_ref()) {
                Some(status) if statuses.contains(&status) => {
                    let problem =
                        Problem::new(format!("the status {} is there twice", number.get_ref()));
                    self.wrong(number, problem.help("remove one of the two"));
                }
                Some(status) => statuses.push(status),
                None => {
                    let problem =
                        Problem::new(format!("{} is not an error status", number.get_ref()));
                    self.wrong(
                        number,
                        problem.help("write statuses from 400 to 599, or `true` for all"),
                    );
                }
            }
        }
        statuses
    }

    fn accel(&mut self, route: &Route, settings: &Settings) -> Option<Accel> {
        let prefix = (route.accel_prefix.as_ref())
            .and_then(|text| self.located(text, plain_prefix(text.get_ref())));
        let Some(root) = &route.accel_root else {
            self.orphans_of_another(
                [("accel_prefix", span(route.accel_prefix.as_ref()))],
                "does nothing without `accel_root`",
                "add `accel_root = \"…\"`, or remove it",
            );
            return None;
        };
        let docroot = self.folder(root, "folder")?;
        Some(Accel {
            // The application names files: nothing stands for another.
            files: Settings {
                index: Vec::new(),
                clean_urls: false,
                ..files(docroot, settings)
            },
            prefix: prefix.unwrap_or_else(|| "/".into()),
        })
    }
}

/// Files that exist, and nothing in the place of those that do not.
fn files(docroot: PathBuf, settings: &Settings) -> Settings {
    Settings {
        docroot,
        fallback: None,
        listing: None,
        ..settings.clone()
    }
}

fn is_on(switch: Option<&Switch>) -> bool {
    switch.is_some_and(|switch| *switch.get_ref())
}

/// A prefix of paths as they are sent: percent-encoded (RFC 3986 §3.3), in its normal form.
fn forwarded_prefix(text: &str) -> Result<Box<str>, Problem> {
    let prefix = plain_prefix(text)?;
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte);
    let mut escapes = prefix.split('%').skip(1);
    let is_escape =
        |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if !prefix.bytes().all(is_path) || !escapes.all(is_escape) {
        return Err(Problem::new(format!(
            "{} holds a character that paths are not sent with",
            quoted(text)
        ))
        .help("write it percent-encoded: `/caf%C3%A9/`"));
    }
    Ok(prefix)
}

/// Whole segments, with a slash at the end.
fn plain_prefix(text: &str) -> Result<Box<str>, Problem> {
    let wrong = |why: &str| {
        Err(
            Problem::new(format!("{} is not a prefix of paths: {why}", quoted(text)))
                .help("write whole segments between slashes, such as `/v2/`"),
        )
    };
    if !text.starts_with('/') {
        return wrong("it does not begin with a slash");
    }
    if text.contains(['?', '#']) {
        return wrong("a path has neither a query nor a fragment");
    }
    let has_dots = text.split('/').any(|segment| matches!(segment, "." | ".."));
    if has_dots || text.contains("//") || text.contains(|c: char| c == '\\' || c.is_control()) {
        return wrong("it has an empty segment, `.`, `..`, a backslash or a control character");
    }
    let slash = if text.ends_with('/') { "" } else { "/" };
    Ok(format!("{text}{slash}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_whole_segments() {
        for (text, want) in [
            ("/", "/"),
            ("/v2", "/v2/"),
            ("/v2/", "/v2/"),
            ("/a/b;c/", "/a/b;c/"),
            ("/caf%C3%A9/", "/caf%C3%A9/"),
        ] {
            assert_eq!(&*forwarded_prefix(text).expect(text), want);
        }
        for text in [
            "",
            "v2",
            "/v2?x",
            "/v2#x",
            "//v2",
            "/a/../b",
            "/a\\b",
            "/caf\u{e9}/",
            "/a b/",
            "/100%/",
            "/%4/",
            "/a\n",
        ] {
            forwarded_prefix(text).expect_err(text);
        }
        assert_eq!(
            &*plain_prefix("/gesch\u{fc}tzt").expect("decoded"),
            "/gesch\u{fc}tzt/"
        );
    }
}
