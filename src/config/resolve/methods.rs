//! The methods of a route.

use http::Method;

use super::Judge;
use crate::config::{
    error::{Problem, quoted},
    file::{Text, Texts},
};

/// Those that slips of the fingers are looked for in. An application may know others.
const USUAL: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

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
    let wrong = || Problem::new(format!("{} is not a method", quoted(text)));
    let is_plain = |byte: u8| byte.is_ascii_alphabetic() || byte == b'-';
    let method = match text.parse::<Method>() {
        Ok(method) if text.bytes().all(is_plain) => method,
        _ => {
            return Err(wrong().help("write a word for each method: `[\"GET\", \"POST\"]`"));
        }
    };
    // RFC 9110 §9.1: their case counts.
    let upper = text.to_ascii_uppercase();
    if upper != *text {
        return Err(wrong().help(format!("methods are in capitals: write `{upper}`")));
    }
    if matches!(method, Method::CONNECT | Method::TRACE) {
        let problem = Problem::new(format!("`{text}` is refused, whatever it is for"));
        return Err(problem.help("remove it"));
    }
    let is_slip = |usual: &&&str| strsim::damerau_levenshtein(usual, text) == 1;
    match USUAL.iter().find(is_slip) {
        Some(usual) if !USUAL.contains(&text.as_str()) => {
            Err(wrong().help(format!("did you mean `{usual}`?")))
        }
        _ => Ok(method),
    }
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
