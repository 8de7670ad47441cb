//! The methods of a route.

use http::Method;

use super::Judge;
use crate::config::{
    error::{Problem, quoted},
    file::{Text, Texts},
};

/// Those that requests get this far with.
const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

impl Judge<'_> {
    /// Empty: any.
    pub(super) fn methods(&mut self, written: Option<&Texts>) -> Vec<Method> {
        let Some(written) = written else {
            return Vec::new();
        };
        if written.get_ref().is_empty() {
            let problem = Problem::new("no request could have one of no methods");
            self.wrong(
                written,
                problem.help("write `methods = [\"GET\", \"POST\"]`, or leave it out for any"),
            );
        }
        let mut methods: Vec<Method> = Vec::new();
        for text in written.get_ref() {
            let Some(method) = self.located(text, method(text)) else {
                continue;
            };
            if methods.contains(&method) {
                let problem = Problem::new(format!("the method `{method}` is there twice"));
                self.wrong(text, problem.help("remove one of the two"));
            } else {
                methods.push(method);
            }
        }
        methods
    }
}

fn method(written: &Text) -> Result<Method, Problem> {
    let text = written.get_ref();
    let upper = text.to_ascii_uppercase();
    if upper != *text && KNOWN.contains(&upper.as_str()) {
        let problem = Problem::new(format!("{} is not a known method", quoted(text)));
        return Err(problem.help(format!("methods are in capitals: write `{upper}`")));
    }
    if matches!(text.as_str(), "CONNECT" | "TRACE") {
        let problem = Problem::new(format!("`{text}` is refused, whatever it is for"));
        return Err(problem.help("remove it"));
    }
    (KNOWN.iter().find(|known| *known == text))
        .and_then(|known| known.parse().ok())
        .ok_or_else(|| Problem::unknown_word("method", text, &KNOWN))
}

/// Whether a request could be for both of two routes with the same path.
pub(super) fn overlap(some: &[Method], others: &[Method]) -> bool {
    let as_told = |method: &Method| match *method {
        Method::HEAD => Method::GET,
        _ => method.clone(),
    };
    some.is_empty()
        || others.is_empty()
        || (some.iter()).any(|one| others.iter().any(|other| as_told(one) == as_told(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_share_a_path_as_long_as_they_share_no_method() {
        let methods = |text: &str| -> Vec<Method> {
            (text
                .split_whitespace()
                .map(|word| word.parse().expect(word)))
            .collect()
        };
        for (some, others, want) in [
            ("", "", true),
            ("GET", "", true),
            ("GET", "POST", false),
            ("GET POST", "PUT POST", true),
            ("GET", "HEAD", true),
            ("HEAD", "POST", false),
        ] {
            let (some, others) = (methods(some), methods(others));
            assert_eq!(overlap(&some, &others), want, "{some:?} {others:?}");
            assert_eq!(overlap(&others, &some), want, "{others:?} {some:?}");
        }
    }
}
