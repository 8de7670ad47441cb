//! Redirect targets: their grammar, and where they lead.
//!
//! What a client sends may fill in a path, never the scheme or the host that it is sent to: a target through which anybody could send
//! visitors anywhere is refused.

use crate::{config::error::Problem, routing::PathPattern};

const PLACEHOLDERS: [&str; 3] = ["{path}", "{rest}", "{host}"];

/// Whether `target` can be a `Location` once its placeholders are filled in.
pub(super) fn judge_target(target: &str) -> Result<(), Problem> {
    const HELP: &str =
        "write a path such as `/new/{rest}`, or a URL such as `https://example.com{path}`";
    let wrong = |why: &str| {
        Err(Problem::new(format!("`{target}` is not a redirect target: {why}")).help(HELP))
    };
    if let Some(unknown) = unknown_placeholder(target) {
        let problem = Problem::new(format!("`{unknown}` is not a placeholder"));
        return Err(problem.help("known are `{path}`, `{rest}` and `{host}`; a brace that is meant is written `%7B` or `%7D`"));
    }
    if target
        .bytes()
        .any(|byte| !byte.is_ascii_graphic() || b"\\\"<>^`|".contains(&byte))
    {
        return wrong("it holds a character that a URL cannot hold; write it percent-encoded");
    }
    let authority_and_path = match target.split_once("://") {
        Some(("http" | "https", rest)) => Some(rest),
        Some((scheme, _)) if !scheme.contains(['/', '?', '#']) => {
            return wrong("its scheme is neither http nor https");
        }
        _ => target.strip_prefix("//"),
    };
    match authority_and_path {
        Some(rest) => judge_authority(rest).or_else(wrong),
        None if !target.starts_with('/') => {
            wrong("it begins neither with a slash nor with `http://` or `https://`")
        }
        // `//…` would be another host.
        None if target.starts_with("/{path}") => wrong("`{path}` has a leading slash of its own"),
        None => Ok(()),
    }
}

/// What stands after `//`: a host that no link to us can choose. `{host}` is the one that the client reached us by.
fn judge_authority(rest: &str) -> Result<(), &'static str> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // `{path}` begins with a slash.
    let end = rest.find("{path}").map_or(end, |path| path.min(end));
    match &rest[..end] {
        host if host.is_empty() || host.starts_with(':') => Err("the host is missing"),
        host if host.contains("{rest}") => {
            Err("what the client sends would become part of the host")
        }
        host if host.contains('@') => Err("a name or a password does not belong in it"),
        _ => Ok(()),
    }
}

/// The first thing in braces that is not a placeholder, or a lone brace.
fn unknown_placeholder(target: &str) -> Option<String> {
    let mut rest = target.to_owned();
    for placeholder in PLACEHOLDERS {
        rest = rest.replace(placeholder, " ");
    }
    let start = rest.find(['{', '}'])?;
    let end = rest[start..]
        .find('}')
        .map_or(start + 1, |end| start + end + 1);
    Some(rest[start..end].to_owned())
}

/// A path that `target` leads to on this same server, for a client that asked for some path that `pattern` matches;
/// `None` when it leads to another host, or may do so.
pub(super) fn sample(target: &str, pattern: &PathPattern) -> Option<String> {
    let (asked, rest) = match pattern {
        PathPattern::Exact(path) => (path.clone(), String::new()),
        PathPattern::Prefix(prefix) => (
            format!("{}/sample", prefix.trim_end_matches('/')),
            "sample".to_owned(),
        ),
        PathPattern::Ending(ending) => (format!("/sample{ending}"), format!("sample{ending}")),
    };
    let path = match target.strip_prefix("http://{host}") {
        Some(path) => path,
        None if target.starts_with('/') && !target.starts_with("//") => target,
        None => return None,
    };
    let path = path
        .replace("{path}", &asked)
        .replace("{rest}", &rest)
        .replace("{host}", "host");
    let path = path.split(['?', '#']).next().unwrap_or_default();
    match path.chars().next() {
        None => Some("/".to_owned()),
        Some('/') => Some(path.to_owned()),
        // A port: another server.
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_stay_where_they_are_meant() {
        for target in [
            "/new",
            "/new/{rest}",
            "/new{path}",
            "/{rest}?from={path}",
            "/?q={rest}",
            "https://example.com",
            "https://example.com/",
            "https://example.com{path}",
            "https://example.com/{rest}",
            "https://{host}{path}",
            "https://{host}:8443{path}",
            "https://www.{host}{path}",
            "http://example.com:81/x?y#z",
            "//cdn.example.com/{rest}",
            "/%7Bname%7D",
        ] {
            judge_target(target).expect(target);
        }
    }

    #[test]
    fn targets_that_a_client_could_turn_elsewhere_are_refused() {
        for target in [
            "",
            "new",
            "{path}",
            "{rest}",
            "/{path}",
            "//{path}",
            "//{rest}",
            "https://{rest}",
            "https://{path}",
            "https://example.com{rest}",
            "https://{host}{rest}",
            "https://{host}.example.com{rest}",
            "https://",
            "https:///x",
            "https://user@example.com/",
            "javascript://x",
            "ftp://example.com/",
            "/a b",
            "/대문",
            "\\\\example.com",
            "/\\example.com",
            "/{name}",
            "/{",
            "/}",
            "/{path",
        ] {
            judge_target(target).expect_err(target);
        }
    }
}
