//! Which server of an upstream gets a request.

use http::HeaderName;

use super::Judge;
use crate::config::{
    error::{Problem, quoted},
    file::{self, Text},
    upstream::{Balance, HashKey, Sticky},
};

const BALANCES: [&str; 7] = [
    "two-choices",
    "round-robin",
    "least-connections",
    "hash:client",
    "hash:path",
    "hash:header=NAME",
    "hash:cookie=NAME",
];

/// What others call them.
const OTHER_BALANCES: [(&str, &str); 10] = [
    ("least_conn", "least-connections"),
    ("leastconn", "least-connections"),
    ("least-conn", "least-connections"),
    ("roundrobin", "round-robin"),
    ("random", "two-choices"),
    ("p2c", "two-choices"),
    ("ip_hash", "hash:client"),
    ("source", "hash:client"),
    ("hash:ip", "hash:client"),
    ("hash:uri", "hash:path"),
];

impl Judge<'_> {
    pub(super) fn balance(&mut self, written: Option<&Text>) -> Option<Balance> {
        let written = written?;
        self.located(written, balance(written.get_ref()))
    }

    pub(super) fn sticky(&mut self, written: &file::Upstream) -> Option<Sticky> {
        if let (Some(cookie), Some(route)) = (&written.sticky_cookie, &written.sticky_route) {
            let problem = Problem::new(
                "clients are kept by one cookie: there is a `sticky_cookie`, and a `sticky_route`",
            );
            let second = [cookie, route]
                .into_iter()
                .max_by_key(|text| text.span().start);
            self.wrong(
                second.unwrap_or(route),
                problem.help("remove one of the two"),
            );
        }
        let cookie = (written.sticky_cookie.as_ref()).and_then(|text| self.cookie_name(text));
        let route = (written.sticky_route.as_ref()).and_then(|text| self.cookie_name(text));
        if let Some(text) = &written.sticky_route
            && !written.server.iter().any(|server| server.id.is_some())
        {
            let problem = Problem::new("no server has an `id` that sessions could name");
            self.wrong(
                text,
                problem.help(
                    "write each as [[upstream.NAME.server]] with its `id`, such as Tomcat's `jvmRoute`",
                ),
            );
        }
        cookie
            .map(Sticky::Cookie)
            .or_else(|| route.map(Sticky::Route))
    }

    fn cookie_name(&mut self, written: &Text) -> Option<Box<str>> {
        self.located(written, cookie_name(written.get_ref()))
    }
}

fn balance(text: &str) -> Result<Balance, Problem> {
    Ok(match text {
        "two-choices" => Balance::PowerOfTwo,
        "round-robin" => Balance::RoundRobin,
        "least-connections" => Balance::LeastConnections,
        "hash:client" => Balance::Hash(HashKey::Client),
        "hash:path" => Balance::Hash(HashKey::Path),
        _ => match text.strip_prefix("hash:").map(|key| key.split_once('=')) {
            Some(Some(("header", name))) => {
                let name = HeaderName::from_bytes(name.as_bytes());
                Balance::Hash(HashKey::Header(name.map_err(|_| no_hash_key(text))?))
            }
            Some(Some(("cookie", name))) => Balance::Hash(HashKey::Cookie(cookie_name(name)?)),
            _ => return Err(unknown(text)),
        },
    })
}

fn unknown(text: &str) -> Problem {
    if let Some((_, name)) = OTHER_BALANCES.iter().find(|(other, _)| *other == text) {
        return Problem::new(format!("{} is not a known balance", quoted(text)))
            .help(format!("it is called `{name}` here"));
    }
    if text == "hash" || text.starts_with("hash:") {
        return no_hash_key(text);
    }
    Problem::unknown_word("balance", text, &BALANCES)
}

fn no_hash_key(text: &str) -> Problem {
    Problem::new(format!("{} does not say what is hashed", quoted(text))).help(
        "write `hash:client`, `hash:path`, `hash:header=NAME` or `hash:cookie=NAME`, such as `hash:header=X-User`",
    )
}

/// RFC 6265 §4.1.1: a token.
fn cookie_name(text: &str) -> Result<Box<str>, Problem> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_token) {
        return Err(
            Problem::new(format!("{} is not the name of a cookie", quoted(text)))
                .help("a name is letters, digits, `-` and `_`, such as `daemun_server`"),
        );
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_balance_is_read() {
        for (text, want) in [
            ("two-choices", Balance::PowerOfTwo),
            ("round-robin", Balance::RoundRobin),
            ("least-connections", Balance::LeastConnections),
            ("hash:client", Balance::Hash(HashKey::Client)),
            ("hash:path", Balance::Hash(HashKey::Path)),
            (
                "hash:header=X-User",
                Balance::Hash(HashKey::Header(HeaderName::from_static("x-user"))),
            ),
            (
                "hash:cookie=uid",
                Balance::Hash(HashKey::Cookie("uid".into())),
            ),
        ] {
            assert_eq!(balance(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_balance_says_what_is() {
        for (text, help) in [
            ("least_conn", "`least-connections` here"),
            ("ip_hash", "`hash:client` here"),
            ("round_robin", "did you mean `round-robin`?"),
            ("two-choises", "did you mean `two-choices`?"),
            ("hash", "what is hashed"),
            ("hash:", "what is hashed"),
            ("hash:header", "what is hashed"),
            ("hash:header=", "what is hashed"),
            ("hash:header=a b", "what is hashed"),
            ("hash:query=x", "what is hashed"),
            ("hash:cookie=", "name of a cookie"),
            ("", "known are"),
        ] {
            let problem = balance(text).expect_err(text);
            assert!(format!("{problem:?}").contains(help), "{text}: {problem:?}");
        }
    }
}
