//! Former versions as dictionaries for later ones (RFC 9842): what the fields say.
//!
//! 1. An answer says for which paths it can be a dictionary: `Use-As-Dictionary`, with a URL Pattern. A file with a hash in its name is one
//!    for the same name with any other hash.
//! 2. A later request for such a path names what the client has: `Available-Dictionary`, the hash of its content.
//! 3. Who asks from another origin is not to learn from the length of an answer what it holds: §9.3.3.
//!
//! That the client may only do so over TLS (§8) is up to the client: what it reaches us by may end before us.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{only_line, sha256};
use crate::transform::cache_policy;

pub(crate) const USE_AS_DICTIONARY: HeaderName = HeaderName::from_static("use-as-dictionary");

pub(crate) const AVAILABLE_DICTIONARY: HeaderName = HeaderName::from_static("available-dictionary");

/// The SHA-256 of the dictionary that the client has (§2.2). Malformed, or there twice: it has none.
///
/// `Dictionary-ID` (§2.3) is not looked at: no dictionary is given one.
pub(crate) fn available(headers: &HeaderMap) -> Option<[u8; 32]> {
    // Hardly any request has it, and this is the cheapest way to see it.
    if !headers.contains_key(AVAILABLE_DICTIONARY) {
        return None;
    }
    sha256(only_line(headers, &AVAILABLE_DICTIONARY)?.as_bytes())
}

/// Whether an answer may depend on a dictionary (§9.3.3). Requests that another origin's page makes by CORS never get one: what the layer
/// around us will allow that origin is not known here.
pub(crate) fn is_same_origin(headers: &HeaderMap) -> bool {
    let is_absent_or = |name, allowed: &[&str]| {
        headers
            .get(name)
            .is_none_or(|value| allowed.iter().any(|allowed| value == allowed))
    };
    is_absent_or("sec-fetch-site", &["same-origin"])
        || is_absent_or("sec-fetch-mode", &["navigate", "same-origin"])
}

/// The value of `Use-As-Dictionary` (§2.1): a string of a structured field (RFC 9651 §3.3.3). `None` when the pattern is not visible ASCII.
pub(crate) fn use_as_dictionary(pattern: &str) -> Option<HeaderValue> {
    if !pattern.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    let mut value = String::with_capacity(pattern.len() + 16);
    value.push_str("match=\"");
    for character in pattern.chars() {
        if matches!(character, '"' | '\\') {
            value.push('\\');
        }
        value.push(character);
    }
    value.push('"');
    HeaderValue::try_from(value).ok()
}

/// The pattern of a request path whose last segment has a fingerprint: `/a/app.3f9a1c7b.js` → `/a/app.*.js`.
pub(crate) fn pattern_of(path: &str) -> Option<String> {
    let name = path.rfind('/')? + 1;
    let hash = cache_policy::fingerprint(&path[name..])?;
    let mut pattern = String::with_capacity(path.len());
    escape(&mut pattern, &path[..name + hash.start]);
    pattern.push('*');
    escape(&mut pattern, &path[name + hash.end..]);
    Some(pattern)
}

/// What a URL Pattern means by a character of its own, with a backslash before it.
fn escape(pattern: &mut String, path: &str) {
    for character in path.chars() {
        if is_syntax(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
}

/// Characters that mean something in a URL Pattern, or would end its path.
fn is_syntax(character: char) -> bool {
    matches!(
        character,
        '*' | '+' | '?' | ':' | '{' | '}' | '(' | ')' | '\\' | '#'
    )
}

/// Whether a pattern is for this request path. `*` stands for any text, and `\` before a character for the character itself; what more a URL
/// Pattern can say is not used here.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let mut texts = Texts(pattern);
    let (first, mut more) = texts.next();
    let Some(mut rest) = path.strip_prefix(&*first) else {
        return false;
    };
    if !more {
        return rest.is_empty();
    }
    loop {
        let text;
        (text, more) = texts.next();
        if !more {
            return rest.ends_with(&*text);
        }
        // The earliest place leaves most for what follows.
        let Some(place) = rest.find(&*text) else {
            return false;
        };
        rest = &rest[place + text.len()..];
    }
}

/// The texts of a pattern between its `*`.
struct Texts<'p>(&'p str);

impl<'p> Texts<'p> {
    /// The next one, and whether a `*` follows it.
    fn next(&mut self) -> (Cow<'p, str>, bool) {
        let mut escaped = false;
        let end = self.0.find(|character| {
            let ends = character == '*' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        });
        let text = &self.0[..end.unwrap_or(self.0.len())];
        self.0 = end.map_or("", |end| &self.0[end + 1..]);
        (unescape(text), end.is_some())
    }
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use http::header::ORIGIN;

    use super::super::tests::headers;
    use super::*;

    /// RFC 9842 §2.2: its example.
    const EXAMPLE: &str = ":pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:";

    #[test]
    fn one_hash_is_available_or_none() {
        let of = |lines: &[&str]| {
            let lines: Vec<_> = lines
                .iter()
                .map(|&line| (AVAILABLE_DICTIONARY, line))
                .collect();
            available(&headers(&lines)).map(|hash| (hash[0], hash[31]))
        };
        assert_eq!(of(&[EXAMPLE]), Some((0xa5, 0x6e)));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[EXAMPLE, EXAMPLE]), None);
        for not in ["", "*", "\"x\"", &EXAMPLE[1..], &EXAMPLE.repeat(2)] {
            assert_eq!(of(&[not]), None, "{not}");
        }
        for more in [
            format!("{EXAMPLE};a=b"),
            format!("{EXAMPLE}, {EXAMPLE}"),
            format!("({EXAMPLE})"),
        ] {
            assert_eq!(of(&[&more]), None, "{more}");
        }
    }

    #[test]
    fn another_origin_learns_nothing_from_a_length() {
        let site = HeaderName::from_static("sec-fetch-site");
        let mode = HeaderName::from_static("sec-fetch-mode");
        for (from, how, origin, expected) in [
            ("", "", "", true),
            ("same-origin", "no-cors", "", true),
            ("same-origin", "cors", "https://a.example", true),
            ("none", "navigate", "", true),
            ("cross-site", "navigate", "", true),
            ("same-site", "same-origin", "", true),
            ("cross-site", "", "", true),
            ("cross-site", "no-cors", "", false),
            ("same-site", "no-cors", "", false),
            ("same-site", "cors", "https://a.example", false),
            ("cross-site", "cors", "", false),
            ("cross-site", "websocket", "", false),
            ("none", "no-cors", "", false),
            ("SAME-ORIGIN", "no-cors", "", false),
        ] {
            let mut lines = Vec::new();
            for (name, value) in [(&site, from), (&mode, how), (&ORIGIN, origin)] {
                if !value.is_empty() {
                    lines.push((name.clone(), value));
                }
            }
            assert_eq!(is_same_origin(&headers(&lines)), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_pattern_is_a_string_of_a_structured_field() {
        for (pattern, value) in [
            ("/app/*/main.js", Some(r#"match="/app/*/main.js""#)),
            (r"/a\:b/*", Some(r#"match="/a\\:b/*""#)),
            (r#"/a"b"#, Some(r#"match="/a\"b""#)),
            ("/caf\u{e9}", None),
            ("/a\nb", None),
            ("/a\u{7f}", None),
        ] {
            let rendered = use_as_dictionary(pattern);
            assert_eq!(
                rendered.as_ref().map(|value| value.to_str().unwrap()),
                value,
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_fingerprinted_path_has_a_pattern_that_every_other_version_matches() {
        for (path, pattern, other) in [
            ("/app.3f9a1c7b.js", "/app.*.js", "/app.00ff00aa.js"),
            (
                "/assets/index-BkW3xQ2d.css",
                "/assets/index-*.css",
                "/assets/index-DVoHNO1Y.css",
            ),
            (
                "/a:b/(c)/d+{e}/x*.3f9a1c7b.min.js",
                r"/a\:b/\(c\)/d\+\{e\}/x\*.*.min.js",
                "/a:b/(c)/d+{e}/x*.aa00ff11.min.js",
            ),
            (
                "/%C3%A9/app.3f9a1c7b.js.map",
                "/%C3%A9/app.*.js.map",
                "/%C3%A9/app.8f3a1b2c.js.map",
            ),
        ] {
            assert_eq!(pattern_of(path).as_deref(), Some(pattern));
            assert!(matches(pattern, path) && matches(pattern, other), "{path}");
            assert_eq!(pattern_of(other).as_deref(), Some(pattern));
        }
        for path in [
            "",
            "/",
            "/app.js",
            "/app.3f9a1c7b.js/",
            "/app.%33f9a1c7b.js",
            "/app.3f9a1c7b.js/x.js",
            "/report-3f9a1c7b.pdf",
            "*",
        ] {
            assert_eq!(pattern_of(path), None, "{path}");
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, path, expected) in [
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("/a", "/", false),
            ("/*", "/", true),
            ("/*", "/a/b", true),
            ("/*.js", "/a/b.js", true),
            ("/*.js", "/a/b.js.map", false),
            ("/a*a", "/a", false),
            ("/a*a", "/aa", true),
            ("/a*b*c", "/axbxbxc", true),
            ("/a*b*c", "/axcxb", false),
            ("/a*bc*c", "/abc", false),
            ("/v*/app.js", "/v12/app.js", true),
            ("/v*/app.js", "/v12/app.css", false),
            (r"/\*", "/*", true),
            (r"/\*", "/a", false),
            (r"/\\*", r"/\a", true),
            (r"/a\+b", "/a+b", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
